"""The door of the planner: a snapshot and a policy in, a plan with its reasons out. Pure: the same input gives the same plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from prs.errors import PlanError
from prs.model import Cluster, Method, Move, NodeLoad, Plan, Policy, Resource, Stay
from prs.planner import bound, drain, exact, order, repair, score, search, words
from prs.planner.anneal import Found
from prs.planner.check import check_plan
from prs.planner.facts import Facts, gib
from prs.planner.limits import Board
from prs.planner.order import Step
from prs.planner.problem import Problem, seconds

__all__ = ["bounded", "check_plan", "plan_balance", "plan_drain"]

Goal = Literal["spread", "level"]
LEAST = 0.01  # a plan that cannot reach its aim has to lower the spread by at least this
LATER = 2  # times that a plan is looked at for rules that it makes room to repair
LAST = 1e12  # puts the dearer choices behind the cheaper ones
NEARLY = (1.05, 1.3)  # shares of the best spread found: a little more of it may cost far fewer moves


def plan_balance(cluster: Cluster, policy: Policy, now: float, goal: Goal = "spread") -> Plan:
    """Plan the cheapest moves to the policy's spread (`spread`), or the most level cluster within its budget (`level`)."""
    problem = Problem(Facts(cluster, policy))
    spread = score.spread(problem, problem.load, policy.method)
    budget = search.Budget(policy.max_moves, policy.max_bytes)
    nothing = _nothing(problem, spread, goal)
    steps, proven = _mending(problem, goal, budget), 0.0
    if not steps and not nothing:
        steps, proven = _search(problem, goal, budget)
    for _ in range(LATER):
        steps = _repaired(problem, steps, budget)
    nothing = "" if steps else nothing
    return _build(problem, steps, Plan("balance", policy.method, created=now, warnings=_warnings(problem)), goal, nothing, proven)


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
    for one in _reaching(problem, budget, False, hurry=True)[:1] if exact.visits(problem) else ():
        if steps := _sound(problem, one, budget):
            steps, proven = _cheapened(problem, steps, budget)
            if proven >= sum(problem.units[step.unit].cost for step in steps) * (1 - exact.EXACT):
                return steps, proven
    for find in (_reaching, _nearing):
        if steps := _ordered(problem, _guarded(problem, find, budget), budget, goal):
            return _cheapened(problem, steps, budget)
    return [], 0.0


def _cheapened(problem: Problem, steps: list[Step], budget: search.Budget) -> tuple[list[Step], float]:
    """A cheaper plan that levels as far, or to the aim, if one is met, else the steps; and what any such plan costs at least."""
    policy = problem.facts.policy
    reached, aim = _spreads(problem, {step.unit: step.target for step in steps}), policy.spread * policy.aim
    if problem.likings or not (visits := exact.visits(problem)):
        return steps, 0.0
    better: dict[tuple[tuple[int, int], ...], list[Step]] = {}

    def usable(goal: Mapping[int, int]) -> bool:
        found = _ordered(problem, [Found(0.0, dict(goal))], budget, "spread")
        better[tuple(sorted(goal.items()))] = found
        return len(found) == len(goal)

    widths = {resource: max(width, aim) for resource, width in reached.items()}
    cost, guards = sum(problem.units[step.unit].cost for step in steps), score.guards(problem, policy.method)
    search_all = exact.Exact(problem, widths, guards, cost, visits, usable).run()
    if search_all.best is not None:
        steps = better[tuple(sorted(search_all.best.goal.items()))]
    return steps, search_all.bound


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
    """Where the spread is out of reach or budget: the plans near the best found, those first that are worth their cost most."""
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


