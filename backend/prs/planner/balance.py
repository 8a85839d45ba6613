"""Chooses the steps of a plan that levels: repairs and search, guards and order, the cheapest way, and what is proven of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from prs.model import Method, Resource
from prs.planner import repair
from prs.planner.explain import reasons
from prs.planner.objective import score
from prs.planner.problem.board import Board
from prs.planner.problem.problem import Problem
from prs.planner.quantities import points
from prs.planner.search import branch_and_bound, order, search
from prs.planner.search.anneal import Found
from prs.planner.search.order import Step

Goal = Literal["spread", "level"]
LEAST = 0.01  # a plan that cannot reach its aim has to lower the spread by at least this
LATER = 2  # times that a plan is looked at for rules that it makes room to repair
LAST = 1e12  # puts the dearer choices behind the cheaper ones
NEARLY = (1.05, 1.3)  # shares of the best spread found: a little more of it may cost far fewer moves


def choose(problem: Problem, goal: Goal) -> tuple[list[Step], float, str]:
    """The steps, what any plan as good is proven to cost at least (seconds; 0: nothing is), and without steps why there are none."""
    policy = problem.facts.policy
    budget = search.Budget(policy.max_moves, policy.max_bytes)
    nothing = _nothing(problem, score.spread(problem, problem.load, policy.method), goal)
    steps, proven = _mending(problem, goal, budget), 0.0
    if steps and goal == "spread":
        found = _exact(problem, steps, lambda goal: True)  # other plans may leave the rules broken
        proven = found.bound if found else 0.0
    elif not steps and not nothing:
        steps, proven = _search(problem, goal, budget)
    for _ in range(LATER):
        steps = _repaired(problem, steps, budget)
    return steps, proven, "" if steps else nothing


def _mending(problem: Problem, goal: Goal, budget: search.Budget) -> list[Step]:
    """The steps of a plan that repairs broken rules and levels as well; none where there is nothing to repair, or it would unlevel."""
    fixes = repair.moves(problem, budget.moves) if len(problem.active) > 1 else {}
    if not fixes:
        return []
    policy = problem.facts.policy
    after, rest = repair.mended(problem, fixes), budget.less(problem, fixes)
    widest = max(policy.spread, score.spread(problem, problem.load, policy.method))
    plain = [] if goal == "level" or len(problem.units) > search.SMALL else _reaching(problem, budget, False)
    found = [one for one in plain if not repair.broken(problem, one.goal)]
    extra = sum(problem.units[unit].cost for unit in fixes)
    done = bool(_nothing(after, score.spread(after, after.load, policy.method), goal))
    for find in () if done else (_level,) if goal == "level" else (_reaching, _nearing):
        found += [Found(one.value + extra, repair.joined(problem, fixes, after, one.goal)) for one in _guarded(after, find, rest)]
        for one in sorted(found, key=lambda one: one.value):
            steps = _sound(problem, one, budget)
            if steps and score.spread(problem, _after(problem, one.goal).load, policy.method) <= widest + 1e-9:
                return steps
    whole = Found(LAST, dict(fixes))
    return _sound(problem, whole, budget) if score.spread(problem, after.load, policy.method) <= widest + 1e-9 else []


def _repaired(problem: Problem, steps: list[Step], budget: search.Budget) -> list[Step]:
    """The steps, and the repairs of rules for which they make room; a second run would find those else."""
    goal = {step.unit: step.target for step in steps}
    if not steps or not repair.needed(_after(problem, goal)):
        return steps
    after = repair.mended(problem, goal)
    fixes = repair.moves(after, budget.less(problem, goal).moves)
    whole = repair.joined(problem, goal, after, fixes)
    widest = max(problem.facts.policy.spread, *_spreads(problem, goal).values())
    better = _sound(problem, Found(0.0, whole), budget) if fixes and max(_spreads(problem, whole).values()) <= widest + 1e-9 else []
    return better or steps


def _search(problem: Problem, goal: Goal, budget: search.Budget) -> tuple[list[Step], float]:
    """The steps of the best plan found that can be put into a safe order and makes no other resource worse than allowed.

    And what any plan as good is proven to cost (seconds), 0 where nothing is.
    """
    if goal == "level":
        return _ordered(problem, _guarded(problem, _level, budget), budget, goal), 0.0
    for one in _reaching(problem, budget, False, hurry=True)[:1] if branch_and_bound.visits(problem) else ():
        if steps := _sound(problem, one, budget):
            steps, proven = _cheapened(problem, steps, budget)
            if proven >= sum(problem.units[step.unit].cost for step in steps) * (1 - branch_and_bound.EXACT):
                return steps, proven
    for find in (_reaching, _nearing):
        if steps := _ordered(problem, _guarded(problem, find, budget), budget, goal):
            return _cheapened(problem, steps, budget)
    return [], 0.0


def _cheapened(problem: Problem, steps: list[Step], budget: search.Budget) -> tuple[list[Step], float]:
    """A cheaper plan that levels as far, or to the aim, if one is met, else the steps; and what any such plan costs at least."""
    better: dict[tuple[tuple[int, int], ...], list[Step]] = {}

    def usable(goal: Mapping[int, int]) -> bool:
        found = _ordered(problem, [Found(0.0, dict(goal))], budget, "spread")
        better[tuple(sorted(goal.items()))] = found
        return len(found) == len(goal)

    found = None if problem.preferences else _exact(problem, steps, usable)
    if found is None:
        return steps, 0.0
    if found.best is not None:
        steps = better[tuple(sorted(found.best.goal.items()))]
    return steps, found.bound


def _exact(problem: Problem, steps: list[Step], accept: Callable[[Mapping[int, int]], bool]) -> branch_and_bound.Exact | None:
    """The search through all plans that cost less than the steps and level as far, or to the aim; None for too large a cluster."""
    policy, visits = problem.facts.policy, branch_and_bound.visits(problem)
    if not visits:
        return None
    reached, aim = _spreads(problem, {step.unit: step.target for step in steps}), policy.spread * policy.aim
    widths = {resource: max(width, aim) for resource, width in reached.items()}
    cost, guards = sum(problem.units[step.unit].cost for step in steps), score.guards(problem, policy.method)
    return branch_and_bound.Exact(problem, widths, guards, cost, visits, accept).run()


def _guarded(problem: Problem, find: Callable[[Problem, search.Budget, bool], list[Found]], budget: search.Budget) -> list[Found]:
    """What the search finds; it is repeated with a guard on the other resources where its best plan makes one of them too uneven."""
    found = find(problem, budget, False)
    if found and not _sound(problem, found[0], budget):
        found = sorted(found + find(problem, budget, True), key=lambda one: one.value)
    return found


def _sound(problem: Problem, one: Found, budget: search.Budget) -> list[Step]:
    """The steps of a plan that does no harm and has a safe order within the budget; none for another one."""
    method = problem.facts.policy.method
    if score.worsened(problem, _after(problem, one.goal).load, score.guards(problem, method)):
        return []
    steps, late = order.sequence(problem, one.goal, method)
    return steps if not late and len(_within(problem, steps, budget)) == len(steps) else []


def _level(problem: Problem, budget: search.Budget, guarded: bool) -> list[Found]:
    return search.level(problem, problem.facts.policy.method, budget, guarded)


def _reaching(problem: Problem, budget: search.Budget, guarded: bool, hurry: bool = False) -> list[Found]:
    """Plans that reach the aim, or at least the policy's spread, the cheapest first; in a `hurry` not all searches are made."""
    policy = problem.facts.policy
    for share in (policy.aim, 1.0) if policy.aim < 1.0 else (1.0,):
        widths = dict.fromkeys(score.resources(policy.method), policy.spread * share)
        found = search.cheapest(problem, policy.method, widths, guarded, share == 1.0 and not hurry, hurry)
        found = [replace(one, value=one.value + _blocked(problem, one.goal)) for one in found if budget.holds(problem, one.goal)]
        if found:
            return sorted(found, key=lambda one: one.value)
    return []


