"""Room for the loss of one more node: the sum that is necessary, the packing that is sufficient, and plans that may not take it away."""

from __future__ import annotations

import pytest

from prs.engine.planning import PlanRequest, what_if
from prs.model import Cluster, Move, Plan, Policy
from prs.planner.objective.headroom import headroom
from unit.planner_scenes import GIB, cluster, guest, node

NOW = 1_795_000_000.0
STAY = Plan("balance", "memory")


def told(snapshot: Cluster, plan: Plan = STAY) -> tuple[bool, str, int, str]:
    """What is said of the loss of a node: fits, node, bytes short, sentence."""
    found = headroom(snapshot, plan)
    assert found is not None
    return found.fits, found.node, found.short, found.sentence


def test_all_fit_wherever_one_is_lost() -> None:
    snapshot = cluster(node("a"), node("b"), node("c"), guest(1, "a", 40), guest(2, "b", 40), guest(3, "c", 10))
    assert told(snapshot)[::3] == (True, "If any one node fails, its guests fit on the others.")
    assert told(snapshot, Plan("drain", "memory", "c", moves=(Move(3, "vm3", "qemu", "c", "b"),)))[0] is True


def test_the_sum_is_too_small() -> None:
    snapshot = cluster(node("a"), node("b"), guest(1, "a", 40), guest(2, "a", 30), guest(3, "b", 50), guest(4, "b", 10))
    words = "If a fails, its guests do not all fit on the others (30.0 GiB short)."
    assert told(snapshot) == (False, "a", 30 * GIB, words)


def test_one_guest_is_larger_than_any_room() -> None:
    snapshot = cluster(node("a"), node("b"), node("c"), guest(1, "a", 60), guest(2, "b", 50), guest(3, "c", 50))
    words = "If a fails, 1 (vm1) fits on no other node (it needs 60.0 GiB, the most that is free is 50.0 GiB)."
    assert told(snapshot) == (False, "a", 10 * GIB, words)


def test_only_the_sum_fits() -> None:
    """Three guests of 30 GiB for two rooms of 50: the sum would do, but a guest cannot be cut in two."""
    guests = [guest(number, "a", 30) for number in (1, 2, 3)]
    snapshot = cluster(node("a"), node("b"), node("c"), *guests, guest(4, "b", 50), guest(5, "c", 50))
    words = "its guests may not fit on the others: no place was found for 3 (vm3) (30.0 GiB), though the sum would do."
    assert told(snapshot) == (False, "a", 0, f"If a fails, {words}")


def test_stopped_guests_and_the_host_count_as_they_are() -> None:
    snapshot = cluster(node("a", host=10), node("b", host=10), guest(1, "a", 45), guest(2, "b", 45), guest(3, "b", 0, status="stopped"))
    assert told(snapshot)[0] is True
    assert told(cluster(node("a"), node("b", host=60), guest(1, "a", 45), guest(2, "b", 0, status="stopped")))[2] == 5 * GIB


def test_the_last_node() -> None:
    """A drain of one of two nodes leaves a node whose loss nothing can bear; a single node is no cluster."""
    snapshot = cluster(node("a"), node("b"), guest(1, "a", 5), guest(2, "b", 5))
    plan = what_if(snapshot, Policy(), NOW, PlanRequest("a"))
    sentence = "b is then the only node: if it fails as well, its guests have nowhere to go."
    assert plan.headroom is not None
    assert (plan.feasible, plan.headroom.short, plan.warnings) == (True, 10 * GIB, (sentence,))
    assert headroom(cluster(node("a"), guest(1, "a", 5)), STAY) is None


def tight() -> Cluster:
    """Three nodes, of which each can be lost, but not two."""
    return cluster(node("a"), node("b"), node("c"), guest(1, "a", 30), guest(2, "a", 30), guest(3, "b", 60), guest(4, "c", 30))


def test_a_drain_that_leaves_no_room_is_flagged() -> None:
    plan = what_if(tight(), Policy(), NOW, PlanRequest("a"))
    assert plan.moves
    assert plan.headroom is not None
    assert not plan.headroom.fits
    assert plan.warnings == (plan.headroom.sentence,)
    assert "fails as well" in plan.headroom.sentence


