"""Rules of tags and pools that a drain may break while the node is away: as few as it needs, none that was not agreed to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prs.engine.planning import PlanRequest, what_if
from prs.model import Cluster, Guest, Plan, Policy, Pool, Rule
from prs.planner.verify.walk import check_plan
from unit.planner_scenes import cluster, guest, node

REPLICAS = "tag plb_anti_affinity_db"


def replicas(**more: object) -> Cluster:
    """Three replicas kept apart on three nodes: no drain can keep their rule."""
    databases = [guest(1 + at, name, 10, tags=("plb_anti_affinity_db",)) for at, name in enumerate("abc")]
    rest = (guest(9, "a", 5, tags=("plb_anti_affinity_web",)), guest(8, "b", 5, tags=("plb_anti_affinity_web",)))
    return replace(cluster(*(node(name) for name in "abc"), *databases, *rest), **more)  # type: ignore[arg-type]


def drain(snapshot: Cluster, *relax: str, **more: object) -> Plan:
    return what_if(snapshot, Policy(relax=relax, **more), 0.0, PlanRequest("a"))  # type: ignore[arg-type]


def test_a_refused_drain_names_the_rule_that_is_in_its_way() -> None:
    plan = drain(replicas())
    assert not plan.feasible
    assert (plan.moves, plan.relaxed, plan.relaxable) == ((), (), (REPLICAS,))
    assert "proven impossible with all rules kept: there is no place for" in plan.summary


@pytest.mark.parametrize("relax", ["*", REPLICAS])
def test_only_the_rule_that_must_is_relaxed_and_the_plan_says_so(relax: str) -> None:
    plan = drain(replicas(), relax)
    assert plan.feasible
    assert plan.relaxed == (REPLICAS,)
    assert "Tag plb_anti_affinity_db does not bind while a is away; bringing its guests back mends it." in plan.warnings
    assert {move.vmid: move.target for move in plan.moves}[9] == "c"  # the other rule is kept
    assert check_plan(replicas(), Policy(relaxed=plan.relaxed), plan) == []
    assert check_plan(replicas(), Policy(), plan) != []


def test_nothing_is_relaxed_where_the_drain_can_be_done() -> None:
    roomy = replicas()
    roomy = replace(roomy, nodes=(*roomy.nodes, node("d")))
    plan = drain(roomy, "*")
    assert (plan.feasible, plan.relaxed) == (True, ())
    assert {move.vmid: move.target for move in plan.moves}[1] == "d"


def test_an_ha_rule_is_never_relaxed() -> None:
    bound = replicas(rules=(Rule("quorum", "apart", (1, 2, 3)),))
    plan = drain(bound, "*", "HA rule quorum", "tag plb_no_such")
    assert (plan.feasible, plan.relaxed, plan.relaxable) == (False, (), ())
    words = "\n".join(plan.warnings)
    assert "named 'HA rule quorum' to relax; HA rules are never relaxed." in words
    assert "named 'tag plb_no_such' to relax; the rules are: tag plb_anti_affinity_db, tag plb_anti_affinity_web." in words


def test_a_rule_that_was_not_agreed_to_holds() -> None:
    plan = drain(replicas(), "tag plb_anti_affinity_web")
    assert (plan.feasible, plan.relaxed, plan.relaxable) == (False, (), (REPLICAS,))


def test_a_pool_bound_to_the_node_and_a_pin_may_be_relaxed() -> None:
    snapshot = cluster(node("a"), node("b"), guest(1, "a", 10, pool="here"), guest(2, "a", 10, tags=("plb_pin_a",)))
    pools = (Pool("here", nodes=("a",)),)
    assert drain(snapshot, pools=pools).relaxable == ("pool here", "tag plb_pin_a")
    plan = drain(snapshot, "*", pools=pools)
    assert plan.feasible
    assert sorted(plan.relaxed) == ["pool here", "tag plb_pin_a"]
    assert check_plan(snapshot, Policy(pools=pools, relaxed=plan.relaxed), plan) == []


def test_want_of_room_is_no_matter_of_rules() -> None:
    tags = ("plb_anti_affinity_db",)
    full = cluster(node("a"), node("b"), guest(1, "a", 60, tags=tags), guest(2, "b", 60, tags=tags))
    plan = drain(full, "*")
    assert (plan.feasible, plan.relaxed, plan.relaxable) == (False, (), ())


SPLIT = "tag plb_affinity_k"


def split(*more: Guest) -> Cluster:
    """Two guests that are to be together are not: what is drained has to go where the other one is, which first has to make room."""
    pair = (guest(100, "n1", 12.8, tags=("plb_affinity_k",)), guest(101, "n3", 12.8, tags=("plb_affinity_k", "plb_pin_n1", "plb_pin_n3")))
    return cluster(*(node(name, 16) for name in ("n1", "n2", "n3")), *pair, *more)


def test_a_bond_that_is_broken_already_keeps_no_node_from_being_emptied() -> None:
    plan = what_if(split(), Policy(), 0.0, PlanRequest("n3"))
    assert [(move.vmid, move.target) for move in plan.moves] == [(100, "n2"), (101, "n1")]
    assert plan.relaxed == (SPLIT,)
    assert "Tag plb_affinity_k is broken now and does not bind while n3 is away." in plan.warnings
    assert check_plan(split(), Policy(), plan) == []


def test_guests_that_are_to_be_together_are_not_scattered_further() -> None:
    third = guest(102, "n3", 3, tags=("plb_affinity_k",))
    plan = what_if(split(third), Policy(), 0.0, PlanRequest("n3"))
    assert (plan.feasible, plan.relaxable) == (False, (SPLIT,))


def test_a_stopped_guest_elsewhere_does_not_part_those_that_run_together() -> None:
    """They are together now, in the sense of the rule; 103 has no room on either node beside the other one."""
    tag = ("plb_affinity_k",)
    pair = (guest(100, "n3", 60, tags=tag), guest(101, "n3", 12, tags=tag), guest(102, "n1", 0, tags=tag, status="stopped"))
    crowd = cluster(*(node(name) for name in ("n1", "n2", "n3")), *pair, guest(103, "n1", 75), guest(104, "n2", 35))
    plan = what_if(crowd, Policy(), 0.0, PlanRequest("n3", stopped=False))
    assert (plan.feasible, plan.relaxable) == (False, (SPLIT,))
