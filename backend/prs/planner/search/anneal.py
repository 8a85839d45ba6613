"""Simulated annealing over where the units are: small changes, the good ones kept, the bad ones ever more rarely.

Effort is bounded by counted steps and the random numbers come from a fixed seed, so that the same snapshot gives the same plan.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log
from random import Random

from prs.planner.objective.objectives import Band, Variance
from prs.planner.problem.board import Board, Packing
from prs.planner.search import order
from prs.planner.search.schedules import Schedule

# Shares of the kinds of changes: shifts make a plan, swaps reach where nothing fits alone; the rest are exchanges, which make it cheaper.
SWAPS, SHIFTS, SINGLES = 0.15, 0.40, 0.25
HOMEWARD = 0.6  # share of the single moves that go home: each one makes the plan cheaper
ANYWHERE = 0.3  # share of the units chosen whatever their size, so that a search is not tied to the ideal ones
BESIDE, BELOW = 8, 4.8  # units around the ideal size, by their order, of which one is chosen; so many of them smaller: those fit sooner
TURN = 8  # steps that one of several leading aims leads: enough for a few accepted changes
RAMP = 64  # steps between two rises of the prices: a rise costs as much as a change
MANY, NONE = 10**9, float("inf")
CLOSING, PARTNERS = 40, 16  # moves that close what is left outside; nodes at either end that are looked at for each
DEAR = 1e4  # then the prices rise by so much: what is left is too little to pay for a move
PAUSE = 50  # steps between two looks for a safe order of plans that had none: one look costs as much as all changes between
BETTER = 1e-12  # by so much a value must be lower than the best one, which rounding cannot be


@dataclass(frozen=True, slots=True)
class Found:
    """A position: its value in the search's objective and the units that are not at home, with their nodes."""

    value: float
    goal: dict[int, int]


