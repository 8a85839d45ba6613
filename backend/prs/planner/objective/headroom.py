"""Room for the loss of one more node: would the guests of any one node fit in the memory of the others after a plan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from prs.model import Cluster, Guest, Headroom, Plan
from prs.planner.quantities import gib

OTHERS = 3  # plans tried in place of one that leaves no room


def headroom(cluster: Cluster, plan: Plan) -> Headroom | None:
    """Whether the running guests of any one node fit in the others' free memory after the plan; None for one node, or a refused drain.

    That the sum fits is necessary, a first-fit packing of each guest on one node is sufficient; between the two it is "may not fit".
    """
    refused = bool(plan.blockers) and not plan.moves
    usable = {node.name: node for node in cluster.nodes if node.online and not node.problem and node.name != plan.node}
    if refused or len(cluster.nodes) < 2 or not usable:
        return None
    where = {move.vmid: move.target for move in plan.moves}
    there: dict[str, list[Guest]] = defaultdict(list)
    for guest in cluster.guests:
        there[where.get(guest.vmid, guest.node)].append(guest)
    held = {name: sum(guest.memory for guest in there[name]) for name in usable}
    free = {name: max(0, node.memory - node.memory_host - held[name]) for name, node in usable.items()}
    more = " as well" if plan.kind == "drain" else ""
    found = [_loss(name, there[name], [room for other, room in free.items() if other != name], more) for name in sorted(usable)]
    worst = max(found, key=lambda one: (not one.fits, one.short, held[one.node] + free[one.node]))
    if not worst.fits:
        return worst
    return replace(worst, sentence=f"If any one {'more ' if more else ''}node fails, its guests fit on the others.")


def _loss(node: str, guests: Sequence[Guest], rooms: list[int], more: str) -> Headroom:
    """What the loss of this node would mean, with this much room on each of the others."""
    if sum(guest.memory for guest in guests) > 0 and not rooms:
        need = sum(guest.memory for guest in guests)
        return Headroom(False, node, need, f"{node} is then the only node: if it fails{more}, its guests have nowhere to go.")
    short = sum(guest.memory for guest in guests) - sum(rooms)
    if short > 0:
        return Headroom(False, node, short, f"If {node} fails{more}, its guests do not all fit on the others ({gib(short)} short).")
    large = _left_over(guests, rooms)
    if large is None:
        return Headroom(True, node)
    most = max(rooms)
    if large.memory > most:
        needs = f"it needs {gib(large.memory)}, the most that is free is {gib(most)}"
        return Headroom(False, node, large.memory - most, f"If {node} fails{more}, {large.label} fits on no other node ({needs}).")
    words = f"no place was found for {large.label} ({gib(large.memory)}), though the sum would do"
    return Headroom(False, node, 0, f"If {node} fails{more}, its guests may not fit on the others: {words}.")


def _left_over(guests: Sequence[Guest], rooms: Sequence[int]) -> Guest | None:
    """The first guest, largest first, that finds no node with room for it, each going to the first that has; None when all do."""
    left = sorted(rooms, reverse=True)
    for guest in sorted((guest for guest in guests if guest.memory), key=lambda guest: (-guest.memory, guest.vmid)):
        place = next((place for place, room in enumerate(left) if room >= guest.memory), None)
        if place is None:
            return guest
        left[place] -= guest.memory
    return None


def keeping(cluster: Cluster, plan: Plan, make: Callable[[Cluster], Plan]) -> Plan:
    """The plan, or one in its place that does not leave the cluster without that room; `make` plans for a cluster.

    A drain that leaves none is refused. A balancing plan may not take it away; where there was none before, any plan is good.
    """
    if not _takes(cluster, plan):
        return plan
    if plan.kind == "drain":
        return _refused(cluster, plan, make)
    first, kept, other = plan, cluster, plan
    for _ in range(OTHERS):
        words = "moving it as planned would leave no room for the loss of a node, which spare: require forbids"
        kept = _bound(kept, {move.vmid for move in other.moves}, words)
        other = _measured(cluster, make(kept))
        if other.moves and not _takes(cluster, other):
            return other
    words = "no plan was found that leaves room for the loss of a node, which spare: require asks for"
    none = _measured(cluster, make(_bound(cluster, {guest.vmid for guest in cluster.guests}, words)))
    return replace(none, summary=f"Nothing is moved: {words}. With the best plan: {_told(first)}")


def _measured(cluster: Cluster, plan: Plan) -> Plan:
    return replace(plan, headroom=headroom(cluster, plan))


def _takes(cluster: Cluster, plan: Plan) -> bool:
    """True when the plan leaves no room that, before a balancing plan, was there."""
    if not plan.moves or plan.headroom is None or plan.headroom.fits:
        return False
    before = headroom(cluster, replace(plan, moves=()))
    return plan.kind == "drain" or (before is not None and before.fits)


def _refused(cluster: Cluster, plan: Plan, make: Callable[[Cluster], Plan]) -> Plan:
    words = f"may not leave, because spare: require is set: {_told(plan).rstrip('.')}"
    here = {guest.vmid for guest in cluster.guests if guest.node == plan.node}
    summary = f"{plan.node} is not emptied, because spare: require is set. {_told(plan)} Nothing is moved."
    return replace(make(_bound(cluster, here, words)), headroom=plan.headroom, summary=summary)


def _told(plan: Plan) -> str:
    return plan.headroom.sentence if plan.headroom else ""


def _bound(cluster: Cluster, vmids: Collection[int], why: str) -> Cluster:
    """The cluster with these guests kept where they are."""
    guests = (replace(guest, blockers=(*guest.blockers, why)) if guest.vmid in vmids else guest for guest in cluster.guests)
    return replace(cluster, guests=tuple(guests))
