"""/storage and /nodes/{node}/storage (pve-storage PVE/API2/Storage)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simcluster.errors import Refused
from simcluster.gate import may
from simcluster.nouns import Guest, Storage
from simcluster.obstacles import content
from simcluster.routes import Call, route

if TYPE_CHECKING:
    from simcluster.world import World


def _visible(world: World, user: str, name: str) -> bool:
    return any(may(world, user, f"/storage/{name}", privilege) for privilege in ("Datastore.Audit", "Datastore.AllocateSpace"))


@route("GET", "/storage")
def definitions(world: World, call: Call) -> list[dict[str, Any]]:
    """List the storage definitions."""
    rows = []
    for name, storage in world.storages.items():
        if _visible(world, call.user, name) and call.values.get("type", storage.type) == storage.type:
            row: dict[str, Any] = {"storage": name, "type": storage.type, "content": ",".join(storage.content), "digest": "0" * 40}
            row |= {"shared": 1} if storage.shared else {}
            row |= {"nodes": ",".join(storage.nodes)} if storage.nodes else {}
            row |= {"disable": 1} if storage.disabled else {}
            rows.append(row)
    return rows


@route("GET", "/nodes/{node}/storage")
def on_node(world: World, call: Call) -> list[dict[str, Any]]:
    """List the storages of a node with their present usage."""
    rows, wanted = [], call.values.get("content")
    for name, storage in world.storages.items():
        fits = not wanted or set(str(wanted).split(",")) & set(storage.content)
        chosen = fits and call.values.get("storage", name) == name and not (call.values.get("enabled") and storage.disabled)
        if chosen and storage.on(call.node) and _visible(world, call.user, name):
            rows.append(_status(world, storage, call.node))
    return rows


def _status(world: World, storage: Storage, node: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "storage": storage.name, "type": storage.type, "content": ",".join(storage.content), "shared": int(storage.shared),
        "enabled": int(not storage.disabled), "active": int(not storage.disabled and node not in storage.inactive),
    }  # fmt: skip
    if row["active"]:
        used = world.storage_used(storage.name, node)
        row |= {"total": storage.total, "used": used, "avail": max(0, storage.total - used), "used_fraction": used / storage.total}
    return row


@route("GET", "/nodes/{node}/storage/{storage}/content")
def volumes(world: World, call: Call) -> list[dict[str, Any]]:
    """List the volumes on a storage; images only with Datastore.Allocate, or Datastore.Audit and VM.Config.Disk of the owner."""
    name = str(call.values["storage"])
    if name not in world.storages:
        raise Refused(500, f"storage '{name}' does not exist")
    storage = world.storages[name]
    if not storage.on(call.node):
        raise Refused(500, f"storage '{name}' is not available on node '{call.node}'")
    if call.node in storage.inactive:
        raise Refused(500, f"storage '{name}' is not online")
    owners = [guest for guest in world.guests.values() if storage.shared or guest.node == call.node]
    return [
        row
        for guest in owners
        if call.values.get("vmid", guest.vmid) == guest.vmid and _may_list(world, call.user, name, guest)
        for row in _rows(guest, storage, call.values.get("content"))
    ]


def _may_list(world: World, user: str, storage: str, guest: Guest) -> bool:
    if may(world, user, f"/storage/{storage}", "Datastore.Allocate"):
        return True
    return may(world, user, f"/storage/{storage}", "Datastore.Audit") and may(world, user, f"/vms/{guest.vmid}", "VM.Config.Disk")


def _rows(guest: Guest, storage: Storage, wanted: Any) -> list[dict[str, Any]]:
    rows = []
    for disk in guest.disks:
        kind = content(guest, disk)
        if disk.storage == storage.name and wanted in (None, kind):
            row = {"volid": disk.volid, "content": kind, "vmid": guest.vmid, "size": disk.size, "format": "iso" if kind == "iso" else "raw"}
            rows.append({**row, **({"parent": disk.parent} if disk.parent else {})})
    return rows