class Anneal:
    """One search position: a board, what it is to reach (`aims`; the first `leads` lead in turn), and which units have left home."""

    def __init__(self, board: Board, aims: Sequence[Band | Variance], cost: Sequence[float], moves: int = MANY, size: float = NONE,
                 leads: int = 1, soft: float = 0.0) -> None:
        self.board, self.aims, self.where = board, aims, board.where
        self.weighers = [(aim.change, aim.sizes) for aim in aims]
        self.guest_counts, self.weight = [len(unit.guests) for unit in board.units], [unit.bytes for unit in board.units]
        self.cost, self.most, self.largest = cost, moves, size  # price of moving each unit; most guests and bytes to move
        preferences = board.problem.preferences if soft else {}  # by unit: the price of each node, its home's being 0
        self.preference = {unit: [soft * price for price in row] for unit, row in preferences.items()}
        self.home = [unit.home for unit in board.units]
        self.leaders = [(aim, self._rows(aim.sizes)) for aim in aims[:leads]]
        self._follow(0)
        self.moved: list[int] = []
        self.place: dict[int, int] = {}
        self.paid, self.guests, self.bytes = 0.0, 0, 0
        for unit, place in enumerate(self.where):
            if place != self.home[unit]:
                self._leave(unit)
                self.paid += self.preference[unit][place] if unit in self.preference else 0.0
        self.random = Random(0).random
        self.strict = False

    def _rows(self, sizes: Sequence[float]) -> list[list[tuple[float, int]]]:
        """The units on each node by their size."""
        rows: list[list[tuple[float, int]]] = [[] for _ in self.board.problem.names]
        for unit, place in enumerate(self.where):
            rows[place].append((sizes[unit], unit))
        for row in rows:
            row.sort()
        return rows

    def _follow(self, number: int) -> None:
        """Let this aim lead: what is tried next is chosen for its loads and sizes."""
        self.lead, self.on = self.leaders[number]
        self.sizes, self.nodes, self.load, self.total = self.lead.sizes, self.lead.nodes, self.lead.load, self.lead.total
        self.count = len(self.nodes)

    def _turn(self) -> None:
        """Let another aim lead, one that is not reached if there is one."""
        open_ones = [number for number, (aim, _) in enumerate(self.leaders) if not aim.reached] or range(len(self.leaders))
        self._follow(open_ones[int(self.random() * len(open_ones))])

    def run(self, schedule: Schedule) -> Found | None:
        """The best position met that reaches all aims, None if none was met."""
        best, found, heat, accepted, loose = NONE, dict[int, int](), schedule.hot, 0, Found(NONE, {})
        wait = 0  # the step from which on the order of a better plan is looked at again
        self.random = random = Random(schedule.seed).random
        self.strict = schedule.strict
        cooling, prices = (schedule.cold / schedule.hot) ** (1 / schedule.steps), [aim.price * schedule.price for aim in self.aims]
        for step in range(schedule.steps):
            heat *= cooling
            if step % RAMP == 0:
                for aim, price in zip(self.aims, prices, strict=True):
                    aim.price = price * schedule.ramp ** (step / schedule.steps)
            if len(self.leaders) > 1 and step % TURN == 0:
                self._turn()
            if not self._step(random(), heat):
                continue
            accepted += 1
            if accepted % schedule.center == 0:
                for aim in self.aims:
                    aim.follow()
            value = self.paid
            for aim in self.aims:
                value += aim.worth
            if value < best - BETTER and step >= wait and all(aim.reached for aim in self.aims):
                if (ordered := self._order()) is None:
                    wait = step + PAUSE
                    if value < loose.value:
                        loose = Found(value, {unit: self.where[unit] for unit in self.moved})
                    continue
                best, found = value, ordered
                if value <= schedule.enough:
                    break
        if best == loose.value == NONE and self._close() and (ordered := self._order()) is not None:
            return Found(self.paid, ordered)
        return Found(best, found) if best < NONE else loose if loose.value < NONE else None

    def _order(self) -> dict[int, int] | None:
        """The units that have left home with their nodes, in an order in which each fits when its turn comes; None where none was found."""
        goal = {unit: self.where[unit] for unit in self.moved}
        return goal if isinstance(self.board, Packing) else order.of_goal(self.board, goal)

    def _close(self) -> bool:
        """Bring what little is left outside of the bands inside, by the move that costs least at a time; True when that was possible."""
        for aim in self.aims:
            aim.center()
            aim.price *= DEAR
        for _ in range(CLOSING):
            left = [number for number, (aim, _) in enumerate(self.leaders) if not aim.reached]
            if not left:
                break
            self._follow(left[0])
            change, unit, target = min(self._closing(self.lead.bad[0]), default=(0.0, 0, 0))
            if change >= 0:
                break
            self._go(unit, target)
        return all(aim.reached for aim in self.aims)

    def _closing(self, node: int) -> Iterator[tuple[float, int, int]]:
        """What moves from or to a node outside of the band would change, with their unit and target; the smallest units that are enough."""
        ranked = sorted(self.nodes, key=lambda one: (self.load[one] / self.total[one], one))
        over, others = self.lead.full(node), ranked[:PARTNERS] + ranked[-PARTNERS:]
        for source, target in [(node, one) if over else (one, node) for one in others if one != node]:
            row = self.on[source]
            place = bisect_left(row, (self.lead.lacking(node), -1))
            for _, unit in row[place: place + BESIDE]:
                if self.board.fits(unit, target) and not (self.where[unit] == self.home[unit] and self._beyond(unit)):
                    yield self._change(unit, target), unit, target

    def _step(self, chance: float, heat: float) -> bool:
        """Try one change of a kind chosen by `chance`; True when it was made."""
        if chance < SWAPS:
            return self._swap(heat)
        if chance < SWAPS + SHIFTS or not self.moved:
            return self._shift(heat)
        if chance < SWAPS + SHIFTS + SINGLES:
            unit = self.moved[int(self.random() * len(self.moved))]
            return self._single(unit, self.home[unit] if self.random() < HOMEWARD else self._cool(), heat)
        return self._exchange(heat)

    def _pair(self) -> tuple[int, int]:
        """A node that has too much and one that may take it, or one that has too little and one that may give."""
        bad = self.lead.bad
        if not bad:
            return self._warm(), self._cool()
        node = bad[int(self.random() * len(bad))]
        return (node, self._cool()) if self.lead.full(node) else (self._warm(), node)

    def _warm(self) -> int:
        """One of two random nodes, the fuller one."""
        nodes, load, total, random, count = self.nodes, self.load, self.total, self.random, self.count
        one, two = nodes[int(random() * count)], nodes[int(random() * count)]
        return one if load[one] * total[two] >= load[two] * total[one] else two

    def _cool(self) -> int:
        """One of two random nodes, the emptier one."""
        nodes, load, total, random, count = self.nodes, self.load, self.total, self.random, self.count
        one, two = nodes[int(random() * count)], nodes[int(random() * count)]
        return two if load[one] * total[two] >= load[two] * total[one] else one

    def _near(self, node: int, size: float) -> int:
        """A unit on the node, mostly of about this size; -1 if the node has none."""
        row, random = self.on[node], self.random
        if not row:
            return -1
        if random() < ANYWHERE:
            return row[int(random() * len(row))][1]
        place = bisect_left(row, (size, 0)) + int(random() * BESIDE - BELOW)
        return row[0 if place < 0 else place if place < len(row) else -1][1]

    def _shift(self, heat: float) -> bool:
        """Try a unit of about the right size from a node that has too much, or to one that has too little."""
        source, target = self._pair()
        if source == target:
            return False
        unit = self._near(source, self.lead.ideal_size(source, target))
        return unit >= 0 and self._single(unit, target, heat)

    def _single(self, unit: int, target: int, heat: float) -> bool:
        """Move one unit if the change is good enough and allowed."""
        source, home = self.where[unit], self.home[unit]
        if source == target:
            return False
        change = self._change(unit, target)
        if change > 0 and change > -heat * log(self.random()):
            return False
        if (source == home and self._beyond(unit)) or not self.board.fits(unit, target):
            return False
        self._go(unit, target)
        return True

    def _change(self, unit: int, target: int) -> float:
        """What the value would change by if the unit moved there."""
        source, home = self.where[unit], self.home[unit]
        change = self.cost[unit] if source == home else -self.cost[unit] if target == home else 0.0
        if unit in self.preference:
            change += self.preference[unit][target] - self.preference[unit][source]
        for weigh, sizes in self.weighers:
            if sizes[unit]:
                change += weigh(sizes[unit], source, target)
        return change

    def _exchange(self, heat: float) -> bool:
        """Try to send a moved unit home, and another one from there in its place."""
        unit = self.moved[int(self.random() * len(self.moved))]
        other = self._near(self.home[unit], self.sizes[unit])
        return other >= 0 and self._trade(unit, other, heat)

    def _swap(self, heat: float) -> bool:
        """Try to let two units change places whose difference is about what is wanted."""
        source, target = self._pair()
        row = self.on[source]
        if source == target or not row:
            return False
        unit = row[int(self.random() * len(row))][1]
        other = self._near(target, self.sizes[unit] - self.lead.ideal_size(source, target))
        return other >= 0 and self._trade(unit, other, heat)

    def _trade(self, unit: int, other: int, heat: float) -> bool:
        """Let two units change places if the change is good enough and allowed."""
        here, there, change = self.where[unit], self.where[other], 0.0
        if here == there:
            return False
        guests, size = self.guests, self.bytes
        for one, source, target in ((unit, here, there), (other, there, here)):
            home = self.home[one]
            if source == home:
                change, guests, size = change + self.cost[one], guests + self.guest_counts[one], size + self.weight[one]
            elif target == home:
                change, guests, size = change - self.cost[one], guests - self.guest_counts[one], size - self.weight[one]
            if one in self.preference:
                change += self.preference[one][target] - self.preference[one][source]
        if guests > self.most or size > self.largest:
            return False
        for weigh, sizes in self.weighers:
            change += weigh(sizes[unit] - sizes[other], here, there)
        if (change > 0 and change > -heat * log(self.random())) or not self.board.swaps(unit, other):
            return False
        if self.strict and not self.board.fits(unit, there) and not self.board.fits(other, here):
            return False
        self._go(unit, there)
        self._go(other, here)
        return True

    def _beyond(self, unit: int) -> bool:
        """True when moving this unit too would move more than allowed."""
        return self.guests + self.guest_counts[unit] > self.most or self.bytes + self.weight[unit] > self.largest

    def _go(self, unit: int, target: int) -> None:
        """Move the unit and keep all counts."""
        source, home = self.where[unit], self.home[unit]
        self.board.move(unit, target)
        if unit in self.preference:
            self.paid += self.preference[unit][target] - self.preference[unit][source]
        for aim, rows in self.leaders:
            row, key = rows[source], (aim.sizes[unit], unit)
            del row[bisect_left(row, key)]
            insort(rows[target], key)
        if source == home:
            self._leave(unit)
        elif target == home:
            self._return(unit)
        for aim in self.aims:
            aim.note(source, target)

    def _leave(self, unit: int) -> None:
        self.paid, self.guests = self.paid + self.cost[unit], self.guests + self.guest_counts[unit]
        self.bytes += self.weight[unit]
        self.place[unit] = len(self.moved)
        self.moved.append(unit)

    def _return(self, unit: int) -> None:
        self.paid, self.guests = self.paid - self.cost[unit], self.guests - self.guest_counts[unit]
        self.bytes -= self.weight[unit]
        place, last = self.place.pop(unit), self.moved.pop()
        if last != unit:
            self.moved[place], self.place[last] = last, place
