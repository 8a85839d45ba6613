"""What is asked right before a migration: the guest, its lock, other people's migrations, HA, and room."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from prs.engine.drain.ha_maintenance import HA_MOVES
from prs.engine.execution.preflight import FIGURES_LAG, SECOND_LOOK, Preflight, PreflightResult
from prs.engine.journal.jobs import Job, Step
from prs.engine.waits import Waits
from prs.errors import ApiError
from prs.model import LOCK_PATIENCE, Cluster, Guest, Node, Plan, Policy, Replication, Rule, Storage
from unit.fakeapi import FakeApi

GIB = 2**30
STEP = Step(1, 101, "web", "qemu", "pve1", "pve2", memory=4 * GIB)
JOB = Job("0123456789ab", "balance", "running", Plan("balance", "memory"), Policy(memory_reserve=GIB), steps=(STEP,))
GUEST = Guest(101, "web", "qemu", "pve1", memory=4 * GIB, memory_max=4 * GIB)


class Clock:
    now = 1_800_000_000.0

    def time(self) -> float:
        return self.now

    monotonic = time

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def wake(self) -> None:
        """Nothing sleeps."""


class Bench:
    """A preflight with a clock of its own, against a PVE that allows everything."""

    def __init__(self) -> None:
        allowed = {"running": 1, "allowed_nodes": ["pve2"], "local_disks": []}
        self.clock, self.api = Clock(), FakeApi({"/nodes/pve1/qemu/101/migrate": allowed})
        self.preflight = Preflight(self.api, Waits(self.clock), self.clock)

    def look(
        self, guest: Guest | None = GUEST, migrating: tuple[int, ...] = (), step: Step = STEP, target: int = 64,
        elsewhere: Step | None = None,
    ) -> tuple[str, str]:  # fmt: skip
        """`elsewhere` is an active step of another job, whose guest is still at its source."""
        nodes = (Node("pve1", memory=64 * GIB, cpu=16.0, id=1), Node("pve2", memory=target * GIB, cpu=16.0, id=2))
        neighbours = [replace(GUEST, vmid=vmid, lock="backup") for vmid in (9, 999)]  # of another number: nothing of theirs counts
        guests = [*neighbours, *([guest] if guest else [])]
        guests += [replace(GUEST, vmid=elsewhere.vmid)] if elsewhere else []
        cluster = Cluster(nodes=nodes, guests=tuple(guests), migrating=migrating)
        found = self.preflight.verdict(replace(JOB, steps=(step,)), step, cluster, [elsewhere] if elsewhere else [])
        return found.state, found.words

    def asked(self) -> list[str]:
        return [path for _, path, _ in self.api.asked]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_guest_against_which_nothing_stands_may_go_and_pve_was_asked(bench: Bench) -> None:
    assert bench.look() == ("", "")
    assert "/nodes/pve1/qemu/101/migrate" in bench.asked()


def test_a_lock_is_waited_for_and_then_given_up_without_asking_pve(bench: Bench) -> None:
    locked = replace(GUEST, lock="backup")
    assert bench.look(locked) == ("planned", "waiting: locked (backup), at most 30 minutes")
    bench.clock.sleep(LOCK_PATIENCE - 1)
    assert bench.look(locked) == ("planned", "waiting: locked (backup), at most 30 minutes")
    bench.clock.sleep(2)
    assert bench.look(locked) == ("failed", "locked (backup) for more than 30 minutes; it is still on pve1")
    assert bench.asked() == []


def test_a_migration_by_somebody_else_is_waited_for(bench: Bench) -> None:
    assert bench.look(migrating=(101,)) == ("planned", "waiting: a migration of it that is not ours is running, at most 30 minutes")
    assert bench.look(migrating=(102,)) == ("", "")
    bench.look(migrating=(101,))
    bench.clock.sleep(LOCK_PATIENCE + 1)
    assert bench.look(migrating=(101,))[0] == "skipped"


def test_a_guest_that_is_gone_or_elsewhere_is_left_alone(bench: Bench) -> None:
    assert bench.look(replace(GUEST, node="pve2"))[0] == "skipped"
    assert bench.asked() == []
    for node in ("pve1", "pve2", "pve3"):
        bench.api.answers[f"/nodes/{node}/qemu/101/status/current"] = ApiError(500, "'101.conf' does not exist")
    bench.api.answers |= {"/cluster/resources": [{"type": "node", "node": "pve1"}], "/cluster/nextid": "101"}
    assert bench.look(None) == ("skipped", "the guest no longer exists")


def test_a_guest_that_a_list_lacks_once_is_waited_for(bench: Bench) -> None:
    """Its node has it, or cannot be asked."""
    bench.api.answers["/cluster/resources"] = [{"type": "node", "node": "pve1"}]
    bench.api.answers["/nodes/pve1/qemu/101/status/current"] = {"status": "running"}
    assert bench.look(None) == ("planned", "waiting: PVE's list does not show the guest, which its node has, at most 60 seconds")
    bench.api.answers["/cluster/resources"] = ApiError(595, "No route to host")
    assert bench.look(None)[1].startswith("waiting: the cluster does not show the guest, and its nodes cannot be asked")


def test_a_target_that_has_become_too_small_is_looked_at_twice(bench: Bench) -> None:
    state, words = bench.look(target=4)
    assert state == "planned"
    assert words.startswith("waiting: ")
    bench.clock.sleep(SECOND_LOOK + 1)
    assert bench.look(target=4)[0] == "skipped"


def test_what_another_job_moves_to_the_target_takes_room_and_is_waited_for_without_end(bench: Bench) -> None:
    other = replace(STEP, vmid=102, state="running")
    assert bench.look(target=7) == ("", "")
    assert bench.look(target=7, elsewhere=other)[0] == "planned"
    bench.clock.sleep(SECOND_LOOK + 1)
    assert bench.look(target=7, elsewhere=other)[0] == "planned"


@pytest.mark.parametrize("answer", [{"running": 1, "allowed_nodes": [], "not_allowed_nodes": {"pve2": {"unavailable_storages": ["fast"]}}}])
def test_what_pve_refuses_is_not_started(bench: Bench, answer: Any) -> None:
    bench.api.answers["/nodes/pve1/qemu/101/migrate"] = answer
    state, words = bench.look()
    assert state == "planned"
    assert "fast" in words


@pytest.mark.parametrize("ha", ["migrate", "relocate"])
def test_a_guest_that_the_ha_manager_moves_is_waited_for_an_hour_whoever_looks_how_often(bench: Bench, ha: str) -> None:
    moving = replace(GUEST, ha=ha)
    assert bench.look(moving) == ("planned", "waiting: the HA manager moves it, at most 60 minutes")
    bench.clock.sleep(HA_MOVES - 1)
    assert bench.look(moving)[0] == "planned"
    bench.clock.sleep(1)
    assert bench.look(moving) == ("skipped", "the HA manager has been moving it for 60 minutes")
    bench.clock.sleep(100)
    assert bench.look(moving)[0] == "skipped"


def verdict(bench: Bench, *others: Step, step: Step = STEP, target: int = 64, rules: tuple[Rule, ...] = (), **more: Any) -> PreflightResult:
    """What is said to a step beside others of its job, on three nodes, of which the target has so many GiB; `more` are the cluster's."""
    sizes = {"pve1": 64, "pve2": target, "pve3": 64}
    nodes = tuple(Node(name, memory=size * GIB, cpu=16.0, disk=100 * GIB, id=int(name[-1])) for name, size in sizes.items())
    guests = (replace(GUEST, ha="started" if step.ha else ""), *(replace(GUEST, vmid=one.vmid, node=one.source) for one in others))
    cluster = Cluster(nodes=nodes, guests=guests, rules=rules, **more)
    job = replace(JOB, steps=(*others, step))
    return bench.preflight.verdict(job, step, cluster, [])


