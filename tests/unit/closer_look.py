"""What tests of the closer look at candidates share: the look itself, and a guest on storages of its own."""

from __future__ import annotations

from typing import Any

from prs.model import Cluster, Guest
from prs.pve.read.candidates import inspect_guests
from prs.pve.read.snapshot import read_cluster
from simcluster import InProcessApi
from simcluster.scenes import add_accounts, from_json
from simcluster.world import World


def look(world: World, *vmids: int, method: str = "memory") -> tuple[Cluster, dict[int, Guest], int]:
    """The cluster after the closer look at these guests, its guests by vmid, and how many calls that took."""
    api = InProcessApi(world)
    before = read_cluster(api, world.clock.time(), method)
    calls = api.calls
    found = inspect_guests(api, before, vmids)
    return found, {guest.vmid: guest for guest in found.guests}, api.calls - calls


def with_guest(entry: dict[str, Any], **storages: Any) -> World:
    """A guest, 100, on the first of two nodes, and these storages beside the shared one."""
    nodes = {"pve1": {"memory": 64, "host": 2}, "pve2": {"memory": 64, "host": 2}}
    ceph = {"ceph": {"type": "rbd", "shared": True, "total": 1000}}
    guests = {"100": {"node": "pve1", "memory": 2, **entry}}
    return add_accounts(from_json({"nodes": nodes, "storages": {**ceph, **storages}, "guests": guests}))
