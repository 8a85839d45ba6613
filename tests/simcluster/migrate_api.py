""".../{vmid}/migrate: the checks PVE makes at once, and its preconditions call.

Sources: qemu-server PVE/API2/Qemu.pm, pve-container PVE/API2/LXC.pm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simcluster import migration, obstacles
from simcluster.access import ROOT
from simcluster.errors import Refused, bad_parameter, denied, no_config
from simcluster.gate import may
from simcluster.migration import Order
from simcluster.nouns import Disk, Guest
from simcluster.routes import Call, route

if TYPE_CHECKING:
    from simcluster.world import World

QEMU, LXC = "/nodes/{node}/qemu/{vmid}/migrate", "/nodes/{node}/lxc/{vmid}/migrate"
NO_QUORUM = "cluster not ready - no quorum?"


def guest_here(world: World, call: Call, kind: str) -> Guest:
    """Give the guest of the path, or raise PVE's refusal when it is not on the node named there."""
    vmid = int(call.values["vmid"])
    guest = world.guests.get(vmid)
    if guest is None or guest.node != call.node or guest.kind != kind:
        raise no_config(call.node, kind, vmid)
    return guest


def unlocked(guest: Guest) -> None:
    """Raise PVE's refusal for a locked guest."""
    if guest.lock:
        raise Refused(500, f"{'VM' if guest.kind == 'qemu' else 'CT'} is locked ({guest.lock})")


def quorate(world: World) -> None:
    """Raise PVE's refusal without quorum."""
    if not world.quorate:
        raise Refused(500, NO_QUORUM)


def _checked_target(world: World, call: Call) -> str:
    target = str(call.values["target"])
    if target == call.node:
        raise bad_parameter(target="target is local node.")
    quorate(world)
    if target not in world.nodes:
        raise Refused(500, f"no such cluster node '{target}'")
    return target


def _storages(world: World, call: Call, guest: Guest, text: str) -> dict[str, str]:
    """Read a storage mapping: `1`, `store` or `from:to,from2:to2`."""
    found: dict[str, str] = {}
    for part in [] if text in ("", "1") else text.split(","):
        source, _, target = part.rpartition(":")
        found[source] = target
        if target not in world.storages:
            raise Refused(500, f"storage '{target}' does not exist")
        if not may(world, call.user, f"/storage/{target}", "Datastore.AllocateSpace"):
            raise denied(f"/storage/{target}", "Datastore.AllocateSpace")
    if found and not may(world, call.user, f"/vms/{guest.vmid}", "VM.Config.Disk"):
        raise denied(f"/vms/{guest.vmid}", "VM.Config.Disk")
    return found


def _usable(world: World, guest: Guest, target: str, storages: dict[str, str]) -> None:
    words = obstacles.storages(world, guest, target, lambda disk: Order(guest, target, storages=storages).storage(disk))
    if words:
        raise Refused(500, words)


@route("POST", QEMU)
def migrate_vm(world: World, call: Call) -> str:
    """Start the migration of a VM, or ask the HA manager for it; give the task's UPID."""
    values = call.values
    target = _checked_target(world, call)
    for name in ("force", "migration_type", "migration_network"):
        if values.get(name) and call.user != ROOT:
            raise Refused(400, "Parameter verification failed.", {name: "Only root may use this option."})
    guest = guest_here(world, call, "qemu")
    unlocked(guest)
    if guest.running:
        if not values.get("online"):
            raise Refused(500, "can't migrate running VM without --online")
        if guest.replicate and target not in guest.replicate and not values.get("force"):
            words = f"Cannot live-migrate replicated VM to node '{target}' - not a replication target. Use 'force' to override."
            raise Refused(500, words)
    storages = _storages(world, call, guest, str(values.get("targetstorage", "")))
    _usable(world, guest, target, storages)
    if world.ha.managed(guest):
        return world.ha.request(guest, target, call.user)
    limit = float(values.get("bwlimit") or 0) * 1024 or float("inf")
    order = Order(guest, target, False, bool(values.get("with-local-disks")), storages, limit)
    return migration.start(world, order, call.user).upid


