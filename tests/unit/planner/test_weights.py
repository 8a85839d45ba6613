"""Method all with weights: the spread is the widest of those that count by their weights, and what weighs nothing is only guarded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from prs.config import values
from prs.model import Cluster, Plan, Policy, Resource
from prs.planner.plan import check_plan, plan_balance, plan_drain
from unit.config.prs_conf import LOGIN, load, mistakes
from unit.planner_scenes import cluster, guest, node

ALL = Policy(method="all")


def hot() -> Cluster:
    """pve1 uses 10 cores of 20 and the others 2, and 6 GiB of memory more than they."""
    guests = [guest(100 + one, "pve1", 7, cpu=2.0) for one in range(5)]
    guests += [guest(200 + one, name, 14.5, cpu=1.0) for one, name in enumerate(("pve2", "pve2", "pve3", "pve3"))]
    return cluster(*(node(name, cpu=20.0) for name in ("pve1", "pve2", "pve3")), *guests)


def widest(plan: Plan, resource: str, when: str = "after") -> float:
    use: list[float] = [getattr(load, resource) for load in getattr(plan, when)]
    return max(use) - min(use)


def weighed(*weights: tuple[Resource, float], **more: object) -> Policy:
    return replace(ALL, weights=weights, **more)  # type: ignore[arg-type]


def test_without_weights_each_point_counts_once() -> None:
    plan = plan_balance(hot(), ALL, 0.0)
    assert plan.spread_before == pytest.approx(0.4)
    assert plan.weights == ()
    assert plan.moves
    assert "the memory, CPU and local disk spread goes from 40.0 to" in plan.summary


@pytest.mark.parametrize(("weight", "level"), [(0.1, True), (0.13, False), (1.0, False), (100.0, False)])
def test_a_spread_counts_by_its_weight(weight: float, level: bool) -> None:
    plan = plan_balance(hot(), weighed(("memory", 0.0), ("cpu", weight)), 0.0)
    assert plan.spread_before == pytest.approx(0.4 * weight)
    assert plan.spread_after == pytest.approx(widest(plan, "cpu") * weight)
    assert (not plan.moves) is level
    assert "the weighted memory, CPU and local disk spread" in plan.summary
    assert plan.weights == (("memory", 0.0), ("cpu", weight))


def test_the_spread_is_the_widest_of_the_weighed_ones() -> None:
    policy = weighed(("memory", 2.0), ("cpu", 0.5))
    plan = plan_balance(hot(), policy, 0.0)
    assert plan.spread_before == pytest.approx(max(2 * widest(plan, "memory", "before"), widest(plan, "cpu", "before") / 2))
    assert plan.spread_after == pytest.approx(max(2 * widest(plan, "memory"), widest(plan, "cpu") / 2))
    assert plan.spread_after < plan.spread_before
    assert not check_plan(hot(), policy, plan)


def test_what_weighs_nothing_is_guarded_like_what_a_method_does_not_level() -> None:
    only = weighed(("memory", 0.0), ("disk", 0.0))
    assert [(move.vmid, move.target) for move in plan_balance(hot(), only, 0.0).moves] == [
        (move.vmid, move.target) for move in plan_balance(hot(), Policy(method="cpu"), 0.0).moves]


def test_a_large_weight_asks_for_more_than_a_small_one() -> None:
    crowd = cluster(*(node(f"n{one}", cpu=40.0) for one in range(4)),
                    *(guest(100 + one, f"n{0 if one < 25 else one % 4}", 1 + one % 4, cpu=0.3 + one % 3) for one in range(60)))
    plans = [plan_balance(crowd, weighed(("cpu", weight), ("disk", 0.0)), 0.0) for weight in (0.2, 4.0)]
    for plan, weight in zip(plans, (0.2, 4.0), strict=True):
        assert plan.spread_after == pytest.approx(max(widest(plan, "memory"), weight * widest(plan, "cpu")))
        assert plan.spread_after <= 0.05
        assert plan.cost_bound is None or plan.cost_bound <= plan.cost + 1e-6
    assert widest(plans[1], "cpu") <= 0.0125 < widest(plans[0], "cpu")


def test_weights_mean_nothing_to_other_methods() -> None:
    policy = Policy(method="memory", weights=(("memory", 0.0), ("cpu", 9.0)))
    assert plan_balance(hot(), policy, 0.0) == plan_balance(hot(), Policy(method="memory"), 0.0)


def test_a_drain_levels_by_weights_too() -> None:
    plan = plan_drain(hot(), weighed(("memory", 0.5)), "pve3", 0.0)
    use = {name: [getattr(load, name) for load in plan.after if load.active] for name in ("memory", "cpu")}
    assert plan.spread_after == pytest.approx(max((max(use["memory"]) - min(use["memory"])) / 2, max(use["cpu"]) - min(use["cpu"])))
    assert plan.weights == (("memory", 0.5),)


@pytest.mark.parametrize(("text", "weights"), [
    ("", ()), ("memory 1, cpu 0.5, disk 0", (("cpu", 0.5), ("disk", 0.0))), ("CPU: 2", (("cpu", 2.0),)),
    ("disk=0,memory=100", (("memory", 100.0), ("disk", 0.0))),
    ("memory 1, cpu 1, disk 1", ()),
])
def test_weights_are_written_by_resource(text: str, weights: tuple[tuple[Resource, float], ...], tmp_path: Path) -> None:
    assert values.weights(text) == weights
    policy = load(tmp_path, f"{LOGIN}[balancing]\nmethod: all\nweights: {text}\n").policy
    assert (policy.method, policy.weights) == ("all", weights)


@pytest.mark.parametrize(("text", "hint"), [
    ("2", "'2' is no weight of memory, cpu or disk"), ("network 1", "'network 1' is no weight of memory, cpu or disk"),
    ("cpu 1, cpu 2", "cpu is weighed twice"), ("memory 0, cpu 0, disk 0", "nothing has a weight above 0"),
    ("cpu 101", "'cpu 101' is not from 0 to 100"), ("cpu 1.2.3", "'cpu 1.2.3' is not from 0 to 100"),
])
def test_what_is_no_weight_is_named_beside_what_is_allowed(text: str, hint: str, tmp_path: Path) -> None:
    (words,) = mistakes(tmp_path, f"{LOGIN}[balancing]\nweights: {text}\n")
    assert hint in words
    assert "weights" in words
    assert "a weight from 0 to 100 for each resource (memory 1, cpu 0.5, disk 0), one of them above 0" in words
