"""Why each guest that a plan leaves where it is stays there."""

from __future__ import annotations

from collections import defaultdict

from prs.model import Method, Stay
from prs.planner.explain import reasons
from prs.planner.objective import score
from prs.planner.problem.board import Board
from prs.planner.problem.counted_memory import label
from prs.planner.problem.problem import Problem
from prs.planner.quantities import gib, percent, points


def staying(problem: Problem, board: Board, moved: frozenset[int], method: Method, why: str) -> tuple[Stay, ...]:
    """Every guest that the plan leaves where it is, with the reason. `why` is the reason of those that could go but need not."""
    ends = _ends(problem, board, method)
    rooms = _rooms(problem, board)
    largest = [max((room for other, room in enumerate(rooms) if other != node), default=0.0) for node in range(len(rooms))]
    together = {} if problem.facts.drain or problem.facts.policy.targets else _too_close(problem, board)
    rows = []
    for vmid, guest in problem.facts.guests.items():
        if vmid in moved:
            continue
        reason = problem.stays.get(vmid) or together.get(vmid)
        if reason is None:
            item = problem.units[problem.unit_of[vmid]]
            if item.memory + item.growth > largest[item.home]:
                free, most = gib(largest[item.home]), gib(item.memory + item.growth)
                memory = label(problem.facts.policy, "memory")
                size = f"the {most} of memory it may grow to" if item.growth else f"its {most} of {memory}"
                if kept := reasons.others(item, vmid):
                    size = f"the {most} of {memory} that it needs together with {kept}"
                reason = f"no other node has room for {size}; the most that is free elsewhere is {free}"
            else:
                reason = why or _level(problem, board, vmid, method, ends)
        rows.append(Stay(vmid, guest.name, guest.node, reason, guest.kind))
    return tuple(rows)


def _too_close(problem: Problem, board: Board) -> dict[int, str]:
    """Of the guests that share a node against an `apart` rule: with whom, and that no way was found to part them; by vmid."""
    found = dict[int, str]()
    for name, vmids in problem.groups:
        here = defaultdict[int, list[int]](list)
        for vmid in vmids:
            here[board.place(vmid)].append(vmid)
        for place, met in here.items():
            for vmid in met if place >= 0 and len(met) > 1 else ():
                other = problem.facts.guests[met[1] if vmid == met[0] else met[0]].label
                words = f"is on {problem.names[place]} with {other}, from which {name} keeps it apart"
                found.setdefault(vmid, f"{words}; no way was found to part them within the limits and the budget")
    return found


def _rooms(problem: Problem, board: Board) -> list[float]:
    """Free memory of each node that may receive guests, 0 for the others."""
    active = set(problem.active)
    return [max(0.0, problem.cap["memory"][n] - board.load["memory"][n]) if n in active else 0.0 for n in range(len(problem.names))]


def _ends(problem: Problem, board: Board, method: Method) -> tuple[set[int], set[int]]:
    """The fullest and the emptiest active nodes, by the resource that is spread widest: a lower spread needs a move between these."""
    full, empty, widest = set[int](), set[int](), 0.0
    for resource in score.resources(problem.facts.policy, method):
        total = problem.total[resource]
        use = {node: board.load[resource][node] / total[node] for node in problem.active if total[node] > 0}
        width = (max(use.values()) - min(use.values())) * score.weight(problem.facts.policy, method, resource) if use else 0.0
        if width > widest:
            most, least, widest = max(use.values()), min(use.values()), width
            full, empty = {node for node in use if use[node] == most}, {node for node in use if use[node] == least}
    return full, empty


def _level(problem: Problem, board: Board, vmid: int, method: Method, ends: tuple[set[int], set[int]]) -> str:
    """Why a guest that may move stays in a plan that levels: what one more move would bring is asked of the state after the plan."""
    policy, guest, unit = problem.facts.policy, problem.facts.guests[vmid], problem.unit_of[vmid]
    home, resource = board.where[unit], score.resources(policy, method)[0]
    load = percent(board.load[resource][home], problem.total[resource][home])
    spread = points(score.spread(problem, board.load, method))
    place = f"{guest.node} is at {load} {label(policy, resource)} with this plan, in a spread of {spread}"
    targets = set(problem.active) if home in ends[0] else ends[1]
    if not any(_lowers(problem, board, unit, target, method) for target in targets - {home}):
        return f"{place}; no move of it that is allowed would lower that"
    within = "" if policy.max_moves is None and policy.max_bytes is None else ", or go over the budget"
    return f"{place}; moving it too would cost more than it brings{within}"


def _lowers(problem: Problem, board: Board, unit: int, target: int, method: Method) -> bool:
    """Whether this one move is allowed on the board and lowers the spread."""
    if not board.fits(unit, target):
        return False
    before, source = score.spread(problem, board.load, method), board.where[unit]
    board.move(unit, target)
    after = score.spread(problem, board.load, method)
    worse = score.worsened(problem, board.load, score.guards(problem, method))
    board.move(unit, source)
    return after < before - score.ROUNDING and not worse
