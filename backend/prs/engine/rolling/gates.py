"""What must hold before a node is taken down, in words: each gate gives "" or why it is shut."""

from __future__ import annotations

from prs.errors import PveError
from prs.model import Cluster, Node
from prs.pve.act import power
from prs.pve.api import Api
from prs.pve.read.quorum import votes
from prs.pve.read.snapshot import read_cluster

BUSY = ("migrate", "relocate", "fence", "recovery", "freeze", "request_start", "request_stop", "request_start_balance")


def closed_gate(api: Api, now: float, leaving: str = "") -> str:
    """The first gate that is shut: quorum now and without `leaving`, all nodes well, HA quiet, Ceph healthy; "" when all are open."""
    try:
        cluster = read_cluster(api, now, history=0.0)
        return _quorum(api, cluster, leaving) or _nodes(cluster, leaving) or _quiet(cluster) or power.ceph(api)
    except PveError as error:
        return f"PVE does not answer: {error}"


def _quorum(api: Api, cluster: Cluster, leaving: str) -> str:
    if not cluster.quorate:
        return "the cluster has no quorum"
    if not leaving:
        return ""
    there = {node.name for node in cluster.nodes if node.online and node.name != leaving}
    found = votes(api, [node.name for node in cluster.nodes])
    left, total = found.of(there), sum(found.nodes.values()) + found.device
    if left >= found.needed:
        return ""
    if total > len(cluster.nodes):
        silent = "; the QDevice is not connected" if found.device and not found.connected else ""
        return f"without {leaving} only {left} of {total} votes are left, too few for a quorum{silent}"
    more = "; a QDevice would give the third vote (pvecm qdevice setup)" if len(cluster.nodes) == 2 else ""
    return f"without {leaving} only {len(there)} of {total} nodes are left, too few for a quorum{more}"


def _nodes(cluster: Cluster, leaving: str) -> str:
    known = {node.name for node in cluster.nodes}
    if leaving and leaving not in known:
        return f"there is no node {leaving}"
    return next((words for node in cluster.nodes if (words := _ill(node, leaving))), "")


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