def plan_drain(cluster: Cluster, policy: Policy, node: str, now: float, stopped: bool = True, leave: bool = False) -> Plan:
    """Plan the fewest moves that empty the node, onto nodes that they level; raises PlanError for an unknown node.

    A guest that cannot leave is a blocker, and with one nothing is moved; with `leave` all others are.
    """
    if node not in {one.name for one in cluster.nodes}:
        raise PlanError(f"There is no node {node} in this cluster.")
    problem = Problem(Facts(cluster, policy, node, stopped))
    empty = Plan("drain", policy.method, node, now, warnings=_warnings(problem), stopped=stopped)
    fixed = {v: r for v, r in problem.stays.items() if problem.facts.guests[v].node == node and _blocks(problem, v)}
    place = problem.index[node]
    wish = None if fixed and not leave else drain.empty(problem, place, policy.method)
    steps, late = order.sequence(problem, wish or {}, policy.method)
    if wish is not None and not late:
        kept = words.blockers(problem, Board(problem), (), fixed)
        return _build(problem, steps, replace(empty, blockers=kept), "level", "")
    board, stuck = drain.leftover(problem, place)
    if leave or not (fixed or stuck):
        simple = {unit: board.where[unit] for unit, item in enumerate(problem.units) if item.home == place and board.where[unit] != place}
        kept = words.blockers(problem, board, stuck, fixed)
        return _build(problem, order.sequence(problem, simple, policy.method)[0], replace(empty, blockers=kept), "level", "")
    return _refuse(problem, empty, words.blockers(problem, board, stuck or late, fixed))


def _blocks(problem: Problem, vmid: int) -> bool:
    """True when the guest keeps the node from being empty; a template, and a stopped one that was not asked for, do not."""
    guest = problem.facts.guests[vmid]
    return not guest.template and (problem.facts.stopped or guest.status != "stopped")


def _nothing(problem: Problem, spread: float, goal: Goal) -> str:
    """Why there is nothing to plan, before any search."""
    method, limit = problem.facts.policy.method, problem.facts.policy.spread
    if len(problem.active) < 2:
        return "Nothing to do: fewer than two nodes can take part."
    if goal == "spread" and spread <= limit:
        here, allowed = words.points(spread), words.points(limit)
        return f"Nothing to do: the {words.LABEL[method]} spread is {here}, within the {allowed} that count as balanced."
    return ""


def _warnings(problem: Problem) -> tuple[str, ...]:
    cluster = problem.facts.cluster
    warnings = [*cluster.problems, *problem.facts.warnings]
    if not cluster.quorate:
        warnings.append("The cluster has no quorum: nothing can be migrated until it has.")
    return tuple(warnings)


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


def _moves(problem: Problem, steps: Sequence[Step], plan: Plan) -> tuple[list[Move], Board]:
    """The steps as moves of single guests with their reasons, and the board after them."""
    board, moves = Board(problem), list[Move]()
    final = {step.unit: step.target for step in steps}
    for step in steps:
        unit = problem.units[step.unit]
        if step.parking:
            reason = words.parking(board, step.unit, step.target, final[step.unit])
        elif plan.kind == "balance":
            reason = words.move(board, step.unit, step.target, plan.method)
        elif problem.names[unit.home] == plan.node:
            reason = words.leaving(board, step.unit, step.target)
        else:
            reason = words.helper(board, step.unit, step.target)
        source, target = problem.names[board.where[step.unit]], problem.names[step.target]
        if rule := repair.repaired(board, step.unit, step.target):
            reason += f"; repairs {rule}"
        if len(unit.guests) > 1:
            reason += f"; moves together with {', '.join(guest.label for guest in unit.guests)}"
        for guest in unit.guests:
            time = seconds(problem.facts.policy, guest, guest.disk)
            moves.append(Move(guest.vmid, guest.name, guest.kind, source, target, guest.running, bool(guest.ha), guest.memory, guest.disk,
                              time, 1, step.parking, reason, guest.cpu))
        board.move(step.unit, step.target)
    return moves, board


def _build(problem: Problem, steps: Sequence[Step], plan: Plan, goal: Goal, nothing: str, proven: float = 0.0) -> Plan:
    """The finished plan of these steps; `proven`: seconds that any plan as good costs, as far as the search has shown."""
    policy, method = problem.facts.policy, plan.method
    plain, board = _moves(problem, steps, plan)
    numbers = order.rounds(problem, plain)
    moves = tuple(replace(move, round=number) for move, number in zip(plain, numbers, strict=True))
    before, after = score.spread(problem, problem.load, method), score.spread(problem, board.load, method)
    longest: dict[int, float] = {}
    for move in moves:
        longest[move.round] = max(longest.get(move.round, 0.0), move.seconds)
    moved = frozenset(move.vmid for move in moves)
    stays = words.staying(problem, board, moved, method, nothing.removeprefix("Nothing to do: "))
    plan = replace(plan, warnings=(*plan.warnings, *problem.facts.cautions(moves)))
    plan = replace(plan, moves=moves, stays=stays, before=_loads(problem, Board(problem)), after=_loads(problem, board),
                   spread_before=before, spread_after=after, spread_reachable=score.reachable(problem, method),
                   seconds=sum(longest.values()), cost=sum(move.seconds for move in moves), cost_bound=_bound(problem, plan, after, proven),
                   terms=score.terms(problem, board, method, goal, sum(move.seconds for move in moves), policy.spread * policy.aim))
    return replace(plan, summary=nothing or _summary(problem, plan))


