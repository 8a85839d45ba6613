"""Assigned or reserved memory instead of used: levelled, limited by the over-commit, and what is in use fits all the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prs.model import Cluster, Guest, Policy
from prs.planner.place import place_better
from prs.planner.plan import check_plan, plan_balance, plan_drain
from unit.planner_scenes import GIB, cluster, guest, node

QUICK = settings(max_examples=40, deadline=None, derandomize=True)
FREE = Policy(memory_reserve=0)


def vm(vmid: int, where: str, used: float, assigned: float, reserved: float = 0) -> Guest:
    return replace(guest(vmid, where, used), memory_max=round(assigned * GIB), reserved=round(reserved * GIB))


def idle() -> Cluster:
    """All that is assigned is on pve1, 80 of 100 GiB; what is in use is nothing to speak of anywhere."""
    return cluster(node("pve1"), node("pve2"), *(vm(100 + number, "pve1", 1, 20, 10) for number in range(4)))


def test_what_is_assigned_is_levelled_and_said_so() -> None:
    assert plan_balance(idle(), FREE, 0.0).moves == ()
    plan = plan_balance(idle(), replace(FREE, memory="assigned"), 0.0)
    assert (plan.memory, len(plan.moves), plan.bytes) == ("assigned", 2, 2 * GIB), "what travels is what is in use"
    assert [plan.spread_before, plan.spread_after] == pytest.approx([0.8, 0.0])
    assert "the assigned memory spread goes from 80.0 to 0.0 points" in plan.summary
    assert "takes pve1 from 80.0% to 60.0% assigned memory" in plan.moves[0].reason
    assert [load.memory for load in plan.before] == [pytest.approx(0.8), 0.0]


def test_reserved_memory_is_what_balloons_leave() -> None:
    plan = plan_balance(idle(), replace(FREE, memory="reserved"), 0.0)
    assert [plan.spread_before, plan.spread_after] == pytest.approx([0.4, 0.0])
    plain = replace(idle(), guests=tuple(replace(one, reserved=0) for one in idle().guests))
    assert plan_balance(plain, replace(FREE, memory="reserved"), 0.0).spread_before == pytest.approx(0.8), "no balloon: all of it"


def test_a_drain_keeps_to_the_over_commit() -> None:
    full = cluster(node("pve1"), node("pve2"), vm(100, "pve1", 10, 60), vm(200, "pve2", 10, 60))
    plan = plan_drain(full, replace(FREE, memory="assigned"), "pve1", 0.0)
    assert not plan.feasible
    assert plan.moves == ()
    assert "needs 60.0 GiB of assigned memory; pve2 has 40.0 GiB free" in plan.blockers[0].reason.replace(", pve2", "; pve2")
    wide = replace(FREE, memory="assigned", overcommit=1.2)
    assert plan_drain(full, wide, "pve1", 0.0).feasible
    assert plan_drain(full, FREE, "pve1", 0.0).feasible


@pytest.mark.parametrize("policy", [replace(FREE, memory="assigned", overcommit=9.0), replace(FREE, memory="reserved", overcommit=9.0)])
def test_what_is_in_use_has_to_fit_all_the_same(policy: Policy) -> None:
    full = cluster(node("pve1"), node("pve2"), vm(100, "pve1", 60, 61, 1), vm(200, "pve2", 60, 61, 1))
    plan = plan_drain(full, policy, "pve1", 0.0)
    assert not plan.feasible
    assert "uses up to 60.0 GiB of memory, pve2 has 40.0 GiB free" in plan.blockers[0].reason
    growing = replace(full, guests=(replace(full.guests[0], memory=30 * GIB, grows=30 * GIB), full.guests[1]))
    assert all(move.vmid != 100 for move in plan_balance(growing, policy, 0.0, goal="level").moves), "nor may it grow beyond"


def test_a_node_over_its_limit_gets_none_and_gives_some() -> None:
    over = cluster(node("pve1"), node("pve2"), *(vm(100 + number, "pve1", 4, 30) for number in range(4)), vm(200, "pve2", 1, 10))
    plan = plan_balance(over, replace(FREE, memory="assigned"), 0.0)
    assert plan.before[0].memory == pytest.approx(1.2)
    assert {move.target for move in plan.moves} == {"pve2"}


def test_thresholds_and_places_count_the_same() -> None:
    assigned = replace(FREE, memory="assigned", only_over=(("memory", 0.9),))
    assert plan_balance(idle(), assigned, 0.0).summary == "Nothing to do: no node uses more than 90% of its assigned memory (only_over)."
    assert place_better(idle(), replace(FREE, memory="assigned"), 100, 0.0).guests[0].node == "pve2"


@st.composite
def clusters(draw: st.DrawFn) -> Cluster:
    """Two to four nodes and guests that use a part of what they may use; some nodes are over any limit at the start."""
    names = [f"pve{number}" for number in range(draw(st.integers(2, 4)))]
    nodes = [node(name, draw(st.sampled_from([32, 64])), 2) for name in names]
    guests = []
    for vmid in range(100, 100 + draw(st.integers(1, 14))):
        assigned = draw(st.sampled_from([1, 2, 4, 8, 16, 24]))
        used = assigned * draw(st.sampled_from([0.1, 0.5, 1.0, 1.1]))
        grows = draw(st.sampled_from([0, 0, 0, GIB]))
        one = vm(vmid, draw(st.sampled_from(names)), used, assigned, assigned * draw(st.sampled_from([0, 0.25, 0.5])))
        guests.append(replace(one, grows=grows))
    return cluster(*nodes, *guests)


def _over(snapshot: Cluster, policy: Policy, name: str) -> tuple[bool, bool]:
    """Whether the node holds more than may count, and more than it has in use; told from the plain snapshot."""
    here = [one for one in snapshot.guests if one.node == name]
    one = next(found for found in snapshot.nodes if found.name == name)
    whole = [max(guest.memory_max, guest.memory + guest.grows) for guest in here]
    least = [min(guest.reserved or size, size) for guest, size in zip(here, whole, strict=True)]
    counts = sum(whole if policy.memory == "assigned" else least) + one.memory_host
    return counts > one.memory * policy.overcommit + 1, sum(guest.memory for guest in here) + one.memory_host > one.memory


@QUICK
@given(clusters(), st.sampled_from(["assigned", "reserved"]), st.sampled_from([0.8, 1.0, 1.5, 3.0]), st.booleans())
def test_no_step_breaks_a_limit(snapshot: Cluster, memory: str, overcommit: float, drain: bool) -> None:
    policy = replace(FREE, memory=memory, overcommit=overcommit)  # type: ignore[arg-type]
    plan = plan_drain(snapshot, policy, "pve0", 0.0) if drain else plan_balance(snapshot, policy, 0.0)
    assert check_plan(snapshot, policy, plan) == []
    if not drain:
        assert plan.spread_after <= plan.spread_before + 1e-9
    for move in plan.moves:
        moved = (replace(one, node=move.target) if one.vmid == move.vmid else one for one in snapshot.guests)
        snapshot = replace(snapshot, guests=tuple(moved))
        assert _over(snapshot, policy, move.target) == (False, False)
    if not drain:
        assert plan_balance(snapshot, policy, 0.0).moves == (), "a second run has nothing left to do"
