"""The cheapest safe steps to a placement, detours included, by looking at all ways there are; or the proof that there are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heappop, heappush

from prs.model import RESOURCES
from prs.planner.problem.board import Board
from prs.planner.problem.problem import Problem

STATES = 400_000  # placements on the way that are looked at, at most: some seconds
ROUNDING = 1e-9  # seconds that sums of costs in another order may differ by; and of a whole way
ROUNDED_WAY = 1e-6
State = tuple[int, ...]  # the node of each unit


@dataclass(frozen=True, slots=True)
class Step:
    """One unit going to one node; `parking` when it goes on from there later in the plan."""

    unit: int
    target: int
    parking: bool = False


@dataclass(frozen=True, slots=True)
class Way:
    """The steps, None where none were found; `sure` when all was looked at: then none are cheaper, and None means that none exist."""

    steps: list[Step] | None
    sure: bool
    reached: frozenset[State] | None = None  # every placement that safe steps reach, where all were looked at


def to_placement(problem: Problem, goal: Mapping[int, int], states: int = STATES) -> Way:
    """The cheapest way that ends with each unit of the goal on its node and all others at home."""
    return _Search(problem, [goal.get(unit, item.home) for unit, item in enumerate(problem.units)]).run(states)


def to_empty(problem: Problem, node: int, states: int = STATES) -> Way:
    """The cheapest way to any placement with no unit on the node."""
    return _Search(problem, [-1] * len(problem.units), node).run(states)


def reachable(problem: Problem, states: int = STATES) -> frozenset[State] | None:
    """Every placement that safe steps reach; None when there are too many to look at."""
    return _Search(problem, [-1] * len(problem.units)).run(states).reached


class _Search:
    """A* over placements: the seconds paid so far, and those that the units which have not arrived cost at least."""

    def __init__(self, problem: Problem, wanted: list[int], emptied: int = -1) -> None:
        self.problem, self.wanted, self.emptied, self.board = problem, wanted, emptied, Board(problem)
        self.costs = [item.cost for item in problem.units]
        self.plain = [all(map(problem.facts.hardware.plain, item.guests)) for item in problem.units]
        self.places = [self._places(unit) for unit in range(len(problem.units))]
        # The board lets disks land on the first storage with room, and none wait there: other choices might lead on where these do not.
        self.all_ways = not any(item.landings for item in problem.units)

    def _places(self, unit: int) -> list[int]:
        """Where the unit may go; back home as well, once it has left, unless a rule would rather not have it there."""
        problem, item = self.problem, self.problem.units[unit]
        facts, home = problem.facts, problem.names[item.home]
        back = home in facts.open and not any(facts.refusal(guest, home) for guest in item.guests)
        return [place for place, ok in enumerate(item.allowed) if ok or (back and place == item.home)]

    def _fits(self, unit: int, place: int) -> bool:
        """True when the unit may go to the node now; home is a node as any other once it has left it."""
        board, item, problem = self.board, self.problem.units[unit], self.problem
        if place == item.home:
            if any(item.size(r) and board.load[r][place] + item.size(r) > problem.cap[r][place] for r in RESOURCES):
                return False
            if any(board.occupied[group].get(place, 0) for group in item.groups) or (item.wide and board.crowded(unit, place)):
                return False
        return board.fits(unit, place)

    def _open(self, unit: int, place: int) -> float:
        """What the unit costs at least from this node on."""
        late = place == self.emptied if self.emptied >= 0 else place != self.wanted[unit]
        return self.costs[unit] if late else 0.0

    def run(self, states: int) -> Way:
        """Look until the goal is met, all is looked at, or there are too many placements."""
        start: State = tuple(item.home for item in self.problem.units)
        rest = sum(self._open(unit, place) for unit, place in enumerate(start))
        paid, came, done = {start: 0.0}, dict[State, tuple[State, Step]](), set[State]()
        heap = [(rest, 0, start)]
        number = 0
        while heap:
            estimate, _, state = heappop(heap)
            if state in done:
                continue
            done.add(state)
            rest = estimate - paid[state]
            if rest < ROUNDED_WAY and all(not self._open(unit, place) for unit, place in enumerate(state)):
                return Way(self._steps(came, state), self.all_ways)
            if len(done) > states:
                return Way(None, False)
            self._put(state)
            for unit, here in enumerate(state):
                for place in self.places[unit]:
                    if place == here or not self._fits(unit, place) or not self._leads_on(unit, here, place):
                        continue
                    after, cost = (*state[:unit], place, *state[unit + 1:]), paid[state] + self.costs[unit]
                    if after not in done and cost < paid.get(after, float("inf")) - ROUNDING:
                        paid[after], came[after], number = cost, (state, Step(unit, place)), number + 1
                        heappush(heap, (cost + rest - self._open(unit, here) + self._open(unit, place), number, after))
        return Way(None, True, frozenset(done)) if self.all_ways else Way(None, False)

    def _put(self, state: State) -> None:
        """Bring the board to this placement."""
        for unit, place in enumerate(state):
            if self.board.where[unit] != place:
                self.board.move(unit, place)

    def _leads_on(self, unit: int, here: int, place: int) -> bool:
        """True when the unit may go on from a node that is not its own."""
        item, names, facts = self.problem.units[unit], self.problem.names, self.problem.facts
        if here != item.home and item.landings_on(here):
            return False  # where its disks would go on to from a storage of another name is not looked at
        return here == item.home or self.plain[unit] or not any(facts.onward(guest, names[here], names[place]) for guest in item.guests)

    def _steps(self, came: Mapping[State, tuple[State, Step]], state: State) -> list[Step]:
        steps: list[Step] = []
        while state in came:
            state, step = came[state]
            steps.append(step)
        steps.reverse()
        later = [{step.unit for step in steps[number + 1:]} for number in range(len(steps))]
        return [Step(step.unit, step.target, step.unit in after) for step, after in zip(steps, later, strict=True)]
