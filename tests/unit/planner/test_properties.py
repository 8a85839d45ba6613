"""Whatever the cluster looks like: no step breaks a limit, no plan makes things worse, and the same question has the same answer."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prs.model import Cluster, Plan, Policy, Pool, Rule
from prs.planner import repair
from prs.planner.plan import check_plan, plan_balance, plan_drain
from prs.planner.problem.fixed_limits import FixedLimits
from prs.planner.problem.problem import Problem
from prs.planner.search import schedules
from prs.planner.search.budget import Budget
from unit.planner_scenes import GIB, cluster, guest, node

QUICK = settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def _short_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter searches: these tests are about what holds for every plan, not about how good it is."""
    whole = schedules.to_spread
    monkeypatch.setattr(schedules, "to_spread", lambda units: tuple([replace(one, steps=800) for one in runs] for runs in whole(units)))


TAGS = st.sampled_from([
    (), (), (), (), ("web",), ("plb_affinity_a",), ("plb_anti_affinity_b",), ("plb_anti_affinity_c",), ("plb_ignore_x",), ("plb_pin_gone",),
    ("plb_anti_affinity_b", "plb_pin_pve0", "plb_pin_pve1", "plb_pin_pve2"), ("plb_pin_PVE1", "plb_pin_gone"),
])  # fmt: skip
POOLS = st.sampled_from(["", "", "", "a", "b"])


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Some nodes in racks, wishes for two pools, tags that mean something or not."""
    racks = draw(st.lists(st.sampled_from(["", "r1", "r2", "r3"]), min_size=6, max_size=6))
    homes = {rack: tuple(f"pve{number}" for number, one in enumerate(racks) if one == rack) for rack in sorted(set(racks) - {""})}
    pools = (Pool("a", keep=draw(st.sampled_from(["", "together", "apart"])), nodes=draw(st.sampled_from([(), ("pve0", "pve2")])),
                  strict=draw(st.booleans())), Pool("b", keep=draw(st.sampled_from(["apart", "together"]))))  # fmt: skip
    return Policy(tags=draw(st.integers(0, 3)) > 0, pools=pools if draw(st.booleans()) else (), domains=tuple(homes.items()))


@st.composite
def clusters(draw: st.DrawFn) -> Cluster:
    """Three to six nodes, some excluded, up to 40 guests of many sizes, some with tags and in pools, and a few rules."""
    names = [f"pve{number}" for number in range(draw(st.integers(3, 6)))]
    nodes = [node(name, draw(st.sampled_from([32, 64, 128])), 2, disk=500 * GIB, online=draw(st.integers(0, 9)) > 0) for name in names]
    room = {one.name: one.memory - one.memory_host for one in nodes}
    guests = []
    for vmid in range(100, 100 + draw(st.integers(1, 40))):
        size = draw(st.sampled_from([0.5, 1, 2, 3, 6, 12, 25]))
        where = draw(st.sampled_from(names))
        if room[where] >= size * GIB:
            room[where] -= round(size * GIB)
            status = draw(st.sampled_from(["running"] * 6 + ["stopped", "paused"]))
            memory = 0 if status == "stopped" else size
            guests.append(guest(vmid, where, memory, status=status, disk=draw(st.sampled_from([0, 0, 10 * GIB])),
                                cpu=draw(st.sampled_from([0.0, 0.5, 2.0, 5.0])), tags=draw(TAGS), pool=draw(POOLS)))
    vmids = [one.vmid for one in guests]
    rules = []
    for number, kind in enumerate(draw(st.lists(st.sampled_from(["together", "apart", "nodes"]), max_size=4))):
        bound = tuple(draw(st.lists(st.sampled_from(vmids), min_size=1, max_size=4, unique=True))) if vmids else ()
        places = tuple((name, draw(st.integers(0, 1))) for name in draw(st.lists(st.sampled_from(names), min_size=1, unique=True)))
        rules.append(Rule(f"r{number}", kind, bound, places if kind == "nodes" else (), draw(st.booleans())))  # type: ignore[arg-type]
    return cluster(*nodes, *guests, rules=tuple(rules))


def carried_out(snapshot: Cluster, plan: Plan) -> Cluster:
    where = {move.vmid: move.target for move in plan.moves}
    return replace(snapshot, guests=tuple(replace(one, node=where.get(one.vmid, one.node)) for one in snapshot.guests))


@QUICK
@given(clusters(), policies())
def test_balance_breaks_nothing_and_never_makes_it_worse(snapshot: Cluster, policy: Policy) -> None:
    plan = plan_balance(snapshot, policy, 0.0)
    assert check_plan(snapshot, policy, plan) == []
    assert plan.spread_after <= plan.spread_before + 1e-9
    assert plan.spread_reachable is not None
    assert plan.spread_reachable <= plan.spread_after + 1e-9
    assert {move.vmid for move in plan.moves} | {stay.vmid for stay in plan.stays} == {one.vmid for one in snapshot.guests}


@QUICK
@given(clusters())
def test_a_second_run_finds_nothing_once_the_spread_is_reached(snapshot: Cluster) -> None:
    plan = plan_balance(snapshot, Policy(), 0.0)
    after = carried_out(snapshot, plan)
    # Repairs may set guests free that could go nowhere before, and then there may be more to repair.
    if plan.spread_after <= Policy().spread and not repair.moves(Problem(FixedLimits(after, Policy())), Budget()):
        assert plan_balance(after, Policy(), 0.0).moves == ()


@QUICK
@given(clusters(), st.randoms(use_true_random=False))
def test_the_same_cluster_in_any_order_gives_the_same_plan(snapshot: Cluster, chance: random.Random) -> None:
    guests, nodes, rules = list(snapshot.guests), list(snapshot.nodes), list(snapshot.rules)
    for parts in (guests, nodes, rules):
        chance.shuffle(parts)
    mixed = replace(snapshot, guests=tuple(guests), nodes=tuple(nodes), rules=tuple(rules))
    assert plan_balance(mixed, Policy(), 0.0) == plan_balance(snapshot, Policy(), 0.0)


@QUICK
@given(clusters(), policies())
def test_a_drain_is_done_or_refused_with_reasons(snapshot: Cluster, policy: Policy) -> None:
    plan = plan_drain(snapshot, policy, "pve0", 0.0)
    assert check_plan(snapshot, policy, plan) == []
    left = [one.vmid for one in carried_out(snapshot, plan).guests if one.node == "pve0"]
    assert bool(left) == bool(plan.blockers)
    assert not (plan.blockers and plan.moves)
    assert all(row.reason for row in plan.blockers)
    assert plan.blockers or plan.spread_reachable is None or plan.spread_reachable <= plan.spread_after + 1e-9


@QUICK
@given(clusters())
def test_moves_of_one_round_fit_in_any_order(snapshot: Cluster) -> None:
    plan = plan_balance(snapshot, Policy(), 0.0, "level")
    load = {one.name: float(one.memory_host) for one in snapshot.nodes}
    for one in snapshot.guests:
        load[one.node] += one.memory
    for number in sorted({move.round for move in plan.moves}):
        together = [move for move in plan.moves if move.round == number]
        for move in together:
            load[move.target] += move.memory
        full = {one.name: one.memory for one in snapshot.nodes}
        assert all(load[move.target] <= full[move.target] for move in together)
        for move in together:
            load[move.source] -= move.memory
        assert len(together) <= Policy().parallel_total