def test_a_step_that_was_promised_room_before_keeps_it(bench: Bench) -> None:
    """An earlier one that waits, as its guest is locked; one that comes later has no such promise."""
    earlier, later = replace(STEP, vmid=102), replace(STEP, seq=2)
    found = verdict(bench, earlier, step=later, target=7)
    assert found.state == "planned"
    assert "memory" in found.words
    assert verdict(bench, replace(earlier, state="skipped"), step=later, target=7).state == ""


def test_room_for_a_guest_that_has_just_arrived_is_kept_until_its_node_tells_of_it(bench: Bench) -> None:
    there = replace(STEP, vmid=102, state="done", source="pve3", ended=bench.clock.now)
    later = replace(STEP, seq=2)
    assert verdict(bench, there, step=later, target=7).state == "planned"
    assert verdict(bench, replace(there, ended=bench.clock.now - FIGURES_LAG + 1), step=later, target=7).state == "planned"
    assert verdict(bench, replace(there, ended=bench.clock.now - FIGURES_LAG - 1), step=later, target=7).state == ""


DISKS = {"running": 1, "allowed_nodes": ["pve2"], "local_disks": [
    {"volid": "local-lvm:vm-101-disk-0", "drivename": "scsi0", "size": 8 * GIB},
    {"volid": "local-lvm:vm-101-disk-1", "drivename": "scsi1", "size": 3 * GIB},
]}  # fmt: skip
ROOM = tuple(Storage("local-lvm", node, total=100 * GIB, plugin="lvmthin", content=("images",)) for node in ("pve1", "pve2"))


