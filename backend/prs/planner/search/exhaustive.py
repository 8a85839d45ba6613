"""Looks at every placement of a small cluster that keeps all limits: what is not found here does not exist.

Only where guests end is looked at here, not the way there: whether safe steps lead to a placement is asked of `way`.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Literal

from prs.model import RESOURCES, Resource
from prs.planner.objective import score
from prs.planner.objective.breaches import Breaches
from prs.planner.objective.level import Level
from prs.planner.problem.board import SLACK, Board
from prs.planner.problem.problem import UNLIMITED, Problem, Unit
from prs.planner.problem.storage_map import MOST_LANDINGS

LARGEST = 400_000  # placements of a cluster that counts as small; to look at all of so many takes some seconds
KEPT = 24  # of the best placements, in case that no safe steps lead to the first ones; to look for steps takes longer than the rest
ROUNDING = 1e-9  # share of a load or of a cost that rounding may hide
Rank = tuple[float, ...]  # of two placements the one with the smaller rank is the better one


def placements(problem: Problem, drained: int = -1) -> int:
    """How many ways there are to put each unit where the fixed limits let it be, storages included; none stays on a drained node."""
    return prod(max(1, sum(item.allowed) + _more(item) + (item.home != drained)) for item in problem.units)


def _more(item: Unit) -> int:
    """In how many ways more than one a node, all told, the unit's disks can lie on its nodes."""
    return sum(len(ways) - 1 for _, ways in item.landings)


def small(problem: Problem, drained: int = -1) -> bool:
    """True when all placements can be looked at, with every storage on which disks may land."""
    counted = all(len(ways) < MOST_LANDINGS for item in problem.units for _, ways in item.landings)
    return counted and len(problem.units) < LARGEST.bit_length() * 2 and placements(problem, drained) <= LARGEST


@dataclass(frozen=True, slots=True)
class Seen:
    """A placement: the node of each unit, what it costs without any detour (seconds), and its spreads (fraction) by resource."""

    where: tuple[int, ...]
    cost: float
    breaches: int  # what it leaves broken of the rules, see `Breaches`
    spreads: Mapping[Resource, float]

    def goal(self, problem: Problem) -> dict[int, int]:
        """The units that are not at home, with their nodes."""
        return {unit: place for unit, place in enumerate(self.where) if place != problem.units[unit].home}


@dataclass
class Limits:
    """What a placement must keep to be looked at further; everything else is a matter of its rank."""

    widths: Mapping[Resource, float] = field(default_factory=dict)  # the widest spread (fraction) of each resource
    breaches: float = UNLIMITED
    moves: float = UNLIMITED  # guests
    size: float = UNLIMITED  # bytes
    cost: float = UNLIMITED  # seconds
    guards: Mapping[Resource, float] = field(default_factory=dict)  # see `score.worsened`


class Dimension:
    """Something of which each node holds only so much: memory with what guests may grow to, cores, local disk, one storage."""

    def __init__(self, load: list[float], most: list[float], stay: list[float]) -> None:
        self.load, self.most, self.stay = load, most, stay
        self.arrived = [0] * len(load)  # only a node that guests come to has to keep the limit


Touches = Sequence[tuple[Dimension, float]]  # what a unit takes of what


