"""Uneven clusters that are left alone: no node full enough, or all idle; broken rules are repaired all the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prs.config import values
from prs.model import Cluster, Guest, Node, Policy, Rule
from prs.planner.plan import plan_balance

GIB = 2**30


def scene(full: int) -> Cluster:
    """Node a with so many guests of 4 GiB, b empty; both of 64 GiB."""
    nodes = tuple(Node(name, memory=64 * GIB, cpu=16.0, id=number) for number, name in enumerate("ab", 1))
    guests = tuple(Guest(100 + one, "", "qemu", "a", memory=4 * GIB, cpu=0.1, inspected=True) for one in range(full))
    return Cluster(nodes=nodes, guests=guests)


def test_nothing_is_levelled_until_a_node_is_over_the_limit() -> None:
    policy = Policy(only_over=(("memory", 0.7),))
    plan = plan_balance(scene(11), policy, 0.0)
    assert plan.moves == ()
    assert plan.summary == "Nothing to do: no node uses more than 70% of its memory (only_over)."
    assert plan_balance(scene(12), policy, 0.0).moves
    assert plan_balance(scene(11), policy, 0.0, goal="level").moves, "who asks for the most level cluster gets it"


def test_a_limit_of_another_resource_is_none_of_this_one() -> None:
    assert plan_balance(scene(4), Policy(only_over=(("cpu", 0.9),)), 0.0).moves


def test_an_idle_cluster_is_left_alone() -> None:
    plan = plan_balance(scene(2), Policy(idle_under=0.2), 0.0)
    assert plan.summary == "Nothing to do: the fullest node uses 12.5% of its memory, and a cluster under 20% is left alone (idle_under)."
    assert plan_balance(scene(4), Policy(idle_under=0.2), 0.0).moves


def test_rules_are_repaired_in_a_cluster_that_is_left_alone() -> None:
    cluster = replace(scene(4), rules=(Rule("pair", "apart", (100, 101)),))
    plan = plan_balance(cluster, Policy(idle_under=0.9), 0.0)
    assert len(plan.moves) == 1
    assert plan.summary.startswith("Repairs HA rule pair")
    why = "the fullest node uses 25.0% of its memory, and a cluster under 90% is left alone (idle_under)."
    assert plan.summary.endswith(f"; {why}")
    assert {stay.reason for stay in plan.stays} == {why}, "and not that moving it would cost more than it brings"


def filled(*sizes: int) -> Cluster:
    """As `scene(2)`, with guests of these GiB on b, and a rule that keeps apart the two that are on a."""
    cluster = scene(2)
    guests = tuple(Guest(200 + number, "", "qemu", "b", memory=size * GIB, cpu=0.1) for number, size in enumerate(sizes))
    return replace(cluster, guests=(*cluster.guests, *guests), rules=(Rule("pair", "apart", (100, 101)),))


def test_a_repair_that_fills_a_node_is_levelled_in_the_same_run() -> None:
    cluster, policy = filled(2, 2, 2), Policy(idle_under=0.15)
    plan = plan_balance(cluster, policy, 0.0)
    assert plan.summary.startswith("Repairs HA rule pair: 2 moves")
    where = {move.vmid: move.target for move in plan.moves}
    later = replace(cluster, guests=tuple(replace(guest, node=where.get(guest.vmid, guest.node)) for guest in cluster.guests))
    assert plan_balance(later, policy, 0.0).moves == ()


def test_a_repair_that_would_only_make_it_uneven_is_not_made() -> None:
    plan = plan_balance(filled(8), Policy(idle_under=0.15), 0.0)
    assert plan.moves == ()
    assert "left alone (idle_under)" in plan.summary
    assert any(text.startswith("HA rule pair is broken and stays so") for text in plan.warnings)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("80", (("memory", 0.8), ("cpu", 0.8), ("disk", 0.8))),
        ("cpu 90, memory 80%", (("memory", 0.8), ("cpu", 0.9))),
        ("memory: 75", (("memory", 0.75),)),
        ("", ()),
    ],
)
def test_limits_are_read(text: str, found: object) -> None:
    assert values.thresholds(text) == found


@pytest.mark.parametrize("text", ["ram 80", "memory", "memory 101", "80 90", "-5"])
def test_other_limits_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        values.thresholds(text)


def test_the_size_of_a_node_is_read() -> None:
    assert values.node_size("64GiB/32") == (64 * GIB, 32.0)
    for text in ("64GiB", "64GiB/0", "/32", "64GiB/1.5"):
        with pytest.raises(ValueError):
            values.node_size(text)
