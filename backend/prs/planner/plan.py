"""The door of the planner: a snapshot and a policy in, a plan with its reasons out. Pure: the same input gives the same plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from prs.errors import PlanError
from prs.model import Cluster, Forecast, Move, NodeLoad, Plan, Policy, Stay
from prs.planner import chosen, coming_day, drain, repair, thresholds
from prs.planner.balance import Goal, choose
from prs.planner.choice import Choice
from prs.planner.explain import reasons
from prs.planner.explain.stays import staying
from prs.planner.objective import score
from prs.planner.problem.board import Board
from prs.planner.problem.fixed_limits import FixedLimits
from prs.planner.problem.problem import Problem, seconds
from prs.planner.quantities import gib, listed, span
from prs.planner.search import lower_bound, order
from prs.planner.search.packing import Landed
from prs.planner.verify.walk import check_plan
from prs.similar import in_brackets

ONLY_RULES = "only broken rules are repaired, and nothing else is moved"
NO_RULE = "Nothing to do: no rule is broken that a move could repair"
ANY_SPREAD = 100.0  # a spread that every cluster is within: then a plan only repairs

__all__ = ["Goal", "bounded", "check_plan", "plan_balance", "plan_day", "plan_drain"]


def plan_balance(cluster: Cluster, policy: Policy, now: float, goal: Goal = "spread") -> Plan:
    """Plan the cheapest moves to the policy's spread (`spread`), the most level cluster within its budget (`level`), or repairs (`mend`).

    With targets in the policy it plans exactly these moves; PlanError for what cannot be.
    """
    if goal == "mend" and not policy.targets:
        return _mended(Problem(FixedLimits(cluster, _repairing(policy))), now)
    problem, calm = Problem(FixedLimits(cluster, policy)), ""
    said: tuple[str, ...] = ()
    if policy.by_pressure and not policy.targets and problem.active:
        policy, calm, said = thresholds.pressed(problem)
        problem = Problem(FixedLimits(cluster, policy))
    plan = Plan("balance", policy.method, created=now, warnings=(*_warnings(problem), *said))
    if policy.targets:
        return _build(problem, chosen.choice(problem), plan, goal, proofs=False)
    if words := calm or (thresholds.quiet(policy, score.fullest(problem, problem.load)) if goal == "spread" else ""):
        return _left_alone(problem, now, words) or _build(problem, Choice(nothing=words), plan, goal, proofs=False)
    return _build(problem, choose(problem, goal), plan, goal)


def _left_alone(problem: Problem, now: float, words: str) -> Plan | None:
    """Of a cluster that needs no levelling broken rules are repaired; where that fills a node so that it does, it is levelled as well."""
    policy, why = problem.facts.policy, words.removeprefix("Nothing to do: ")
    plan = _repairs(problem, now, why)
    if plan is None:
        return None
    fullest = {r: max(getattr(load, r) for load in plan.after if load.active) for r in score.fullest(problem, problem.load)}
    return plan if policy.by_pressure or thresholds.quiet(policy, fullest) else _repairs(problem, now, why, policy.spread)


def _mended(problem: Problem, now: float) -> Plan:
    """A plan that repairs broken rules, and moves nothing else."""
    if plan := _repairs(problem, now, ONLY_RULES):
        return plan
    why = "Nothing to do: no move was found that repairs a broken rule" if repair.standing(Board(problem)) else NO_RULE
    plan = Plan("balance", problem.facts.policy.method, created=now, warnings=_warnings(problem))
    return _build(problem, Choice(nothing=f"{why}."), plan, "spread", proofs=False, why=ONLY_RULES)


def _repairing(policy: Policy, spread: float = ANY_SPREAD) -> Policy:
    """The policy of a plan that repairs broken rules, and levels to this spread."""
    return replace(policy, spread=spread, only_over=(), idle_under=0.0)


def _repairs(problem: Problem, now: float, why: str, spread: float = ANY_SPREAD) -> Plan | None:
    """A plan that repairs broken rules, and levels to this spread; `why` the rest stays. None where none is broken or can be repaired."""
    before = repair.extents(Board(problem))
    if not repair.needed(Board(problem)):
        return None
    facts, policy = problem.facts, _repairing(problem.facts.policy, spread)
    free = problem if policy == facts.policy else Problem(FixedLimits(facts.cluster, policy))
    choice, plan = choose(free, "spread"), Plan("balance", facts.policy.method, created=now, warnings=_warnings(free))
    if not repair.Outcome.of(before, repair.extents(_moves(free, choice, plan)[1])).any:
        return None
    if spread < ANY_SPREAD:
        return _build(free, choice, plan, "spread")
    plan = _build(free, choice, plan, "spread", why=why)
    return replace(plan, summary=f"{plan.summary.removesuffix('.')}; {why.removesuffix('.')}.")


def plan_day(cluster: Cluster, policy: Policy, now: float, forecast: Forecast) -> Plan:
    """Plan what levels the loads that are expected over the coming day and is worth its cost; broken rules are repaired first, and alone.

    Nothing is proven about such a plan: no plan of the moment can be held against it.
    """
    problem = Problem(FixedLimits(cluster, policy))
    if len(problem.active) < 2 or policy.method == "disk" or policy.by_pressure or policy.memory != "used":  # these know no hours
        return plan_balance(cluster, policy, now)
    if repairs := _repairs(problem, now, "broken rules are repaired first, and nothing else is moved in the same run"):
        return repairs
    found = coming_day.choose(problem, forecast)
    plan = _build(problem, found.choice, Plan("balance", policy.method, created=now, warnings=_warnings(problem)), "spread", proofs=False)
    words = f"{plan.summary.removesuffix('.')}; {found.outlook.sentence}." if found.outlook.sentence else plan.summary
    return replace(plan, summary=words, terms=found.terms or plan.terms, outlook=found.outlook)


def plan_drain(cluster: Cluster, policy: Policy, node: str, now: float, stopped: bool = True, leave: bool = False) -> Plan:
    """Plan the fewest moves that empty the node, onto nodes that they level; raises PlanError for an unknown node.

    A guest that cannot leave is a blocker, and with one nothing is moved; with `leave` all others are.
    """
    if node not in {one.name for one in cluster.nodes}:
        raise PlanError(f"There is no node {node} in this cluster{in_brackets(node, [one.name for one in cluster.nodes])}.")
    problem = Problem(FixedLimits(cluster, policy, node, stopped))
    empty = Plan("drain", policy.method, node, now, warnings=_warnings(problem), stopped=stopped)
    fixed = {v: r for v, r in problem.stays.items() if problem.facts.guests[v].node == node and _blocks(problem, v)}
    place = problem.index[node]
    found = drain.empty(problem, place, policy.method)
    if found.steps is not None:
        kept = reasons.blockers(problem, place, fixed)
        if fixed and not leave:
            return _refuse(problem, empty, kept, reasons.refusal(problem, place, fixed, (), True))
        return _build(problem, Choice(found.steps, landed=found.landed), replace(empty, blockers=kept), "level")
    board, stuck = drain.leftover(problem, place)
    stuck = stuck or [unit for unit, item in enumerate(problem.units) if item.home == place]
    kept = reasons.blockers(problem, place, fixed, stuck)
    if not leave:
        return _refuse(problem, empty, kept, reasons.refusal(problem, place, fixed, stuck, found.sure))
    goal = {unit: board.where[unit] for unit, item in enumerate(problem.units) if item.home == place and board.where[unit] != place}
    return _build(problem, Choice(order.sequence(problem, goal, policy.method)[0]), replace(empty, blockers=kept), "level")


def _blocks(problem: Problem, vmid: int) -> bool:
    """True when the guest keeps the node from being empty; a template, and a stopped one that was not asked for, do not."""
    guest = problem.facts.guests[vmid]
    return not guest.template and (problem.facts.stopped or guest.status != "stopped")


def _warnings(problem: Problem) -> tuple[str, ...]:
    cluster = problem.facts.cluster
    told = {problem.facts.drain, *(words.partition(":")[0] for words in cluster.problems)}
    silent = [node for node in problem.facts.nodes.values() if node.online and node.problem and node.name not in told]
    out = [f"{node.name}: {node.problem}. No guest is sent there." for node in silent]
    warnings = [*cluster.problems, *out, *problem.facts.warnings]
    if not cluster.quorate:
        warnings.append("The cluster has no quorum: nothing can be migrated until it has.")
    return tuple(warnings)


def _moves(problem: Problem, choice: Choice, plan: Plan) -> tuple[list[Move], Board, Landed]:
    """The steps as moves of single guests with their reasons, the board after them, and how disks land, by unit and node."""
    board, moves, ways = Board(problem), list[Move](), Landed()
    board.decided.update(choice.landed)
    final = {step.unit: step.target for step in choice.steps}
    for step in choice.steps:
        unit = problem.units[step.unit]
        if step.parking:
            reason = reasons.parking(board, step.unit, step.target, final[step.unit])
        elif plan.kind == "balance":
            reason = reasons.move(board, step.unit, step.target, plan.method)
        elif problem.names[unit.home] == plan.node:
            reason = reasons.leaving(board, step.unit, step.target)
        else:
            reason = reasons.helper(board, step.unit, step.target)
        source, target = problem.names[board.where[step.unit]], problem.names[step.target]
        if rule := repair.repaired(board, step.unit, step.target):
            reason += f"; repairs {rule}"
        if way := board.landing(step.unit, step.target):
            ways[step.unit, step.target] = way
        for guest in unit.guests:
            others = ", ".join(one.label for one in unit.guests if one is not guest)
            why = reason + (f"; moves together with {others}" if others else "")
            landed = way.renamed(guest.vmid) if way else ()
            time = seconds(problem.facts.policy, guest, guest.disk, problem.facts.policy.speed(source, target))
            moves.append(Move(guest.vmid, guest.name, guest.kind, source, target, guest.running, bool(guest.ha), guest.memory, guest.disk,
                              time, 1, step.parking, why + reasons.landing(landed), guest.cpu, landed))
        board.move(step.unit, step.target)
    return moves, board, ways


def _build(problem: Problem, choice: Choice, plan: Plan, goal: Goal, proofs: bool = True, why: str = "") -> Plan:
    """The finished plan of the chosen steps; without `proofs` nothing is said about the cheapest one. `why` all others stay."""
    policy, method = problem.facts.policy, plan.method
    plain, board, landed = _moves(problem, choice, plan)
    numbers = order.rounds(problem, plain, landed)
    moves = tuple(replace(move, round=number) for move, number in zip(plain, numbers, strict=True))
    before, after = score.spread(problem, problem.load, method), score.spread(problem, board.load, method)
    longest: dict[int, float] = {}
    for move in moves:
        longest[move.round] = max(longest.get(move.round, 0.0), move.seconds)
    moved = frozenset(move.vmid for move in moves)
    why = reasons.bystander(plan.node) if plan.node else why or choice.nothing.removeprefix("Nothing to do: ")
    kept = {row.vmid: row for row in plan.blockers}  # they know best why they stay
    stays = tuple(kept.get(row.vmid, row) for row in staying(problem, board, moved, method, why))
    outcome = repair.Outcome.of(repair.extents(Board(problem)), repair.extents(board))
    broken = _broken(problem, repair.standing(board), plan.node)
    plan = replace(plan, warnings=(*plan.warnings, *problem.facts.cautions(moves), *broken))
    plan = replace(plan, moves=moves, stays=stays, before=_loads(problem, Board(problem)), after=_loads(problem, board),
                   spread_before=before, spread_after=after, spread_reachable=score.reachable(problem, method),
                   reckoned=reasons.reckoned(policy, moves), memory=policy.memory, weights=policy.weighed,
                   seconds=sum(longest.values()), cost=sum(move.seconds for move in moves),
                   cost_bound=_bound(problem, plan, after, choice.floor) if proofs else None,
                   terms=score.terms(problem, board, method, goal, sum(move.seconds for move in moves), policy.spread * policy.aim))
    return replace(plan, summary=choice.nothing or _summary(problem, plan, choice.guard, outcome))


def _broken(problem: Problem, left: Mapping[str, Sequence[str]], drain: str = "") -> list[str]:
    """A warning for each rule that stays broken."""
    return reasons.broken(left, problem.facts, f"The drain of {drain} repairs no rule." if drain else "")


def _bound(problem: Problem, plan: Plan, after: float, proven: float) -> float | None:
    """What any plan costs that empties the node, or that levels to the aim or, where the plan does not get there, as far as it does."""
    if plan.kind == "drain":
        return lower_bound.to_empty(problem, problem.index[plan.node])
    policy = problem.facts.policy
    width = max(policy.spread * policy.aim, after)
    if len(problem.active) < 2 or score.spread(problem, problem.load, plan.method) <= width:
        return proven
    found = lower_bound.to_spread(problem, plan.method, width)
    return found if found is None else max(found, proven)


def bounded(plan: Plan, freer: Plan | None, policy: Policy) -> Plan:
    """The plan with no better a proof than one that may move more guests, `freer`; with no proof where that one goes further or is None."""
    aim = policy.spread * policy.aim
    found = None
    if freer is not None and (plan.kind == "drain" or plan.spread_after <= max(aim, freer.spread_after) + 1e-9):
        found = freer.cost_bound if plan.cost_bound is None or freer.cost_bound is None else min(plan.cost_bound, freer.cost_bound)
    old, new = reasons.proof(plan.cost, plan.cost_bound), reasons.proof(plan.cost, found) if plan.moves else ""
    bare = plan.summary.replace(old, "") if old else plan.summary
    return replace(plan, cost_bound=found, summary=f"{bare.removesuffix('.')}{new}.")


def _loads(problem: Problem, board: Board) -> tuple[NodeLoad, ...]:
    guests = Counter(problem.index.get(guest.node, -1) for guest in problem.facts.guests.values())
    for unit, item in enumerate(problem.units):
        guests[item.home] -= len(item.guests)
        guests[board.where[unit]] += len(item.guests)
    return score.node_loads(problem, board.load, guests)


def _summary(problem: Problem, plan: Plan, guard: str, outcome: repair.Outcome) -> str:
    spread = reasons.changed(problem, plan.method, plan.spread_before, plan.spread_after)
    if not plan.moves:
        left = _left(problem, plan)
        return f"Nothing is moved: {listed(left)} on {plan.node}." if left else f"Nothing to do: there is no guest to move on {plan.node}."
    work = f"{len(plan.moves)} {'move' if len(plan.moves) == 1 else 'moves'} ({gib(plan.bytes)} to copy, about {span(plan.seconds)})"
    if plan.kind == "drain":
        if left := _left(problem, plan):
            return f"{work} {'leaves' if len(plan.moves) == 1 else 'leave'} {plan.node}, and {listed(left)}; {spread}."
        return f"{work} {'empties' if len(plan.moves) == 1 else 'empty'} {plan.node}; {spread}{reasons.proof(plan.cost, plan.cost_bound)}."
    proof = f"{reasons.proof(plan.cost, plan.cost_bound)}{f'; {guard}' if guard else ''}"
    return f"{reasons.repairs(outcome.repaired, outcome.lessened, outcome.left)}{work}: {spread}{proof}."


def _left(problem: Problem, plan: Plan) -> list[str]:
    """The guests that stay on the drained node, by why, in words; [] when it is emptied."""
    hidden = dict(problem.facts.cluster.hidden).get(plan.node, 0)
    counts = ((len(plan.blockers), "that cannot leave"), (hidden, "that this account may not see"))
    return [f"{count} {'guest' if count == 1 else 'guests'} {why} {'stays' if count == 1 else 'stay'}" for count, why in counts if count]


def _refuse(problem: Problem, plan: Plan, blockers: tuple[Stay, ...], summary: str) -> Plan:
    board = Board(problem)
    loads = _loads(problem, board)
    spread = score.spread(problem, problem.load, plan.method)
    warnings = (*plan.warnings, *_broken(problem, repair.standing(board), plan.node))
    policy, theirs = problem.facts.policy, {row.vmid: row for row in blockers}
    stays = staying(problem, board, frozenset(), plan.method, f"{plan.node} cannot be emptied, so nothing is moved")
    return replace(plan, warnings=warnings, blockers=blockers, memory=policy.memory, weights=policy.weighed, before=loads, after=loads,
                 spread_before=spread, spread_after=spread,
                 stays=tuple(theirs.get(row.vmid, row) for row in stays),
                 terms=score.terms(problem, board, plan.method, "level", 0.0, 0.0), summary=summary)
