"""Nothing ends because of one odd thing: odd and short answers of PVE, rows that nobody can read, failures unforeseen."""

from __future__ import annotations

import contextlib
import logging
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drive import Drive, Patched
from prs.config.load import Settings
from prs.endpoint import Endpoint
from prs.engine.daemon.host import Host
from prs.engine.daemon.service import Service
from prs.engine.daemon.serving import STRIKES
from prs.engine.daemon.systemd import Notifier
from prs.engine.drain.release import LEFT, left_by_release
from prs.engine.journal.automation import Automation, balancing, tell_automation
from prs.engine.journal.lock import ExecutorLock, held
from prs.engine.planning import PlanRequest, make_plan
from prs.engine.rolling.runs import RollingRuns
from prs.errors import JournalError, PlanError, PveError
from prs.model import Plan, Policy
from prs.web.api.said import code_of
from simcluster.scenes import small
from simcluster.world import Flavour, World

NESTED: Any = []
for _ in range(500):
    NESTED = [NESTED]
ODD: tuple[Any, ...] = (
    1e308, float("inf"), float("nan"), -1, 10**400, "1e309", "../..", "..", "\ud800", "", None, [], {}, NESTED, True, "qemu", 2**63,
)  # fmt: skip


def awake(flavour: Flavour) -> World:
    """The small lab with little load."""
    world = small(flavour)
    for guest in world.guests.values():
        world.life.load(guest.vmid, guest.memory // 4)
    world.clock.sleep(1200)
    return world


def english(plan: Plan) -> list[str]:
    """What the plan says that no other language has words for."""
    reasons = [*(move.reason for move in plan.moves), *(stay.reason for stay in (*plan.stays, *plan.blockers))]
    told = [plan.summary, *plan.warnings, *reasons]
    return [words for words in told if words and code_of(words) is None]


def spoiled(dice: random.Random, data: Any) -> Any:
    """The answer with one value in it changed into something odd, some rows lost, or as another shape altogether."""
    how = dice.random()
    if how < 0.1:
        return dice.choice(ODD)
    if isinstance(data, list) and data:
        if how < 0.4:
            return [row for row in data if dice.random() < 0.7]
        row = dice.choice(data)
        if isinstance(row, dict) and row:
            row[dice.choice(sorted(row))] = dice.choice(ODD)
    elif isinstance(data, dict) and data:
        key = dice.choice(sorted(data))
        data[key] = spoiled(dice, data[key]) if isinstance(data[key], dict | list) and data[key] else dice.choice(ODD)
    return data


@pytest.mark.parametrize("seed", range(20))
def test_fuzzed_drains_never_end_done_with_a_guest_on_the_node(seed: int, ram: Path, flavour: Flavour) -> None:
    """Every sixth answer is odd or short: whatever becomes of the job, it ends, and it is not called done with somebody there."""
    world, dice = awake(flavour), random.Random(seed)
    drive = Drive(world, ram, Policy(containers=True), on_a_node=dice.random() < 0.5)
    plan = drive.plan("pve1")
    share = dice.choice((0.02, 0.15, 0.4))
    drive.api = Patched(drive.api, lambda path, data: spoiled(dice, data) if dice.random() < share else data)  # type: ignore[assignment]
    job = drive.finish(drive.queue(plan), limit=24 * 3600.0)
    left = drive.guests_on("pve1")
    assert job.state != "done" or not left, (job.message, left)
    assert not any(step.open for step in job.steps)
    for step in job.steps:
        assert step.state != "done" or world.guests[step.vmid].node == step.target, step


@pytest.mark.parametrize("key", ["mem", "maxmem", "cpu", "maxcpu", "uptime", "vmid", "node", "name", "tags", "status", "type", "hastate"])
def test_an_odd_figure_makes_the_guest_or_node_not_usable_and_no_more(key: str, ram: Path) -> None:
    """Each guest shows another odd value, and one node too: a plan is made all the same, or refused in words."""
    drive = Drive(awake("9"), ram, Policy(containers=True))

    def patch(path: str, data: Any) -> Any:
        if path == "/cluster/resources":
            for value, row in zip(ODD, (row for row in data if row["type"] in ("qemu", "lxc")), strict=False):
                row[key] = value
            next(row for row in data if row["type"] == "node")[key] = ODD[len(key)]
        return data

    drive.api = Patched(drive.api, patch)  # type: ignore[assignment]
    for node in ("", "pve2"):
        with contextlib.suppress(PlanError, PveError):
            drive.journal.add_plan(plan := drive.plan(node), drive.policy, "x")
            assert english(plan) == []


class Journalled:
    """A service on the small lab with a job in its journal."""

    def __init__(self, folder: Path, flavour: Flavour, change: Callable[[Any], Any] = lambda api: api) -> None:
        self.drive = Drive(awake(flavour), folder, Policy(containers=True))
        settings = self.settings = Settings(folder / "prs.conf", endpoint=Endpoint(("simulated",)), state_dir=folder)
        host = Host(lambda: settings, lambda endpoint: change(self.drive.api), "outside")
        self.service = Service(host, settings, self.drive.journal, self.drive.clock, Notifier({}))  # type: ignore[arg-type]

    def turns(self, count: int) -> None:
        """Let the daemon come round so many times."""
        for _ in range(count):
            self.drive.clock.sleep(self.service.turn())


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [("plans", "body", "no json"), ("plans", "policy", "{}x"), ("plans", "body", "[" * 50_000), ("steps", "memory", "many"),
     ("steps", "state", "flying")],
)  # fmt: skip
def test_a_bad_row_is_set_aside_and_named(
    table: str, column: str, value: str, ram: Path, flavour: Flavour, caplog: pytest.LogCaptureFixture
) -> None:
    """The job that cannot be read ends, and the next one is carried out."""
    site = Journalled(ram, flavour)
    bad = site.drive.queue(site.drive.plan("pve1"))
    key = {"plans": "id = (SELECT plan FROM jobs WHERE id = ?)", "steps": "job = ?"}[table]
    with site.drive.journal.transaction() as db:
        db.execute(f"UPDATE {table} SET {column} = ? WHERE {key}", (value, bad))
    site.turns(3)
    states = [row["state"] for row in site.drive.journal.rows("SELECT state FROM jobs WHERE id = ?", bad)]
    assert states == ["failed"]
    assert bad in caplog.text
    good = site.drive.queue(site.drive.plan("pve3"))
    for _ in range(2000):
        site.turns(1)
        if not site.drive.journal.job(good).open:
            break
    assert site.drive.journal.job(good).state == "done"


