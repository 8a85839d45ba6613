"""Emptying a node: fewest moves, room made where needed, and what stands in the way named in numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prs.errors import PlanError
from prs.model import Cluster, Plan, Policy, Replication, Rule, Storage, Volume
from prs.planner.plan import check_plan, plan_drain
from prs.planner.problem.board import why_not
from unit.planner_scenes import GIB, cluster, guest, lopsided, node


def drain(snapshot: Cluster, name: str = "pve1", policy: Policy | None = None, stopped: bool = True) -> Plan:
    """Plan the drain, and insist that it breaks nothing."""
    plan = plan_drain(snapshot, policy or Policy(), name, 0.0, stopped)
    assert check_plan(snapshot, policy or Policy(), plan) == []
    return plan


def blockers(plan: Plan) -> dict[int, str]:
    assert plan.moves == ()
    assert "cannot be emptied" in plan.summary
    return {row.vmid: row.reason for row in plan.blockers}


def test_unknown_node() -> None:
    with pytest.raises(PlanError, match="no node pve9"):
        plan_drain(lopsided(), Policy(), "pve9", 0.0)


def test_empties_with_one_move_each_and_levels() -> None:
    plan = drain(lopsided())
    assert sorted(move.vmid for move in plan.moves) == list(range(100, 108))
    assert plan.spread_after == pytest.approx(0.0)
    assert "empty pve1" in plan.summary
    assert all("leaves pve1, which is being drained" in move.reason for move in plan.moves)


def test_empty_node_needs_nothing() -> None:
    snapshot = cluster(node("pve1"), node("pve2"), guest(1, "pve2", 1))
    assert drain(snapshot).summary == "Nothing to do: there is no guest to move on pve1."


def test_stopped_guests_leave_unless_told_otherwise() -> None:
    snapshot = cluster(node("pve1"), node("pve2"), guest(1, "pve1", 0, status="stopped"), guest(2, "pve1", 4))
    assert {move.vmid for move in drain(snapshot).moves} == {1, 2}
    assert {move.vmid for move in drain(snapshot, stopped=False).moves} == {2}


def test_room_is_made_by_moving_others() -> None:
    snapshot = cluster(node("pve1", 64), node("pve2", 64), node("pve3", 64), guest(1, "pve1", 40), guest(2, "pve2", 30),
                       guest(3, "pve3", 30), guest(4, "pve1", 1))
    plan = drain(snapshot)
    assert len(plan.moves) == 3
    helper = next(move for move in plan.moves if move.vmid in (2, 3))
    assert "makes room on" in helper.reason
    assert plan.moves.index(helper) < next(n for n, move in enumerate(plan.moves) if move.vmid == 1)


def test_too_little_room_is_said_in_numbers() -> None:
    snapshot = cluster(node("pve1"), node("pve2", 20), node("pve3", online=False), guest(1, "pve1", 16), guest(2, "pve2", 10))
    reason = blockers(drain(snapshot))[1]
    assert "needs 16.0 GiB of memory" in reason
    assert "pve2 has 10.0 GiB free" in reason
    assert "pve3 is excluded: offline" in reason


def test_a_guest_that_cannot_move_blocks() -> None:
    snapshot = cluster(node("pve1"), node("pve2"), guest(1, "pve1", 4, blockers=("uses PCI device hostpci0",)), guest(2, "pve1", 4))
    assert blockers(drain(snapshot)) == {1: "uses PCI device hostpci0"}
    assert "1 (vm1)" in drain(snapshot).summary


def test_containers_need_permission() -> None:
    snapshot = cluster(node("pve1"), node("pve2"), guest(1, "pve1", 4, kind="lxc"))
    assert "container" in blockers(drain(snapshot))[1]
    assert drain(snapshot, policy=Policy(containers=True)).moves


def test_ha_guests_are_moved_even_with_auto_rebalance() -> None:
    snapshot = cluster(node("pve1", ha="maintenance"), node("pve2", ha="online"), guest(1, "pve1", 4, ha="started"), auto_rebalance=True)
    plan = drain(snapshot)
    assert [move.ha for move in plan.moves] == [True]


def test_next_priority_of_a_node_rule_is_used() -> None:
    rule = Rule("prefer", "nodes", (1,), (("pve1", 9), ("pve2", 1), ("pve3", 5)))
    snapshot = cluster(node("pve1"), node("pve2"), node("pve3"), guest(1, "pve1", 4), rules=(rule,))
    assert [move.target for move in drain(snapshot).moves] == ["pve3"]


def test_strict_rule_without_another_node_blocks() -> None:
    rule = Rule("only", "nodes", (1,), (("pve1", 0),))
    snapshot = cluster(node("pve1"), node("pve2"), guest(1, "pve1", 4), rules=(rule,))
    assert "HA rule only" in blockers(drain(snapshot))[1]
    free = replace(snapshot, rules=(replace(rule, strict=False),))
    assert drain(free).moves


def test_apart_guests_never_meet() -> None:
    rule = Rule("ha pair", "apart", (1, 2, 3))
    snapshot = cluster(node("pve1"), node("pve2"), node("pve3"), guest(1, "pve1", 4), guest(2, "pve2", 4), rules=(rule,))
    assert [move.target for move in drain(snapshot).moves] == ["pve3"]
    full = cluster(node("pve1"), node("pve2"), guest(1, "pve1", 4), guest(2, "pve2", 4), rules=(rule,))
    assert "HA rule ha pair keeps it apart from 2 (vm2) on pve2" in blockers(drain(full))[1]


def test_replication_target_only() -> None:
    snapshot = cluster(node("pve1"), node("pve2"), node("pve3"), guest(1, "pve1", 4), replications=(Replication(1, "pve3"),))
    assert [move.target for move in drain(snapshot).moves] == ["pve3"]


def test_only_what_changed_travels_to_the_target_of_a_replication() -> None:
    nodes = [node(f"pve{n}", disk=100 * GIB) for n in (1, 2, 3)]
    stores = tuple(Storage("zfs", f"pve{n}", total=100 * GIB, used=90 * GIB) for n in (1, 2, 3))
    data = guest(1, "pve1", 4, disk=60 * GIB, volumes=(Volume("zfs", 60 * GIB),))
    snapshot = cluster(*nodes, data, storages=stores, replications=(Replication(1, "pve3"),))
    (move,) = drain(snapshot).moves
    assert (move.target, move.bytes) == ("pve3", 4 * GIB)  # its disks are on the full pve3 already
    off = cluster(*nodes, replace(data, status="stopped", memory=0, cpu=0.0), storages=stores, replications=(Replication(1, "pve3"),))
    assert [(move.target, move.bytes) for move in drain(off).moves] == [("pve3", 0)]
    gone = replace(off, nodes=(*off.nodes[:2], replace(off.nodes[2], online=False)))
    assert "needs 60.0 GiB" in blockers(drain(gone))[1]
    empty = replace(gone, storages=(stores[0], replace(stores[1], used=0)))
    assert [(move.target, move.bytes) for move in drain(empty).moves] == [("pve2", 60 * GIB)]


def test_storages_bind_by_name_and_room() -> None:
    nodes = [node(f"pve{n}", disk=500 * GIB) for n in (1, 2, 3)]
    data = guest(1, "pve1", 4, disk=50 * GIB, volumes=(Volume("fast", 50 * GIB),))
    stores = (Storage("fast", "pve1", total=100 * GIB), Storage("fast", "pve2", total=100 * GIB, used=90 * GIB),
              Storage("slow", "pve3", total=100 * GIB))
    snapshot = cluster(*nodes, data, storages=stores)
    reason = blockers(drain(snapshot))[1]
    assert "needs 50.0 GiB on storage fast, which has 10.0 GiB free on pve2" in reason
    assert "storage fast is not available on pve3" in reason
    assert drain(replace(snapshot, storages=(*stores, Storage("fast", "pve3", total=60 * GIB)))).moves[0].target == "pve3"


def test_several_disks_need_room_together_on_each_storage() -> None:
    nodes = [node(f"pve{n}", disk=500 * GIB) for n in (1, 2)]
    disks = (Volume("thin", 30 * GIB), Volume("thin", 30 * GIB), Volume("fast", 20 * GIB))
    both = guest(1, "pve1", 4, disk=80 * GIB, volumes=disks), guest(2, "pve1", 4, disk=30 * GIB, volumes=disks[:1])

    def stores(thin: int, fast: int) -> tuple[Storage, ...]:
        sizes = (("thin", thin), ("fast", fast))
        return tuple(Storage(name, place, total=size * GIB, plugin="lvmthin") for place in ("pve1", "pve2") for name, size in sizes)

    def lacks(thin: int, fast: int, number: int = 1) -> dict[int, str]:
        plan = drain(cluster(*nodes, *both[:number], storages=stores(thin, fast)))
        return {} if plan.feasible else blockers(plan)

    assert lacks(60, 20) == {}
    assert "needs 60.0 GiB on storage thin, which has 59.0 GiB free on pve2" in lacks(59, 20)[1]
    assert "needs 20.0 GiB on storage fast, which has 19.0 GiB free on pve2" in lacks(60, 19)[1]
    assert lacks(90, 20, 2) == {}
    assert len(lacks(89, 20, 2)) == 1


def test_together_leaves_together() -> None:
    rule = Rule("pair", "together", (1, 2))
    snapshot = cluster(node("pve1"), node("pve2", 10), node("pve3", 10), guest(1, "pve1", 4), guest(2, "pve1", 4), rules=(rule,))
    plan = drain(snapshot)
    assert len({move.target for move in plan.moves}) == 1
    tight = cluster(node("pve1"), node("pve2", 7), node("pve3", 7), guest(1, "pve1", 4), guest(2, "pve1", 4), rules=(rule,))
    assert set(blockers(drain(tight))) == {1, 2}


def test_offline_node_cannot_be_drained() -> None:
    snapshot = cluster(node("pve1", online=False), node("pve2"), guest(1, "pve1", 4))
    assert blockers(drain(snapshot)) == {1: "its node pve1 is offline"}


def test_why_not_answers_single_questions() -> None:
    snapshot = cluster(node("pve1"), node("pve2", 8), guest(1, "pve1", 4), guest(2, "pve2", 6))
    assert why_not(snapshot, Policy(), 1, "pve2") == "needs 4.0 GiB of memory, pve2 has 2.0 GiB free"
    assert why_not(snapshot, Policy(), 2, "pve1") == ""
    assert why_not(snapshot, Policy(), 1, "pve1") == "it is on pve1 already"
    assert why_not(snapshot, Policy(), 9, "pve1") == "there is no guest 9"
    assert why_not(snapshot, Policy(), 1, "pve9") == "there is no node pve9"


def test_a_guest_that_has_just_started_counts_with_all_it_may_use() -> None:
    """A drain need not wait for its figures, and never counts it as nothing."""
    young = guest(1, "a", 0, memory_max=30 * GIB, problem="started 12 seconds ago, no load known yet")
    plan = plan_drain(cluster(node("a"), node("b"), young), Policy(), "a", 0.0)
    assert plan.feasible, plan.blockers
    assert [(move.vmid, move.target, move.memory) for move in plan.moves] == [(1, "b", 30 * GIB)]
    words = "The load of 1 (vm1) is not known (started 12 seconds ago, no load known yet), so all the memory that it may use is counted."
    assert words in plan.warnings
    full = plan_drain(cluster(node("a"), node("b", host=80), young), Policy(), "a", 0.0)
    assert not full.feasible
    assert "30.0 GiB" in full.blockers[0].reason
