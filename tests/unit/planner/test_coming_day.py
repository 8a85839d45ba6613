"""Plans for the coming day, held against the plain figures: they fit in every half hour, expect what they say, and are worth it."""

from __future__ import annotations

from dataclasses import replace
from math import cos, pi
from random import Random

import pytest

from prs.model import Cluster, Forecast, Guest, Node, Plan, Policy, Rule
from prs.planner.plan import check_plan, plan_balance, plan_day

GIB = 2**30
HALVES = 48


def series(memory: float, cpu: float, swing: float = 0.0, peak: int = 0) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """A day curve of memory; cpu is flat."""
    return tuple(memory * (1 + swing * cos(2 * pi * (half - peak) / HALVES)) for half in range(HALVES)), (cpu,) * HALVES


def scene(seed: int) -> tuple[Cluster, Forecast]:
    """Two to five unlike nodes and some guests whose loads swing, the present being the first half hour."""
    chance = Random(seed)
    nodes = tuple(Node(f"n{number}", memory=chance.choice((32, 48, 64)) * GIB, cpu=32.0, memory_host=GIB, id=number)
                  for number in range(1, chance.randint(3, 6)))
    guests, expected = list[Guest](), dict[int, tuple[tuple[float, ...], tuple[float, ...]]]()
    for vmid in range(100, 100 + chance.randint(4, 14)):
        curve = series(chance.uniform(1, 8) * GIB, chance.uniform(0, 1), chance.uniform(0, 0.6), chance.randrange(HALVES))
        expected[vmid] = curve
        node = chance.choice(nodes[: max(1, len(nodes) - 1)]).name
        guests.append(Guest(vmid, f"g{vmid}", "qemu", node, memory=round(curve[0][0]), cpu=curve[1][0], inspected=True))
    rules = (Rule("pair", "apart", (100, 101)),) if chance.random() < 0.5 else ()
    return Cluster(nodes=nodes, guests=tuple(guests), rules=rules), Forecast(14.0, expected)


def by_hour(cluster: Cluster, forecast: Forecast, plan: Plan | None = None) -> dict[str, list[float]]:
    """The memory expected on each node in each half hour, by the plain figures."""
    where = {guest.vmid: guest.node for guest in cluster.guests}
    where.update((move.vmid, move.target) for move in (plan.moves if plan else ()))
    load = {node.name: [float(node.memory_host)] * HALVES for node in cluster.nodes}
    for vmid, (memory, _) in forecast.guests.items():
        load[where[vmid]] = [was + more for was, more in zip(load[where[vmid]], memory, strict=True)]
    return load


def widest(cluster: Cluster, load: dict[str, list[float]]) -> float:
    size = {node.name: node.memory for node in cluster.nodes}
    return max(max(load[name][half] / size[name] for name in load) - min(load[name][half] / size[name] for name in load)
               for half in range(HALVES))


@pytest.mark.parametrize("seed", range(60))
def test_every_plan_fits_in_every_half_hour_and_expects_what_it_says(seed: int) -> None:
    cluster, forecast = scene(seed)
    plan = plan_day(cluster, Policy(), 0.0, forecast)
    assert check_plan(cluster, Policy(), plan) == []
    if plan.outlook is None:
        assert plan.summary.startswith("Repairs ")
        return
    before, after = by_hour(cluster, forecast), by_hour(cluster, forecast, plan)
    for node in cluster.nodes:
        if any(move.target == node.name for move in plan.moves):
            assert max(after[node.name]) <= node.memory * (1 + 1e-9)
    assert plan.outlook.widest_before == pytest.approx(widest(cluster, before), abs=1e-6)
    assert plan.outlook.widest_after == pytest.approx(widest(cluster, after), abs=1e-6)
    assert plan.cost_bound is None
    gain = sum(term.weight * (term.before - term.after) for term in plan.terms if term.name != "moving")
    assert not plan.moves or gain > plan.terms[-1].after > 0
    assert plan_day(cluster, Policy(), 0.0, forecast) == plan