def test_a_step_that_cannot_be_read_holds_up_no_other_job(ram: Path) -> None:
    """Its job ends as failed as soon as another one counts what runs."""
    drive = Drive(awake("9"), ram, Policy(containers=True))
    bad, good = drive.queue(drive.plan("pve1")), drive.queue(drive.plan("pve3"))
    with drive.journal.transaction() as db:
        db.execute("UPDATE steps SET state = 'running', memory = 'many' WHERE job = ?", (bad,))
    assert drive.journal.active_steps() == []
    assert drive.journal.rows("SELECT DISTINCT state FROM steps WHERE job = ?", bad)[0]["state"] == "unknown"
    assert drive.finish(good).state == "done"


@pytest.mark.parametrize("answer", [None, "qemu", 7, [[]]])
def test_an_answer_of_another_shape_is_named(answer: Any, ram: Path) -> None:
    """It is not taken for an empty one: what is not known because of it is said, and a guest that cannot be judged stays."""
    drive = Drive(awake("9"), ram, Policy(containers=True))
    paths = ["/cluster/status", "/cluster/tasks", "/storage", "/cluster/replication"]
    of_guest = [f"/nodes/pve1/qemu/101/{what}" for what in ("config", "migrate")]

    def patch(path: str, data: Any) -> Any:
        return answer if path in paths + of_guest else data

    drive.api = Patched(drive.api, patch)  # type: ignore[assignment]
    _, plan = make_plan(drive.api, drive.policy, drive.clock.time(), PlanRequest("pve1"))
    assert [path for path in paths if not any(path in words for words in plan.warnings)] == []
    assert english(plan) == []
    assert [stay.vmid for stay in plan.blockers] == [101]
    assert "PVE: what PVE answered /nodes/pve1/qemu/101/migrate with cannot be read" in plan.blockers[0].reason


@pytest.mark.parametrize(("key", "value"), [("node", "../../pve1"), ("node", None), ("node", "pve9"), ("vmid", [101]), ("vmid", -1)])
def test_a_guest_that_is_nowhere_keeps_each_node_from_being_called_empty(key: str, value: object, ram: Path) -> None:
    """Its row names no node that there is, or not the guest; the cluster's own list has it where it was."""
    drive = Drive(awake("9"), ram, Policy(containers=True))
    plan = drive.plan("pve1")

    def patch(path: str, data: Any) -> Any:
        for row in data if path == "/cluster/resources" else ():
            if row.get("vmid") == 101:
                row[key] = value
        return data

    drive.api = Patched(drive.api, patch)  # type: ignore[assignment]
    with pytest.raises(PlanError, match="cannot be emptied: 1 guest there is hidden"):
        drive.plan("pve1")
    job = drive.finish(drive.queue(plan), limit=24 * 3600.0)
    assert job.state != "done", job.message