def _blocked(problem: Problem, goal: Mapping[int, int]) -> float:
    """What it is worth, in seconds of moving, that the plan leaves a smaller largest free memory than there is now."""
    return score.BLOCK * max(0.0, score.block(problem, problem.load) - score.block(problem, _after(problem, goal).load))


def _nearing(problem: Problem, budget: search.Budget, guarded: bool) -> list[Found]:
    """Location the spread is out of reach or budget: the plans near the best found, those first that are worth their cost most."""
    method, least = problem.facts.policy.method, problem.facts.policy.spread * problem.facts.policy.aim
    found = _level(problem, budget, guarded)
    if not found:
        return []
    best = min((_spreads(problem, one.goal) for one in found), key=lambda spreads: sum(spreads.values()))
    now, choices = sum(_spreads(problem, {}).values()), list[Found]()
    for slack in NEARLY:
        widths = {resource: max(least, width * slack) for resource, width in best.items()}
        cheaper = search.cheapest(problem, method, widths, guarded, False, True, found[0].goal)
        choices += [replace(one, value=_value(problem, one.goal)) for one in cheaper if budget.holds(problem, one.goal)]
    choices = sorted(choices, key=lambda one: one.value) + [replace(one, value=one.value + LAST) for one in found]
    return [one for one in choices if now - sum(_spreads(problem, one.goal).values()) >= LEAST]


