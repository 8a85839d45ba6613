"""What nodes and guests look like in lists: live configuration mixed with reported figures that may be old or missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simcluster.gate import may
from simcluster.history import EXPIRY, REPORT, Seen
from simcluster.nouns import Guest, Node

if TYPE_CHECKING:
    from simcluster.world import World

NOTICED = 5.0  # seconds until the cluster's membership shows a dead node as offline
ROOT_DISK = 64 * 2**30


def seems_online(world: World, node: Node) -> bool:
    """True while the membership counts the node."""
    return node.alive or world.clock.now < node.died + NOTICED


def silent_since(world: World, node: Node) -> float:
    """Give since when the node reports nothing: now, while it does."""
    now = world.clock.now
    return min(now if node.alive else node.died, now if node.silent is None else node.silent)


def reporting(world: World, node: Node) -> bool:
    """True while the node's reports are not older than pmxcfs keeps them."""
    return world.clock.now - silent_since(world, node) < EXPIRY


def unheard(world: World, node: Node, start: float, end: float) -> bool:
    """True when the node did not report throughout that time, so that histories have a hole there."""
    holes = [*node.holes, (silent_since(world, node), world.clock.now)]
    return any(since < end and start < until for since, until in holes if until > since)


def seen(world: World, guest: Guest) -> Seen | None:
    """Give the figures last reported for a guest, None when there are none any more."""
    node = world.nodes[guest.node]
    if not reporting(world, node):
        return None
    frozen = world.metrics.frozen.get(node.name)
    return frozen.get(guest.vmid) if frozen is not None else world.metrics.seen(guest)


def boot_disk(guest: Guest) -> int:
    """Give the size that PVE shows as a guest's maxdisk: its first real disk."""
    return next((disk.size for disk in guest.disks if not disk.cdrom and not disk.cloudinit and disk.attached), 0)


def guest_figures(world: World, guest: Guest, told: Seen) -> dict[str, Any]:
    """Give the metric keys of a guest."""
    running = told.status not in ("stopped", "suspended")
    uptime = int(max(0.0, world.clock.now // REPORT * REPORT - told.born)) if running else 0
    cpus = listed_cpus(world, guest)
    figures: dict[str, Any] = {
        "name": guest.name, "status": told.status, "template": int(guest.template), "uptime": uptime,
        "cpu": round(told.cpu / cpus, 6) if running and cpus else 0, "maxcpu": cpus,
        "mem": told.memory if running else 0, "maxmem": guest.memory_max,
        "disk": boot_disk(guest) // 2 if guest.kind == "lxc" and running else 0, "maxdisk": boot_disk(guest),
        "diskread": uptime * 20000, "diskwrite": uptime * 40000, "netin": uptime * 5000, "netout": uptime * 3000,
    }  # fmt: skip
    if world.flavour != "8":
        figures["memhost"] = told.counted if guest.kind == "qemu" and running else 0
    return figures


def listed_cpus(world: World, guest: Guest) -> int:
    """Give a guest's maxcpu: a VM's sockets times cores clipped to its node's threads, or its vcpus (qemu-server vmstatus)."""
    if guest.kind == "lxc" or not guest.cpu_max:
        return int(guest.cpu_max)
    return int(guest.config.get("vcpus", 0)) or min(guest.vcpus, world.nodes[guest.node].cpu)


def guest_row(world: World, guest: Guest) -> dict[str, Any]:
    """Give a guest's entry in /cluster/resources, pool not included."""
    told = seen(world, guest)
    row: dict[str, Any] = {"id": f"{guest.kind}/{guest.vmid}", "type": guest.kind, "vmid": guest.vmid, "node": guest.node}
    row |= {"status": "unknown"} if told is None else guest_figures(world, guest, told)
    if guest.lock:
        row["lock"] = guest.lock
    if guest.tags:
        row["tags"] = ";".join(guest.tags)
    if state := world.ha.state(guest.sid):
        row["hastate"] = state
    return row


def node_row(world: World, node: Node, audit: bool) -> dict[str, Any]:
    """Give a node's entry in /cluster/resources; without Sys.Audit on the node no figures."""
    row: dict[str, Any] = {"id": f"node/{node.name}", "type": "node", "node": node.name, "level": "", "cgroup-mode": 2}
    if not seems_online(world, node):
        row["status"] = "offline"
    elif not reporting(world, node):
        row["status"] = "unknown"
    else:
        row["status"] = "online"
        if audit:
            row |= node_figures(world, node)
    if world.ha.node_status:
        row["hastate"] = world.ha.node_status.get(node.name, "unknown")
    return row


def node_figures(world: World, node: Node) -> dict[str, Any]:
    """Give the metric keys of a node."""
    memory, cpu = world.metrics.frozen_node.get(node.name) or world.metrics.node(
        node.name, world.memory_used(node.name), world.cpu_used(node.name)
    )
    return {
        "cpu": round(cpu / node.cpu, 6), "maxcpu": node.cpu, "mem": memory + node.arc, "maxmem": node.memory,
        "disk": ROOT_DISK // 8, "maxdisk": ROOT_DISK, "uptime": int(world.clock.now - node.born),
    }  # fmt: skip


def storage_row(world: World, name: str, node: Node) -> dict[str, Any]:
    """Give a storage's entry for one node in /cluster/resources."""
    found = world.storages[name]
    row: dict[str, Any] = {
        "id": f"storage/{node.name}/{name}", "type": "storage", "storage": name, "node": node.name, "plugintype": found.type,
        "content": ",".join(found.content), "shared": int(found.shared), "status": "unknown",
    }  # fmt: skip
    if node.alive and reporting(world, node) and node.name not in found.inactive:
        row |= {"status": "available", "disk": world.storage_used(name, node.name), "maxdisk": found.total}
    return row


def network_row(world: World, node: Node) -> dict[str, Any]:
    """Give the default SDN zone's entry for one node: type `sdn` on PVE 8, `network` from 9 on."""
    if world.flavour == "8":
        return {"id": f"sdn/{node.name}/localnetwork", "type": "sdn", "sdn": "localnetwork", "node": node.name, "status": "ok"}
    named = {"network": "localnetwork", "network-type": "zone", "node": node.name, "status": "ok"}
    return {"id": f"network/{node.name}/zone/localnetwork", "type": "network", **named}


def pools(world: World) -> list[str]:
    """Give the names of all pools; one that is nested, `parent/child`, has its parents."""
    names = {guest.pool for guest in world.guests.values() if guest.pool}
    return sorted({"/".join(parts[:depth]) for name in names if (parts := name.split("/")) for depth in range(1, len(parts) + 1)})


def pool_visible(world: World, user: str, pool: str) -> bool:
    """True when the user may see that a guest is in the pool."""
    return bool(pool) and may(world, user, f"/pool/{pool}", "Pool.Audit")
