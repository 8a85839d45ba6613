"""The door of the planner: a snapshot and a policy in, a plan with its reasons out. Pure: the same input gives the same plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from prs.errors import PlanError
from prs.model import Cluster, Move, NodeLoad, Plan, Policy, Stay
from prs.planner import drain, order, score, search, words
from prs.planner.check import check_plan
from prs.planner.facts import Facts, gib
from prs.planner.limits import Board
from prs.planner.order import Step
from prs.planner.problem import Problem, seconds

__all__ = ["check_plan", "plan_balance", "plan_drain"]

Goal = Literal["spread", "level"]


def plan_balance(cluster: Cluster, policy: Policy, now: float, goal: Goal = "spread") -> Plan:
    """Plan the cheapest moves to the policy's spread (`spread`), or the most level cluster within its budget (`level`)."""
    problem = Problem(Facts(cluster, policy))
    spread = score.spread(problem, problem.load, policy.method)
    budget = search.Budget(policy.max_moves, policy.max_bytes)
    nothing = _nothing(problem, spread, goal)
    wish = {} if nothing else search.level(problem, policy.method, budget, policy.spread if goal == "spread" else 0.0)
    steps, _ = order.sequence(problem, wish, policy.method)
    steps = _within(problem, steps, budget)
    return _build(problem, steps, Plan("balance", policy.method, created=now, warnings=_warnings(cluster)), goal, nothing)


def plan_drain(cluster: Cluster, policy: Policy, node: str, now: float, stopped: bool = True) -> Plan:
    """Plan the fewest moves that empty the node, onto nodes that they level; raises PlanError for an unknown node."""
    if node not in {one.name for one in cluster.nodes}:
        raise PlanError(f"There is no node {node} in this cluster.")
    problem = Problem(Facts(cluster, policy, node, stopped))
    empty = Plan("drain", policy.method, node, now, warnings=_warnings(cluster))
    fixed = {v: r for v, r in problem.stays.items() if problem.facts.guests[v].node == node and _blocks(problem, v)}
    wish, stuck = drain.empty(problem, problem.index[node], policy.method)
    if not fixed and not stuck:
        steps, late = order.sequence(problem, wish, policy.method)
        stuck = late
        if not late:
            return _build(problem, steps, empty, "level", "")
    board = Board(problem)
    for unit, target in wish.items():
        board.move(unit, target)
    return _refuse(problem, empty, words.blockers(problem, board, stuck, fixed))


def _blocks(problem: Problem, vmid: int) -> bool:
    """True when the guest keeps the node from being empty; a stopped one that was not asked for does not."""
    guest = problem.facts.guests[vmid]
    return problem.facts.stopped or guest.status != "stopped" or guest.template


def _nothing(problem: Problem, spread: float, goal: Goal) -> str:
    """Why there is nothing to plan, before any search."""
    method, limit = problem.facts.policy.method, problem.facts.policy.spread
    if len(problem.active) < 2:
        return "Nothing to do: fewer than two nodes can take part."
    if goal == "spread" and spread <= limit:
        return f"Nothing to do: the {words.LABEL[method]} spread is {words.points(spread)}, within the {words.points(limit)} that count as balanced."
    return ""


def _warnings(cluster: Cluster) -> tuple[str, ...]:
    warnings = list(cluster.problems)
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
            reason = words.move(board, step.unit, step.target, plan.method, False)
        elif problem.names[unit.home] == plan.node:
            reason = words.leaving(board, step.unit, step.target)
        else:
            reason = words.helper(board, step.unit, step.target)
        source, target = problem.names[board.where[step.unit]], problem.names[step.target]
        if len(unit.guests) > 1:
            reason += f"; moves together with {', '.join(guest.label for guest in unit.guests)}"
        for guest in unit.guests:
            time = seconds(problem.facts.policy, guest.memory + guest.disk)
            moves.append(Move(guest.vmid, guest.name, guest.kind, source, target, guest.running, bool(guest.ha), guest.memory, guest.disk,
                              time, 1, step.parking, reason))
        board.move(step.unit, step.target)
    return moves, board


def _build(problem: Problem, steps: Sequence[Step], plan: Plan, goal: Goal, nothing: str) -> Plan:
    """The finished plan of these steps."""
    policy, method = problem.facts.policy, plan.method
    plain, board = _moves(problem, steps, plan)
    numbers = order.rounds(problem, plain)
    moves = tuple(replace(move, round=number) for move, number in zip(plain, numbers, strict=True))
    before, after = score.spread(problem, problem.load, method), score.spread(problem, board.load, method)
    longest: dict[int, float] = {}
    for move in moves:
        longest[move.round] = max(longest.get(move.round, 0.0), move.seconds)
    stays = words.staying(problem, board, frozenset(move.vmid for move in moves), method, nothing and nothing.removeprefix("Nothing to do: "))
    plan = replace(plan, moves=moves, stays=stays, before=_loads(problem, Board(problem)), after=_loads(problem, board), spread_before=before,
                 spread_after=after, spread_reachable=score.reachable(problem, method), seconds=sum(longest.values()),
                 terms=score.terms(problem, board.load, method, goal, sum(move.seconds for move in moves), policy.spread))
    return replace(plan, summary=nothing or _summary(problem, plan))


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
        return f"{work} empty {plan.node}; {spread}."
    return f"{work}: {spread}."


def _time(seconds: float) -> str:
    minutes = seconds / 60
    return f"{seconds:.0f} seconds" if minutes < 2 else f"{minutes:.0f} minutes"


def _refuse(problem: Problem, plan: Plan, blockers: tuple[Stay, ...]) -> Plan:
    board = Board(problem)
    loads = _loads(problem, board)
    spread = score.spread(problem, problem.load, plan.method)
    names = ", ".join(problem.facts.guests[row.vmid].label for row in blockers[:3]) + (f" and {len(blockers) - 3} more" if len(blockers) > 3 else "")
    return replace(plan, blockers=blockers, before=loads, after=loads, spread_before=spread, spread_after=spread,
                 stays=words.staying(problem, board, frozenset(), plan.method, f"{plan.node} cannot be emptied, so nothing is moved"),
                 terms=score.terms(problem, problem.load, plan.method, "level", 0.0, 0.0),
                 summary=f"{plan.node} cannot be emptied: there is no place for {names}. Nothing is moved.")
