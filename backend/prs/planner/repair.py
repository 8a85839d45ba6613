"""Rules that are broken at the start: which guests can go where to keep them again, cheapest first."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from heapq import heapify, heappop, heappush
from math import comb
from typing import NamedTuple

from prs.model import Guest, Rule
from prs.planner.objective import score
from prs.planner.problem.board import Board
from prs.planner.problem.fixed_limits import FixedLimits
from prs.planner.problem.problem import Problem
from prs.planner.quantities import listed
from prs.planner.search.budget import Budget


def breach(board: Board, unit: int) -> str:
    """The rule that the unit breaks where it is, in words; "" when it breaks none."""
    problem, item, place = board.problem, board.units[unit], board.where[unit]
    for guest in item.guests:
        if rule := problem.facts.node_rules.forbidden(guest, problem.names[place]):
            return rule
    for group in item.groups:
        if board.occupied[group].get(place, 0) > 1:
            return f"{problem.groups[group][0]}, which keeps it apart from another guest on {problem.names[place]}"
    for group in item.wide:
        if board.wide[group].get(problem.area[place], 0) > 1:
            domain = problem.facts.domains.name(problem.names[place])
            return f"{problem.groups[group][0]}, which keeps it apart from another guest in domain {domain}"
    for name, vmids in problem.scattered:
        if away := _away(board, unit, place, vmids):
            return f"{name}, which keeps it together with guests on {', '.join(problem.names[other] for other in sorted(away))}"
    return ""


def repaired(board: Board, unit: int, target: int) -> str:
    """The rule that the unit breaks where it is and breaks less on this node, in words; "" when it breaks none or as much."""
    return breach(board, unit) if _harm(board, unit, target) < _harm(board, unit, board.where[unit]) else ""


def needed(board: Board) -> bool:
    """True when a unit breaks a rule where it is."""
    return bool(board.problem.scattered) or any(breach(board, unit) for unit in _suspects(board.problem))


def moves(problem: Problem, budget: Budget) -> dict[int, int]:
    """Units that break a rule, and nodes where they break none and fit, as many as the budget allows; {} where no move helps."""
    board, found = Board(problem), dict[int, int]()
    # The one whose leaving mends the most for its cost comes first: of a guest that is to be apart from ten, that is the guest.
    heap = [(-_weight(board, unit), problem.units[unit].cost, unit) for unit in _suspects(problem) if breach(board, unit)]
    heapify(heap)
    while heap:
        weight, cost, unit = heappop(heap)
        if (mends := _weight(board, unit)) != -weight:
            if mends:
                heappush(heap, (-mends, cost, unit))
            continue
        if budget.holds(problem, [*found, unit]) and (place := _better(board, unit)) is not None:
            found[unit] = place
            board.move(unit, place)
    for unit in sorted(found, key=lambda unit: (-problem.units[unit].cost, unit)):
        home = problem.units[unit].home
        if board.fits(unit, home) and not _harm(board, unit, home)[0]:  # what was moved later has made this needless
            board.move(unit, home)
            del found[unit]
    for _, vmids in problem.scattered:
        gathered = _gathered(board, vmids)
        if budget.holds(problem, {**found, **gathered}):
            for unit, place in gathered.items():
                found[unit] = place
                board.move(unit, place)
    return found


def _weight(board: Board, unit: int) -> float:
    """How many pairs and bonds the unit breaks where it is, for each second that its move costs."""
    problem, item, place = board.problem, board.units[unit], board.where[unit]
    pairs = sum(max(0, board.occupied[group].get(place, 0) - 1) for group in item.groups)
    near = sum(max(0, board.wide[group].get(problem.area[place], 0) - 1) for group in item.wide)
    wrong = sum(bool(problem.facts.node_rules.forbidden(guest, problem.names[place])) for guest in item.guests)
    return (pairs + near + wrong) / (item.cost or 1.0)


def _better(board: Board, unit: int) -> int | None:
    """The node where the unit breaks least, if that is less than where it is."""
    problem, now = board.problem, _harm(board, unit, board.where[unit])
    harm = {place: _harm(board, unit, place) for place in problem.active if place != board.where[unit] and board.fits(unit, place)}
    places = [place for place in harm if harm[place][0] < now[0]]
    return min(places, key=lambda place: (harm[place], _fullness(problem, board, unit, place), place), default=None)


def standing(board: Board) -> dict[str, list[str]]:
    """The rules that are broken, by their names, each with what breaks it in words: one entry for every guest or node that does."""
    problem, found = board.problem, dict[str, list[str]]()
    facts, where = problem.facts, dict[int, str]()
    for vmid, guest in facts.guests.items():
        place = board.place(vmid)
        where[vmid] = problem.names[place] if place >= 0 else guest.node
    for rule in facts.rules:
        if what := [words for words, _ in breaks(facts, rule, where)]:
            found.setdefault(f"{rule.source} {rule.name}", []).extend(what)
    return found


def breaks(facts: FixedLimits, rule: Rule, where: Mapping[int, str]) -> list[tuple[str, list[Guest]]]:
    """What breaks the rule while guests are on these nodes (by vmid): an entry in words for every guest or node, with the guests."""
    on: dict[str, list[Guest]] = defaultdict(list)
    for vmid in sorted(set(rule.guests) & facts.guests.keys()):
        on[where[vmid]].append(facts.guests[vmid])
    places = sorted(on.items())
    if rule.kind == "together" and len(on) > 1:
        return [(f"{listed([guest.label for guest in guests])} on {node}", guests) for node, guests in places]
    if rule.kind == "apart":
        crowded = [(f"{listed([guest.label for guest in guests])} are on {node}", guests) for node, guests in places if len(guests) > 1]
        return crowded or (_near(facts, on) if rule in facts.wide else [])
    if rule.kind == "nodes":
        wrong = [(guest, node) for node, guests in places for guest in guests if facts.node_rules.forbids(rule, node)]
        return [(f"{guest.label} is on {node}", [guest]) for guest, node in wrong]
    return []


def extents(board: Board) -> dict[str, int]:
    """How far each broken rule is broken, by its name: how many pairs of its guests, or guests on nodes, are as they should not be."""
    facts, found = board.problem.facts, dict[str, int]()
    where = {vmid: guest.node for vmid, guest in facts.guests.items()}
    where |= {vmid: board.problem.names[place] for vmid in where if (place := board.place(vmid)) >= 0}
    for rule in facts.rules:
        if wrong := _wrong(facts, rule, where):
            name = f"{rule.source} {rule.name}"
            found[name] = found.get(name, 0) + wrong
    return found


def _wrong(facts: FixedLimits, rule: Rule, where: Mapping[int, str]) -> int:
    """How many pairs of the rule's guests, or guests on nodes, are as they should not be while guests are on these nodes."""
    bound = [facts.guests[vmid] for vmid in sorted(set(rule.guests) & facts.guests.keys())]
    if rule.kind == "nodes":
        return sum(facts.node_rules.forbids(rule, where[guest.vmid]) for guest in bound)
    near = _pairs(where[guest.vmid] for guest in bound)
    if rule.kind == "together":
        return comb(len(bound), 2) - near
    return near + (_pairs(facts.domains.of(where[guest.vmid]) for guest in bound) if rule in facts.wide else 0)


