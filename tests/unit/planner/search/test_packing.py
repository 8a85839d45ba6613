"""Disks that fit on the storages of a drain's targets only if all are placed together, and those of which one does not fit at all."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from prs.model import Cluster, Node, Policy, Storage, Volume
from prs.planner.plan import check_plan, plan_drain
from prs.planner.problem.fixed_limits import FixedLimits
from prs.planner.problem.problem import Problem
from prs.planner.search import exhaustive
from prs.planner.search.packing import pack
from truth import mapped
from unit.planner_scenes import GIB, cluster, guest, node

POLICY = Policy(storages=(("src", ("any",)),))


def full(seed: int, names: tuple[str, ...] = ("n2", "n3", "n4", "n5", "n6"), spare: int = 2) -> Cluster:
    """Guests whose disks together fill three storages on each other node but for `spare` GiB each, in no order that helps."""
    chance, storages, sizes = Random(seed), [Storage("src", "n1", total=9000 * GIB, plugin="lvmthin")], list[int]()
    for name in names:
        for number in range(3):
            parts = [chance.randint(10, 60) for _ in range(chance.randint(2, 3))]
            storages.append(Storage(f"{name}s{number}", name, total=(sum(parts) + spare) * GIB, plugin="lvmthin"))
            sizes += parts
    chance.shuffle(sizes)
    rooms = {name: sum(one.total for one in storages if one.node == name) for name in ("n1", *names)}
    nodes: list[Node] = [node(name, disk=room) for name, room in rooms.items()]
    guests = [
        replace(guest(100 + number, "n1", 1), disk=size * GIB, inspected=True, volumes=(Volume("src", size * GIB, f"src:{number}"),))
        for number, size in enumerate(sizes)
    ]
    return cluster(*nodes, *guests, storages=tuple(storages))


@pytest.mark.parametrize("seed", range(3))
def test_disks_that_fit_only_together_are_placed_together(seed: int) -> None:
    there = full(seed)
    plan = plan_drain(there, POLICY, "n1", 0.0)
    assert plan.feasible, plan.summary
    assert {move.vmid for move in plan.moves} == {one.vmid for one in there.guests}
    assert check_plan(there, POLICY, plan) == []


@pytest.mark.parametrize("seed", [150, 438])
def test_another_guest_makes_room_on_a_storage(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clusters that the search for small ones empties; without it, as in larger ones, such drains were refused."""
    monkeypatch.setattr(exhaustive, "LARGEST", 0)
    plan, claims = mapped.play(mapped.mapped(seed))
    assert plan.moves
    assert claims == []


def test_guests_that_wait_for_a_lock_leave_last() -> None:
    there = full(0)
    locked = there.guests[0].vmid
    there = replace(there, guests=tuple(replace(one, lock="backup") if one.vmid == locked else one for one in there.guests))
    plan = plan_drain(there, POLICY, "n1", 0.0)
    assert plan.moves[-1].vmid == locked
    assert check_plan(there, POLICY, plan) == []


def test_what_does_not_fit_is_not_packed_and_what_has_no_choice_is_not_tried() -> None:
    there = full(1, ("n2", "n3"), spare=0)
    taken = replace(there.storages[1], total=there.storages[1].total - 1)
    for policy in (POLICY, Policy()):
        problem = Problem(FixedLimits(replace(there, storages=(there.storages[0], taken, *there.storages[2:])), policy, "n1"))
        assert pack(problem, range(len(problem.units))) is None
