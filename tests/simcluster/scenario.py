"""Clusters as short JSON that people write: sizes in GiB, speeds in GiB/s, dirty rates in MiB/s; reading and writing it.

{"flavour": "9",
 "nodes": {"pve1": {"memory": 64, "cpu": 16, "host": 2}},
 "storages": {"local-zfs": {"type": "zfspool", "total": 900}, "ceph": {"type": "rbd", "shared": true}},
 "guests": {"101": {"name": "db01", "node": "pve1", "memory": 12, "max": 16, "cpu": 2.5, "cores": 8, "disks": {"scsi0": "ceph:100"}}},
 "ha": {"resources": ["vm:101"], "rules": {"apart": {"resources": ["vm:101", "vm:102"], "affinity": "negative"}}},
 "options": {}, "users": {"pool@pve": {"password": "...", "grants": {"/pool/web": "PVEVMAdmin"}}}, "faults": []}
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, cast

from simcluster.access import Grant, Token, User
from simcluster.ceph import Ceph
from simcluster.errors import SceneError
from simcluster.ha_rules import Group, Resource, Rule
from simcluster.nouns import Disk, GiB, Guest, Mapping, MiB, Node, Storage
from simcluster.world import ADDRESS, START, World

TOP = (
    "flavour", "name", "nodes", "guests", "storages", "ha", "options", "mappings", "users", "tokens", "faults", "about", "ceph",
    "cpu_models",
)  # fmt: skip


def from_json(data: dict[str, Any], start: float = START) -> World:
    """Build a world from its description; raises SceneError naming what is wrong."""
    _known("the scenario", data, TOP)
    storages = data.get("storages") or {"ceph": {"type": "rbd", "shared": True, "total": 10000}}
    world = World(
        [node(name, entry) for name, entry in data.get("nodes", {}).items()],
        [guest(int(vmid), entry) for vmid, entry in data.get("guests", {}).items()],
        [storage(name, entry) for name, entry in storages.items()],
        flavour=cast(Literal["8", "9"], str(data.get("flavour", "9"))),
        name=data.get("name", "lab"),
        start=start,
    )
    world.ceph = _ceph(data.get("ceph"))
    world.cpu_models = dict(data.get("cpu_models", {}))
    world.options = dict(data.get("options", {}))
    world.mappings = {name: Mapping(tuple(entry["nodes"]), bool(entry.get("live"))) for name, entry in data.get("mappings", {}).items()}
    _high_availability(world, data.get("ha", {}))
    _accounts(world, data)
    for fault in data.get("faults", []):
        world.faults.add(fault)
    return world


def _known(what: str, entry: dict[str, Any], allowed: tuple[str, ...]) -> None:
    unknown = sorted(set(entry) - set(allowed))
    if unknown:
        raise SceneError(f"{what}: unknown key {', '.join(unknown)}; allowed are {', '.join(allowed)}")


def _ceph(entry: Any) -> Ceph | None:
    """Read Ceph: its health alone, or what is to be said of it."""
    if not isinstance(entry, dict):
        return Ceph(entry) if entry else None
    _known("ceph", entry, tuple(vars(Ceph())))
    ceph = Ceph()
    for key, value in entry.items():
        setattr(ceph, key, type(getattr(ceph, key))(value))
    return ceph


Read = Callable[[Any], Any]
AS_IS: Read = lambda value: value  # noqa: E731
GIB: Read = lambda value: round(float(value) * GiB)  # noqa: E731
MIB: Read = lambda value: float(value) * MiB  # noqa: E731
WORDS: Read = tuple

NODE: dict[str, tuple[str, Read]] = {
    "memory": ("memory", GIB), "cpu": ("cpu", int), "host": ("memory_host", GIB), "host_cpu": ("cpu_host", float), "link": ("link", GIB),
    "disk_speed": ("disk_speed", GIB), "version": ("version", str), "cpu_model": ("cpu_model", str), "bridges": ("bridges", WORDS),
    "address": ("address", str), "qemu": ("qemu", str), "machine": ("machine", str), "cpu_level": ("cpu_level", str), "arc": ("arc", GIB),
    "addresses": ("addresses", WORDS), "snippets": ("snippets", WORDS), "dbus_vmstate": ("dbus_vmstate", bool), "kernel": ("kernel", str),
    "kernel_installed": ("kernel_installed", str), "location": ("location", str),
}  # fmt: skip
GUEST: dict[str, tuple[str, Read]] = {
    "name": ("name", str), "node": ("node", str), "kind": ("kind", str), "status": ("status", str), "memory": ("memory", GIB),
    "max": ("memory_max", GIB), "overhead": ("overhead", GIB), "ksm": ("shared", GIB),
    "cpu": ("cpu", float), "cores": ("cpu_max", int), "dirty": ("dirty", MIB),
    "tags": ("tags", WORDS), "pool": ("pool", str), "lock": ("lock", str), "template": ("template", bool), "machine": ("machine", str),
    "replicate": ("replicate", WORDS), "config": ("config", dict), "stops": ("stops", bool),
}  # fmt: skip
STORAGE: dict[str, tuple[str, Read]] = {
    "type": ("type", str), "shared": ("shared", bool), "content": ("content", WORDS), "nodes": ("nodes", WORDS), "total": ("total", GIB),
    "used": ("used", GIB), "disabled": ("disabled", bool), "inactive": ("inactive", WORDS),
}  # fmt: skip
WORDS_OF_DISKS = ("cdrom", "cloudinit", "snapshot", "former", "vmstate", "unsized")
DISK = ("name", "parent", *WORDS_OF_DISKS)


def _fields(what: str, entry: dict[str, Any], table: dict[str, tuple[str, Read]], *others: str) -> dict[str, Any]:
    _known(what, entry, (*table, *others))
    return {table[key][0]: table[key][1](value) for key, value in entry.items() if key in table}


def node(name: str, entry: dict[str, Any]) -> Node:
    """Read one node."""
    return Node(name, **_fields(f"node {name}", entry, NODE))


def storage(name: str, entry: dict[str, Any]) -> Storage:
    """Read one storage."""
    return Storage(name, **_fields(f"storage {name}", entry, STORAGE))


def guest(vmid: int, entry: dict[str, Any]) -> Guest:
    """Read one guest; memory_max defaults to what it uses, its disks to none."""
    values = _fields(f"guest {vmid}", entry, GUEST, "disks")
    if "node" not in values:
        raise SceneError(f"guest {vmid}: node is missing")
    values.setdefault("name", f"guest{vmid}")
    memory = values.setdefault("memory", 1 * GiB)
    values.setdefault("memory_max", memory)
    values.setdefault("cpu_max", max(1, math.ceil(values.get("cpu", 0.2))))
    disks = [_disk(vmid, key, text) for key, text in entry.get("disks", {}).items()]
    return Guest(vmid, disks=disks, **values)


def _disk(vmid: int, key: str, entry: Any) -> Disk:
    """Read `storage:GiB`, with words as `,cdrom`, `,parent=NAME` or `,name=NAME` behind it.

    `snapshot`: a snapshot refers to it too; `former`, `vmstate`: nothing but a snapshot does; `unsized`: PVE tells no size of it.
    """
    text, *flags = str(entry).split(",")
    name, _, size = text.partition(":")
    values: dict[str, Any] = {}
    for flag in flags:
        what, _, value = flag.partition("=")
        if what not in DISK:
            raise SceneError(f"guest {vmid}, disk {key}: unknown word {what!r}")
        values[what] = value or True
    try:
        return Disk(key, name, GIB(size), **values)
    except ValueError as error:
        raise SceneError(f"guest {vmid}, disk {key}: {entry!r} is not of the form storage:GiB") from error


def _high_availability(world: World, data: dict[str, Any]) -> None:
    _known(f"ha of PVE {world.flavour}", data, ("resources", "groups" if world.flavour == "8" else "rules", "maintenance"))
    resources = data.get("resources", {})
    entries: dict[str, dict[str, Any]] = {sid: {} for sid in resources} if isinstance(resources, list) else resources
    for name, entry in data.get("groups", {}).items():
        world.ha.rules.groups[name] = Group(name, **entry)
    for name, entry in data.get("rules", {}).items():
        world.ha.rules.rules.append(Rule(name, **{**entry, "resources": tuple(entry["resources"])}))
    for sid, entry in entries.items():
        world.ha.add(Resource(sid, **entry))
    for name in data.get("maintenance", []):
        world.ha.maintenance(name, True)


def _accounts(world: World, data: dict[str, Any]) -> None:
    for name, entry in data.get("users", {}).items():
        grants = entry.get("grants", {})
        world.access.users[name] = User(name, **{key: value for key, value in entry.items() if key != "grants"})
        world.access.grants += _grants(name, grants)
    for name, entry in data.get("tokens", {}).items():
        grants = entry.get("grants", {})
        world.access.tokens[name] = Token(name, **{key: value for key, value in entry.items() if key != "grants"})
        world.access.grants += _grants(name, grants)


def _grants(who: str, entry: dict[str, str]) -> list[Grant]:
    """Read {path: role}; a role with ` once` behind it does not propagate."""
    return [Grant(path, who, role.removesuffix(" once"), propagate=not role.endswith(" once")) for path, role in entry.items()]


def to_json(world: World) -> dict[str, Any]:
    """Describe a world as it is now, so that from_json builds it again (accounts and faults are left out)."""
    ha = world.ha
    data: dict[str, Any] = {
        "flavour": world.flavour,
        "name": world.name,
        "nodes": {name: _back(node, _plain_node(world, node), NODE) for name, node in world.nodes.items()},
        "storages": {name: _back(storage, Storage(name), STORAGE) for name, storage in world.storages.items()},
        "guests": {str(vmid): _guest_back(guest) for vmid, guest in world.guests.items()},
    }
    if ha.resources:
        rules = {rule.name: {**_plain(rule, Rule("", ()), "name"), "resources": list(rule.resources)} for rule in ha.rules.rules}
        groups = {name: _plain(group, Group("", {}), "name") for name, group in sorted(ha.rules.groups.items())}
        data["ha"] = {
            "resources": {sid: _plain(item, Resource(sid), "sid") for sid, item in sorted(ha.resources.items())},
            **({"groups": groups} if groups else {}), **({"rules": rules} if rules else {}),
        }  # fmt: skip
    if world.mappings:
        data["mappings"] = {name: {"nodes": list(found.nodes), "live": found.live} for name, found in sorted(world.mappings.items())}
    if world.ceph:
        data["ceph"] = {key: sorted(value) if isinstance(value, set) else value for key, value in vars(world.ceph).items() if value}
    if world.cpu_models:
        data["cpu_models"] = world.cpu_models
    if world.options:
        data["options"] = world.options
    return data


def _plain_node(world: World, node: Node) -> Node:
    """What a node is when the description says nothing about it."""
    return Node(node.name, version=world.version, address=ADDRESS.format(node.id))


def _plain(item: Any, default: Any, *without: str) -> dict[str, Any]:
    return {name: value for name, value in vars(item).items() if name not in without and value != getattr(default, name)}


def _back(item: Any, default: Any, table: dict[str, tuple[str, Read]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, (name, read) in table.items():
        value = getattr(item, name)
        if value != getattr(default, name):
            unit = GiB if read is GIB else MiB if read is MIB else 0
            found[key] = _tidy(value / unit) if unit else list(value) if isinstance(value, tuple) else value
    return found


def _tidy(value: float) -> float | int:
    return int(value) if value == int(value) else value


def _guest_back(guest: Guest) -> dict[str, Any]:
    found = _back(guest, Guest(guest.vmid, "", ""), GUEST)
    found["memory"], found["max"] = _tidy(guest.memory / GiB), _tidy(guest.memory_max / GiB)
    found["cores"] = _tidy(guest.cpu_max)
    if guest.disks:
        found["disks"] = {disk.key: _disk_back(disk, guest.volume_name(index)) for index, disk in enumerate(guest.disks)}
    return found


def _disk_back(disk: Disk, plain: str) -> str:
    flags = [flag for flag in WORDS_OF_DISKS if getattr(disk, flag)]
    flags += [f"{key}={value}" for key, value in (("parent", disk.parent), ("name", disk.name)) if value not in ("", plain)]
    return ",".join([f"{disk.storage}:{_tidy(disk.size / GiB)}", *flags])
