"""The coming day as a search sees it: the load of each node in each half hour, with units put on other nodes in thought."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from operator import add, sub

from prs.model import Forecast, Outlook, Resource
from prs.planner.objective import score
from prs.planner.problem.board import Board
from prs.planner.problem.problem import Problem

LEVELLED: tuple[Resource, ...] = ("memory", "cpu")  # local disk has no hours: it stays as it is


class Hours:
    """Loads by half hour of every node, the first as they are now; `board` has the units where they are, for the limits of the moment."""

    def __init__(self, problem: Problem, forecast: Forecast) -> None:
        self.problem, self.forecast, self.board = problem, forecast, Board(problem)
        self.count = max((len(pair[0]) for pair in chain(forecast.guests.values(), forecast.hosts.values())), default=0)
        self.size: dict[Resource, list[list[float]]] = {}
        self.load: dict[Resource, list[list[float]]] = {}
        for place, resource in enumerate(LEVELLED):
            self.load[resource] = [self._host(resource, place, node) for node in range(len(problem.names))]
            self.size[resource] = [self._unit(resource, place, [guest.vmid for guest in unit.guests]) for unit in problem.units]
            for vmid, guest in problem.facts.guests.items():
                if vmid not in problem.unit_of and guest.node in problem.index:
                    self._book(resource, problem.index[guest.node], self._unit(resource, place, [vmid]), 1)
            for unit, item in enumerate(problem.units):
                self._book(resource, item.home, self.size[resource][unit], 1)
        policy = problem.facts.policy
        self.levelled = [resource for resource in score.resources(policy, policy.method) if resource in LEVELLED]

    def _host(self, resource: Resource, place: int, node: int) -> list[float]:
        known = self.forecast.hosts.get(self.problem.names[node])
        now = self.problem.host[resource][node]
        return [now, *known[place][1:]] if known else [now] * self.count

    def _unit(self, resource: Resource, place: int, vmids: Iterable[int]) -> list[float]:
        total = [0.0] * self.count
        for vmid in vmids:
            known = self.forecast.guests.get(vmid)
            now = float(getattr(self.problem.facts.guests[vmid], resource))
            total = list(map(add, total, (now, *known[place][1:]) if known else [now] * self.count))
        return total

    def _book(self, resource: Resource, node: int, size: list[float], sign: int) -> None:
        self.load[resource][node] = list(map(add if sign > 0 else sub, self.load[resource][node], size))

    def move(self, unit: int, target: int) -> None:
        """Put the unit on the node, whether or not it fits."""
        source = self.board.where[unit]
        for resource, sizes in self.size.items():
            self._book(resource, source, sizes[unit], -1)
            self._book(resource, target, sizes[unit], 1)
        self.board.move(unit, target)

    def fits(self, unit: int, target: int, without: int = -1) -> bool:
        """True when the unit fits on the node now and in every half hour, with unit `without` gone from there."""
        if without < 0 and not self.board.fits(unit, target):
            return False
        if (disliked := self.problem.preferences.get(unit)) and disliked[target] > disliked[self.board.where[unit]]:
            return False
        for resource in LEVELLED:
            most = self.problem.cap[resource][target]
            load: Iterable[float] = map(add, self.load[resource][target], self.size[resource][unit])
            if without >= 0:
                load = map(sub, load, self.size[resource][without])
            highest = max(load, default=0.0)
            if highest > most:
                return False
            if resource not in self.levelled and highest > score.CALM * most and highest > self.fullest(resource) * most:
                return False
        return True

    def fullest(self, resource: Resource) -> float:
        """The highest share of a node's capacity that is expected in use in any half hour."""
        total = self.problem.total[resource]
        return max((max(self.load[resource][node]) / total[node] for node in self.problem.active if total[node] > 0), default=0.0)

    def usage(self, resource: Resource) -> list[list[float]]:
        """The loads of each active node by half hour, as fractions of its capacity."""
        total = self.problem.total[resource]
        return [[load / total[node] for load in self.load[resource][node]] for node in self.problem.active if total[node] > 0]

    def spreads(self) -> list[float]:
        """The widest spread of the resources that are levelled in each half hour."""
        widest = [0.0] * self.count
        for resource in self.levelled:
            rows, weight = self.usage(resource), score.weight(self.problem.facts.policy, self.problem.facts.policy.method, resource)
            widest = [max(was, (max(use) - min(use)) * weight) for was, use in zip(widest, zip(*rows, strict=True), strict=True)]
        return widest

    def peaks(self) -> list[float]:
        """The share of its memory that the fullest node uses in each half hour."""
        return [max(use) for use in zip(*self.usage("memory"), strict=True)]


def outlook(hours: Hours, moved: Mapping[int, int], limit: float) -> Outlook:
    """What is expected with the units of `moved` on their new nodes, beside what is expected if nothing is done; `hours` ends as it was."""
    spreads, peaks = [hours.spreads()], [hours.peaks()]
    homes = {unit: hours.board.where[unit] for unit in moved}
    for where in (moved, homes):
        for unit, node in where.items():
            hours.move(unit, node)
        if where is moved:
            spreads.append(hours.spreads())
            peaks.append(hours.peaks())
    widest, mean = [max(one) for one in spreads], [sum(one) / len(one) for one in spreads]
    hot = [sum(peak > limit for peak in one) / 2 for one in peaks]
    return Outlook(hours.count / 2, limit, widest[0], widest[1], mean[0], mean[1], hot[0], hot[1])