@route("POST", LXC)
def migrate_ct(world: World, call: Call) -> str:
    """Start the migration of a container, or ask the HA manager for it; give the task's UPID."""
    values = call.values
    target = _checked_target(world, call)
    guest = guest_here(world, call, "lxc")
    unlocked(guest)
    if guest.running and not values.get("restart") and not values.get("online"):
        raise Refused(500, "can't migrate running container without --online or --restart")
    storages = _storages(world, call, guest, str(values.get("target-storage", "")))
    if guest.running and values.get("online") and not values.get("restart"):
        raise Refused(500, "lxc live migration is currently not implemented")
    _usable(world, guest, target, storages)
    if world.ha.managed(guest):
        return world.ha.request(guest, target, call.user)
    limit = float(values.get("bwlimit") or 0) * 1024 or float("inf")
    timeout = float(values.get("timeout", 180))
    return migration.start(world, Order(guest, target, True, True, storages, limit, timeout), call.user).upid


@route("GET", QEMU)
def preconditions_vm(world: World, call: Call) -> dict[str, Any]:
    """Say what PVE knows against the migration of a VM, node by node; online or not is not looked at."""
    quorate(world)
    guest = guest_here(world, call, "qemu")
    unlocked(guest)
    bound = obstacles.devices(guest)
    mapped = [key for key in bound if obstacles.mapping(guest, key)]
    others = [node for node in world.nodes if node != guest.node]
    refused = {node: _against(world, guest, node, mapped) for node in others}
    allowed = [node for node in others if not refused[node]]
    answer: dict[str, Any] = {
        "running": int(guest.running), "allowed_nodes": allowed, "not_allowed_nodes": refused,
        "local_disks": [_local_disk(disk) for disk in obstacles.local_disks(world, guest)],
        "local_resources": bound, "mapped-resources": mapped,
        "mapped-resource-info": {key: _mapping_info(world, guest, key) for key in mapped},
    }  # fmt: skip
    if world.flavour != "8":
        answer["has-dbus-vmstate"] = 1
        if world.ha.managed(guest):
            answer["dependent-ha-resources"] = world.ha.dependent(guest)
    return answer


def _against(world: World, guest: Guest, node: str, mapped: list[str]) -> dict[str, Any]:
    """Give what PVE has against a node, empty when it allows the node."""
    volumes = [disk for disk in guest.disks if obstacles.storage(world, disk.storage, node, obstacles.content(guest, disk))]
    resources = [key for key in mapped if node not in world.mappings[obstacles.mapping(guest, key)].nodes]
    found = {
        "unavailable_storages": sorted({disk.storage for disk in volumes}),
        "unavailable-resources": resources,
        "blocking-ha-resources": world.ha.blocking(guest).get(node, []),
    }
    return {name: value for name, value in found.items() if value}


def _mapping_info(world: World, guest: Guest, key: str) -> dict[str, Any]:
    name = obstacles.mapping(guest, key)
    return {"name": name, **({"live-migration": 1} if world.mappings[name].live else {})}


def _local_disk(disk: Disk) -> dict[str, Any]:
    return {
        "volid": disk.volid, "drivename": disk.key, "size": disk.size, "cdrom": int(disk.cdrom or disk.cloudinit),
        "is_attached": int(disk.attached), "is_unused": int(not disk.attached), "is_cloudinit": int(disk.cloudinit),
        "is_vmstate": 0, "is_tpmstate": int(disk.key.startswith("tpmstate")), "shared": 0, "replicate": 1,
        "referenced_in_snapshot": {"before": 1} if disk.snapshot else {},
    }  # fmt: skip


@route("GET", LXC)
def preconditions_ct(world: World, call: Call) -> dict[str, Any]:
    """Say what the HA manager has against the migration of a container; nothing else is looked at (and nothing on PVE 8: 501)."""
    quorate(world)
    guest = guest_here(world, call, "lxc")
    unlocked(guest)
    blocking = world.ha.blocking(guest)
    others = [node for node in world.nodes if node != guest.node]
    refused = {node: {"blocking-ha-resources": blocking[node]} if blocking.get(node) else {} for node in others}
    answer: dict[str, Any] = {
        "running": int(guest.running), "allowed-nodes": [node for node in others if not refused[node]], "not-allowed-nodes": refused,
    }  # fmt: skip
    if world.ha.managed(guest):
        answer["dependent-ha-resources"] = world.ha.dependent(guest)
    return answer