def _pairs(places: Iterable[str]) -> int:
    """How many pairs are in one place."""
    return sum(comb(count, 2) for count in Counter(places).values())


class Outcome(NamedTuple):
    """What a plan makes of the rules that are broken at its start, by their names."""

    repaired: list[str]
    lessened: list[str]  # broken, and less than before
    left: list[str]  # broken as before

    @classmethod
    def of(cls, before: Mapping[str, int], after: Mapping[str, int]) -> Outcome:
        """Compare how far rules are broken before and after."""
        standing = sorted(before.keys() & after.keys())
        less = [rule for rule in standing if after[rule] < before[rule]]
        return cls(sorted(before.keys() - after.keys()), less, [rule for rule in standing if rule not in less])

    @property
    def any(self) -> bool:
        """True when a rule is repaired, in full or in part."""
        return bool(self.repaired or self.lessened)


def _near(facts: FixedLimits, on: Mapping[str, list[Guest]]) -> list[tuple[str, list[Guest]]]:
    """The guests of an `apart` rule that share a failure domain, in words and as they are."""
    domains: dict[str, list[Guest]] = defaultdict(list)
    for node, guests in sorted(on.items()):
        domains[facts.domains.of(node)] += guests
    return [(f"{listed([guest.label for guest in guests])} are in one failure domain", guests) for guests in domains.values()
            if len(guests) > 1]


