"""Guests of a node to drain that stay there, shut down, because the user has agreed to that for each of them. Pure."""

from __future__ import annotations

from dataclasses import replace

from prs.errors import PlanError
from prs.model import Cluster, Guest, Policy, Stay

REASON = "is shut down once all others have left, and started again when {node} is released"
KILLED = "is shut down once all others have left (killed after {seconds} s if it does not obey), and started again when {node} is released"


def riding(cluster: Cluster, policy: Policy, node: str) -> tuple[Cluster, tuple[Stay, ...]]:
    """The cluster without the guests of the node that ride along, so that nothing is planned for them, and these; PlanError.

    A list may name guests of several nodes, each of which has its turn.
    """
    if not node or not policy.rides:
        return cluster, ()
    there = {guest.vmid: guest for guest in cluster.guests}
    if wrong := [words for vmid in policy.rides if (words := _unfit(vmid, there.get(vmid), policy))]:
        raise PlanError("; ".join(wrong))
    mine = [guest for vmid, guest in sorted(there.items()) if vmid in policy.rides and guest.node == node]
    words = (KILLED if policy.kill_after else REASON).format(node=node, seconds=policy.kill_after)
    gone = {guest.vmid for guest in mine}
    cluster = replace(cluster, guests=tuple(guest for guest in cluster.guests if guest.vmid not in gone))
    return cluster, tuple(Stay(guest.vmid, guest.name, guest.node, words, guest.kind) for guest in mine)


def _unfit(vmid: int, guest: Guest | None, policy: Policy) -> str:
    if guest is None:
        return f"there is no guest {vmid} that could be shut down"
    if guest.ha and guest.kind == "qemu" and not policy.kill_after:
        # pve-ha-manager HA/Resources/PVEVM.pm sends forceStop with every shutdown.
        words = "the HA manager kills a VM that does not shut down in time, so agree to that, with --kill-after SECONDS or in its field"
        return f"{guest.label}: {words}"
    return f"{guest.label} is a template, which may stay as it is" if guest.template else ""
