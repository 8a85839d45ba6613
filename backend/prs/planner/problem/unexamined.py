"""Guests that stand where local disks of a drained node lack room, and of which is not known what they would free there. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prs.model import Cluster, Plan, Policy
from prs.planner.problem.board import Board
from prs.planner.problem.counted_memory import IN_USE
from prs.planner.problem.fixed_limits import FixedLimits
from prs.planner.problem.problem import Problem, Unit


def unexamined(problem: Problem, node: int) -> list[int]:
    """The vmids of guests not examined, cheapest first, on nodes whose storages have too little room for what may come there.

    What leaves the node counts together; a guest elsewhere that was examined already may have to make room for it, and counts alone.
    """
    free, wanted, narrow = Board(problem).free, Counter[tuple[str, str]](), set[str]()
    for item in problem.units:
        for key, size in _wanted(problem, item):
            wanted[key] += size if item.home == node else 0
            if size > free.get(key, 0):
                narrow.add(key[1])
    narrow |= {name for (storage, name), size in wanted.items() if size > free.get((storage, name), 0)}
    found = [item for item in problem.units if item.home != node and problem.names[item.home] in narrow]
    found.sort(key=lambda item: (item.cost, item.guests[0].vmid))
    return [guest.vmid for item in found for guest in item.guests if not guest.inspected]


def in_the_way(cluster: Cluster, policy: Policy, plan: Plan) -> list[int]:
    """Those of a plan that found no place for a guest of the node that it was to empty; [] where they are not what it lacks."""
    problem = Problem(FixedLimits(cluster, policy, plan.node, plan.stopped))
    placeless = any(row.vmid in problem.unit_of for row in plan.blockers)
    return unexamined(problem, problem.index[plan.node]) if placeless else []


def _wanted(problem: Problem, item: Unit) -> Iterator[tuple[tuple[str, str], int]]:
    """The most bytes that the unit may need of each local storage of each node where it may go."""
    for place in problem.active:
        if item.allowed[place] and item.disk:
            most = Counter[str]()
            for needs in [way.needs for way in item.landings_on(place)] or [item.needs]:
                most |= Counter(dict(needs))
            yield from (((storage, problem.names[place]), size) for storage, size in most.items() if storage != IN_USE)
