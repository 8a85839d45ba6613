"""The named terms of the objective that every plan reports."""

from __future__ import annotations

from prs.model import Plan, Policy, Rule
from prs.planner.plan import plan_balance, plan_drain
from unit.planner_scenes import GIB, cluster, guest, lopsided, node


def terms(plan: Plan) -> dict[str, tuple[float, float]]:
    return {term.name: (term.before, term.after) for term in plan.terms}


def test_largest_free_memory() -> None:
    found = terms(plan_balance(lopsided(), Policy(), 0.0))["largest free memory"]
    assert found[0] == 92 * GIB
    assert 68 * GIB <= found[1] <= 76 * GIB


def test_guests_off_the_nodes_that_rules_prefer() -> None:
    soft = Rule("soft", "nodes", (100, 200), (("pve2", 1), ("pve1", 0)), strict=False)
    plan = plan_drain(lopsided(rules=(soft,)), Policy(), "pve1", 0.0)
    assert terms(plan)["guests off the nodes that rules prefer"] == (1, 0)
    assert next(move.target for move in plan.moves if move.vmid == 100) == "pve2"


def test_a_guest_on_a_node_that_its_rule_ranks_first_is_not_off_it_because_that_is_drained() -> None:
    pin = Rule("pin", "nodes", (100, 200), (("pve2", 0), ("pve1", 0)))
    plan = plan_drain(lopsided(rules=(pin,)), Policy(), "pve1", 0.0)
    assert terms(plan)["guests off the nodes that rules prefer"] == (0, 0)


def test_avoided_nodes_count_and_are_not_chosen() -> None:
    shy = Rule("shy", "nodes", tuple(range(100, 108)), (("pve3", 0),), strict=False, avoid=True)
    plan = plan_balance(lopsided(rules=(shy,)), Policy(), 0.0)
    assert plan.moves
    assert terms(plan)["guests off the nodes that rules prefer"] == (0, 0)


def test_a_refused_drain_reports_its_terms_too() -> None:
    stuck = cluster(node("pve1"), node("pve2", 2), guest(1, "pve1", 4))
    assert terms(plan_drain(stuck, Policy(), "pve1", 0.0))["largest free memory"] == (2 * GIB, 2 * GIB)
