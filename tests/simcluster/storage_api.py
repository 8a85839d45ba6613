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
    """List the volumes on a storage, each with the owner that its name tells, as far as the user may see it (check_volume_access)."""
    name = str(call.values["storage"])
    if name not in world.storages:
        raise Refused(500, f"storage '{name}' does not exist")
    storage = world.storages[name]
    if not storage.on(call.node):
        raise Refused(500, f"storage '{name}' is not available on node '{call.node}'")
    if call.node in storage.inactive:
        raise Refused(500, f"storage '{name}' is not online")
    rows = [row for guest in world.guests.values() if storage.shared or guest.node == call.node for row in _rows(guest, storage)]
    rows = list({row["volid"]: row for row in [*rows, *_snippets(world, storage, call.node)]}.values())
    wanted, vmid = call.values.get("content"), call.values.get("vmid")
    # a storage lists what its content types allow, whatever else lies there
    rows = [row for row in rows if wanted in (None, row["content"]) and row["content"] in storage.content]
    return [row for row in rows if vmid in (None, row.get("vmid")) and _may_list(world, call.user, name, row)]


def _may_list(world: World, user: str, storage: str, row: dict[str, Any]) -> bool:
    if may(world, user, f"/storage/{storage}", "Datastore.Allocate"):
        return True
    if row["content"] == "iso":
        return _visible(world, user, storage)
    if row["content"] not in ("images", "rootdir") or not row.get("vmid"):
        return False
    return may(world, user, f"/storage/{storage}", "Datastore.Audit") and may(world, user, f"/vms/{row['vmid']}", "VM.Config.Disk")


def _rows(guest: Guest, storage: Storage) -> list[dict[str, Any]]:
    rows = []
    for disk in guest.disks:
        kind = content(guest, disk)
        if disk.storage == storage.name:
            row: dict[str, Any] = {"volid": disk.volid, "content": kind, "size": disk.size, "format": "iso" if kind == "iso" else "raw"}
            row |= {"vmid": disk.owner} if disk.owner else {}
            rows.append({**row, **({"parent": disk.parent} if disk.parent else {})})
    return rows


def _snippets(world: World, storage: Storage, node: str) -> list[dict[str, Any]]:
    """The hook scripts on a node: those it is said to have, else those that its guests name."""
    held = world.nodes[node].snippets
    named = {str(guest.config["hookscript"]) for guest in world.on(node) if "hookscript" in guest.config}
    scripts = sorted(named) if held is None else held
    return [
        {"volid": script, "content": "snippets", "size": 1000, "format": "snippet"}
        for script in scripts if script.partition(":")[0] == storage.name
    ]  # fmt: skip
