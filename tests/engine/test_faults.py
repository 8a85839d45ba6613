"""Each fault in the middle of a job: what the cluster looks like at the end, and the words the user reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from drive import Drive
from prs.engine.journal.jobs import Job
from simcluster import InProcessApi
from simcluster.ha_rules import Resource
from simcluster.scenes import small
from simcluster.world import Flavour, World

POST = "POST /nodes/{node}/qemu/{vmid}/migrate"


@dataclass(frozen=True)
class Case:
    """A fault during the drain of pve1, and how it must end; `words` by vmid (0: the job's own message)."""

    name: str
    fault: dict[str, Any]
    job: str
    words: dict[int, str] = field(default_factory=dict)
    left: tuple[int, ...] = ()  # guests still on pve1
    states: dict[int, str] = field(default_factory=dict)  # of steps that are not done


CASES = [
    Case("task fails", {"task": "qmigrate", "guest": 102, "do": "fail", "words": "no space left on device", "after": 3},
         "done", {0: "102 (web01) went to pve3 after its migration to pve2 had failed"}),
    Case("task fails everywhere",
         {"task": "qmigrate", "guest": 102, "do": "fail", "words": "no space left on device", "after": 3, "times": 0},
         "partial", {102: "no space left on device", 0: "1 guest is still on pve1: 102 (web01)"}, (102,), {102: "failed"}),
    Case("task hangs", {"task": "qmigrate", "guest": 102, "do": "hang", "after": 3},
         "done", {0: "102 (web01) went to pve3 after its migration to pve2 had failed"}),
    Case("task hangs everywhere", {"task": "qmigrate", "guest": 102, "do": "hang", "after": 3, "times": 0},
         "partial", {102: "no progress for 30 minutes"}, (102,), {102: "failed"}),
    Case("backup lock is waited for", {"at": 0, "do": "lock", "guest": 102, "word": "backup", "for": 300}, "done"),
    Case("a lock that stays", {"at": 0, "do": "lock", "guest": 102, "word": "backup", "for": 100000},
         "partial", {102: "locked (backup) for more than 30 minutes; it is still on pve1"}, (102,), {102: "failed"}),
    Case("596, and PVE has started it",
         {"on": POST, "guest": 102, "do": "answer", "status": 596, "words": "Connection timed out", "carry_out": True}, "done"),
    Case("596, and PVE has not", {"on": POST, "guest": 102, "do": "answer", "status": 596, "words": "Connection timed out"}, "done"),
    Case("595 twice", {"on": POST, "guest": 102, "do": "answer", "status": 595, "words": "No route to host", "times": 2},
         "partial", {102: "PVE did not answer 2 requests and started nothing"}, (102,), {102: "failed"}),
    # PVE cannot move the configuration of a guest whose copy ends meanwhile; that one gets another target, what had not started waits.
    Case("quorum lost for a while", {"at": 8, "do": "quorum_lost", "for": 120}, "partial",
         {105: "keeps the lock of that migration: `qm unlock 105`"}, left=(105,), states={105: "failed"}),
    Case("migration problems although moved", {"task": "qmigrate", "guest": 102, "do": "problems", "words": "migration problems"},
         "done", {102: "moved, but PVE reported: migration problems"}),
    Case("cancelled by someone else", {"task": "qmigrate", "guest": 104, "after": 5, "do": "cancel", "with": {"guest": 104}},
         "partial", {104: "interrupted"}, (104,), {104: "failed"}),
    Case("guest vanishes before its turn", {"at": 1, "do": "vanish", "guest": 104},
         "done", {104: "the guest no longer exists", 0: "6 of 7 migrations done; pve1 is empty"}, (), {104: "skipped"}),
    Case("guest appears", {"at": 5, "do": "appear", "guest": 555, "entry": {"node": "pve1", "name": "late", "memory": 1}}, "done"),
    Case("moved by someone else before its turn", {"at": 1, "do": "move", "guest": 104, "target": "pve2"},
         "done", {104: "something else moved it", 0: "6 of 7 migrations done; pve1 is empty"}, (), {104: "skipped"}),
    Case("slow answers", {"on": "GET /cluster/resources", "nth": 4, "times": 6, "do": "slow", "seconds": 20}, "done"),
    Case("guest is stopped before its turn", {"at": 1, "do": "stop", "guest": 104}, "done"),
    Case("source dies", {"task": "qmigrate", "guest": 102, "after": 4, "do": "kill", "with": {"node": "pve1"}},
         "partial", {102: "pve1 went offline during the migration", 104: "its node pve1 is offline"}, (101, 102, 103, 104, 106),
         {102: "unknown", 104: "skipped"}),
    Case("source dies and comes back",
         {"task": "qmigrate", "guest": 102, "after": 4, "do": "kill", "for": 120, "with": {"node": "pve1"}}, "partial"),
    Case("target dies", {"task": "qmigrate", "guest": 102, "after": 2, "do": "kill", "with": {"node": "pve2"}}, "partial"),
]  # fmt: skip


def run_case(case: Case, flavour: Flavour, folder: Path) -> tuple[World, Drive, Job]:
    """Drain pve1 of the small lab with the fault in it."""
    world = small(flavour)
    world.clock.sleep(600)
    drive = Drive(world, folder)
    job_id = drive.queue(drive.plan("pve1"))
    fault = dict(case.fault)
    if "at" in fault:
        fault["at"] += world.clock.time() - world.clock.start
    world.faults.add(fault)
    return world, drive, drive.finish(job_id)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_fault(case: Case, ram: Path, flavour: Flavour) -> None:
    """The job ends, truthfully, and nothing is lost or migrated twice."""
    world, drive, job = run_case(case, flavour, ram)
    states = {step.vmid: step.state for step in job.steps}
    told = {step.vmid: step.message for step in job.steps} | {0: job.message}
    assert job.state == case.job, (job.message, states, told)
    for vmid, words in case.words.items():
        assert words in told[vmid], told
    if case.left or case.states:
        assert {vmid: state for vmid, state in states.items() if state != "done"}.items() >= case.states.items(), (states, told)
    if case.left:
        assert drive.guests_on("pve1") == list(case.left)
    for step in job.steps:
        if step.state == "done":
            assert world.guests[step.vmid].node == step.target
    drive.assert_sound()


def under_ha(world: World, *vmids: int) -> None:
    """Put guests under the HA manager and let it notice."""
    for vmid in vmids:
        world.ha.add(Resource(f"vm:{vmid}"))
    world.clock.sleep(60)


def test_ha_guest_is_done_only_when_it_has_moved(ram: Path, flavour: Flavour) -> None:
    """The hamigrate task ends OK at once; the step follows the HA manager's own migration and ends with the sight of the guest."""
    world = small(flavour)
    under_ha(world, 101, 102, 103)
    world.clock.sleep(600)
    drive = Drive(world, ram)
    job = drive.run("pve1")
    assert job.state == "done", (job.message, job.steps)
    ha = [step for step in job.steps if step.ha]
    assert sorted(step.vmid for step in ha) == [101, 102, 103]
    assert all(":root@pam:" in step.upid for step in ha)  # the task that really copied
    drive.assert_sound()


def test_ha_manager_refuses_silently(ram: Path, flavour: Flavour) -> None:
    """A request that the HA manager takes no notice of fails in words, and the rest goes on."""
    world = small(flavour)
    under_ha(world, 102)
    world.clock.sleep(600)
    world.faults.add({"task": "hamigrate", "guest": 102, "do": "ignore"})
    drive = Drive(world, ram)
    job = drive.run("pve1")
    step = next(step for step in job.steps if step.vmid == 102)
    assert (job.state, step.state) == ("partial", "failed")
    assert step.message == "the HA manager accepted the request and did not carry it out; the guest is still on pve1"
    assert drive.guests_on("pve1") == [102]
    drive.assert_sound()


@pytest.mark.parametrize("do", ["disable", "expire"])
def test_credentials_stop_working(ram: Path, do: str, flavour: Flavour) -> None:
    """A user disabled, or a ticket that can no longer be renewed: nothing more starts, and what runs is named with where to look."""
    world = small(flavour)
    world.clock.sleep(600)
    drive = Drive(world, ram)
    drive.api = InProcessApi(world, "prs@pve", ticket_only=True)
    job_id = drive.queue(drive.plan("pve1"))
    world.faults.add({"at": world.clock.time() - world.clock.start + 3, "do": do, "user": "prs@pve"})
    job = drive.finish(job_id)
    states = {step.vmid: step.state for step in job.steps}
    assert job.state == "failed"
    assert "refuses the credentials of prs@pve" in job.message
    assert sorted(set(states.values())) == ["skipped", "unknown"]
    for step in job.steps:
        if step.state == "unknown":
            assert f"look for the guest on {step.source} and {step.target}" in step.message
    assert sum(world.started.values()) == job.count("unknown")


def test_stale_figures_are_reported_not_counted_as_idle(ram: Path, flavour: Flavour) -> None:
    """A node whose pvestatd is silent looks idle to a naive reader: it gets no guest, and the plan says why."""
    world = small(flavour)
    world.clock.sleep(600)
    world.life.silence("pve3")
    world.clock.sleep(400)
    drive = Drive(world, ram)
    plan = drive.plan()
    assert not [move for move in plan.moves if "pve3" in (move.source, move.target)]
    loads = {load.node: load for load in plan.before}
    assert not loads["pve3"].active
    assert any("pve3" in text for text in (*plan.warnings, *(stay.reason for stay in plan.stays)))


def test_api_host_dies_and_the_job_goes_on(ram: Path, flavour: Flavour) -> None:
    """Every host silent for a while: the job waits, says so, and finishes when one is back."""
    world = small(flavour)
    world.clock.sleep(600)
    drive = Drive(world, ram)
    job_id = drive.queue(drive.plan("pve1"))
    executor = drive.executor(job_id)
    executor.tick()
    for node in world.nodes.values():
        node.api = "down"
    for _ in range(10):
        executor.tick()
        drive.clock.sleep(5)
    assert drive.journal.job(job_id).message.startswith("waiting for PVE:")
    for node in world.nodes.values():
        node.api = "up"
    assert drive.finish(job_id).state == "done"
    drive.assert_sound()


def test_second_run_on_a_calm_cluster_moves_nothing(ram: Path, flavour: Flavour) -> None:
    """Right after a run, when the averages still remember the old loads, and an hour later."""
    world = small(flavour)
    world.clock.sleep(3600)
    drive = Drive(world, ram)
    assert drive.run().state == "done"
    for wait in (0, 20, 60, 120, 300, 1200, 3600):
        world.clock.sleep(wait)
        plan = drive.plan()
        assert plan.moves == (), (wait, plan.summary)
