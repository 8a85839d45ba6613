"""The cluster as a plan would leave it, for the dry run of what follows it. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from prs.model import Cluster, Plan


def afterwards(cluster: Cluster, examined: Cluster, plan: Plan) -> Cluster:
    """The cluster with the plan's guests at their targets, as they were examined for it, and their local disks on storages there."""
    places = {move.vmid: move.target for move in plan.moves}  # of a guest that moves twice the last
    names = {(move.vmid, here): there for move in plan.moves for here, there in move.storages}
    guests = {guest.vmid: replace(guest, node=places[guest.vmid]) for guest in examined.guests if guest.vmid in places}
    local = {(one.name, one.node) for one in cluster.storages if not one.shared}
    grown = Counter[tuple[str, str]]()
    for guest in guests.values():
        for volume in guest.volumes:
            grown[names.get((guest.vmid, volume.storage), volume.storage), guest.node] += volume.size
    added = ((one, grown[one.name, one.node] if (one.name, one.node) in local else 0) for one in cluster.storages)
    storages = tuple(replace(one, used=one.used + more) for one, more in added)
    return replace(cluster, guests=tuple(guests.get(guest.vmid, guest) for guest in cluster.guests), storages=storages)
