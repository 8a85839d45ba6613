"""What rolling maintenance needs of PVE beside migrations: reboot a node, see that it has, and Ceph's health."""

from __future__ import annotations

from prs.errors import ApiError
from prs.pve.api import Api, quote
from prs.pve.read.permissions import REBOOT, granted
from prs.pve.read.values import number, rows, table, text


def uptimes(api: Api) -> dict[str, float]:
    """Seconds since each online node's start, by name; one call."""
    found = rows(api.get("/cluster/resources", {"type": "node"}))
    return {text(row, "node"): number(row, "uptime") or 0.0 for row in found if row.get("status") == "online"}


def reboot(api: Api, node: str) -> None:
    """Tell a node to reboot; PVE answers at once and shuts down what still runs there (pve-manager PVE/API2/Nodes.pm)."""
    api.post(f"/nodes/{quote(node)}/status", {"command": "reboot"})


def may_reboot(api: Api, node: str) -> bool:
    """Whether the caller may reboot the node."""
    return granted(table(api.get("/access/permissions")), f"/nodes/{node}", REBOOT)


def ceph(api: Api) -> str:
    """Why Ceph on the nodes is not well, in words; "" when it is, or when there is none."""
    try:
        health = text(table(table(api.get("/cluster/ceph/status")).get("health")), "status")
    except ApiError as error:
        # Without Ceph the call fails on the missing installation (pve-manager PVE/Ceph/Tools.pm).
        return f"Ceph's health may not be read: {error}" if error.status == 403 else ""
    return "" if health == "HEALTH_OK" else f"Ceph reports {health or 'no health'}"