ROWS = [
    ("meta", "value", "x"), ("plans", "body", "{"), ("plans", "policy", "[]"), ("jobs", "kind", "flying"), ("jobs", "created", "never"),
    ("steps", "vmid", "many"), ("steps", "ended", "x"), ("held", "since", "long"), ("held", "since", 1e300),
    ("maintenance", "state", "odd"), ("tours", "policy", "{"), ("stops", "uptime", "days"), ("stops", "state", "flying"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "column", "value"), ROWS)
def test_one_bad_row_in_any_table_ends_nothing(table: str, column: str, value: object, ram: Path) -> None:
    """What has ended and cannot be read is left out; the daemon and what shows the journal go on, and nodes stay kept empty."""
    site = Journalled(ram, "9")
    journal = site.drive.journal
    old = site.drive.queue(site.drive.plan("pve1"))
    site.drive.finish(old)
    run = RollingRuns(journal).add(("pve1",), Policy(), "prs@pve", site.drive.clock.time())
    tell_automation(journal, Automation(job=old))
    journal.note(f"{LEFT} pve1", "1.0")
    journal.set_maintenance(old, "pve1", "idle")
    with journal.transaction() as db:
        assert db.execute(f"UPDATE {table} SET {column} = ?", (value,)).rowcount
    shown = [journal.revision(), journal.jobs(), journal.brief_jobs(10), journal.newest_plan(), journal.moved_since(0.0)]
    assert len(shown) == 5
    assert [one.node for one in journal.held().values() if one.reason] == ["pve1"]
    latest = RollingRuns(journal).latest()
    assert latest is None if table in ("tours", "stops") else latest and latest.id == run
    assert isinstance(balancing(site.settings, journal, "pve1", 0.0).outcome, str)
    if table == "meta":
        assert left_by_release(site.drive.holds, "pve1") is None
    with contextlib.suppress(JournalError):
        journal.job(old)
    site.turns(3)


def test_a_failure_that_nobody_foresaw_ends_its_own_job_only(ram: Path, flavour: Flavour, caplog: pytest.LogCaptureFixture) -> None:
    """It is named with its place; after a few times the job is given up, and the daemon lives."""

    class Broken:
        user, calls = "prs@pve", 0

        def get(self, path: str, params: object = None) -> Any:
            raise ZeroDivisionError("a pole")

    site = Journalled(ram, flavour, lambda api: Broken())
    with caplog.at_level(logging.INFO):
        job_id = site.drive.queue(site.drive.plan("pve1"))
        site.turns(STRIKES + 2)
    job = site.drive.journal.job(job_id)
    assert job.state == "failed"
    assert "ZeroDivisionError in test_odd.py" in job.message
    assert caplog.text.count("taking job") == 1


def test_a_full_disk_is_told_once(ram: Path, flavour: Flavour, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as nothing can be written, one line is enough."""
    site = Journalled(ram, flavour)
    site.drive.queue(site.drive.plan("pve1"))
    site.turns(3)

    def full(*_: object, **__: object) -> Any:
        raise JournalError("the journal cannot be written: database or disk is full")

    caplog.clear()
    monkeypatch.setattr(site.drive.journal, "transaction", full)
    with caplog.at_level(logging.INFO):
        site.turns(50)
    assert sum("disk is full" in record.getMessage() for record in caplog.records) == 1
    assert len(caplog.records) <= 2, caplog.text


def test_a_deleted_lock_file_lets_no_second_daemon_in(tmp_path: Path) -> None:
    """The directory is locked as well; the web service sees that too."""
    with ExecutorLock(tmp_path, "service") as first:
        assert first.taken
        (tmp_path / "executor.lock").unlink()
        with ExecutorLock(tmp_path, "service") as second:
            assert not second.taken
        assert held(tmp_path)
        with ExecutorLock(tmp_path, "drain", "rolling.lock") as other:
            assert other.taken
    assert not held(tmp_path)
    with ExecutorLock(tmp_path, "service") as third:
        assert third.taken