@pytest.mark.parametrize("leave", [False, True])
def test_a_drain_that_leaves_no_room_can_be_forbidden(leave: bool) -> None:
    """Each guest of the node is told why it stays, in numbers; the drain counts as infeasible."""
    plan = what_if(tight(), Policy(spare="require"), NOW, PlanRequest("a", leave=leave))
    assert (plan.moves, plan.feasible) == ((), False)
    assert [stay.vmid for stay in plan.blockers] == [1, 2]
    assert all(stay.reason.startswith("may not leave, because spare: require is set: If ") for stay in plan.blockers)
    assert "GiB" in plan.blockers[0].reason
    assert plan.summary.startswith("a is not emptied, because spare: require is set. If ")
    assert plan.summary.endswith(" Nothing is moved.")
    assert plan.after == plan.before


def test_a_drain_with_room_goes_on_where_room_is_required() -> None:
    snapshot = cluster(node("a"), node("b"), node("c"), node("d"), guest(1, "a", 10), guest(2, "b", 10))
    assert what_if(snapshot, Policy(spare="require"), NOW, PlanRequest("a")).moves


def packed() -> Cluster:
    """Guest 1 (60 GiB) fits on b alone, were a to be lost; the cheapest move that levels CPU puts guest 5 there."""
    return cluster(
        node("a", cpu=16.0), node("b", cpu=16.0), node("c", cpu=16.0),
        guest(1, "a", 60, cpu=6.0), guest(3, "b", 35, cpu=0.5), guest(4, "c", 40, cpu=0.2), guest(5, "c", 10, cpu=5.6),
        guest(6, "c", 4, cpu=4.6), guest(7, "c", 1, cpu=1.2),
    )  # fmt: skip


def test_balancing_may_not_take_the_room_away() -> None:
    """Only warned of by default; where room is required, another plan is made."""
    assert told(packed())[0]
    free = what_if(packed(), Policy("cpu"), NOW, PlanRequest())
    assert [(move.vmid, move.target) for move in free.moves] == [(5, "b")]
    words = "If a fails, 1 (vm1) fits on no other node (it needs 60.0 GiB, the most that is free is 55.0 GiB)."
    assert free.warnings == (words,)
    kept = what_if(packed(), Policy("cpu", spare="require"), NOW, PlanRequest())
    assert {(move.vmid, move.target) for move in kept.moves} == {(6, "b"), (7, "b")}
    assert kept.headroom is not None
    assert (kept.headroom.fits, kept.warnings) == (True, ())
    reason = next(stay.reason for stay in kept.stays if stay.vmid == 5)
    assert reason == "moving it as planned would leave no room for the loss of a node, which spare: require forbids"


def test_without_any_plan_that_keeps_the_room_nothing_moves() -> None:
    """Every guest says why it stays, and the summary what the best plan would have done."""
    plan = what_if(packed(), Policy("cpu", spare="require", ignore_guests=("6", "7")), NOW, PlanRequest())
    assert plan.moves == ()
    none = "no plan was found that leaves room for the loss of a node, which spare: require asks for"
    assert plan.summary.startswith(f"Nothing is moved: {none}. With the best plan: If a fails, 1 (vm1) fits on no other node")
    ignored = "is ignored by the configuration"
    assert {stay.vmid: stay.reason for stay in plan.stays} == {1: none, 3: none, 4: none, 5: none, 6: ignored, 7: ignored}
    assert plan.headroom is not None
    assert plan.headroom.fits


def test_a_cluster_without_room_may_be_levelled_all_the_same() -> None:
    snapshot = cluster(node("a"), node("b"), *(guest(number, "a", 15) for number in range(1, 7)), guest(9, "b", 20))
    plan = what_if(snapshot, Policy(spare="require"), NOW, PlanRequest())
    assert plan.moves
    assert plan.warnings[-1].endswith("That is so already without this plan.")
