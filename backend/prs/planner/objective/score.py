"""The measures of a plan: loads, spread and deviation of the method's resources, and the table of named, weighted terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt

from prs.model import RESOURCES, Method, NodeLoad, Policy, Resource, Term
from prs.planner.problem.board import Board
from prs.planner.problem.fixed_limits import FixedLimits
from prs.planner.problem.problem import Problem

Loads = Mapping[Resource, Sequence[float]]
NONE = float("inf")
WORTH = 2e4  # seconds of moving that a spread lower by 1.0 is worth where the aim is out of reach: 200 for a point
PREFERENCE_WORTH = 60.0  # seconds of moving that it is worth to have a guest where the rules prefer it
BLOCK = 0.01 / 2**30  # seconds of moving that each byte of the largest free memory is worth
WEIGHTS = {  # in seconds of moving for each unit of the term; a negative weight: the more, the better
    "spread": {"spread over the aim": WORTH, "moving": 1.0, "deviation": 0.0, "off": PREFERENCE_WORTH, "free": -BLOCK},
    "level": {"spread over the aim": 0.0, "moving": 1e-6, "deviation": 1e5, "off": 0.0, "free": 0.0},
}
CALM = 0.70  # load (fraction) up to which a resource that is not levelled may be as uneven as it likes: nobody is short of it there
ROUNDING = 1e-9  # share of a load that rounding may hide
PREFERENCE_SHARE = 0.05  # price of a guest off those nodes in a search for the most level cluster: this share of the variance at the start


def weight(policy: Policy, method: Method, resource: Resource) -> float:
    """How much a point of the resource's spread counts with this method."""
    return dict(policy.weights).get(resource, 1.0) if method == "all" else 1.0


def resources(policy: Policy, method: Method) -> tuple[Resource, ...]:
    """The resources that the method levels: with `all` those whose weight is not 0."""
    return tuple(resource for resource in RESOURCES if weight(policy, method, resource)) if method == "all" else (method,)


def widths(policy: Policy, method: Method, width: float) -> dict[Resource, float]:
    """How wide the spread of each resource may be for the method's own, in which it counts by its weight, to be at most `width`."""
    return {resource: width / weight(policy, method, resource) for resource in resources(policy, method)}


def usage(problem: Problem, load: Loads, resource: Resource) -> list[float]:
    """The load of each active node that has the resource, as a fraction of its capacity."""
    total = problem.total[resource]
    return [load[resource][node] / total[node] for node in problem.active if total[node] > 0]


def spread(problem: Problem, load: Loads, method: Method) -> float:
    """Fullest minus emptiest active node; for `all` the widest of the three resources, each times its weight."""
    widest, policy = 0.0, problem.facts.policy
    for resource in resources(policy, method):
        use = usage(problem, load, resource)
        if use:
            widest = max(widest, (max(use) - min(use)) * weight(policy, method, resource))
    return widest


def fullest(problem: Problem, load: Loads) -> dict[Resource, float]:
    """The highest load of an active node, as a fraction of its capacity, by resource."""
    return {resource: max(use) for resource in RESOURCES if (use := usage(problem, load, resource))}


def deviation(problem: Problem, load: Loads, method: Method) -> float:
    """Standard deviation of the active nodes' loads; for `all` the root of the summed variances, each deviation times its weight."""
    total, policy = 0.0, problem.facts.policy
    for resource in resources(policy, method):
        use = usage(problem, load, resource)
        if use:
            middle = sum(use) / len(use)
            total += sum((one - middle) ** 2 for one in use) / len(use) * weight(policy, method, resource) ** 2
    return sqrt(total)


def guards(problem: Problem, method: Method) -> dict[Resource, float]:
    """The widest spread that a plan may give each resource which the method does not level."""
    others: list[Resource] = [resource for resource in RESOURCES if resource not in resources(problem.facts.policy, method)]
    widest = {other: spread(problem, problem.load, other) + problem.facts.policy.guard for other in others}
    return {**widest, **problem.widest}


def worsened(problem: Problem, load: Loads, widest: Mapping[Resource, float]) -> list[Resource]:
    """The resources whose spread is wider than `widest` (of `guards`) allows, and that fill a node so far that it matters."""
    found = list[Resource]()
    for other, width in widest.items():
        use = usage(problem, load, other)
        if use and max(use) > CALM and max(use) - min(use) > width + ROUNDING:
            found.append(other)
    return found


def node_loads(problem: Problem, load: Loads, guests: Mapping[int, int]) -> tuple[NodeLoad, ...]:
    """All nodes with their loads and numbers of guests."""
    rows, active = [], set(problem.active)
    for place, name in enumerate(problem.names):
        use = {r: load[r][place] / problem.total[r][place] if problem.total[r][place] else 0.0 for r in RESOURCES}
        rows.append(NodeLoad(name, use["memory"], use["cpu"], use["disk"], guests[place], place in active))
    return tuple(rows)