def _gathered(board: Board, vmids: Sequence[int]) -> dict[int, int]:
    """The units that go to one of the nodes that the guests are on, so that all are together; the cheapest way, {} when there is none."""
    problem, ways = board.problem, list[tuple[float, int, tuple[int, ...]]]()
    for place in sorted({board.place(vmid) for vmid in vmids}):
        units = sorted({problem.unit_of.get(vmid, -1) for vmid in vmids if board.place(vmid) != place})
        if not units or units[0] < 0 or place not in problem.active:
            continue
        homes, fits = [board.where[unit] for unit in units], True
        for unit in units:
            fits = fits and board.fits(unit, place)
            board.move(unit, place)
        for unit, home in zip(units, homes, strict=True):
            board.move(unit, home)
        if fits:
            ways.append((sum(problem.units[unit].cost for unit in units), place, tuple(units)))
    if not ways:
        return {}
    _, place, best = min(ways)
    return dict.fromkeys(best, place)


def _suspects(problem: Problem) -> Iterable[int]:
    """Units bound by a rule that may be broken."""
    bound = problem.facts.node_rules.bound
    return (unit for unit, item in enumerate(problem.units) if item.groups or any(guest.vmid in bound for guest in item.guests))


def _harm(board: Board, unit: int, place: int) -> tuple[int, int]:
    """What the unit breaks on a node where it is or fits: 2 a rule on the node, 1 only one across domains, 0 none; and nodes with mates."""
    problem, item, source = board.problem, board.units[unit], board.where[unit]
    board.move(unit, place)
    crowd = any(board.occupied[group].get(place, 0) > 1 for group in item.groups)
    near = any(board.wide[group].get(problem.area[place], 0) > 1 for group in item.wide)
    board.move(unit, source)
    away = sum(len(_away(board, unit, place, vmids)) for _, vmids in problem.scattered)
    return 2 if crowd or any(problem.facts.node_rules.forbidden(guest, problem.names[place]) for guest in item.guests) else int(near), away


def _away(board: Board, unit: int, place: int, vmids: Sequence[int]) -> set[int]:
    """The other nodes that hold guests with which the unit is to be together."""
    mates = {guest.vmid for guest in board.units[unit].guests}
    if mates.isdisjoint(vmids):
        return set()
    return {there for vmid in vmids if vmid not in mates and (there := board.place(vmid)) != place}


def _fullness(problem: Problem, board: Board, unit: int, place: int) -> float:
    """The highest load of the node with the unit on it."""
    item, loads = board.units[unit], board.load
    return max((loads[r][place] + item.size(r)) / (problem.total[r][place] or score.NONE)
               for r in score.resources(problem.facts.policy, problem.facts.policy.method))


def mended(problem: Problem, fixes: Mapping[int, int]) -> Problem:
    """The problem as it is once the repairs are made."""
    cluster = problem.facts.cluster
    where = {guest.vmid: problem.names[place] for unit, place in fixes.items() for guest in problem.units[unit].guests}
    guests = tuple(replace(guest, node=where[guest.vmid]) if guest.vmid in where else guest for guest in cluster.guests)
    after = Problem(FixedLimits(replace(cluster, guests=guests), problem.facts.policy))
    after.widest = score.guards(problem, problem.facts.policy.method)
    return after


def joined(problem: Problem, fixes: Mapping[int, int], after: Problem, goal: Mapping[int, int]) -> dict[int, int]:
    """The repairs and what a search found after them as one goal of the problem; without the guests that only the repairs set free."""
    whole = dict(fixes)
    for unit, place in goal.items():
        whole.update({problem.unit_of[guest.vmid]: place for guest in after.units[unit].guests if guest.vmid in problem.unit_of})
    return {unit: place for unit, place in whole.items() if place != problem.units[unit].home}


def broken(problem: Problem, goal: Mapping[int, int]) -> bool:
    """True when a rule that some move could repair stays broken after the goal."""
    return bool(moves(mended(problem, goal), Budget()))
