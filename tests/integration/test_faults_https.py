"""Each fault of a task or guest in the middle of a drain of twenty guests, over HTTPS: where every guest ends, and the words shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from integration.twenty import POST, Site, finish, sites
from prs.engine.execution.executor import TICK
from simcluster.world import Flavour


@pytest.fixture
def site(ram: Path, flavour: Flavour) -> Iterator[Callable[..., Site]]:
    """Start a lab: site(ha=..., pause=...)."""
    yield from sites(ram, flavour)


@dataclass(frozen=True)
class Case:
    """A fault during the drain of pve1; `words` by vmid (0: the job's), `left`: guests that stay on pve1, `gone`: deleted ones."""

    name: str
    fault: dict[str, Any]
    job: str = "done"
    words: dict[int, str] = field(default_factory=dict)
    left: tuple[int, ...] = ()
    gone: tuple[int, ...] = ()
    states: dict[int, str] = field(default_factory=dict)  # of each guest's last step, where it is not done
    ha: tuple[int, ...] = ()
    others: tuple[int, ...] = ()  # guests that other people move too
    pause: float = TICK  # between two rounds of the engine


AGAIN = "pve1 is empty: the cluster shows no guest on it; 110 (g110) went to pve"

CASES = [
    Case("a task fails", {"task": "qmigrate", "guest": 110, "do": "fail", "words": "no space left on device", "after": 3},
         "done", {0: AGAIN}),
    Case("a task fails on every target",
         {"task": "qmigrate", "guest": 110, "do": "fail", "words": "no space left on device", "after": 3, "times": 0},
         "partial", {110: "no space left on device", 0: "19 of 20 migrations done; 1 guest is still on pve1: 110 (g110)"}, (110,),
         states={110: "failed"}),
    Case("a task hangs beyond its limit", {"task": "qmigrate", "guest": 110, "do": "hang", "after": 3}, "done", {0: AGAIN}, pause=20.0),
    Case("a task hangs beyond its limit on every target", {"task": "qmigrate", "guest": 110, "do": "hang", "after": 3, "times": 0},
         "partial", {110: "cancelled: no progress for 30 minutes", 0: "1 guest is still on pve1: 110 (g110)"}, (110,),
         states={110: "failed"}, pause=20.0),
    Case("a task is cancelled by someone else", {"task": "qmigrate", "guest": 110, "after": 3, "do": "cancel"},
         "partial", {110: "interrupted by signal", 0: "1 guest is still on pve1: 110 (g110)"}, (110,), states={110: "failed"}),
    Case("migration problems although moved", {"task": "qmigrate", "guest": 110, "do": "problems", "words": "migration problems"},
         "done", {110: "moved, but PVE reported: migration problems", 0: "pve1 is empty: the cluster shows no guest on it"}),
    Case("hamigrate refused silently", {"task": "hamigrate", "guest": 110, "do": "ignore"}, "partial",
         {110: "the HA manager accepted the request and did not carry it out; the guest is still on pve1"}, (110,),
         states={110: "failed"}, ha=(110, 111)),
    Case("a guest is stopped", {"at": 4, "do": "stop", "guest": 117}, "done"),
    Case("a guest is started", {"at": 4, "do": "start", "guest": 119}, "done"),
    Case("a guest is deleted", {"at": 4, "do": "vanish", "guest": 117},
         "done", {117: "the guest no longer exists", 0: "19 of 20 migrations done; pve1 is empty"}, gone=(117,), states={117: "skipped"}),
    Case("a guest is deleted in mid-migration", {"task": "qmigrate", "guest": 110, "after": 3, "do": "vanish"},
         "done", {110: "the guest no longer exists", 0: "19 of 20 migrations done; pve1 is empty"}, gone=(110,), states={110: "failed"}),
    Case("a guest is locked by backup for a while", {"at": 4, "do": "lock", "guest": 117, "word": "backup", "for": 400}, "done"),
    Case("a guest stays locked by backup", {"at": 4, "do": "lock", "guest": 117, "word": "backup", "for": 90000}, "partial",
         {117: "locked (backup) for more than 30 minutes", 0: "1 guest is still on pve1: 117 (g117)"}, (117,), states={117: "failed"},
         pause=60.0),
    Case("a guest is moved by someone else", {"at": 4, "do": "move", "guest": 117, "target": "pve4"}, "done",
         {117: "is already on pve4: something else moved it"}, states={117: "skipped"}, others=(117,)),
    Case("596 on a POST whose task did start",
         {"on": POST, "guest": 110, "do": "answer", "status": 596, "words": "Connection timed out", "carry_out": True}, "done"),
    Case("quorum lost and regained", {"task": "qmigrate", "nth": 8, "after": 2, "do": "quorum_lost", "for": 200},
         "partial", {0: "is locked (migrate)"}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_fault(case: Case, site: Callable[..., Site]) -> None:
    """The job ends, and what it says of each guest is what the cluster shows."""
    house = site(case.ha, pause=case.pause)
    plan = house.drive.plan("pve1")
    assert len(plan.moves) == 20
    job_id = house.drive.queue(plan)
    house.world.faults.add({**case.fault, "at": house.at(case.fault["at"])} if "at" in case.fault else case.fault)
    job = finish(house, house.drive.executor(job_id))
    last = {step.vmid: step for step in job.steps}
    told = {vmid: step.message for vmid, step in last.items()} | {0: job.message}
    assert job.state == case.job, told
    for vmid, words in case.words.items():
        assert words in told[vmid]
    house.assert_true(job, case.others)
    states = {vmid: step.state for vmid, step in last.items() if step.state != "done"}
    if case.name.startswith("quorum"):
        # PVE cannot move the configuration of a guest whose copy ends while there is no quorum; nothing new is started then.
        failed = [step for step in job.steps if step.state == "failed"]
        assert 0 < len(failed) <= 8
        assert all("Permission denied" in step.message for step in failed)
        # Each of them keeps its lock, so that it goes nowhere until somebody has looked.
        case = replace(case, states={step.vmid: "failed" for step in failed}, left=tuple(sorted(step.vmid for step in failed)))
    assert states == case.states
    assert house.guests_on("pve1") == case.left
    assert not set(case.gone) & set(house.world.guests)
