"""What a plan warns of beside its moves: locks that are waited for, who else balances, no room for the loss of a node."""

from __future__ import annotations

from dataclasses import replace

from prs.model import LOCK_PATIENCE, Cluster, Plan, Policy
from prs.planner.explain.reasons import BROKEN
from prs.planner.explain.unmet import unmet
from prs.planner.objective.headroom import headroom


def noted(cluster: Cluster, policy: Policy, plan: Plan) -> Plan:
    """The plan with its warnings; of a rule that cannot be met that is said, and not that no way was found to keep it."""
    impossible = unmet(cluster, policy, plan)
    said = tuple(words for words in plan.warnings if not any(words.startswith(f"{rule} {BROKEN}") for rule in impossible))
    return replace(plan, warnings=(*said, *_locks(cluster, plan), *_balancers(cluster, policy, plan), *_connections(cluster, plan),
                                     *impossible.values(), *_room(cluster, plan)))


def _locks(cluster: Cluster, plan: Plan) -> list[str]:
    """Guests that a drain has to wait for, and that PVE tells nothing of until then."""
    moved = {move.vmid for move in plan.moves}
    return [
        f"{guest.label} is locked ({guest.lock}): the drain waits up to {LOCK_PATIENCE / 60:.0f} minutes for that to end, "
        "and only then asks PVE whether it can leave."
        for guest in cluster.guests if guest.vmid in moved and guest.occupied
    ]  # fmt: skip


def _balancers(cluster: Cluster, policy: Policy, plan: Plan) -> list[str]:
    """Who balances which guests, while PVE's own auto-rebalance is on."""
    under = [guest for guest in cluster.guests if guest.ha and not guest.template]
    if not cluster.auto_rebalance or not under:
        return []
    theirs = sum(guest.auto_rebalance for guest in under)
    what = f"PVE's own auto-rebalance is on and balances {theirs} of {len(under)} guests under HA"
    if plan.kind == "drain":
        return [f"{what}: unless HA maintenance mode is on, it may put guests on {plan.node} again."]
    if policy.ha_guests == "move":
        return [f"{what}, and so does this service (ha_guests: move): they may be moved to and fro; better turn one of the two off."]
    return [f"{what}, which are left to it; all others are balanced here."]


def _connections(cluster: Cluster, plan: Plan) -> list[str]:
    """That firewalled guests lose their connections where a node cannot carry them over; one sentence for all of them."""
    nodes, guests = {node.name: node for node in cluster.nodes}, {guest.vmid: guest for guest in cluster.guests}
    lost, unable = dict[int, str](), set[str]()
    for move in plan.moves:
        cannot = {name for name in (move.source, move.target) if name in nodes and nodes[name].connections is False}
        if move.running and move.kind == "qemu" and guests[move.vmid].firewalled and cannot:
            lost[move.vmid], unable = guests[move.vmid].label, unable | cannot
    if not lost:
        return []
    others = f" and {len(lost) - 1} more firewalled guests" if len(lost) > 1 else ", which has a firewall,"
    return [f"The connections of {lost[min(lost)]}{others} may be dropped in the move: {', '.join(sorted(unable))} cannot carry them over."]


def _room(cluster: Cluster, plan: Plan) -> list[str]:
    """That the loss of a node could not be borne; of a plan that moves nothing, that it is so already."""
    if plan.headroom is None or plan.headroom.fits or (plan.blockers and not plan.moves):
        return []
    before = headroom(cluster, replace(plan, moves=())) if plan.kind == "balance" else None
    already = before is not None and not before.fits
    return [plan.headroom.sentence + (" That is so already without this plan." if already and plan.moves else "")]
