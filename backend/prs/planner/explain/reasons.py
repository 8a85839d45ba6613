"""The plan in words: why each guest moves, why a drain cannot be done, and the plan in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil

from prs.model import LOCK_PATIENCE, RESOURCES, Guest, Method, Move, Policy, Stay
from prs.planner.objective import score
from prs.planner.objective.level import Level
from prs.planner.problem.board import Board
from prs.planner.problem.counted_memory import label
from prs.planner.problem.fixed_limits import FixedLimits
from prs.planner.problem.problem import Problem, Unit
from prs.planner.quantities import gib, listed, percent, points, rate

SHOWN = 0.0005  # fraction from which a change of the spread is seen in a figure with one decimal
SHOWN_SECONDS = 0.05  # the same for seconds
EQUAL_SECONDS = 1e-6  # what differs by no more, costs the same
CHEAPEST = 0.005  # share by which a plan may be dearer than the bound and still be shown as 0%: it is called the cheapest
IMPOSSIBLE = "which is proven impossible"
BROKEN = "is broken and stays so"


def move(board: Board, unit: int, target: int, method: Method) -> str:
    """What this step improves, asked before it is made."""
    problem, item, source = board.problem, board.units[unit], board.where[unit]
    policy = problem.facts.policy
    shares = {r: score.weight(policy, method, r) * item.size(r) / (problem.total[r][source] or score.NONE)
              for r in score.resources(policy, method)}
    resource = max(shares, key=lambda r: shares[r])
    load, total, size = board.load[resource], problem.total[resource], item.size(resource)
    before = score.spread(problem, board.load, method)
    board.move(unit, target)
    after = score.spread(problem, board.load, method)
    board.move(unit, source)
    text = (f"takes {problem.names[source]} from {percent(load[source], total[source])} to {percent(load[source] - size, total[source])} "
            f"{label(problem.facts.policy, resource)} and {problem.names[target]} from {percent(load[target], total[target])} "
            f"to {percent(load[target] + size, total[target])}")
    if abs(after - before) >= SHOWN:
        text += f"; the spread goes from {before * 100:.1f} to {points(after)}"
    return text


def leaving(board: Board, unit: int, target: int) -> str:
    """Why a guest of the drained node goes to this node."""
    problem, memory = board.problem, board.load["memory"]
    before, after, total = memory[target], memory[target] + board.units[unit].memory, problem.total["memory"][target]
    name, source = problem.names[target], problem.names[board.where[unit]]
    what = label(problem.facts.policy, "memory")
    text = f"leaves {source}, which is being drained; takes {name} from {percent(before, total)} to {percent(after, total)} {what}"
    return "; ".join([text, *(occupied(guest) for guest in board.units[unit].guests if guest.occupied)])


def occupied(guest: Guest) -> str:
    """That a drain waits for the end of the guest's lock."""
    article = "a " if guest.lock == "backup" else ""
    return f"is locked by {article}{guest.lock}; the drain waits up to {LOCK_PATIENCE / 60:.0f} minutes for it to end"


def helper(board: Board, unit: int, target: int) -> str:
    """Why a guest of another node moves in a drain."""
    item, names, source = board.units[unit], board.problem.names, board.where[unit]
    what = f"{gib(item.memory)} of {label(board.problem.facts.policy, 'memory')}"
    what += f" and {gib(item.disk)} of local disk" if item.disk else ""
    return f"makes room on {names[source]} ({what}) for guests of the drained node; {names[target]} has the room for it"


def parking(board: Board, unit: int, target: int, final: int) -> str:
    """Why a guest takes a detour."""
    names = board.problem.names
    source = names[board.where[unit]]
    return f"waits on {names[target]} until {names[final]} has room, so that another guest can take its place on {source} first"


def bystander(node: str) -> str:
    """Why a guest of another node stays where it is while this one is drained."""
    return f"is not on {node}, and all that leaves fits elsewhere without moving it"


def others(item: Unit, vmid: int) -> str:
    """The guests that it must be with, as a list; "" for one that goes alone."""
    return listed([guest.label for guest in item.guests if guest.vmid != vmid])


def landing(storages: Sequence[tuple[str, str]]) -> str:
    """That local disks land on storages of other names; "" when none does."""
    return "".join(f"; its disks on {here} land on {there}" for here, there in storages)