def reachable(problem: Problem, method: Method) -> float:
    """A proven lower bound of the spread, whatever is moved: what the fullest node holds at least, less what the emptiest does at most."""
    policy = problem.facts.policy
    return max((max(0.0, _apart(problem, resource)) * weight(policy, method, resource) for resource in resources(policy, method)),
               default=0.0)


def _apart(problem: Problem, resource: Resource) -> float:
    """How far the fullest node and the emptiest one are apart at least; one that nobody may go to stays as empty as it is, or more so."""
    load, total = problem.load[resource], problem.total[resource]
    nodes = [node for node in problem.active if total[node] > 0]
    takes = [node for node in nodes if problem.takes[node]]
    middle = mean(problem, resource)
    emptiest = min([middle, *(load[node] / total[node] for node in nodes if not problem.takes[node])])
    room = sum(total[node] for node in takes)
    rest = middle * sum(total[node] for node in nodes) - sum(load[node] for node in nodes if not problem.takes[node])
    return max(peak(problem, resource), middle, rest / room if room else 0.0) - emptiest


def mean(problem: Problem, resource: Resource) -> float:
    """The load of the active nodes together, with what a drain brings; the emptiest node is never above it, the fullest never below."""
    nodes = {node for node in problem.active if problem.total[resource][node] > 0}
    total = sum(problem.total[resource][node] for node in nodes)
    coming = sum(size for unit, size in zip(problem.units, problem.sizes[resource], strict=True) if unit.home not in nodes)
    return (sum(problem.load[resource][node] for node in nodes) + coming) / total if total else 0.0


def peak(problem: Problem, resource: Resource) -> float:
    """A proven lower bound of the fullest node's load: what cannot move away, and each movable guest wherever it goes."""
    if resource not in problem.peaks:
        problem.peaks[resource] = _peak(problem, resource)
    return problem.peaks[resource]


def _peak(problem: Problem, resource: Resource) -> float:
    total, sizes = problem.total[resource], problem.sizes[resource]
    stuck = {node: problem.load[resource][node] for node in problem.active if total[node] > 0}
    for unit, size in zip(problem.units, sizes, strict=True):
        if unit.home in stuck:
            stuck[unit.home] -= size
    highest = max((load / total[node] for node, load in stuck.items()), default=0.0)
    least = max(total[node] for node in stuck) if stuck else 0.0
    for unit, size in zip(problem.units, sizes, strict=True):
        if unit.home in stuck and size > highest * least:
            places = [node for node in stuck if unit.allowed[node] or node == unit.home]
            highest = max(highest, min((stuck[node] + size) / total[node] for node in places))
    return highest


def misplaced(problem: Problem, where: Sequence[int]) -> int:
    """Guests on nodes where a rule, strict or not, would rather not have them, with each unit on its node of `where`."""
    facts, count = problem.facts, 0
    for vmid in facts.node_rules.bound:
        if (guest := facts.guests.get(vmid)) is not None:
            unit = problem.unit_of.get(vmid)
            place = guest.node if unit is None else problem.names[where[unit]]
            count += bool(facts.node_rules.unwanted(guest, place)) and not (place == facts.drain and _as_good(facts, guest.vmid))
    return count


def _as_good(facts: FixedLimits, vmid: int) -> bool:
    """Whether the drained node, were it not drained, is as good for the guest as any that its rules name."""
    for rule in facts.node_rules.bound[vmid]:
        ranks = dict(rule.nodes)
        if rule.avoid == (facts.drain in ranks) or (not rule.avoid and ranks[facts.drain] < max(ranks.values())):
            return False
    return True


def block(problem: Problem, load: Loads) -> float:
    """The largest free memory on one active node, in bytes: the largest guest that could still be started."""
    return max((max(0.0, problem.cap["memory"][node] - load["memory"][node]) for node in problem.active if problem.total["memory"][node]),
               default=0.0)


def terms(problem: Problem, board: Board, method: Method, goal: str, moving: float, aim: float) -> tuple[Term, ...]:
    """The named terms of the objective before and after, each with its weight; those of weight 0 are reported, but not traded for."""
    weight, before, load = WEIGHTS[goal], problem.load, board.load
    homes, start = [unit.home for unit in problem.units], deviation(problem, before, method)
    off = weight["off"] or weight["deviation"] * start * PREFERENCE_SHARE / 2  # that share of the variance as a deviation
    return (
        Term("spread over the aim", weight["spread over the aim"], max(0.0, spread(problem, before, method) - aim),
             max(0.0, spread(problem, load, method) - aim)),
        Term("deviation", weight["deviation"], start, deviation(problem, load, method)),
        Term("moving", weight["moving"], 0.0, moving),
        Term("guests off the nodes that rules prefer", off, misplaced(problem, homes), misplaced(problem, board.where)),
        Term("largest free memory", weight["free"], block(problem, before), block(problem, load)),
    )