class Exhaustive:
    """All placements of a problem, decided on unit by unit, the largest first."""

    def __init__(self, problem: Problem, drained: int = -1) -> None:
        self.problem, self.drained = problem, drained
        self.method = score.resources(problem.facts.policy, problem.facts.policy.method)
        self.measured = [r for r in RESOURCES if any(problem.sizes[r]) and any(problem.total[r][node] for node in problem.active)]
        self.shares: dict[Resource, list[float]] = {r: [1.0 / total if total else 0.0 for total in problem.total[r]] for r in self.measured}
        self.nodes = {r: [node for node in problem.active if problem.total[r][node] > 0] for r in self.measured}
        self.constant = {r: score.spread(problem, problem.load, r) for r in RESOURCES if r not in self.measured}
        self.means = {r: score.mean(problem, r) for r in self.measured}
        self.guarded = False  # whether a placement was left out for the sake of another resource
        self.order = sorted(range(len(problem.units)), key=lambda unit: (-problem.units[unit].cost, unit))
        self.options = [self._options(unit) for unit in self.order]
        self.breaches = Breaches(problem)
        self.flexible = any(_more(item) for item in problem.units)

    def _options(self, unit: int) -> list[int]:
        item = self.problem.units[unit]
        home = [item.home] if item.home != self.drained else []
        return [*home, *(node for node in range(len(self.problem.names)) if item.allowed[node] and node != self.drained)]

    def best(self, limits: Limits, rank: Callable[[Seen], Rank], among: Collection[tuple[int, ...]] | None = None,
             by: Literal["level", "cost", ""] = "", aim: float = 0.0) -> list[Seen]:
        """The placements within the limits with the smallest ranks, the best first; of those `among` these, if any are given.

        `by` what ranks go up first: what costs more, or is less level, than the last one kept need not be looked at then; all that
        is within the `aim` is equally level.
        """
        ranked: list[tuple[Rank, tuple[int, ...], Seen]] = []
        bounds, policy = replace(limits), self.problem.facts.policy
        for one in self.all(bounds):
            row = (rank(one), one.where, one)
            if (len(ranked) == KEPT and row[:2] >= ranked[-1][:2]) or (among is not None and one.where not in among):
                continue
            if self.flexible and any(one.where == other for _, other, _ in ranked):
                continue  # the same placement, with disks on other storages
            insort(ranked, row, key=lambda row: row[:2])
            if len(ranked) > KEPT:
                ranked.pop()
                last = ranked[-1][2]
                if by == "cost":
                    bounds.cost = last.cost
                elif by == "level" and not last.breaches:
                    most = score.widths(policy, policy.method, max(aim, Level.weighed(policy, last.spreads).widest))
                    bounds.widths = {r: min(width, most[r]) for r, width in limits.widths.items()}
        return [one for _, _, one in ranked]

    def all(self, limits: Limits) -> Iterator[Seen]:
        """Every placement within the limits, which may be tightened meanwhile."""
        self._begin()
        yield from self._decide(0, limits, 0.0, 0, 0)

    def _begin(self) -> None:
        """Take all units off the nodes."""
        problem = self.problem
        self.where = [unit.home for unit in problem.units]
        self.load = {r: list(problem.load[r]) for r in self.measured}
        self.room = list(self._dimensions())
        self.groups = [dict(held) for held in problem.occupied]
        self.came = [Counter[int]() for _ in problem.groups]  # of an `apart` rule: guests that came, by node
        self.areas = {group: dict(held) for group, held in problem.wide.items()}
        self.crossed = {group: Counter[int]() for group in problem.wide}  # those that came from another failure domain, by domain
        for unit, item in enumerate(problem.units):
            for r in self.measured:
                self.load[r][item.home] -= problem.sizes[r][unit]
            for dimension in self.room:
                dimension.load[item.home] -= dimension.stay[unit]
            for group in item.groups:
                self.groups[group][item.home] -= 1
            for group in item.wide:
                self.areas[group][problem.area[item.home]] -= 1
        self.touches = [self._touches(number) for number in range(len(self.order))]
        self.sizes = [[(self.load[r], problem.sizes[r][unit]) for r in self.measured] for unit in range(len(problem.units))]

    def _dimensions(self) -> Iterator[Dimension]:
        problem = self.problem
        self.resources = dict[Resource, Dimension]()
        for r in RESOURCES:
            if any(stay := problem.sizes[r]):
                self.resources[r] = Dimension(list(problem.load[r]), [most + 2 * SLACK for most in problem.cap[r]], list(stay))
        yield from self.resources.values()
        free, self.storages = Board(problem).free, dict[str, Dimension]()
        landings = {name for item in problem.units for _, ways in item.landings for way in ways for name, _ in way.needs}
        for storage in sorted(landings | {name for item in problem.units for name, _ in item.needs}):
            stay = [float(dict(item.needs).get(storage, 0)) for item in problem.units]
            load = [0.0] * len(problem.names)
            for item, need in zip(problem.units, stay, strict=True):
                load[item.home] += need
            most = [float(free.get((storage, name), 0)) + held for name, held in zip(problem.names, load, strict=True)]
            self.storages[storage] = Dimension(load, most, stay)
        yield from self.storages.values()

    def _touches(self, number: int) -> list[tuple[int, Touches]]:
        """What the unit at this place of the order takes of what, on each of its nodes in turn, and with each way its disks can lie."""
        unit, found = self.order[number], list[tuple[int, Touches]]()
        item, sizes = self.problem.units[unit], self.problem.sizes
        for place in self.options[number]:
            growth = item.growth if place != item.home else 0
            plain = [(d, sizes[r][unit] + (growth if r == "memory" else 0)) for r, d in self.resources.items() if sizes[r][unit]]
            for needs in [way.needs for way in item.landings_on(place)] or [item.needs]:
                found.append((place, [*plain, *((self.storages[name], float(size)) for name, size in needs if size)]))
        return found

    def _decide(self, number: int, limits: Limits, cost: float, guests: int, size: int) -> Iterator[Seen]:
        """Put the unit at this place of the order on each of its nodes in turn, and so on with the next one."""
        if number == len(self.order):
            if (found := self._seen(limits, cost)) is not None:
                yield found
            return
        unit = self.order[number]
        item = self.problem.units[unit]
        for place, touches in self.touches[number]:
            home = place == item.home
            after, heads, weight = (cost, guests, size) if home else (cost + item.cost, guests + len(item.guests), size + item.bytes)
            if after > limits.cost * (1 + ROUNDING) or heads > limits.moves or weight > limits.size:
                continue
            if not self._put(unit, place, home, touches):
                continue
            if not self._beyond(limits, place):
                self.where[unit] = place
                yield from self._decide(number + 1, limits, after, heads, weight)
                self.where[unit] = item.home
            self._take(unit, place, home, touches)

    def _put(self, unit: int, place: int, home: bool, touches: Touches) -> bool:
        """Count the unit on the node; False, and nothing counted, where it does not fit with those decided on before."""
        for dimension, size in touches:
            if (dimension.arrived[place] or not home) and dimension.load[place] + size > dimension.most[place]:
                return False
        item = self.problem.units[unit]
        if item.groups and not self._parted(unit, place, home):
            return False
        for dimension, size in touches:
            dimension.load[place] += size
            dimension.arrived[place] += not home
        for load, amount in self.sizes[unit]:
            load[place] += amount
        if item.groups:
            self._meet(unit, place, home, 1)
        return True

    def _take(self, unit: int, place: int, home: bool, touches: Touches) -> None:
        for dimension, size in touches:
            dimension.load[place] -= size
            dimension.arrived[place] -= not home
        for load, amount in self.sizes[unit]:
            load[place] -= amount
        if self.problem.units[unit].groups:
            self._meet(unit, place, home, -1)

    def _parted(self, unit: int, place: int, home: bool) -> bool:
        """True when no `apart` rule speaks against the unit on this node; two that stay where they are may go on breaking one."""
        item, area = self.problem.units[unit], self.problem.area
        for group in item.groups:
            if self.came[group][place] or (not home and self.groups[group].get(place, 0)):
                return False
        for group in item.wide:
            here, crossing = area[place], area[place] != area[item.home]
            if self.crossed[group][here] or (crossing and self.areas[group].get(here, 0)):
                return False
        return True

    def _meet(self, unit: int, place: int, home: bool, sign: int) -> None:
        item, area = self.problem.units[unit], self.problem.area
        for group in item.groups:
            self.groups[group][place] = self.groups[group].get(place, 0) + sign
            self.came[group][place] += 0 if home else sign
        for group in item.wide:
            here = area[place]
            self.areas[group][here] = self.areas[group].get(here, 0) + sign
            self.crossed[group][here] += sign if here != area[item.home] else 0

    def _beyond(self, limits: Limits, place: int) -> bool:
        """True when the node is already too full for the widths: the emptiest node ends at or under the mean."""
        for resource, width in limits.widths.items():
            load = self.load.get(resource)
            share = self.shares[resource][place] if load is not None and place in self.nodes[resource] else 0.0
            if load is not None and share and load[place] * share - self.means[resource] > width + ROUNDING:
                return True
        return False

    def _seen(self, limits: Limits, cost: float) -> Seen | None:
        """The placement, if it is within the limits."""
        spreads: dict[Resource, float] = {}
        for resource in self.method:
            spreads[resource] = self._spread(resource)
            if spreads[resource] > limits.widths.get(resource, UNLIMITED) + ROUNDING:
                return None
        breaches = self.breaches.count(self.where, self.groups, self.areas)
        if breaches > limits.breaches:
            return None
        if limits.guards and score.worsened(self.problem, {**self.problem.load, **self.load}, limits.guards):
            self.guarded = True
            return None
        return Seen(tuple(self.where), cost, breaches, spreads)

    def _spread(self, resource: Resource) -> float:
        load = self.load.get(resource)
        if load is None:
            return self.constant[resource]
        share = self.shares[resource]
        use = [load[node] * share[node] for node in self.nodes[resource]]
        return max(use) - min(use)
