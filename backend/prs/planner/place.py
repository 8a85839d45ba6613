"""Where guests that are to be should go, or where one that runs would be better: every node ranked by what the cluster looks like then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from prs.errors import PlanError
from prs.model import Candidate, Cluster, Guest, Headroom, Move, NewGuest, NodeLoad, Placed, Placement, Plan, Policy
from prs.planner import drain
from prs.planner.explain import places
from prs.planner.newcomers import WAITING, pools_unknown, with_newcomers
from prs.planner.objective import score
from prs.planner.objective.headroom import headroom
from prs.planner.problem.board import Board
from prs.planner.problem.fixed_limits import FixedLimits
from prs.planner.problem.problem import Problem

MOST = 20  # guests of one question
SAFE = Headroom(True)


@dataclass(frozen=True, slots=True)
class Afterwards:
    """What the cluster looks like with all guests where a board has them; `rank` sorts the best first."""

    spread: float
    deviation: float
    beside: float  # the deviation of all resources together
    off: int  # guests off the nodes that rules prefer
    headroom: Headroom | None

    @property
    def rank(self) -> tuple[float, ...]:
        """Room for the loss of a node, then rules, then level; rounded, so that rounding decides nothing."""
        safe = self.headroom is None or self.headroom.fits
        return (not safe, self.off, round(self.spread, 9), round(self.deviation, 9), round(self.beside, 9))


class _Places:
    """A board on which units are tried on one node after the other."""

    def __init__(self, problem: Problem, board: Board) -> None:
        self.problem, self.board, self.method = problem, board, problem.facts.policy.method
        cluster = problem.facts.cluster
        self.real = replace(cluster, nodes=tuple(node for node in cluster.nodes if node.name != WAITING))
        self.nodes = [place for place, name in enumerate(problem.names) if name != WAITING]
        self.usable = [place for place in self.nodes if (node := problem.facts.nodes[problem.names[place]]).online and not node.problem]
        self.largest = max((guest.memory for guest in problem.facts.guests.values()), default=0)

    def afterwards(self) -> Afterwards:
        """The cluster as the board has it now."""
        problem, load = self.problem, self.board.load
        level = score.spread(problem, load, self.method), score.deviation(problem, load, self.method), score.deviation(problem, load, "all")
        return Afterwards(*level, score.misplaced(problem, self.board.where), SAFE if self._roomy() else self.headroom())

    def _roomy(self) -> bool:
        """True when the loss of any node can be borne for sure: a guest finds no room only where each node has less left than it needs."""
        if self.problem.facts.policy.memory != "used":
            return False  # what counts is not what a node's loss takes
        total, load, host = (self.problem.total["memory"], self.board.memory, self.problem.host["memory"])
        rooms = {place: max(0.0, total[place] - load[place] - self.largest) for place in self.usable}
        whole = sum(rooms.values())
        return len(rooms) > 1 and all(load[place] - host[place] <= whole - room for place, room in rooms.items())

    def headroom(self) -> Headroom | None:
        """Room for the loss of one more node as the board has it now; guests without a node count nowhere."""
        names, moves = self.problem.names, list[Move]()
        for unit, item in enumerate(self.problem.units):
            if self.board.where[unit] != item.home:
                moves += [Move(guest.vmid, "", guest.kind, guest.node, names[self.board.where[unit]]) for guest in item.guests]
        return headroom(self.real, Plan("balance", self.method, moves=tuple(moves)))

    def tried(self, unit: int) -> dict[int, tuple[str, Afterwards | None]]:
        """For each node why the unit cannot go there, or else what the cluster is like with it there; the board is left as it was."""
        board, item, here = self.board, self.problem.units[unit], self.board.where[unit]
        found = dict[int, tuple[str, Afterwards | None]]()
        board.move(unit, item.home)
        for place in self.nodes:
            reason = "" if place == item.home else board.obstacle(unit, place)
            if not reason:
                board.move(unit, place)
                found[place] = ("", self.afterwards())
                board.move(unit, item.home)
            else:
                found[place] = (reason, None)
        board.move(unit, here)
        return found

    def best(self, unit: int) -> int:
        """The node that leaves the cluster best; where the unit is now, where none is better."""
        order = self._ordered(unit, {place: then for place, (_, then) in self.tried(unit).items() if then})
        return order[0] if order else self.board.where[unit]

    def _ordered(self, unit: int, open_to: Mapping[int, Afterwards]) -> list[int]:
        """The nodes, the best first; where a guest is, is best as long as no figure shows another to be better."""
        here, home = self.board.where[unit], self.problem.units[unit].home
        order = sorted(open_to, key=lambda place: (open_to[place].rank, place != here, place))
        if here == home and home in open_to and not places.difference(open_to[order[0]], open_to[home]):
            order.remove(home)
            order.insert(0, home)
        return order

    def candidates(self, unit: int) -> tuple[Candidate, ...]:
        """All nodes for the unit, the best first, those where it cannot go last."""
        problem = self.problem
        tried = self.tried(unit)
        open_to = {place: then for place, (_, then) in tried.items() if then}
        order = self._ordered(unit, open_to)
        found = list[Candidate]()
        for rank, place in enumerate(order, 1):
            load = self._with(unit, place)
            then, best, name = open_to[place], open_to[order[0]], problem.names[place]
            words = places.best(name, then, [open_to[one] for one in order[1:]]) if rank == 1 else places.worse(best, then)
            safe = None if then.headroom is None else then.headroom.fits
            found.append(Candidate(name, rank, words, load.memory, load.cpu, load.disk, then.spread, safe))
        for place, (reason, _) in tried.items():
            if place not in open_to:
                load = self._with(-1, place)
                found.append(Candidate(problem.names[place], 0, reason, load.memory, load.cpu, load.disk))
        return tuple(found)

    def _with(self, unit: int, place: int) -> NodeLoad:
        """The node's load with the unit on it; -1 = as the board is."""
        here = self.board.where[unit] if unit >= 0 else -1
        if unit >= 0:
            self.board.move(unit, place)
        load = next(one for one in score.node_loads(self.problem, self.board.load, Counter()) if one.node == self.problem.names[place])
        if unit >= 0:
            self.board.move(unit, here)
        return load

    def loads(self, board: Board) -> tuple[NodeLoad, ...]:
        """All nodes of the cluster with their loads and guests on that board."""
        guests = Counter(board.place(vmid) for vmid in self.problem.facts.guests)
        return tuple(load for load in score.node_loads(self.problem, board.load, guests) if load.node != WAITING)


