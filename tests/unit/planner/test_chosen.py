"""What a person chose of a plan: nodes that get nothing, exactly these moves, and where single guests of a drain go."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prs.engine.planning import PlanRequest, what_if
from prs.errors import PlanError
from prs.model import Cluster, Policy, Rule
from prs.planner.chosen import known
from prs.planner.verify.walk import check_plan
from unit.planner_scenes import cluster, guest, node


def uneven(**more: object) -> Cluster:
    """One full node, two empty ones."""
    guests = [guest(1, "a", 30), guest(2, "a", 20), guest(3, "a", 10), guest(4, "b", 5)]
    return replace(cluster(*(node(name) for name in "abc"), *guests), **more)  # type: ignore[arg-type]


def targets(plan_of: Policy, drain: str = "", snapshot: Cluster | None = None) -> dict[int, str]:
    """Where each guest goes; the plan has to hold in the eyes of the walk."""
    seen = snapshot or uneven()
    plan = what_if(seen, plan_of, 0.0, PlanRequest(drain))
    assert check_plan(seen, plan_of, plan) == []
    return {move.vmid: move.target for move in plan.moves}


@pytest.mark.parametrize("drain", ["", "a"])
def test_a_node_that_is_left_out_gets_nothing_and_the_others_do(drain: str) -> None:
    assert set(targets(Policy(), drain).values()) == {"b", "c"}
    assert set(targets(Policy(avoid=("c",)), drain).values()) == {"b"}


@pytest.mark.parametrize(("drain", "best"), [("", 0.325), ("a", 0.65)])
def test_what_is_best_reachable_does_not_count_on_a_node_that_is_left_out(drain: str, best: float) -> None:
    """Node c stays empty, so that the others share 65 GiB of 200, or b alone takes all of them."""
    plan = what_if(uneven(), Policy(avoid=("c",)), 0.0, PlanRequest(drain))
    assert plan.spread_reachable == pytest.approx(best)
    assert plan.spread_after >= best - 1e-9


def test_the_room_of_a_node_that_is_left_out_is_not_counted() -> None:
    snapshot = replace(uneven(), nodes=(node("a"), node("b", memory=40), node("c")))
    plan = what_if(snapshot, Policy(avoid=("c",)), 0.0, PlanRequest("a"))
    assert "all that have to leave need 60.0 GiB of memory, and 35.0 GiB are free on the other nodes together" in plan.summary


def test_who_leaves_out_every_target_reads_why_nothing_can_leave() -> None:
    plan = what_if(uneven(), Policy(avoid=("b", "c")), 0.0, PlanRequest("a"))
    assert (plan.feasible, plan.moves) == (False, ())
    assert "b is left out as a target of this plan" in plan.blockers[0].reason


def test_exactly_the_chosen_moves_are_planned() -> None:
    assert targets(Policy(targets=((3, "c"), (4, "c")))) == {3: "c", 4: "c"}


def test_in_a_drain_the_chosen_guest_goes_where_it_is_to_go_and_the_others_as_planned() -> None:
    free = targets(Policy(), "a")
    for target in "bc":
        found = targets(Policy(targets=((1, target),)), "a")
        assert found[1] == target
        assert set(found) == set(free)


def test_all_that_cannot_be_is_said_at_once() -> None:
    snapshot = uneven(guests=(*uneven().guests, guest(5, "c", 90), guest(6, "a", 1, lock="backup")))
    with pytest.raises(PlanError) as found:
        targets(Policy(targets=((1, "c"), (4, "b"), (6, "b"))), "", snapshot)
    words = str(found.value)
    assert "1 cannot go to c: needs 30.0 GiB of memory, c has" in words.replace("(vm1) ", "")
    assert "is on b already" in words
    assert "is locked (backup)" in words


def test_guests_that_must_share_a_node_go_together_to_where_the_first_is_to_go() -> None:
    pair = Rule("pair", "together", (2, 3))
    found = targets(Policy(targets=((3, "c"), (2, "b"))), "", uneven(rules=(pair,)))
    assert found == {2: "c", 3: "c"}


def test_a_node_or_guest_that_there_is_not_is_named() -> None:
    with pytest.raises(PlanError, match=r"there is no node d.*there is no node e; there is no guest 99"):
        known(uneven(), Policy(avoid=("d",), targets=((99, "e"), (1, "b"))))