def _value(problem: Problem, goal: Mapping[int, int]) -> float:
    """What a plan that does not reach the aim costs, in seconds: moving, and each point of spread that is left over the aim."""
    policy = problem.facts.policy
    over = sum(max(0.0, spread - policy.spread * policy.aim) for spread in _spreads(problem, goal).values())
    return sum(problem.units[unit].cost for unit in goal) + score.WORTH * over + _blocked(problem, goal)


def _spreads(problem: Problem, goal: Mapping[int, int]) -> dict[Resource, float]:
    """The spread of each resource that the method levels, with the units of the goal on their new nodes."""
    load = _after(problem, goal).load
    return {resource: score.spread(problem, load, resource) for resource in score.resources(problem.facts.policy.method)}


def _ordered(problem: Problem, found: list[Found], budget: search.Budget, goal: Goal) -> list[Step]:
    """The steps of the first plan that has a safe order and does no harm; else the part of one that gains enough."""
    method, rest, now = problem.facts.policy.method, list[Step](), sum(_spreads(problem, {}).values())
    least = score.deviation(problem, problem.load, method)
    for one in found:
        if score.worsened(problem, _after(problem, one.goal).load, score.guards(problem, method)):
            continue
        steps, late = order.sequence(problem, one.goal, method)
        if not late and len(_within(problem, steps, budget)) == len(steps):
            return steps
        part = _harmless(problem, _within(problem, steps, budget), method)
        reached = {step.unit: step.target for step in part}
        enough = goal == "level" or now - sum(_spreads(problem, reached).values()) >= LEAST
        if enough and (level := score.deviation(problem, _after(problem, reached).load, method)) < least - 1e-9:
            least, rest = level, part
    return rest


def _harmless(problem: Problem, steps: list[Step], method: Method) -> list[Step]:
    """The steps as far as they may be made without the ones that found no safe place in the order."""
    widest = score.guards(problem, method)
    while steps and (steps[-1].parking or score.worsened(problem, _after(problem, {s.unit: s.target for s in steps}).load, widest)):
        steps = steps[:-1]
    return steps


def _after(problem: Problem, goal: Mapping[int, int]) -> Board:
    """The board with the units of the goal on their new nodes."""
    board = Board(problem)
    for unit, place in goal.items():
        board.move(unit, place)
    return board


def _nothing(problem: Problem, spread: float, goal: Goal) -> str:
    """Why there is nothing to plan, before any search."""
    method, limit = problem.facts.policy.method, problem.facts.policy.spread
    if len(problem.active) < 2:
        return "Nothing to do: fewer than two nodes can take part."
    if goal == "spread" and spread <= limit:
        here, allowed = points(spread), points(limit)
        return f"Nothing to do: the {reasons.LABEL[method]} spread is {here}, within the {allowed} that count as balanced."
    return ""


def _within(problem: Problem, steps: Sequence[Step], budget: search.Budget) -> list[Step]:
    """The steps that fit in the budget, detours included."""
    kept, count, size = list[Step](), 0, 0
    for step in steps:
        unit = problem.units[step.unit]
        count, size = count + len(unit.guests), size + unit.bytes
        if (budget.moves is not None and count > budget.moves) or (budget.size is not None and size > budget.size):
            break
        kept.append(step)
    return kept
