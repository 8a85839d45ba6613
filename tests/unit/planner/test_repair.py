"""Rules broken at the start: repaired where a move can do it, and said in the move's reason."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from prs.model import Cluster, Plan, Policy, Rule
from prs.planner import repair
from prs.planner.explain.warnings import noted
from prs.planner.plan import Goal, check_plan, plan_balance
from prs.planner.problem.board import Board
from prs.planner.problem.fixed_limits import FixedLimits
from prs.planner.problem.problem import Problem
from prs.planner.search.budget import Budget
from prs.web.api.said import code_of
from unit.planner_scenes import GIB, cluster, guest, lopsided, node

APART = Rule("pair", "apart", (1, 2))


def level(*rules: Rule, third: int = 100) -> Cluster:
    """Three nodes whose loads are within the spread, guests 1 and 2 on the first."""
    guests = [guest(1, "pve1", 1), guest(2, "pve1", 2), guest(3, "pve2", 2), guest(4, "pve3", 2)]
    return cluster(node("pve1"), node("pve2"), node("pve3", third), *guests, rules=rules)


def balance(snapshot: Cluster, policy: Policy | None = None, goal: Goal = "spread") -> Plan:
    policy = policy or Policy()
    plan = plan_balance(snapshot, policy, 0.0, goal)
    assert check_plan(snapshot, policy, plan) == []
    return plan


def carried_out(snapshot: Cluster, plan: Plan) -> Cluster:
    where = {move.vmid: move.target for move in plan.moves}
    return replace(snapshot, guests=tuple(replace(one, node=where.get(one.vmid, one.node)) for one in snapshot.guests))


@pytest.mark.parametrize("goal", get_args(Goal))
def test_apart_guests_are_parted_though_the_spread_is_fine(goal: Goal) -> None:
    plan = balance(level(APART), goal=goal)
    after = {one.vmid: one.node for one in carried_out(level(APART), plan).guests}
    assert after[1] != after[2]
    assert any("; repairs HA rule pair, which keeps it apart from another guest on pve1" in move.reason for move in plan.moves)
    assert balance(carried_out(level(APART), plan)).moves == ()


def test_the_cheaper_guest_moves() -> None:
    assert [move.vmid for move in balance(level(APART)).moves] == [1]


def test_a_strict_rule_brings_guests_home() -> None:
    only = Rule("licence", "nodes", (3,), (("pve3", 0),))
    plan = balance(level(only))
    assert [(move.vmid, move.target) for move in plan.moves] == [(3, "pve3")]
    assert "; repairs HA rule licence, which keeps it away from pve2" in plan.moves[0].reason
    avoid = Rule("noisy", "nodes", (3,), (("pve2", 0),), avoid=True)
    assert balance(level(avoid)).moves[0].vmid == 3
    assert balance(level(replace(only, strict=False))).moves == ()
    assert balance(level(replace(only, nodes=(("pve2", 0), ("pve3", 5))))).moves == ()


def test_no_repair_without_a_legal_move() -> None:
    for rule in (replace(APART, guests=(1, 2, 3, 4)), Rule("gone", "nodes", (1,), (("pve9", 0),))):
        plan = balance(level(rule))
        assert plan.moves == ()
        assert "within the 5.0 points" in plan.summary


def test_no_repair_that_unlevels() -> None:
    heavy = cluster(node("pve1"), node("pve2"), guest(1, "pve1", 20), guest(2, "pve1", 20), guest(3, "pve2", 40), rules=(APART,))
    assert balance(heavy).moves == ()


def test_repair_and_levelling_in_one_plan() -> None:
    rule = Rule("pair", "apart", (100, 101))
    plan = balance(lopsided(rules=(rule,)))
    after = {one.vmid: one.node for one in carried_out(lopsided(rules=(rule,)), plan).guests}
    assert after[100] != after[101]
    assert len(plan.moves) == 4
    assert plan.spread_after <= 0.08 + 1e-9


def test_repairs_come_before_levelling_in_any_budget() -> None:
    scene = lopsided(rules=(Rule("pair", "apart", (100, 101)),))
    for goal in get_args(Goal):
        plan = balance(scene, Policy(max_moves=1), goal)
        assert ["repairs" in move.reason for move in plan.moves] == [True]
        assert plan.summary.startswith("Repairs HA rule pair: 1 move")


def test_a_rule_that_the_budget_leaves_broken_is_a_warning() -> None:
    plan = balance(level(APART), Policy(max_bytes=GIB // 2))
    assert plan.moves == ()
    assert [text for text in plan.warnings if text.startswith("HA rule pair is broken and stays so: 1 (vm1) and 2 (vm2) are on pve1.")]


def test_a_repair_in_part_is_called_so() -> None:
    rule = Rule("licence", "nodes", (1, 2), (("pve3", 0),))
    plan = balance(level(rule, third=4), Policy(spread=0.6))
    assert plan.summary.startswith("Repairs HA rule licence only in part: ")
    assert [text for text in plan.warnings if text.startswith("HA rule licence is broken and stays so: ")]


def crowd(count: int, *rules: Rule) -> Cluster:
    """Four nodes, and guests apart that are all on the first."""
    apart = Rule("web", "apart", tuple(range(1, count + 1)))
    nodes = (node(f"pve{number}") for number in range(1, 5))
    return cluster(*nodes, *(guest(vmid, "pve1", 1) for vmid in apart.guests), rules=(apart, *rules))


def test_the_first_sentence_tells_repairs_in_full_in_part_and_none() -> None:
    gone, licence = Rule("gone", "nodes", (4,), (("pve9", 0),)), Rule("licence", "nodes", (1,), (("pve3", 0),))
    for budget, rules, words in (
        (9, (), "Repairs HA rule web: 3 moves ("),
        (2, (), "Repairs HA rule web only in part: 2 moves ("),
        (2, (gone,), "Repairs HA rule web only in part, and leaves HA rule gone broken: 2 moves ("),
        (9, (gone,), "Repairs HA rule web, and leaves HA rule gone broken: 3 moves ("),
        (2, (licence,), "Repairs HA rule licence, but HA rule web only in part: 2 moves ("),
        (1, (licence, gone), "Repairs HA rule licence, but HA rule web only in part, and leaves HA rule gone broken: 1 move ("),
    ):  # fmt: skip
        scene, policy = crowd(4, *rules), Policy(max_moves=budget)
        plan = balance(scene, policy)
        assert plan.summary.startswith(words)
        assert code_of(plan.summary) is not None, plan.summary
        told = noted(scene, policy, plan).warnings
        standing = repair.extents(Board(Problem(FixedLimits(carried_out(scene, plan), policy))))
        assert {" ".join(text.split()[:3]) for text in told if "broken" in text or "cannot be met" in text} == set(standing)


def test_a_part_of_a_crowd_is_parted_though_nothing_needs_levelling() -> None:
    """Five guests apart on four nodes: fewer are together afterwards, although the rule stays broken."""
    plan = balance(crowd(5), Policy(idle_under=0.5))
    assert plan.summary.startswith("Repairs HA rule web only in part: 3 moves (")


def test_of_two_rules_about_nodes_only_the_broken_one_is_called_so() -> None:
    rules = (Rule("here", "nodes", (3,), (("pve2", 0),)), Rule("there", "nodes", (3,), (("pve9", 0),)))
    told = balance(level(*rules)).warnings
    assert [text.split(" is broken")[0] for text in told] == ["HA rule there"]


def between(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[Rule, ...]:
    """Groups kept apart from each other, as pairs."""
    return tuple(Rule("x", "apart", (a, b), source="pool") for a in one for b in other)


def repairs(snapshot: Cluster) -> dict[int, int]:
    """What the repairs of a large cluster, which is not looked at whole, move."""
    problem = Problem(FixedLimits(snapshot, Policy()))
    return {problem.units[unit].guests[0].vmid: place for unit, place in repair.moves(problem, Budget()).items()}


def test_one_guest_goes_that_is_to_be_apart_from_many() -> None:
    """Each of the many costs less to move, but all of them together do not."""
    guests = [guest(1, "pve1", 6), *(guest(vmid, "pve1", 4) for vmid in (2, 3, 4))]
    snapshot = cluster(node("pve1"), node("pve2"), node("pve3"), *guests, rules=between((1,), (2, 3, 4)))
    assert repairs(snapshot).keys() == {1}
    dear = [guest(1, "pve1", 90), *(guest(vmid, "pve1", 1) for vmid in (2, 3))]
    assert repairs(cluster(node("pve1"), node("pve2"), *dear, rules=between((1,), (2, 3)))).keys() == {2, 3}


def test_the_smaller_of_two_groups_that_share_a_node_leaves() -> None:
    guests = [guest(vmid, "pve1", 4) for vmid in (1, 2, 3, 4, 5)]
    snapshot = cluster(node("pve1"), node("pve2"), *guests, rules=between((1, 2), (3, 4, 5)))
    assert repairs(snapshot) == {1: 1, 2: 1}


def pin(vmid: int, *names: str) -> Rule:
    return Rule(f"pin{vmid}", "nodes", (vmid,), tuple((name, 0) for name in names), source="tag")


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ((replace(APART, source="tag"), pin(1, "pve1"), pin(2, "pve1")),
         "Tag pair cannot be met: other rules leave 1 (vm1) and 2 (vm2) only pve1; together are 1 (vm1), 2 (vm2) on pve1."),
        ((replace(APART, source="tag"), Rule("bond", "together", (1, 2), source="pool")),
         "Tag pair cannot be met: pool bond keeps 1 (vm1) and 2 (vm2) together; together are 1 (vm1), 2 (vm2) on pve1."),
        ((Rule("bond", "together", (1, 3), source="tag"), pin(1, "pve1"), pin(3, "pve2")),
         "Tag bond cannot be met: other rules bind 1 (vm1) to pve1 and 3 (vm3) to pve2; its guests are on pve1, pve2."),
    ],
)  # fmt: skip
def test_a_rule_against_which_other_rules_stand_is_said_to_be_impossible(rules: tuple[Rule, ...], words: str) -> None:
    """That no way was found within the limits and the budget would let somebody look for more room."""
    snapshot = level(*rules)
    plan = noted(snapshot, Policy(), balance(snapshot))
    assert words in plan.warnings
    assert not [text for text in plan.warnings if "No way was found" in text]


def test_a_rule_that_more_budget_would_keep_is_not_called_impossible() -> None:
    snapshot = level(replace(APART, source="tag"), pin(1, "pve1", "pve2"), pin(2, "pve1", "pve2"))
    policy = Policy(max_bytes=1)
    assert not [text for text in noted(snapshot, policy, balance(snapshot, policy)).warnings if "cannot be met" in text]