def place_new(cluster: Cluster, policy: Policy, asked: Sequence[NewGuest], now: float) -> Placement:
    """The best nodes for guests that are to be, all together, with no other guest moved; PlanError with all mistakes of the question."""
    if not 1 <= len(asked) <= MOST:
        raise PlanError(f"1 to {MOST} guests can be asked about at once, these are {len(asked)}")
    policy = replace(_free(policy), storages=())
    problem = Problem(FixedLimits(with_newcomers(cluster, asked), policy, WAITING))
    waiting = problem.index[WAITING]
    found = drain.empty(problem, waiting, policy.method)
    stuck, board = list[int](), Board(problem)
    if found.steps is None:
        board, stuck = drain.leftover(problem, waiting)
    for step in found.steps or ():
        board.move(step.unit, step.target)
    around = _Places(problem, board)
    moved = True
    while moved:  # each turn leaves the cluster better, so that there is a last one
        moved = False
        for unit in range(len(problem.units)):
            if unit not in stuck and (place := around.best(unit)) != board.where[unit]:
                board.move(unit, place)
                moved = True
    guests = tuple(_placed(around, problem.facts.guests[-number]) for number in range(1, len(asked) + 1))
    return _answer(around, guests, now, places.summary(guests, found.sure or not stuck), pools_unknown(cluster, policy, asked))


def place_better(cluster: Cluster, policy: Policy, vmid: int, now: float) -> Placement:
    """Where a guest that exists would be best, its own node among the places; PlanError where there is no such guest."""
    guest = next((one for one in cluster.guests if one.vmid == vmid), None)
    if guest is None:
        raise PlanError(f"there is no guest {vmid}")
    if guest.template:
        raise PlanError(f"{guest.label} is a template: it runs nowhere")
    if not guest.running:
        cluster = replace(cluster, guests=tuple(_as_running(one) if one is guest else one for one in cluster.guests))
    problem = Problem(FixedLimits(cluster, _free(policy)))
    board = Board(problem)
    around = _Places(problem, board)
    if vmid in problem.unit_of:
        board.move(problem.unit_of[vmid], around.best(problem.unit_of[vmid]))
    placed = _placed(around, guest)
    return _answer(around, (placed,), now, places.better(guest, placed, problem.stays.get(vmid, "")))


def _as_running(guest: Guest) -> Guest:
    """A guest that does not run, with the memory that it may use once it does."""
    return replace(guest, memory=max(guest.memory, guest.memory_max))


def _free(policy: Policy) -> Policy:
    """The policy for a question that a person asks about a guest: what balancing is to leave alone may be asked about."""
    return replace(policy, ignored=True, ignore_guests=(), containers=True, stopped=True, ha_guests="move", max_moves=None, max_bytes=None)


def _placed(around: _Places, guest: Guest) -> Placed:
    """The guest with its best node and all others."""
    problem, home = around.problem, "" if guest.node == WAITING else guest.node
    vmid = max(0, guest.vmid)
    if guest.vmid not in problem.unit_of:
        reason = problem.stays.get(guest.vmid, "")
        rows = tuple(_closed(around, guest, problem.names[place], reason) for place in around.nodes)
        return Placed(guest.name, home, reason, rows, vmid, home)
    unit = problem.unit_of[guest.vmid]
    candidates, place = around.candidates(unit), around.board.where[unit]
    node = "" if problem.names[place] == WAITING else problem.names[place]
    first = candidates[0].reason if candidates and node else places.folded([one.reason for one in candidates])
    return Placed(guest.name, node, first, candidates, vmid, home)


def _closed(around: _Places, guest: Guest, name: str, reason: str) -> Candidate:
    """A node for a guest that can go nowhere: its own reason, else what the node itself has against it."""
    load = next(one for one in around.loads(around.board) if one.node == name)
    words = reason if guest.node != name else "it is here"
    own = around.problem.facts.refusal(guest, name) if guest.node != name else ""
    return Candidate(name, 0, own or words, load.memory, load.cpu, load.disk)


def _answer(around: _Places, guests: tuple[Placed, ...], now: float, summary: str, warnings: Sequence[str] = ()) -> Placement:
    """The answer with the loads and the room for the loss of a node, before and after."""
    problem, method = around.problem, around.method
    return Placement(
        method, guests, summary, now, around.loads(Board(problem)), around.loads(around.board),
        score.spread(problem, problem.load, method), score.spread(problem, around.board.load, method), around.headroom(),
        (*problem.facts.cluster.problems, *problem.facts.warnings, *warnings),
    )  # fmt: skip
