"""Groups of guests apart from groups: members of one may share a node, members of two never do, at no step."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from prs.model import Cluster, Guest, Plan, Policy, Pool
from prs.planner.plan import plan_balance, plan_drain
from prs.planner.problem.tags_and_pools import read_tags_and_pools
from prs.planner.verify.walk import check_plan
from unit.planner_scenes import cluster, guest, node

POOLS = Policy(pools=(Pool("one", apart_from=("two", "three")), Pool("two", apart_from=("three",))))


def by_tag(number: int) -> dict[str, object]:
    return {"tags": (f"plb_apart_stack_{('one', 'Two', 'three')[number]}",)}


def by_pool(number: int) -> dict[str, object]:
    return {"pool": ("one", "two", "three")[number]}


def shares(placed: Mapping[int, str]) -> bool:
    """Whether two guests of different groups (the hundreds of their vmids) are on one node."""
    return any(one // 100 != other // 100 and placed[one] == placed[other] for one in placed for other in placed)


def walked(snapshot: Cluster, plan: Plan) -> list[dict[int, str]]:
    """Where every guest is at the start and after each move."""
    places = [{one.vmid: one.node for one in snapshot.guests}]
    for move in plan.moves:
        places.append({**places[-1], move.vmid: move.target})
    return places


@pytest.mark.parametrize(("marks", "policy"), [(by_tag, Policy()), (by_pool, POOLS)], ids=["tags", "pools"])
def test_a_drain_never_mixes_groups(marks: object, policy: Policy) -> None:
    assert callable(marks)
    guests = [guest(100 * (number + 1) + place, f"n{number}", 10, **marks(number)) for number in range(3) for place in range(3)]
    snapshot = cluster(*(node(f"n{number}") for number in range(4)), *guests)
    plan = plan_drain(snapshot, policy, "n1", 0.0)
    assert plan.feasible, plan.blockers
    assert {move.target for move in plan.moves} == {"n3"}
    assert not any(shares(places) for places in walked(snapshot, plan))
    assert check_plan(snapshot, policy, plan) == []
    assert not plan_drain(cluster(*(node(f"n{number}") for number in range(3)), *guests), policy, "n1", 0.0).feasible


@pytest.mark.parametrize(("marks", "policy"), [(by_tag, Policy()), (by_pool, POOLS)], ids=["tags", "pools"])
def test_members_of_one_group_may_share_and_mixed_ones_are_parted(marks: object, policy: Policy) -> None:
    assert callable(marks)
    guests = [guest(101, "a", 10, **marks(0)), guest(102, "a", 10, **marks(0)), guest(201, "a", 10, **marks(1))]
    snapshot = cluster(node("a"), node("b"), *guests)
    plan = plan_balance(snapshot, policy, 0.0)
    assert not shares(walked(snapshot, plan)[-1])
    assert plan.moves


def test_the_second_reading_finds_what_a_wrong_plan_mixes() -> None:
    for marks, policy in ((by_tag, Policy()), (by_pool, POOLS)):
        snapshot = cluster(node("a"), node("b"), guest(101, "a", 10, **marks(0)), guest(201, "b", 10, **marks(1)))
        good = plan_drain(cluster(node("a"), node("b"), guest(101, "a", 10)), Policy(), "a", 0.0)
        assert any("apart" in broken or "201" in broken for broken in check_plan(snapshot, policy, good)), policy


def test_odd_tags_and_unknown_pools_are_named() -> None:
    snapshot = Cluster(guests=(Guest(1, "x", "qemu", "a", tags=("plb_apart_web",)),))
    found = read_tags_and_pools(snapshot, Policy(pools=(Pool("p", apart_from=("q",)),)))
    assert found.rules == []
    words = "\n".join(found.warnings)
    assert "Tag plb_apart_web keeps nobody apart: write plb_apart_SET_GROUP, with one SET and a GROUP for each group of guests." in words
    assert "Pool p of the configuration is apart from q, a pool that does not exist, or whose guests cannot be seen." in words


def test_who_is_in_both_groups_is_no_rule_against_itself() -> None:
    both = Guest(1, "x", "qemu", "a", tags=("plb_apart_s_one", "plb_apart_s_two"))
    other = Guest(2, "y", "qemu", "b", tags=("plb_apart_s_two",))
    assert [rule.guests for rule in read_tags_and_pools(Cluster(guests=(both, other)), Policy()).rules] == [(1, 2)]
