"""Chooses the steps of a plan that levels: a ladder of attempts, each tried where the ones above it came to nothing.

A small cluster is looked at whole, and that is the answer. In a larger one broken rules are repaired first; then come a short search
with a proof, all searches for the cheapest plan to the aim, and, where the aim is out of reach, the cheapest plan next to the most
level one found. In the end the plan goes on for as long as a second run would find something to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

from prs.planner import repair, small
from prs.planner.choice import Choice, Target
from prs.planner.explain import reasons
from prs.planner.objective import score
from prs.planner.objective.breaches import Breaches
from prs.planner.objective.level import LEAST, Level
from prs.planner.problem.board import Board
from prs.planner.problem.problem import Problem
from prs.planner.search import branch_and_bound, exhaustive, order, search
from prs.planner.search.anneal import Found
from prs.planner.search.budget import Budget
from prs.planner.search.schedules import SMALL
from prs.planner.search.way import Step

Goal = Literal["spread", "level", "mend"]  # mend: broken rules are repaired, and nothing else
Unguarded = Mapping[int, int] | None  # the goal found without a guard for other resources, to be gone on from with one
RUNS = 2  # runs that one plan may stand for: a plan for more would be none to read, and mostly the second one finds nothing
PORTION = 10  # with the goal `level` and a budget, one move in so many may repair: else the moves asked for would not level
LAST = 1e12  # puts the dearer choices behind the cheaper ones: seconds that no plan costs
NEARLY = (0.3 * LEAST, 0.9 * LEAST)  # a little more spread than the best found may cost far fewer moves; less than a second run would gain


def choose(problem: Problem, goal: Goal) -> Choice:
    """The plan's steps, or why there are none; and what is proven."""
    policy = problem.facts.policy
    budget = Budget(policy.max_moves, policy.max_bytes)
    target = Target(policy.spread * policy.aim, policy.spread) if goal == "spread" else Target(0.0, 0.0, small.FINE)
    if len(problem.active) < 2:
        return Choice(nothing=reasons.few(problem.facts.closed))
    start = Level.of(problem, problem.load)
    if start.widest <= target.enough and not repair.needed(Board(problem)):
        return Choice(nothing=reasons.nothing(problem, start, start, target.enough))
    if exhaustive.small(problem) and (choice := small.choose(problem, budget, target)):
        return choice
    return Ladder(problem, goal, target, budget).climb()


