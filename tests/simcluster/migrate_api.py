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


def _storages(world: World, call: Call, guest: Guest, text: str, node: str) -> dict[str, str]:
    """Read a storage mapping, `1`, `store` or `from:to,from2:to2`, and check its targets (check_storage_access_migrate)."""
    found: dict[str, str] = {}
    parts = [] if text in ("", "1") else text.split(",")
    if parts and not may(world, call.user, f"/vms/{guest.vmid}", "VM.Config.Disk"):
        raise denied(f"/vms/{guest.vmid}", "VM.Config.Disk")
    needed, what = ("images", "vm images") if guest.kind == "qemu" else ("rootdir", "CT rootdirs")
    for part in parts:
        source, _, target = part.rpartition(":")
        found[source] = target
        if target not in world.storages:
            raise Refused(500, f"storage '{target}' does not exist")
        if words := obstacles.storage(world, target, node):
            raise Refused(500, words)
        if not may(world, call.user, f"/storage/{target}", "Datastore.AllocateSpace"):
            raise denied(f"/storage/{target}", "Datastore.AllocateSpace")
        if needed not in world.storages[target].content:
            raise Refused(500, f"storage '{target}' does not support {what}")
    return found


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
    storages = _storages(world, call, guest, str(values.get("targetstorage", "")), target)
    words = "" if storages else obstacles.at_request(world, guest, target)
    if words:
        raise Refused(500, words)
    if world.ha.managed(guest):
        return world.ha.request(guest, target, call.user)
    limit = float(values.get("bwlimit") or 0) * 1024 or float("inf")
    tracked = guest.running and bool(values.get("with-conntrack-state"))
    order = Order(guest, target, False, bool(values.get("with-local-disks")), storages, limit, conntrack=tracked)
    return migration.start(world, order, call.user).upid


@route("POST", LXC)
def migrate_ct(world: World, call: Call) -> str:
    """Start the migration of a container, or ask the HA manager for it; give the task's UPID. Lock and storages only its task looks at."""
    values = call.values
    target = _checked_target(world, call)
    guest = guest_here(world, call, "lxc")
    if guest.running and not values.get("restart") and not values.get("online"):
        raise Refused(500, "can't migrate running container without --online or --restart")
    storages = _storages(world, call, guest, str(values.get("target-storage", "")), target)
    if world.ha.managed(guest):
        return world.ha.request(guest, target, call.user)
    limit = float(values.get("bwlimit") or 0) * 1024 or float("inf")
    timeout = float(values.get("timeout", 180))
    order = Order(guest, target, bool(values.get("restart")), True, storages, limit, timeout)
    return migration.start(world, order, call.user).upid


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
        "local_disks": [_local_disk(disk) for disk in obstacles.local_disks(world, guest)],  # attached or not
        "local_resources": bound, "mapped-resources": mapped,
        "mapped-resource-info": {key: _mapping_info(world, guest, key) for key in mapped},
    }  # fmt: skip
    if world.flavour != "8":
        if world.nodes[guest.node].dbus_vmstate:
            answer["has-dbus-vmstate"] = 1
        if world.ha.managed(guest):
            answer["dependent-ha-resources"] = world.ha.dependent(guest)
    return answer


def _against(world: World, guest: Guest, node: str, mapped: list[str]) -> dict[str, Any]:
    """Give what PVE has against a node, empty when it allows the node."""
    resources = [key for key in mapped if node not in world.mappings[obstacles.mapping(guest, key)].nodes]
    found = {
        "unavailable_storages": obstacles.unavailable(world, guest, node),
        "unavailable-resources": resources,
        "blocking-ha-resources": world.ha.blocking(guest).get(node, []),
    }
    return {name: value for name, value in found.items() if value}


def _mapping_info(world: World, guest: Guest, key: str) -> dict[str, Any]:
    name = obstacles.mapping(guest, key)
    return {"name": name, **({"live-migration": 1} if world.mappings[name].live else {})}


def _local_disk(disk: Disk) -> dict[str, Any]:
    """Give what foreach_volid finds: a size only where the configuration's line has one, and no drive name for what is no drive."""
    row: dict[str, Any] = {
        "volid": disk.volid, "cdrom": int(disk.cdrom or disk.cloudinit), "is_attached": int(disk.attached),
        "is_unused": int(disk.unused), "is_cloudinit": int(disk.cloudinit), "is_vmstate": int(disk.vmstate),
        "is_tpmstate": int(disk.key.startswith("tpmstate")), "shared": 0, "replicate": 1,
    }  # fmt: skip
    if not disk.unused and not disk.vmstate:
        row["drivename"] = disk.key
        row |= {} if disk.unsized else {"size": disk.size}
    if disk.snapshot or disk.former or disk.vmstate:
        row["referenced_in_snapshot"] = {"before": 1}
    return row


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