def two_nodes(*guests: tuple[str, float, float, int]) -> tuple[Cluster, Forecast]:
    """Nodes a and b of 64 GiB, and guests as (node, mean GiB, swing, peak)."""
    curves = {100 + number: series(mean * GIB, 0.1, swing, peak) for number, (_, mean, swing, peak) in enumerate(guests)}
    nodes = tuple(Node(name, memory=64 * GIB, cpu=32.0) for name in "ab")
    rows = tuple(Guest(100 + number, "", "qemu", guest[0], memory=round(curves[100 + number][0][0]), cpu=0.1, inspected=True)
                 for number, guest in enumerate(guests))
    return Cluster(nodes=nodes, guests=rows), Forecast(14.0, curves)


def test_guests_that_are_busy_at_the_same_hours_are_put_apart_though_all_is_level_now() -> None:
    """At the moment nothing is to do, but at hour 12 one node would be at 75 % and the other at 38 %."""
    noon, midnight, flat = (12, 0.5, 24), (12, 0.5, 0), (4, 0, 0)
    cluster, forecast = two_nodes(("a", *noon), ("a", *noon), ("a", *flat), ("b", *midnight), ("b", *midnight), ("b", *flat))
    plan = plan_day(cluster, Policy(), 0.0, forecast)
    assert {move.target for move in plan.moves} == {"a", "b"}
    assert len(plan.moves) == 2
    assert plan.outlook
    assert plan.outlook.widest_after < 0.01 < 0.3 < plan.outlook.widest_before
    assert "the widest memory spread of the next 24 h goes from 37.5 to 0.0 points; without it: 37.5" in plan.summary


def test_a_spread_that_passes_by_itself_is_left_alone() -> None:
    """A nightly peak of half an hour is not worth a move of a large guest to and fro; the plan of the moment would move."""
    cluster, forecast = two_nodes(("a", 20, 0, 0), ("a", 2, 0, 0), ("b", 18.5, 0, 0), ("b", 2, 0, 0))
    cluster = replace(cluster, guests=(replace(cluster.guests[0], memory=22 * GIB), *cluster.guests[1:]))
    assert plan_balance(cluster, Policy(), 0.0).moves
    plan = plan_day(cluster, Policy(), 0.0, forecast)
    assert plan.moves == ()
    assert plan.summary.startswith("Nothing to do: the widest memory spread of the next 24 h is expected to be 5.5 points")


@pytest.mark.parametrize(("used", "moves"), [(4.4, False), (6.2, False), (6.8, True)])
def test_an_idle_cluster_is_left_alone_however_uneven(used: float, moves: bool) -> None:
    """7 % of memory against 2 % hurts nobody; the same spread higher up is levelled."""
    cluster, forecast = two_nodes(*[("a", used / 4, 0, 0)] * 4)
    plan = plan_day(cluster, Policy(), 0.0, forecast)
    assert bool(plan.moves) is moves
    if not moves:
        said = f"the fullest node is expected to use {used / 0.64:.1f}% of its memory at most, and under 10% nobody gains from levelling."
        assert plan.summary == f"Nothing to do: {said}"


def test_a_node_that_is_nearly_full_now_is_relieved() -> None:
    cluster, forecast = two_nodes(("a", 40, 0, 0), ("a", 10, 0, 0), ("a", 8, 0, 0), ("b", 36, 0, 0))
    plan = plan_day(cluster, Policy(spread=0.3), 0.0, forecast)
    assert plan.moves
    assert plan.outlook
    assert (plan.outlook.hot_before, plan.outlook.hot_after) == (24.0, 0.0)
    assert "hours with a node above 85% of memory: 0.0, without it 24.0" in plan.summary


def test_broken_rules_are_repaired_first() -> None:
    cluster, forecast = two_nodes(("a", 4, 0, 0), ("a", 4, 0, 0), ("b", 8, 0, 0))
    cluster = replace(cluster, rules=(Rule("pair", "apart", (100, 101)),))
    plan = plan_day(cluster, Policy(), 0.0, forecast)
    assert plan.summary.startswith("Repairs HA rule pair")
    assert plan.outlook is None