def _bound(problem: Problem, plan: Plan, after: float, proven: float) -> float | None:
    """What any plan costs that empties the node, or that levels to the aim or, where the plan does not get there, as far as it does."""
    if plan.kind == "drain":
        return bound.to_empty(problem, problem.index[plan.node])
    policy = problem.facts.policy
    width = max(policy.spread * policy.aim, after)
    if len(problem.active) < 2 or score.spread(problem, problem.load, plan.method) <= width:
        return 0.0
    found = bound.to_spread(problem, plan.method, width)
    return found if found is None else max(found, proven)


def bounded(plan: Plan, freer: Plan | None, policy: Policy) -> Plan:
    """The plan with no better a proof than one that may move more guests, `freer`; with no proof where that one goes further or is None."""
    aim = policy.spread * policy.aim
    found = None
    if freer is not None and (plan.kind == "drain" or plan.spread_after <= max(aim, freer.spread_after) + 1e-9):
        found = freer.cost_bound if plan.cost_bound is None or freer.cost_bound is None else min(plan.cost_bound, freer.cost_bound)
    bare = plan.summary.removesuffix(words.proof(plan.cost, plan.cost_bound) + ".").removesuffix(".")
    return replace(plan, cost_bound=found, summary=f"{bare}{words.proof(plan.cost, found) if plan.moves else ''}.")


def _loads(problem: Problem, board: Board) -> tuple[NodeLoad, ...]:
    guests = Counter(problem.index.get(guest.node, -1) for guest in problem.facts.guests.values())
    for unit, item in enumerate(problem.units):
        guests[item.home] -= len(item.guests)
        guests[board.where[unit]] += len(item.guests)
    return score.node_loads(problem, board.load, guests)


def _summary(problem: Problem, plan: Plan) -> str:
    spread = words.changed(problem, plan.method, plan.spread_before, plan.spread_after)
    if not plan.moves:
        if plan.kind == "drain":
            return f"Nothing to do: there is no guest to move on {plan.node}."
        return f"Nothing to do: no move that is allowed lowers the {words.LABEL[plan.method]} spread of {words.points(plan.spread_before)}."
    work = f"{len(plan.moves)} {'move' if len(plan.moves) == 1 else 'moves'} ({gib(plan.bytes)} to copy, about {_time(plan.seconds)})"
    if plan.kind == "drain":
        if plan.blockers:
            left = f"{len(plan.blockers)} {'guest that cannot leave stays' if len(plan.blockers) == 1 else 'guests that cannot leave stay'}"
            return f"{work} leave {plan.node}, and {left}; {spread}."
        return f"{work} empty {plan.node}; {spread}{words.proof(plan.cost, plan.cost_bound)}."
    return f"{work}: {spread}{words.proof(plan.cost, plan.cost_bound)}."


def _time(seconds: float) -> str:
    minutes = seconds / 60
    return f"{seconds:.0f} seconds" if minutes < 2 else f"{minutes:.0f} minutes"


def _refuse(problem: Problem, plan: Plan, blockers: tuple[Stay, ...]) -> Plan:
    board = Board(problem)
    loads = _loads(problem, board)
    spread = score.spread(problem, problem.load, plan.method)
    names = ", ".join(problem.facts.guests[row.vmid].label for row in blockers[:3])
    names += f" and {len(blockers) - 3} more" if len(blockers) > 3 else ""
    return replace(plan, blockers=blockers, before=loads, after=loads, spread_before=spread, spread_after=spread,
                 stays=words.staying(problem, board, frozenset(), plan.method, f"{plan.node} cannot be emptied, so nothing is moved"),
                 terms=score.terms(problem, board, plan.method, "level", 0.0, 0.0),
                 summary=f"{plan.node} cannot be emptied: there is no place for {names}. Nothing is moved.")