class Ladder:
    """The attempts for one problem within a budget of moves and bytes."""

    def __init__(self, problem: Problem, goal: Goal, target: Target, budget: Budget) -> None:
        self.problem, self.goal, self.target, self.budget = problem, goal, target, budget
        self.policy, self.method = problem.facts.policy, problem.facts.policy.method
        self.guards, self.breaches = score.guards(problem, self.method), Breaches(problem)
        self.start = self._level({})
        self.hurried: dict[float, list[Found]] = {}  # what a hurried search has found, by the width it looked for
        self.unguarded: Found | None = None  # the cheapest plan found that only the guard for other resources stands against

    def climb(self) -> Choice:
        """The first rung that holds, and then whatever a second run would add."""
        steps, floor = self._first()
        steps, floor = self._settled(steps, floor)
        if steps:
            return Choice(steps, floor, guard=self._guard(steps))
        return Choice(nothing=reasons.nothing(self.problem, self.start, None, self.target.enough))

    def _first(self) -> tuple[list[Step], float]:
        """The steps of the first rung that holds, and what any plan as good is proven to cost (seconds; 0: nothing is proven)."""
        rungs: tuple[Callable[[], tuple[list[Step], float]], ...] = (self._repair, self._most_level)
        if self.goal == "spread":
            rungs = (self._repair, self._prove, self._reach, self._near)
        for rung in rungs:
            steps, floor = rung()
            if steps:
                return steps, floor
            if rung == self._repair and self.start.widest <= self.target.enough:
                break
        return [], 0.0

    # -- the rungs ---------------------------------------------------------------------------------------------------

    def _repair(self) -> tuple[list[Step], float]:
        """Broken rules are repaired, and what is left of the budget levels; nothing where no repair is found, or only one that unlevels."""
        problem, fixes = self.problem, repair.moves(self.problem, self._for_repairs())
        if not fixes:
            return [], 0.0
        after, rest = repair.mended(problem, fixes), self.budget.less(problem, fixes)
        plain = [] if self.goal == "level" or len(problem.units) > SMALL else self._reaching(problem, self.budget)
        found = [one for one in plain if not repair.broken(problem, one.goal)]
        extra, done = sum(problem.units[unit].cost for unit in fixes), Level.of(after, after.load).widest <= self.target.enough
        for find in () if done else (self._levelling,) if self.goal == "level" else (self._reaching, self._nearing):
            found += [Found(one.value + extra, repair.joined(problem, fixes, after, one.goal)) for one in self._guarded(after, find, rest)]
            for one in sorted(found, key=lambda one: one.value):
                if steps := self._sound(one.goal):
                    return self._cheapened(steps) if self.goal == "spread" else (steps, 0.0)
        steps = self._sound(fixes) or self._part(fixes)
        return self._cheapened(steps) if steps and self.goal == "spread" else (steps, 0.0)

    def _for_repairs(self) -> Budget:
        """All of the budget; a share of it where somebody asks for the most level cluster that so many moves can make."""
        moves = self.budget.moves
        return self.budget if self.goal == "spread" or moves is None else replace(self.budget, moves=moves // PORTION)

    def _prove(self) -> tuple[list[Step], float]:
        """A short search, and the proof that nothing is cheaper; nothing where that is not proven."""
        if not branch_and_bound.visits(self.problem):
            return [], 0.0
        for one in self._reaching(self.problem, self.budget, hurry=True)[:1]:
            if steps := self._sound(one.goal):
                steps, floor = self._cheapened(steps)
                if floor >= self._cost(steps) * (1 - branch_and_bound.EXACT):
                    return steps, floor
        return [], 0.0

    def _reach(self) -> tuple[list[Step], float]:
        """The cheapest plan found to the aim."""
        return self._cheapened(self._ordered(self._guarded(self.problem, self._reaching, self.budget)))

    def _near(self) -> tuple[list[Step], float]:
        """Where the aim is out of reach, the cheapest plan found next to the most level one."""
        return self._cheapened(self._ordered(self._guarded(self.problem, self._nearing, self.budget)))

    def _most_level(self) -> tuple[list[Step], float]:
        """The most level plan found within the budget."""
        return self._ordered(self._guarded(self.problem, self._levelling, self.budget)), 0.0

    # -- what the rungs look for -------------------------------------------------------------------------------------

    def _levelling(self, problem: Problem, budget: Budget, unguarded: Unguarded = None) -> list[Found]:
        return search.level(problem, self.method, budget, unguarded)

    def _reaching(self, problem: Problem, budget: Budget, unguarded: Unguarded = None, hurry: bool = False) -> list[Found]:
        """Plans that reach the aim, or at least the policy's spread, the cheapest first; in a `hurry` not all searches are made."""
        for width in dict.fromkeys((self.target.aim, self.target.enough)):
            widths, patient = score.widths(self.policy, self.method, width), width == self.target.enough and not hurry
            begun = self.hurried.get(width) if problem is self.problem and unguarded is None else None
            found = search.cheapest(problem, self.method, widths, unguarded is not None, patient, hurry, begun=begun)
            if hurry:
                self.hurried[width] = found
            found = [replace(one, value=one.value + _shrunk(problem, one.goal)) for one in found if budget.holds(problem, one.goal)]
            if found:
                return sorted(found, key=lambda one: one.value)
        return []

    def _nearing(self, problem: Problem, budget: Budget, unguarded: Unguarded = None) -> list[Found]:
        """The plans near the most level one found, in the one order of aims; those first that are worth their cost most."""
        aim, guards = self.target.aim, {} if unguarded is None else score.guards(problem, self.method)
        found = self._levelling(problem, budget, unguarded)
        goals = [search.narrowed(problem, goal, budget, aim, guards) for goal in ({}, *(one.goal for one in found[:search.STARTS]))]
        ranked = sorted(goals, key=lambda goal: (_level_of(problem, goal).rank(aim), self._value(problem, goal)))
        best, choices = _level_of(problem, ranked[0]), list[Found]()
        for slack in NEARLY if ranked[0] else ():
            widths = best.widths(self.policy, aim, slack / len(best.spreads))
            cheaper = search.cheapest(problem, self.method, widths, bool(guards), False, True, ranked[0])
            choices += [replace(one, value=self._value(problem, one.goal)) for one in cheaper if budget.holds(problem, one.goal)]
        choices = sorted(choices, key=lambda one: one.value) + [Found(LAST + number, goal) for number, goal in enumerate(ranked)]
        now = _level_of(problem, {})
        return [one for one in choices if _level_of(problem, one.goal).better(now, aim)]

    def _value(self, problem: Problem, goal: Mapping[int, int]) -> float:
        """What a plan that does not reach the aim costs, in seconds: moving, and each point of spread that is left over the aim."""
        over = sum(max(0.0, spread - self.target.aim) for spread in _level_of(problem, goal).spreads.values())
        return sum(problem.units[unit].cost for unit in goal) + score.WORTH * over + _shrunk(problem, goal)

    def _guarded(self, problem: Problem, find: Callable[[Problem, Budget, Unguarded], list[Found]], budget: Budget) -> list[Found]:
        """What the search finds; it is repeated with a guard on the other resources where its best plan makes one of them too uneven."""
        found = find(problem, budget, None)
        if found and score.worsened(problem, _after(problem, found[0].goal).load, score.guards(problem, self.method)):
            if problem is self.problem and (self.unguarded is None or found[0].value < self.unguarded.value):
                self.unguarded = found[0]
            found = sorted(found + find(problem, budget, found[0].goal), key=lambda one: one.value)
        return found

    # -- from a goal to steps ----------------------------------------------------------------------------------------

    def _level(self, goal: Mapping[int, int]) -> Level:
        board = _after(self.problem, goal)
        return Level.of(self.problem, board.load, self.breaches.on(board))

    def _cost(self, steps: list[Step]) -> float:
        return sum(self.problem.units[step.unit].cost for step in steps)

    def _harmless(self, goal: Mapping[int, int]) -> bool:
        """True when no other resource gets too uneven, and the figure that is shown does not end wider than it may be or was."""
        if score.worsened(self.problem, _after(self.problem, goal).load, self.guards):
            return False
        return self._level(goal).widest <= max(self.policy.spread, self.start.widest) + score.ROUNDING

    def _sound(self, goal: Mapping[int, int]) -> list[Step]:
        """The steps of a plan that does no harm and has a safe order within the budget; none for another one."""
        if not self._harmless(goal):
            return []
        steps, late = order.sequence(self.problem, goal, self.method)
        return steps if not late and self.budget.allows(self.problem, steps) else []

    def _ordered(self, found: list[Found]) -> list[Step]:
        """The steps of the first plan that has a safe order and does no harm; else the part of one that gains most."""
        best: list[Step] = []
        for one in found:
            if not self._harmless(one.goal):
                continue
            if steps := self._sound(one.goal):
                return steps
            part = self._part(one.goal)
            if part and self._level(_goal(part)).rank(self.target.aim) < self._level(_goal(best)).rank(self.target.aim):
                best = part
        return best

    def _part(self, goal: Mapping[int, int]) -> list[Step]:
        """The first steps of a plan of which not all found a safe order, with no guest left parked; none if they do not help enough."""
        steps = self.budget.within(self.problem, order.sequence(self.problem, goal, self.method)[0])
        while steps and (order.parked(steps) or not self._harmless(_goal(steps))):
            steps = steps[:-1]
        return steps if steps and self._level(_goal(steps)).better(self.start, self.target.aim) else []

    def _cheapened(self, steps: list[Step]) -> tuple[list[Step], float]:
        """A cheaper plan that ends as level, or at the aim, and repairs as much, if one is met; and what any such plan costs at least."""
        visits = branch_and_bound.visits(self.problem)
        if not steps or not visits or self.problem.preferences:
            return steps, 0.0
        ends, sound = self._level(_goal(steps)), dict[tuple[tuple[int, int], ...], list[Step]]()

        def usable(goal: Mapping[int, int]) -> bool:
            found = sound[tuple(sorted(goal.items()))] = self._sound(goal) if self._level(goal).breaches <= ends.breaches else []
            return bool(found) and self._cost(found) <= sum(self.problem.units[unit].cost for unit in goal) * (1 + branch_and_bound.EXACT)

        widths = ends.widths(self.policy, self.target.enough if self._calm else self.target.aim)
        found = branch_and_bound.Exact(self.problem, widths, self.guards, self._cost(steps), visits, usable).run()
        if found.unguarded and not order.sequence(self.problem, found.unguarded.goal, self.method)[1]:
            self.unguarded = found.unguarded
        if found.best is not None:
            steps = sound[tuple(sorted(found.best.goal.items()))]
        return steps, found.bound

    @property
    def _calm(self) -> bool:
        """True when the cluster is level enough as it is, and only repairs are asked for."""
        return self.start.widest <= self.target.enough

    def _settled(self, steps: list[Step], floor: float) -> tuple[list[Step], float]:
        """The steps, and those of the runs that would follow, as one plan: a second run then finds nothing."""
        for _ in range(RUNS):
            ends, goal = self._level(_goal(steps)), _goal(steps)
            settled = self._calm or self.goal == "level" or ends.widest <= self.target.enough
            if not steps or (settled and not repair.needed(_after(self.problem, goal))):
                break
            later = Ladder(repair.mended(self.problem, goal), self.goal, self.target, self.budget.less(self.problem, goal))
            more, _ = later._repair()
            more = more or ([] if settled else later._near()[0])  # the aim was out of reach
            whole = repair.joined(self.problem, goal, later.problem, _goal(more))
            longer = (self._sound(whole) or self._continued(steps, later.problem, more)) if more else []
            if not longer or not self._level(_goal(longer)).better(ends, self.target.aim):
                break
            steps, floor = longer, 0.0
        return steps, floor

    def _continued(self, steps: list[Step], after: Problem, more: list[Step]) -> list[Step]:
        """The steps and those that go on from where they end; none if that is too much, or if guests move as one there that do not here."""
        units = {step.unit: {self.problem.unit_of.get(guest.vmid, -1) for guest in after.units[step.unit].guests} for step in more}
        if any(len(mine) > 1 or -1 in mine or len(self.problem.units[min(mine)].guests) != len(after.units[unit].guests)
               for unit, mine in units.items()):
            return []
        joined = [*steps, *(replace(step, unit=min(units[step.unit])) for step in more)]
        last = {step.unit: number for number, step in enumerate(joined)}
        joined = [replace(step, parking=number < last[step.unit]) for number, step in enumerate(joined)]
        return joined if self._harmless(_goal(joined)) and self.budget.allows(self.problem, joined) else []

    def _guard(self, steps: list[Step]) -> str:
        """What keeping the other resources level costs, as far as the search has shown; "" where it costs nothing."""
        if self.unguarded is None:
            return ""
        goal, board = self.unguarded.goal, _after(self.problem, self.unguarded.goal)
        if self._level(goal).better(self._level(_goal(steps)), self.target.aim):
            return reasons.less_level(self.problem, board)
        return reasons.dearer(self.problem, board, self._cost(steps) - sum(self.problem.units[unit].cost for unit in goal))


def _after(problem: Problem, goal: Mapping[int, int]) -> Board:
    """The board with the units of the goal on their new nodes."""
    board = Board(problem)
    for unit, place in goal.items():
        board.move(unit, place)
    return board


def _level_of(problem: Problem, goal: Mapping[int, int]) -> Level:
    return Level.of(problem, _after(problem, goal).load)


def _goal(steps: list[Step]) -> dict[int, int]:
    """Where the steps bring each unit in the end."""
    return {step.unit: step.target for step in steps}


def _shrunk(problem: Problem, goal: Mapping[int, int]) -> float:
    """What it is worth, in seconds of moving, that the plan leaves a smaller largest free memory than there is now."""
    return score.BLOCK * max(0.0, score.block(problem, problem.load) - score.block(problem, _after(problem, goal).load))
