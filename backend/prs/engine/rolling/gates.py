"""What must hold before a node is taken down: gates with names, each of which says why it is shut and how long it is waited for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from prs.errors import PveError
from prs.model import Cluster, Node
from prs.pve.act import at_rest, ceph
from prs.pve.act.migration import locate_all, sighting
from prs.pve.api import Api
from prs.pve.read.quorum import votes
from prs.pve.read.snapshot import read_cluster
from prs.pve.roster import Listed, Roster, listed, scope, unproven

BUSY = ("migrate", "relocate", "fence", "recovery", "freeze", "request_start", "request_stop", "request_start_balance")


PATIENCE = 900.0  # how long (s) a gate may stay shut: Ceph and HA need minutes after a reboot
BACKUPS = 4 * 3600.0  # the backup of a large guest takes hours


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition by its name; `reason` says why it is not met ("": it is), `limit` how long (s) it is waited for."""

    name: str
    reason: str = ""
    limit: float = PATIENCE


def gates(api: Api, now: float, leaving: str = "", besides: Collection[str] = (), seen: Cluster | None = None) -> tuple[Gate, ...]:
    """All gates before `leaving` goes down, or ("") after all nodes had their turn, in the order they are looked at.

    Nodes in `besides` are down, or emptied, at the same time; `seen` is the cluster as it was read a moment ago. What cannot be read is
    a gate that is shut, and the last one.
    """
    found: list[Gate] = []
    try:
        found += _gates(api, seen or read_cluster(api, now, history=0.0), now, leaving, besides)
    except PveError as error:
        return (*found, Gate("PVE", f"PVE does not answer: {error}"))
    return tuple(found)


def closed_gate(api: Api, now: float, leaving: str = "", back: bool = False, besides: Collection[str] = ()) -> Gate | None:
    """The first gate that is shut, without a look at those behind it; None when all are open. `back`: the node has rebooted."""
    try:
        return next((gate for gate in _gates(api, read_cluster(api, now, history=0.0), now, leaving, besides, back) if gate.reason), None)
    except PveError as error:
        return Gate("PVE", f"PVE does not answer: {error}")


def _gates(api: Api, cluster: Cluster, now: float, leaving: str, besides: Collection[str], back: bool = False) -> Iterator[Gate]:
    yield Gate("quorum", _quorum(api, cluster, leaving, besides))
    yield Gate("nodes", _nodes(cluster, leaving, besides))
    yield Gate("HA", _quiet(cluster))
    yield Gate("Ceph", ceph.trouble(api))
    if leaving:
        online = [node.name for node in cluster.nodes if node.online]
        yield Gate("services", at_rest.services(api, leaving))
        yield Gate("backups", at_rest.busy(api, leaving), BACKUPS)
        running, failed = at_rest.replicating(api, leaving, online, now)
        yield Gate("replication", running)
        yield Gate("fresh replicas", failed)
        yield Gate("Ceph daemons", ceph.unsafe(api, leaving))
    if back:
        yield Gate("start at boot", at_rest.not_started(api, cluster, leaving))


def _quorum(api: Api, cluster: Cluster, leaving: str, besides: Collection[str] = ()) -> str:
    if not cluster.quorate:
        return "the cluster has no quorum"
    if not leaving:
        return ""
    gone = ", ".join([leaving, *sorted(besides)])
    there = {node.name for node in cluster.nodes if node.online and node.name != leaving and node.name not in besides}
    found = votes(api, [node.name for node in cluster.nodes])
    left, total = found.of(there), sum(found.nodes.values()) + found.device
    if left >= found.needed:
        return ""
    if total > len(cluster.nodes):
        silent = "; the QDevice is not connected" if found.device and not found.connected else ""
        return f"without {gone} only {left} of {total} votes are left, too few for a quorum{silent}"
    more = "; a QDevice would give the third vote (pvecm qdevice setup)" if len(cluster.nodes) == 2 else ""
    return f"without {gone} only {len(there)} of {total} nodes are left, too few for a quorum{more}"


def _nodes(cluster: Cluster, leaving: str, besides: Collection[str]) -> str:
    known = {node.name for node in cluster.nodes}
    if leaving and leaving not in known:
        return f"there is no node {leaving}"
    return next((words for node in cluster.nodes if node.name not in besides and (words := _ill(node, leaving))), "")


def _ill(node: Node, leaving: str) -> str:
    if not node.online:
        return f"{node.name} is offline"
    if node.problem:
        return f"{node.name}: {node.problem}"
    # A node that is to be emptied may be in maintenance already.
    if node.ha not in ("", "online") and not (node.ha == "maintenance" and node.name == leaving):
        return f"{node.name} is in HA state {node.ha}"
    return ""


def _quiet(cluster: Cluster) -> str:
    busy = [f"{guest.label}: {guest.ha}" for guest in cluster.guests if guest.ha in BUSY]
    if busy:
        return f"the HA manager is at work ({', '.join(busy[:3])})"
    if cluster.migrating:
        return f"guests are being migrated ({', '.join(map(str, cluster.migrating[:5]))})"
    return ""


def cannot_prove(api: Api, roster: Roster | None, node: str) -> str:
    """Why the node could not be proven empty once it is, "" when it could: better known before its guests leave. PveError."""
    return _blind(node, api.user, listed(roster, {vmid: where.node for vmid, where in locate_all(api).items()}))


def _blind(node: str, user: str, known: Listed | None) -> str:
    return f"{node} is not rebooted: {unproven(user)}" if scope(user, known) else ""


def not_empty(api: Api, roster: Roster | None, node: str, but: Collection[int] = ()) -> str:
    """Why the node is not to be rebooted, "" when it is proven empty; guests in `but` may be there, off by its own word. PveError."""
    places = locate_all(api)
    known = listed(roster, {vmid: where.node for vmid, where in places.items()})
    if words := _blind(node, api.user, known):
        return words
    here = {vmid: where for vmid, where in places.items() if where.node == node and not where.template}
    # The cluster's list may be 10 s old.
    off = {vmid for vmid in but if vmid in here and sighting(api, node, here[vmid].kind, vmid) == "stopped"}
    left = {vmid: where.name for vmid, where in here.items() if vmid not in off}
    seen = {vmid for vmid, where in places.items() if where.node_online}  # who is shown on a node that is not there is not
    left |= {vmid: "hidden" for vmid, at in (known or {}).items() if at == node and vmid not in seen}
    if not left:
        return ""
    names = ", ".join(f"{vmid} ({name})" if name else str(vmid) for vmid, name in sorted(left.items()))
    return f"{node} is not rebooted: {names} {'is' if len(left) == 1 else 'are'} on it again"