def test_disks_that_the_plan_knew_nothing_of_are_counted_unless_they_are_there_already(bench: Bench) -> None:
    bench.api.answers["/nodes/pve1/qemu/101/migrate"] = DISKS
    found = verdict(bench, storages=ROOM)
    assert (found.state, found.step.disk, found.step.total) == ("", 11 * GIB, 15 * GIB)
    copied = verdict(bench, storages=ROOM, replications=(Replication(101, "pve2"),))
    assert (copied.state, copied.step.disk) == ("", 0)
    other = Replication(102, "pve2"), Replication(102, "pve3")
    assert verdict(bench, storages=ROOM, replications=other).step.disk == 11 * GIB, "of another guest"
    known = verdict(bench, step=replace(STEP, disk=5 * GIB, total=9 * GIB), storages=ROOM)
    assert (known.step.disk, known.step.total) == (5 * GIB, 9 * GIB), "the plan's figure stands"


def test_disks_that_the_plan_knew_nothing_of_need_room_on_the_target(bench: Bench) -> None:
    bench.api.answers["/nodes/pve1/qemu/101/migrate"] = DISKS
    full = (ROOM[0], replace(ROOM[1], used=95 * GIB))
    found = verdict(bench, storages=full)
    assert found.state == "planned"
    assert "local-lvm" in found.words


TOGETHER = Rule("pair", "together", (101, 102))


@pytest.mark.parametrize(("rule", "mate", "waits"), [
    (TOGETHER, {}, True),
    (replace(TOGETHER, kind="apart"), {}, False),
    (replace(TOGETHER, source="tag"), {}, False),
    (replace(TOGETHER, guests=(102, 103)), {}, False),
    (replace(TOGETHER, guests=(101, 103)), {}, False),
    (TOGETHER, {"ha": False}, False),
    (TOGETHER, {"state": "done"}, False),
    (TOGETHER, {"target": "pve3"}, False),
    (TOGETHER, {"target": "".join(STEP.target)}, True),  # as the journal gives it: an equal text, not the same object
])  # fmt: skip
def test_a_guest_that_the_ha_manager_takes_along_with_another_waits_for_it(
    bench: Bench, rule: Rule, mate: dict[str, Any], waits: bool
) -> None:
    other = replace(STEP, vmid=102, name="db", ha=True, state="running")
    found = verdict(bench, replace(other, **mate), step=replace(STEP, seq=2, ha=True), rules=(rule,))
    assert found.words.startswith("waiting: the HA manager moves it together with 102 (db)") is waits, found
