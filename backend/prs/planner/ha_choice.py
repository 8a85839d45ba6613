"""Which guests the HA manager would take back to a node that is drained, and where else it may put them: it chooses by its own rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from prs.model import Cluster, Guest, Move, Plan, Policy, Rule
from prs.planner.problem.fixed_limits import FixedLimits
from prs.planner.verify.walk import Walk


def taken_back(cluster: Cluster, node: str) -> dict[int, Rule]:
    """The running guests of the node that the HA manager takes back there while the node is open to it, by vmid, with the rule.

    It does so where the rule prefers the node to all others (pve-ha-manager HA/Manager.pm select_service_node) and failback is on.
    """
    if not any(one.name == node and _open(one.ha) for one in cluster.nodes):
        return {}
    found = {}
    for guest in cluster.guests:
        if guest.node == node and guest.ha and guest.running and guest.failback and not guest.template:
            rule = next((rule for rule in _rules(cluster, guest) if _home(cluster, rule, node)), None)
            if rule is not None:
                found[guest.vmid] = rule
    return found


def leaving_by_mode(cluster: Cluster, node: str) -> frozenset[int]:
    """The guests that only HA maintenance mode takes off the node: the HA manager takes them back, and has another node for them."""
    back = taken_back(cluster, node)
    return frozenset(guest.vmid for guest in cluster.guests if guest.vmid in back and choices(cluster, guest, node))


def choices(cluster: Cluster, guest: Guest, node: str) -> tuple[str, ...]:
    """The nodes among which the HA manager chooses once `node` is in maintenance: it counts services, and no memory (HA/Usage/Basic.pm)."""
    found = [one for one in _online(cluster) if one != node]
    for rule in _rules(cluster, guest):
        ranks = _ranks(rule, found)
        best = max(ranks.values(), default=0)
        found = [one for one in found if ranks[one] == best and (best > 0 or not rule.strict)]
    places = {other.vmid: other.node for other in cluster.guests if other.ha}
    for rule in cluster.rules:
        if rule.kind == "apart" and guest.vmid in rule.guests:
            taken = {places.get(vmid) for vmid in rule.guests if vmid != guest.vmid}
            found = [one for one in found if one not in taken]
    return tuple(found)


def kept_by_ha(cluster: Cluster, policy: Policy, plan: Plan, maintenance: bool) -> dict[int, str]:
    """Why guests that a drain would move cannot leave for good, by vmid; `maintenance`: HA maintenance mode can be switched."""
    if maintenance:
        return _unfit(cluster, replace(policy, relaxed=plan.relaxed), plan)
    moved = {move.vmid for move in plan.moves}
    return {
        vmid: f"the HA manager would take it back to {plan.node}, which {rule.source} {rule.name} prefers: only HA maintenance mode of "
        f"{plan.node} prevents that, and it cannot be switched here (ha-manager crm-command node-maintenance enable {plan.node})"
        for vmid, rule in taken_back(cluster, plan.node).items() if vmid in moved
    }  # fmt: skip


def _unfit(cluster: Cluster, policy: Policy, plan: Plan) -> dict[int, str]:
    """Why guests cannot leave by HA maintenance mode, by vmid: the mode drives away all, and every node it may choose must take them."""
    theirs = taken_back(cluster, plan.node)
    moves = [move for move in plan.moves if move.vmid in theirs and move.source == plan.node]
    if moves and (stays := staying(cluster, plan)):
        words = f"only HA maintenance mode gets it away for good, and that stays off while {stays[0].label}, which is under HA, stays"
        return {move.vmid: words for move in moves}
    others = [move for move in plan.moves if move not in moves]
    guests = {guest.vmid: guest for guest in cluster.guests}
    options = {move.vmid: choices(cluster, guests[move.vmid], plan.node) for move in moves}
    found = {vmid: "the HA manager has no node for it" for vmid, nodes in options.items() if not nodes}
    for node in sorted({node for nodes in options.values() for node in nodes}):
        walk = _after(cluster, policy, plan, others)
        for number, move in enumerate((move for move in moves if node in options[move.vmid]), 1):
            walk.broken.clear()
            walk.step(number, replace(move, target=node))
            if walk.broken:
                words = f"the HA manager may put it on {node}: {walk.broken[0].partition(': ')[2]}"
                found.setdefault(move.vmid, f"only HA maintenance mode gets it away for good, and {words}")
    return found


def staying(cluster: Cluster, plan: Plan) -> list[Guest]:
    """The running guests under HA that the plan leaves on the node it drains: HA maintenance mode would drive them away."""
    moved = {move.vmid for move in plan.moves}
    return [one for one in cluster.guests if one.node == plan.node and one.ha and one.running and one.vmid not in moved]


def told(cluster: Cluster, plan: Plan) -> tuple[str, ...]:
    """What a plan of a drain says about HA maintenance mode where it is not simply switched on at the end."""
    if not plan.moves:
        return ()
    if stays := staying(cluster, plan):
        names = ", ".join(guest.label for guest in stays[:3]) + (f" and {len(stays) - 3} more" if len(stays) > 3 else "")
        stay = "stays" if len(stays) == 1 else "stay"
        return (f"HA maintenance mode of {plan.node} stays off, because {names}, under HA, {stay} there.",)
    theirs, moved = taken_back(cluster, plan.node), {move.vmid for move in plan.moves}
    found = list[str]()
    for guest in cluster.guests:
        if guest.vmid in theirs and guest.vmid in moved:
            nodes, rule = choices(cluster, guest, plan.node), theirs[guest.vmid]
            chosen = f"among {', '.join(nodes)}, and it fits on each of them" if len(nodes) > 1 else f"{nodes[0]}, and it fits there"
            found.append(f"{guest.label} leaves last, by HA maintenance mode, because {rule.source} {rule.name} would take it back: "
                         f"the HA manager chooses {chosen}.")
    return tuple(found)


def _after(cluster: Cluster, policy: Policy, plan: Plan, moves: Iterable[Move]) -> Walk:
    walk = Walk(FixedLimits(cluster, policy, plan.node, plan.stopped))
    for number, move in enumerate(moves, 1):
        walk.step(number, move)
    return walk


def _rules(cluster: Cluster, guest: Guest) -> list[Rule]:
    return [rule for rule in cluster.rules if rule.kind == "nodes" and rule.source.startswith("HA ") and guest.vmid in rule.guests]


def _home(cluster: Cluster, rule: Rule, node: str) -> bool:
    """Whether the rule prefers the node to every other one that the HA manager may use."""
    ranks = _ranks(rule, _online(cluster))
    return ranks.pop(node, 0) > max(ranks.values(), default=0)


def _ranks(rule: Rule, nodes: Iterable[str]) -> dict[str, int]:
    """How much the rule prefers each node, higher is better; 0: not wanted there."""
    named = dict(rule.nodes)
    if rule.avoid:
        return {node: int(node not in named) for node in nodes}
    return {node: named[node] + 1 if node in named else 0 for node in nodes}


def _online(cluster: Cluster) -> list[str]:
    return [node.name for node in cluster.nodes if node.online and _open(node.ha)]


def _open(state: str) -> bool:
    return state in ("", "online")
