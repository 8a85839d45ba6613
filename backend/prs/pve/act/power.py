"""What rolling maintenance needs of PVE beside migrations: reboot a node, and see that it has."""

from __future__ import annotations

from prs.pve.api import Api, quote
from prs.pve.read.permissions import REBOOT, holds
from prs.pve.read.values import number, rows, text


def uptimes(api: Api) -> dict[str, float]:
    """Seconds since each online node's start, by name; one call."""
    found = rows(api.get("/cluster/resources", {"type": "node"}))
    return {text(row, "node"): number(row, "uptime") or 0.0 for row in found if row.get("status") == "online"}


def reboot(api: Api, node: str) -> None:
    """Tell a node to reboot; PVE answers at once and shuts down what still runs there (pve-manager PVE/API2/Nodes.pm)."""
    api.post(f"/nodes/{quote(node)}/status", {"command": "reboot"})


def may_reboot(api: Api, node: str) -> bool:
    """Whether the caller may reboot the node. PveError."""
    return holds(api, f"/nodes/{node}", REBOOT)
