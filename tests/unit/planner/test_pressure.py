"""Method pressure: what nodes wait for decides whether anything is levelled, and what."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prs.codec import from_json, to_json
from prs.model import Cluster, Policy, Rule
from prs.planner.plan import plan_balance, plan_drain
from prs.web.api.said import code_of
from unit.planner_scenes import cluster, guest, node

PRESSURE = Policy().levelling("pressure")


def felt(cpu: float | None, memory: float | None, **more: object) -> Cluster:
    """pve1 with all guests, and so much waiting there (shares); pve2 and pve3 empty and at ease."""
    guests = [guest(101 + number, "pve1", 6, cpu=6.0) for number in range(8)]
    others = (node(name, pressure_cpu=0.01, pressure_memory=0.0) for name in ("pve2", "pve3"))
    return cluster(node("pve1", pressure_cpu=cpu, pressure_memory=memory), *others, *guests, **more)


def test_an_uneven_cluster_in_which_nobody_waits_is_left_alone() -> None:
    scene = felt(0.2, 0.1)
    assert plan_balance(scene, Policy(), 0.0).moves
    plan = plan_balance(scene, PRESSURE, 0.0)
    assert plan.moves == ()
    assert plan.summary == (
        "Nothing to do: no node waits for memory or CPU more than 20% of the time (pressure_over); "
        "the most is that pve1 waits for CPU 20.0% of the time."
    )
    assert plan_balance(scene, replace(PRESSURE, pressure_over=0.1999), 0.0).moves


WAYS = [(0.1, 0.1, 0.85), (0.4, 0.1, 0.85), (0.1, 0.6, 0.85), (None, None, 0.85), (0.1, 0.1, 0.4)]


@pytest.mark.parametrize(("cpu", "memory", "hot"), WAYS)
def test_what_it_says_can_be_worded_in_other_languages(cpu: float | None, memory: float | None, hot: float) -> None:
    plan = plan_balance(felt(cpu, memory), replace(PRESSURE, hot=hot), 0.0)
    assert all(code_of(text) for text in (plan.summary, *plan.warnings)), (plan.summary, plan.warnings)


@pytest.mark.parametrize(("cpu", "memory", "method", "word"), [(0.4, 0.1, "cpu", "CPU"), (0.3, 0.6, "memory", "memory")])
def test_what_is_waited_for_most_is_levelled(cpu: float, memory: float, method: str, word: str) -> None:
    plan = plan_balance(felt(cpu, memory), PRESSURE, 0.0)
    assert plan.method == method
    assert plan.moves
    assert plan.spread_after < plan.spread_before
    share = max(cpu, memory) * 100
    assert plan.warnings == (f"pve1 waits for {word} {share:.1f}% of the time: this plan levels {word} (method pressure).",)


def test_a_cluster_that_tells_no_pressure_is_left_alone_and_told_so() -> None:
    plan = plan_balance(cluster(node("pve1"), node("pve2"), *(guest(101 + one, "pve1", 8) for one in range(8))), PRESSURE, 0.0)
    assert plan.moves == ()
    assert plan.summary == "Nothing to do: no node tells its pressure (Proxmox VE 9 does), and method pressure goes by nothing else."
    assert code_of(plan.summary)


def test_a_node_that_tells_none_beside_others_is_named() -> None:
    plan = plan_balance(felt(None, None), PRESSURE, 0.0)
    assert plan.moves == ()
    assert plan.warnings == ("pve1: no pressure is told (Proxmox VE 9 tells it). Method pressure does not see who waits there.",)


def test_pressure_of_a_node_that_is_left_alone_moves_nobody() -> None:
    assert plan_balance(felt(0.9, 0.9), replace(PRESSURE, ignore_nodes=("pve1",)), 0.0).moves == ()


def test_rules_are_repaired_and_a_hot_node_is_relieved_though_nobody_waits() -> None:
    scene = felt(0.0, 0.0, rules=(Rule("pair", "apart", (101, 102)),))
    plan = plan_balance(scene, PRESSURE, 0.0)
    assert len(plan.moves) == 1
    assert "Repairs HA rule pair" in plan.summary
    assert "no node waits for memory or CPU more than 20% of the time (pressure_over)" in plan.summary
    hot = plan_balance(felt(0.0, 0.0), replace(PRESSURE, hot=0.4), 0.0)
    assert hot.method == "memory"
    assert hot.moves


def test_drains_know_no_pressure() -> None:
    assert len(plan_drain(felt(0.0, 0.0), PRESSURE, "pve1", 0.0).moves) == 8


def test_a_method_that_is_asked_for_ends_pressure_and_a_journal_keeps_it() -> None:
    assert PRESSURE.asked == "pressure"
    assert PRESSURE.levelling("cpu") == Policy(method="cpu")
    assert from_json(Policy, to_json(PRESSURE)) == PRESSURE
