"""Why each guest that a plan leaves where it is stays there."""

from __future__ import annotations

from collections import defaultdict

from prs.model import RESOURCES, Method, Resource, Stay
from prs.planner.explain import reasons
from prs.planner.objective import score
from prs.planner.problem.board import Board
from prs.planner.problem.counted_memory import label
from prs.planner.problem.problem import Problem
from prs.planner.quantities import gib, percent, points

EDGE = 3  # nodes: two of them may be those of the move


def staying(problem: Problem, board: Board, moved: frozenset[int], method: Method, why: str) -> tuple[Stay, ...]:
    """Every guest that the plan leaves where it is, with the reason. `why` is the reason of those that could go but need not."""
    edges = _Edges(problem, board, method)
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
                reason = why or _level(edges, vmid, method)
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


class _Edges:
    """The loads after the plan as far as one more move can change their spreads: it changes two nodes, so the ends are among these and the
    three fullest and the three emptiest of each resource. `spread` (fraction) is that of the method, `full` and `empty` are the nodes at
    the ends of the resource that is spread widest: a lower spread needs a move between these.
    """

    def __init__(self, problem: Problem, board: Board, method: Method) -> None:
        self.problem, self.board, self.spread = problem, board, score.spread(problem, board.load, method)
        self.full, self.empty, widest = set[int](), set[int](), 0.0
        self._active, self._guards = set(problem.active), score.guards(problem, method)
        self._weights = {one: score.weight(problem.facts.policy, method, one) for one in score.resources(problem.facts.policy, method)}
        self._edges = dict[Resource, list[tuple[float, int]]]()
        for resource in RESOURCES:
            total = problem.total[resource]
            use = sorted((board.load[resource][node] / total[node], node) for node in problem.active if total[node] > 0)
            self._edges[resource] = use if len(use) <= 2 * EDGE else use[:EDGE] + use[-EDGE:]
            if use and (width := (use[-1][0] - use[0][0]) * self._weights.get(resource, 0.0)) > widest:
                widest = width
                self.full, self.empty = ({node for one, node in use if one == end} for end in (use[-1][0], use[0][0]))

    def lower(self, unit: int, target: int) -> bool:
        """Whether this move is within the limits, lowers the spread, and widens that of no other resource by more than may be."""
        for resource, weight in self._weights.items():
            low, high = self._ends(resource, unit, target)
            if (high - low) * weight >= self.spread - score.ROUNDING:
                return False
        for resource, width in self._guards.items():
            low, high = self._ends(resource, unit, target)
            if high > score.CALM and high - low > width + score.ROUNDING:
                return False
        return self.board.fits(unit, target)

    def _ends(self, resource: Resource, unit: int, target: int) -> tuple[float, float]:
        """The lowest and the highest load of an active node after the move; 0 where none has the resource."""
        pair, size = (self.board.where[unit], target), self.problem.sizes[resource][unit]
        load, total = self.board.load[resource], self.problem.total[resource]
        use = [one for one, node in self._edges[resource] if node not in pair]
        for node, change in zip(pair, (-size, size), strict=True):
            if node in self._active and total[node] > 0:
                use.append((load[node] + change) / total[node])
        return (min(use), max(use)) if use else (0.0, 0.0)


def _level(edges: _Edges, vmid: int, method: Method) -> str:
    """Why a guest that may move stays in a plan that levels: what one more move would bring is asked of the state after the plan."""
    problem, board = edges.problem, edges.board
    policy, guest, unit = problem.facts.policy, problem.facts.guests[vmid], problem.unit_of[vmid]
    home, resource = board.where[unit], score.resources(policy, method)[0]
    load = percent(board.load[resource][home], problem.total[resource][home])
    place = f"{guest.node} is at {load} {label(policy, resource)} with this plan, in a spread of {points(edges.spread)}"
    targets = set(problem.active) if home in edges.full else edges.empty
    if not any(edges.lower(unit, target) for target in targets - {home}):
        return f"{place}; no move of it that is allowed would lower that"
    within = "" if policy.max_moves is None and policy.max_bytes is None else ", or go over the budget"
    return f"{place}; moving it too would cost more than it brings{within}"