def blockers(problem: Problem, node: int, fixed: Mapping[int, str], stuck: Sequence[int] = ()) -> tuple[Stay, ...]:
    """Each guest that cannot leave the drained node: those `fixed` to it, and those for which no place was found, with what nodes lack."""
    board = Board(problem)
    rows = [_stay(problem, vmid, reason) for vmid, reason in fixed.items()]
    for unit in stuck:
        for guest in problem.units[unit].guests:
            kept, why = others(problem.units[unit], guest.vmid), _nowhere(problem, board, unit, node)
            rule = problem.facts.bond(guest.vmid, (mate.vmid for mate in problem.units[unit].guests))
            bound = f"{rule} keeps it together with" if rule else "together with"
            rows.append(_stay(problem, guest.vmid, f"{bound} {kept}: {why}" if kept else why))
    return tuple(sorted(rows, key=lambda row: row.vmid))


def _stay(problem: Problem, vmid: int, reason: str) -> Stay:
    guest = problem.facts.guests[vmid]
    return Stay(vmid, guest.name, guest.node, reason, guest.kind)


def _nowhere(problem: Problem, board: Board, unit: int, node: int) -> str:
    """What stands against each node, as it is now: nobody finds a number that counts guests which have not moved."""
    item = problem.units[unit]
    memory = label(problem.facts.policy, "memory")
    what = f"needs {gib(item.memory)} of {memory}" if item.memory else f"needs {gib(item.disk)} of local disk"
    facts, short = [], False
    for place, name in enumerate(problem.names):
        if place != item.home:
            reason = board.obstacle(unit, place) or f"{name} has room for it, but not for all that have to leave {problem.names[node]}"
            facts.append(reason.removeprefix(what + ", "))
            short = short or reason.startswith(what + ", ")
    return (f"{what}; " if short else "") + ", ".join(facts)


def refusal(problem: Problem, node: int, fixed: Mapping[int, str], stuck: Sequence[int], sure: bool) -> str:
    """Why a node is not emptied, in a sentence or two: guests that cannot leave at all, and those for which there is no place."""
    name, guests = problem.names[node], problem.facts.guests
    held = [f"{guests[vmid].label} cannot leave ({fixed[vmid]})" for vmid in sorted(fixed)]
    placeless = [guest.label for unit in stuck for guest in problem.units[unit].guests]
    if not placeless:
        return f"{name} cannot be emptied: {listed(held)}. Nothing is moved."
    also = f" {listed(held)}." if held else ""
    if not sure:
        return f"No way was found to empty {name}: no place was found for {listed(placeless)}.{also} Nothing is moved."
    why = f"there is no place for {listed(placeless)}{_short(problem, node)}"
    return f"{name} cannot be emptied, {IMPOSSIBLE}: {why}.{also} Nothing is moved."


def _short(problem: Problem, node: int) -> str:
    """The sum that lacks, where it is that, in words."""
    mine = [unit for unit, item in enumerate(problem.units) if item.home == node]
    for resource in RESOURCES:
        need = sum(problem.units[unit].size(resource) for unit in mine)
        places = [place for place in problem.active if problem.takes[place]]
        room = sum(max(0.0, problem.cap[resource][place] - problem.load[resource][place]) for place in places)
        if need > room + score.ROUNDING:
            sizes = (f"{need:.1f} cores", f"{room:.1f}") if resource == "cpu" else (gib(need), gib(room))
            what = label(problem.facts.policy, resource)
            return f": all that have to leave need {sizes[0]} of {what}, and {sizes[1]} are free on the other nodes together"
    return ""


def changed(problem: Problem, method: Method, before: float, after: float) -> str:
    """The spread of the method before and after, and what the others do."""
    return f"the {label(problem.facts.policy, method)} spread goes from {before * 100:.1f} to {points(after)}"


def nothing(problem: Problem, start: Level, best: Level | None, enough: float) -> str:
    """Why nothing is done; `best` is the most level state in reach, None where only a search has found no better one."""
    policy = problem.facts.policy
    spread = f"the {label(policy, policy.method)} spread"
    within = "" if policy.max_moves is None and policy.max_bytes is None else " within the budget"
    if start.widest <= enough:
        return f"Nothing to do: {spread} is {points(start.widest)}, within the {points(enough)} that count as balanced."
    if best is None:
        return f"Nothing to do: no way was found to lower {spread} of {points(start.widest)} by a point or more{within}."
    if max(start.widest - best.widest, sum(start.spreads.values()) - sum(best.spreads.values())) <= score.ROUNDING:
        return f"Nothing to do: no move that is allowed{within} lowers {spread} of {points(start.widest)}."
    return f"Nothing to do: the moves that are allowed{within} lower {spread} of {points(start.widest)} by less than a point."


