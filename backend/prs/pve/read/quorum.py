"""Votes for a quorum as corosync counts them: those of the nodes, and of a QDevice, which stands in for a third node."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from prs.errors import ApiError
from prs.model import Node
from prs.pve.api import Api
from prs.pve.read.values import flag, rows, table, text, whole


@dataclass(frozen=True, slots=True)
class Votes:
    """The votes of each node, and of the QDevice (0: there is none); `connected`: its daemon reaches it, so that it votes."""

    nodes: Mapping[str, int]
    device: int = 0
    connected: bool = False

    @property
    def needed(self) -> int:
        """Votes without which the cluster stops."""
        return (sum(self.nodes.values()) + self.device) // 2 + 1

    def of(self, there: Collection[str]) -> int:
        """Votes while only these nodes are up."""
        return sum(count for node, count in self.nodes.items() if node in there) + (self.device if self.connected else 0)


def votes(api: Api, nodes: Collection[str]) -> Votes:
    """The votes in a cluster of these nodes; what PVE does not tell counts as PVE sets it up: one for each node and no QDevice.

    A QDevice has one vote beside an even number of nodes, else one less than there are nodes (pve-cluster CLI/pvecm.pm). What corosync's
    own `two_node` does is not to be seen in the API (pve-cluster API2/ClusterConfig.pm), and so is not counted on.
    """
    told = {text(row, "node"): whole(row, "quorum_votes") for row in rows(_read(api, "/cluster/config/nodes")) if row.get("quorum_votes")}
    device = table(_read(api, "/cluster/config/qdevice"))
    count = (1 if len(nodes) % 2 == 0 else len(nodes) - 1) if device else 0
    return Votes({name: told.get(name, 1) for name in sorted(nodes)}, count, text(device, "State") == "Connected")


def _read(api: Api, path: str) -> object:
    try:
        found: object = api.get(path)
    except ApiError:
        return None
    return found


def member_nodes(api: Api) -> tuple[Node, ...]:
    """The cluster's nodes by name with their ids and whether they are online, and nothing more; one call (pve-manager API2/Cluster.pm).

    Without Sys.Audit on / a second call tells them without ids.
    """
    try:
        found = [row for row in rows(api.get("/cluster/status")) if row.get("type") == "node"]
    except ApiError:
        found = [{"name": text(row, "node"), "online": text(row, "status") != "offline"} for row in rows(api.get("/nodes"))]
    nodes = (Node(text(row, "name"), flag(row, "online"), id=whole(row, "nodeid")) for row in found)
    return tuple(sorted(nodes, key=lambda node: node.name))
