"""Shuts guests down and starts them; each a request whose task has to be followed, and none of them waits.

PVE itself passes a guest under HA to the HA manager, with its state there (qemu-server API2/Qemu.pm, pve-container API2/LXC/Status.pm).
"""

from __future__ import annotations

from prs.model import Kind
from prs.pve.api import Api, quote


def shut_down(api: Api, node: str, kind: Kind, vmid: int, seconds: int, kill: bool) -> str:
    """Ask the guest to shut down, through its agent or ACPI, and give the UPID; with `kill` PVE ends it after so many seconds."""
    sent = {"timeout": seconds, **({"forceStop": 1} if kill else {})}
    return str(api.post(f"/nodes/{quote(node)}/{kind}/{vmid}/status/shutdown", sent) or "")


def start(api: Api, node: str, kind: Kind, vmid: int) -> str:
    """Start the guest, and give the UPID."""
    return str(api.post(f"/nodes/{quote(node)}/{kind}/{vmid}/status/start") or "")
