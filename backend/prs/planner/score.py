"""The measures of a plan: loads, spread and deviation of the method's resources, and the table of named, weighted terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Literal

from prs.model import RESOURCES, Method, NodeLoad, Term
from prs.planner.problem import Problem

Loads = Mapping[str, Sequence[float]]
WORSE = 0.05  # a plan may not raise the spread of another resource by more than this
NONE = float("inf")
WEIGHTS = {
    "spread": {"spread over the aim": 1e5, "moving": 1.0, "deviation": 1.0},
    "level": {"spread over the aim": 0.0, "moving": 1e-6, "deviation": 1e5},
}


def resources(method: Method) -> tuple[str, ...]:
    """The resources that the method levels."""
    return RESOURCES if method == "all" else (method,)


def usage(problem: Problem, load: Loads, resource: str) -> list[float]:
    """The load of each active node that has the resource, as a fraction of its capacity."""
    total = problem.total[resource]
    return [load[resource][node] / total[node] for node in problem.active if total[node] > 0]


def spread(problem: Problem, load: Loads, method: Method) -> float:
    """Fullest minus emptiest active node; for `all` the widest of the three resources."""
    widest = 0.0
    for resource in resources(method):
        use = usage(problem, load, resource)
        if use:
            widest = max(widest, max(use) - min(use))
    return widest


def deviation(problem: Problem, load: Loads, method: Method) -> float:
    """Standard deviation of the active nodes' loads; for `all` the root of the summed variances."""
    total = 0.0
    for resource in resources(method):
        use = usage(problem, load, resource)
        if use:
            mean = sum(use) / len(use)
            total += sum((one - mean) ** 2 for one in use) / len(use)
    return sqrt(total)


def worsened(problem: Problem, load: Loads, method: Method) -> list[str]:
    """The other resources whose spread this load makes worse than the rule allows."""
    others: list[Literal["memory", "cpu", "disk"]] = [resource for resource in RESOURCES if resource not in resources(method)]
    return [r for r in others if spread(problem, load, r) > max(WORSE, spread(problem, problem.load, r) + WORSE) + 1e-9]


def node_loads(problem: Problem, load: Loads, guests: Mapping[int, int]) -> tuple[NodeLoad, ...]:
    """All nodes with their loads and numbers of guests."""
    rows, active = [], set(problem.active)
    for place, name in enumerate(problem.names):
        use = {r: load[r][place] / problem.total[r][place] if problem.total[r][place] else 0.0 for r in RESOURCES}
        rows.append(NodeLoad(name, use["memory"], use["cpu"], use["disk"], guests[place], place in active))
    return tuple(rows)


def reachable(problem: Problem, method: Method) -> float:
    """A proven lower bound of the spread: what cannot move, and the largest guests wherever they go, against the mean load."""
    bound = 0.0
    for resource in resources(method):
        bound = max(bound, _reachable(problem, resource))
    return bound


def _reachable(problem: Problem, resource: str) -> float:
    total = problem.total[resource]
    nodes = [node for node in problem.active if total[node] > 0]
    if not nodes:
        return 0.0
    stuck = dict.fromkeys(nodes, 0.0)
    for node in nodes:
        stuck[node] = problem.load[resource][node]
    for unit in problem.units:
        if unit.home in stuck:
            stuck[unit.home] -= unit.size(resource)
    mean = sum(problem.load[resource][node] for node in nodes) / sum(total[node] for node in nodes)
    peak = max(stuck[node] / total[node] for node in nodes)
    for unit in problem.units:
        if unit.home in stuck:
            size = unit.size(resource)
            places = [node for node in nodes if unit.allowed[node] or node == unit.home]
            peak = max(peak, min((stuck[node] + size) / total[node] for node in places))
    return max(0.0, peak - mean)


def terms(problem: Problem, load: Loads, method: Method, goal: str, moving: float, aim: float) -> tuple[Term, ...]:
    """The named terms of the objective before and after, each with its weight."""
    weight, before = WEIGHTS[goal], problem.load
    return (
        Term("spread over the aim", weight["spread over the aim"], max(0.0, spread(problem, before, method) - aim),
             max(0.0, spread(problem, load, method) - aim)),
        Term("deviation", weight["deviation"], deviation(problem, before, method), deviation(problem, load, method)),
        Term("moving", weight["moving"], 0.0, moving),
    )
