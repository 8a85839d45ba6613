"""A small cluster is looked at whole: the plan is the cheapest there is, and it says when nothing can be done."""

from __future__ import annotations

from dataclasses import replace

from prs.model import Policy, Rule
from prs.planner.plan import check_plan, plan_balance, plan_drain
from prs.planner.problem.fixed_limits import FixedLimits
from prs.planner.problem.problem import Problem
from prs.planner.search import exhaustive, way
from unit.planner_scenes import cluster, guest, lopsided, node


def test_guests_change_places_by_way_of_a_third_node() -> None:
    """Neither of two large guests has room beside the other: one waits elsewhere, arrives in the end, and that is paid for."""
    pins = (Rule("a", "nodes", (1,), (("pve2", 0), ("pve3", 0))), Rule("b", "nodes", (2,), (("pve1", 0), ("pve3", 0))))
    guests = [guest(1, "pve1", 60), guest(2, "pve2", 60), guest(3, "pve3", 35, blockers=("has a device of its node",))]
    snapshot = cluster(node("pve1"), node("pve2"), node("pve3"), *guests, rules=pins)
    policy = Policy(spread=0.4)
    plan = plan_balance(snapshot, policy, 0.0)
    assert check_plan(snapshot, policy, plan) == []
    assert plan.summary.startswith("Repairs HA rule a and HA rule b: ")
    assert [move.parking for move in plan.moves].count(True) == 1
    assert plan.cost_bound == plan.cost


def test_nothing_is_said_in_three_ways() -> None:
    level = cluster(node("pve1"), node("pve2"), guest(1, "pve1", 10), guest(2, "pve2", 12))
    assert "within the 5.0 points" in plan_balance(level, Policy(), 0.0).summary
    one = cluster(node("pve1"), node("pve2"), guest(1, "pve1", 50))
    assert "no move that is allowed lowers the memory spread of 50.0 points" in plan_balance(one, Policy(), 0.0).summary
    little = cluster(node("pve1"), node("pve2"), guest(1, "pve1", 50), guest(2, "pve1", 0.2))
    assert "lower the memory spread of 50.2 points by less than a point" in plan_balance(little, Policy(), 0.0).summary


def test_what_keeping_another_resource_level_costs_is_said() -> None:
    """The cheap guest would take a node to nine of ten cores, so the dear one goes."""
    guests = [guest(1, "pve1", 20, cpu=30.0), guest(2, "pve1", 22, cpu=1.0), guest(3, "pve2", 1, cpu=30.0)]
    snapshot = cluster(node("pve1"), node("pve2"), *guests)
    plan = plan_balance(snapshot, Policy(spread=0.1, dirty_rate=0.0), 0.0)
    assert [move.vmid for move in plan.moves] == [2]
    assert "letting the CPU spread grow to" in plan.summary
    calm = [replace(one, cpu=one.cpu / 2) for one in guests]
    free = plan_balance(cluster(node("pve1"), node("pve2"), *calm), Policy(spread=0.1, dirty_rate=0.0), 0.0)
    assert [move.vmid for move in free.moves] == [1]  # no node gets over seven of ten cores: nobody is harmed


def test_a_drain_in_which_a_guest_makes_way_for_a_rule() -> None:
    """Two pairs apart on three nodes: the guest fits on pve2 only once its partner there has gone to pve3."""
    rules = (Rule("one", "apart", (1, 2)), Rule("two", "apart", (3, 4)))
    guests = [guest(1, "pve1", 10), guest(2, "pve2", 5), guest(3, "pve2", 50), guest(4, "pve3", 91)]
    snapshot = cluster(node("pve1"), node("pve2"), node("pve3"), *guests, rules=rules)
    plan = plan_drain(snapshot, Policy(), "pve1", 0.0)
    assert check_plan(snapshot, Policy(), plan) == []
    assert [(move.vmid, move.target) for move in plan.moves] == [(2, "pve3"), (1, "pve2")]
    full = cluster(node("pve1"), node("pve2"), node("pve3", 95), *guests, rules=rules)
    assert "which is proven impossible: there is no place for 1 (vm1)" in plan_drain(full, Policy(), "pve1", 0.0).summary


def test_all_placements_are_looked_at_and_none_that_breaks_a_limit() -> None:
    problem = Problem(FixedLimits(lopsided(), Policy()))
    assert exhaustive.placements(problem) == 3**10
    seen = list(exhaustive.Exhaustive(problem).all(exhaustive.Limits()))
    assert len(seen) == 3**10 == len({one.where for one in seen})
    tight = Problem(FixedLimits(cluster(node("pve1"), node("pve2", 10), guest(1, "pve1", 8), guest(2, "pve1", 8)), Policy()))
    assert {one.where for one in exhaustive.Exhaustive(tight).all(exhaustive.Limits())} == {(0, 0), (0, 1), (1, 0)}


def test_a_way_that_does_not_exist() -> None:
    """Two guests on two full nodes cannot change places, whatever comes first."""
    problem = Problem(FixedLimits(cluster(node("pve1"), node("pve2"), guest(1, "pve1", 60), guest(2, "pve2", 60)), Policy()))
    assert way.to_placement(problem, {0: 1, 1: 0}) == way.Way(None, True, frozenset({(0, 1)}))
    assert way.to_placement(problem, {0: 1, 1: 0}, states=0) == way.Way(None, False)
    assert way.reachable(problem) == frozenset({(0, 1)})