def few(closed: Mapping[str, str]) -> str:
    """That too few nodes can take part, and what keeps the others from it."""
    if not closed:
        return "Nothing to do: fewer than two nodes can take part."
    out = listed([f"{name} ({why})" for name, why in sorted(closed.items())])
    return f"Nothing can be levelled: fewer than two nodes can take part. Left out: {out}."


def broken(left: Mapping[str, Sequence[str]], facts: FixedLimits, plainly: str = "") -> list[str]:
    """A warning for each rule that stays broken; `plainly` says why in a plan that repairs none."""
    theirs = {f"{rule.source} {rule.name}" for rule in facts.rules if rule.kind == "together" and rule.source.startswith("HA ")}
    return [f"{rule} {BROKEN}: {listed(what)}. {plainly or _who(rule, rule in theirs)}" for rule, what in sorted(left.items())]


def repairs(repaired: Sequence[str], lessened: Sequence[str], left: Sequence[str]) -> str:
    """How a plan that repairs rules begins: those repaired, those that stay broken in part or in full; "" of one that repairs none."""
    if not repaired and not lessened:
        return ""
    words = f"Repairs {listed(repaired or lessened)}"
    if lessened:
        words += f", but {listed(lessened)} only in part" if repaired else " only in part"
    return f"{words}{f', and leaves {listed(left)} broken' if left else ''}: "


def _who(rule: str, theirs: bool) -> str:
    if theirs:
        return "Bringing guests together that an HA rule binds is left to the HA manager."
    if rule.startswith("HA "):
        return "The HA manager sees to its own rules where it can; no way was found here."
    return "No way was found to keep it within the limits and the budget."


def less_level(problem: Problem, free: Board) -> str:
    """That a plan would level more if it might make other resources as uneven as on the board `free`; "" where none of them is."""
    grown = _grown(problem, free)
    spread = score.spread(problem, free.load, problem.facts.policy.method)
    return f"letting {grown} would bring it to {points(spread)}" if grown else ""


def dearer(problem: Problem, free: Board, seconds: float) -> str:
    """That a plan as good would be so much cheaper if it might make other resources as uneven as on the board `free`."""
    grown = _grown(problem, free)
    saved = f"{seconds:.1f} seconds" if seconds > SHOWN_SECONDS else f"less than {2 * SHOWN_SECONDS:.1f} seconds"
    return f"letting {grown} would be {saved} cheaper" if grown and seconds > EQUAL_SECONDS else ""


def _grown(problem: Problem, free: Board) -> str:
    guards = score.guards(problem, problem.facts.policy.method)
    return " and ".join(f"the {label(problem.facts.policy, resource)} spread grow to {points(score.spread(problem, free.load, resource))}"
                        for resource in score.worsened(problem, free.load, guards))


def reckoned(policy: Policy, moves: Sequence[Move]) -> str:
    """Which speed of copying the times of the moves are reckoned with, and how it is known; "" without moves."""
    pairs = {(move.source, move.target) for move in moves}
    known = sorted(speed for source, target, speed in policy.speeds if (source, target) in pairs)
    assumed = f"{rate(policy.link_speed)} as link_speed says"
    if not known:
        return f"reckoned with {assumed}" if pairs else ""
    learned = rate(known[0]) if rate(known[0]) == rate(known[-1]) else f"{rate(known[0])} to {rate(known[-1])}"
    text = f"reckoned with {learned} as finished migrations between these nodes showed"
    return text if len(known) == len(pairs) else f"{text}, elsewhere with {assumed}"


def proof(cost: float, bound: float | None) -> str:
    """How near the plan's cost is to what any plan as good must cost; "" when nothing is known."""
    if not bound:
        return ""
    over = cost / bound - 1.0
    if over < CHEAPEST:
        return "; proven to be the cheapest way"
    return f"; at most {ceil(over * 100 - 1e-9)}% above the cheapest way there may be" if over < 1.0 else ""
