"""Guests that a drain waits for, guests that HA lets stay elsewhere, and who balances what while PVE's own auto-rebalance is on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prs.engine.planning import PlanRequest, what_if
from prs.model import PASSING_LOCKS, Cluster, Plan, Policy, Rule
from prs.planner.plan import plan_balance
from prs.planner.verify.walk import check_plan
from unit.planner_scenes import cluster, guest, lopsided, node

WAIT = "the drain waits up to 30 minutes for"


def drain(snapshot: Cluster, policy: Policy | None = None) -> Plan:
    """Plan the drain of pve1, and insist that it breaks nothing."""
    plan = what_if(snapshot, policy or Policy(), 0.0, PlanRequest("pve1"))
    assert check_plan(snapshot, policy or Policy(), plan) == []
    return plan


def four(*guests: object, **more: object) -> Cluster:
    """Four roomy nodes."""
    return cluster(*(node(f"pve{number}", ha="online") for number in range(1, 5)), *guests, **more)


@pytest.mark.parametrize("lock", PASSING_LOCKS)
def test_a_lock_that_ends_by_itself_is_waited_for_last(lock: str) -> None:
    """The drain is planned, the guest goes last, and reason and warning tell of the wait."""
    plan = drain(four(guest(1, "pve1", 8, lock=lock), guest(2, "pve1", 4), guest(3, "pve1", 2)))
    assert [move.vmid for move in plan.moves][-1] == 1
    assert len(plan.moves) == 3
    assert plan.moves[-1].reason.endswith(f"is locked by {'a ' if lock == 'backup' else ''}{lock}; {WAIT} it to end")
    assert plan.warnings == (f"1 (vm1) is locked ({lock}): {WAIT} that to end, and only then asks PVE whether it can leave.",)


@pytest.mark.parametrize("lock", ["migrate", "clone", "create", "rollback", "suspended", "disk"])
def test_other_locks_block(lock: str) -> None:
    plan = drain(four(guest(1, "pve1", 8, lock=lock), guest(2, "pve1", 4)))
    assert plan.moves == ()
    (stay,) = plan.blockers
    assert (stay.vmid, stay.reason.partition(",")[0]) == (1, f"is locked ({lock})")
    assert ("`qm unlock 1`" in stay.reason) == (lock == "migrate")


def test_only_guests_of_the_drained_node_are_waited_for() -> None:
    """A locked guest elsewhere makes no room, and balancing leaves locked guests alone."""
    guests = (guest(1, "pve1", 50), guest(2, "pve2", 30, lock="backup"), guest(3, "pve2", 30), guest(4, "pve3", 60))
    plan = drain(cluster(node("pve1"), node("pve2"), node("pve3"), *guests))
    assert [move.vmid for move in plan.moves] == [3, 1]
    snapshot = lopsided()
    locked = replace(snapshot, guests=tuple(replace(one, lock="backup") if one.vmid == 100 else one for one in snapshot.guests))
    assert 100 not in {move.vmid for move in plan_balance(locked, Policy(), 0.0).moves}


def test_a_stopped_guest_in_backup_shows_as_prelaunch() -> None:
    """vzdump starts it paused; it is stopped again when its turn comes. Without the lock that state is nobody's to move."""
    asleep = guest(1, "pve1", 1, status="prelaunch", problem="started 5 seconds ago, no load known yet")
    assert [move.vmid for move in drain(four(replace(asleep, lock="backup"))).moves] == [1]
    assert drain(four(asleep)).blockers


def test_a_guest_that_waits_keeps_its_parking_place_in_the_order() -> None:
    """A guest that has to wait may still need room that others make first."""
    parts = (guest(1, "pve1", 60, lock="backup"), guest(2, "pve2", 30), guest(3, "pve2", 20), guest(4, "pve3", 60))
    plan = drain(cluster(node("pve1"), node("pve2"), node("pve3"), *parts))
    assert plan.moves[-1].vmid == 1


def test_without_failback_a_drain_may_use_any_node_that_the_rule_allows() -> None:
    """The preferred node is full: only a guest that HA does not send back may go elsewhere."""
    soft = Rule("prefer", "nodes", (1,), (("pve2", 1),), strict=False)
    full = guest(9, "pve2", 98, lock="clone")
    back = guest(1, "pve1", 8, ha="started")
    blocked = drain(four(back, full, rules=(soft,)))
    assert [stay.vmid for stay in blocked.blockers] == [1]
    assert [move.target for move in drain(four(replace(back, failback=False), full, rules=(soft,))).moves] in (["pve3"], ["pve4"])
    strict = replace(soft, nodes=(("pve2", 2), ("pve3", 1)), strict=True)
    assert drain(four(back, full, rules=(strict,))).blockers
    assert [move.target for move in drain(four(replace(back, failback=False), full, rules=(strict,))).moves] == ["pve3"]
    avoid = Rule("never", "nodes", (1,), (("pve2", 0), ("pve3", 0)), strict=False, avoid=True)
    assert [move.target for move in drain(four(replace(back, failback=False), rules=(avoid,))).moves] == ["pve4"]


def test_balancing_keeps_to_what_a_rule_prefers_even_without_failback() -> None:
    rule = Rule("prefer", "nodes", tuple(range(100, 108)), (("pve1", 1),), strict=False)
    snapshot = lopsided(rules=(rule,))
    managed = tuple(replace(one, ha="started", failback=False) for one in snapshot.guests)
    assert plan_balance(replace(snapshot, guests=managed), Policy(), 0.0).moves == ()


def managed(auto: int) -> Cluster:
    """The lopsided cluster with all guests under HA, of which PVE rebalances the first `auto`."""
    snapshot = lopsided(auto_rebalance=True)
    guests = (replace(one, ha="started", auto_rebalance=number < auto) for number, one in enumerate(snapshot.guests))
    return replace(snapshot, guests=tuple(guests))


def test_pves_own_auto_rebalance_balances_what_it_is_told_to() -> None:
    """Guests that are excluded from it are ours, the others are left to it; the plan says who balances what."""
    plan = what_if(managed(3), Policy(), 0.0, PlanRequest())
    moved = {move.vmid for move in plan.moves}
    assert moved
    assert not moved & {100, 101, 102}
    reasons = {stay.vmid: stay.reason for stay in plan.stays}
    assert {reasons[vmid] for vmid in (100, 101, 102)} == {"left to PVE's own auto-rebalance, which is on and manages it"}
    words = "PVE's own auto-rebalance is on and balances 3 of 10 guests under HA, which are left to it; all others are balanced here."
    assert plan.warnings == (words,)


def test_the_administrator_may_have_both_balance() -> None:
    plan = what_if(managed(10), Policy(ha_guests="move"), 0.0, PlanRequest())
    assert plan.moves
    assert all(move.ha for move in plan.moves)
    assert plan.warnings == (
        "PVE's own auto-rebalance is on and balances 10 of 10 guests under HA, and so does this service (ha_guests: move): they may be "
        "moved to and fro; better turn one of the two off.",
    )
    assert what_if(managed(10), Policy(), 0.0, PlanRequest()).moves == ()


def test_a_drain_warns_of_guests_that_come_back() -> None:
    plan = what_if(managed(10), Policy(), 0.0, PlanRequest("pve1"))
    assert len(plan.moves) == 8
    assert plan.warnings[0] == (
        "PVE's own auto-rebalance is on and balances 10 of 10 guests under HA: unless HA maintenance mode is on, it may put guests on pve1 "
        "again."
    )
    assert what_if(lopsided(auto_rebalance=True), Policy(), 0.0, PlanRequest()).warnings == ()
