"""Which disk images a guest has, and how much local disk a node has for guests: its non-shared storages, shared space counted once.

What shares space is told by the storages' definitions (ZFS pool, volume group, thin pool) and, for directories, by their figures:
two that show the same size and the same use are one filesystem, and one with just the free space of a ZFS pool lies in that pool.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from itertools import groupby

from prs.model import Kind, Storage
from prs.pve.read.values import Row, properties, text, whole

DRIVE = re.compile(r"(?:(?:ide|sata|scsi|virtio|unused)\d+|efidisk0|tpmstate0)$")
MOUNT = re.compile(r"(?:rootfs|mp\d+|unused\d+)$")
_SIZE = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
ALIKE = 0.001  # figures of one filesystem differ by what was written between two readings


def capacity(storages: list[Storage], definitions: Mapping[str, Row]) -> tuple[int, int]:
    """Bytes in all and in use of the given local storages of one node; inactive ones are left out."""
    active = sorted((storage for storage in storages if storage.active and storage.total > 0), key=lambda storage: storage.name)
    keys = {storage.name: _key(storage, definitions.get(storage.name, {})) for storage in active}
    _join_directories(active, keys)
    groups = {key: list(group) for key, group in groupby(sorted(active, key=lambda one: keys[one.name]), key=lambda one: keys[one.name])}
    sizes = {key: _pool(group, definitions) if key.startswith("zfs ") else _largest(group) for key, group in groups.items()}
    for key, (total, _) in list(sizes.items()):
        volume_group = "lvm " + key.removeprefix("thin ").partition("/")[0]
        if key.startswith("thin ") and volume_group in sizes:  # the group counts its thin pool as used in full
            all_of_it, used = sizes[volume_group]
            sizes[volume_group] = (max(all_of_it - total, 0), max(used - total, 0))
    return sum(total for total, _ in sizes.values()), sum(used for _, used in sizes.values())


def _key(storage: Storage, definition: Row) -> str:
    """A name for the space the storage takes its own from."""
    if storage.plugin == "zfspool" and text(definition, "pool"):
        return "zfs " + text(definition, "pool").partition("/")[0]
    if storage.plugin == "lvm" and text(definition, "vgname"):
        return "lvm " + text(definition, "vgname")
    if storage.plugin == "lvmthin" and text(definition, "vgname"):
        return f"thin {text(definition, 'vgname')}/{text(definition, 'thinpool')}"
    return "own " + storage.name


def _join_directories(storages: list[Storage], keys: dict[str, str]) -> None:
    """Give directories the key of the filesystem or pool that their figures show them to be in."""
    for storage in storages:
        if storage.plugin not in ("dir", "btrfs"):
            continue
        margin = storage.total * ALIKE
        for other in storages:
            if other.name == storage.name:
                continue
            same_disk = other.plugin in ("dir", "btrfs") and other.total == storage.total and abs(other.used - storage.used) <= margin
            same_pool = keys[other.name].startswith("zfs ") and abs((other.total - other.used) - (storage.total - storage.used)) <= margin
            if same_pool or (same_disk and other.name < storage.name):
                keys[storage.name] = keys[other.name]
                break


def _largest(group: list[Storage]) -> tuple[int, int]:
    best = max(group, key=lambda storage: storage.total)
    return best.total, best.used


def _pool(group: list[Storage], definitions: Mapping[str, Row]) -> tuple[int, int]:
    """A ZFS pool: each dataset shows its own use and the pool's free space; a dataset inside another is in that one's use already."""
    paths = {storage.name: text(definitions.get(storage.name, {}), "pool") for storage in group}
    outer = [one for one in group if not any(paths[other.name] and paths[one.name].startswith(paths[other.name] + "/") for other in group)]
    distinct = {paths[storage.name] or storage.name: storage.used for storage in outer}
    used = sum(distinct.values())
    return min(storage.total - storage.used for storage in group) + used, used


def guest_bytes(listed: list[Row], used: int) -> dict[int, int]:
    """Bytes by vmid of a storage's content listing; scaled down where thin volumes together are larger than what is in use."""
    sizes: dict[int, int] = {}
    for row in listed:
        vmid = whole(row, "vmid")
        if vmid and (row.get("content") in (None, "images", "rootdir")):
            sizes[vmid] = sizes.get(vmid, 0) + whole(row, "size")
    total = sum(sizes.values())
    share = used / total if total > used else 1.0
    return {vmid: int(size * share) for vmid, size in sizes.items()}


def mounts(config: Row) -> dict[str, str]:
    """The lines of a container's volumes by key, mounts of its node's directories and devices left out."""
    return {str(key): text(config, key) for key in config if MOUNT.match(str(key)) and not text(config, key).startswith("/")}


def contents(config: Row, kind: Kind) -> dict[str, str]:
    """The content type that a storage must allow for each volume of a guest's configuration, detached ones included, by volume id."""
    if kind == "lxc":
        return {line.partition(",")[0]: "rootdir" for line in mounts(config).values()}
    lines = (text(config, key) for key in config if DRIVE.match(str(key)))
    volids = (line.partition(",")[0].removeprefix("file=") for line in lines)
    return {volid: "iso" if volid.partition(":")[2].startswith("iso/") else "images" for volid in volids if ":" in volid}


def images(config: Row, kind: Kind) -> tuple[tuple[str, int], ...]:
    """(storage, bytes) of each disk image in use, wherever it lies; 0 bytes where its line says no size."""
    found = list[tuple[str, int]]()
    for key, line in sorted(mounts(config).items() if kind == "lxc" else ((str(key), text(config, key)) for key in config)):
        volid, _, rest = line.partition(",")
        options = properties(rest)
        if not key.startswith("unused") and (kind == "lxc" or DRIVE.match(key)) and ":" in volid and text(options, "media") != "cdrom":
            found.append((volid.removeprefix("file=").partition(":")[0], size_of(text(options, "size"))))
    return tuple(found)


def forbidden_contents(config: Row, kind: Kind, allowed: Mapping[str, Collection[str]]) -> list[str]:
    """Why PVE would refuse a migration for the content types of its storages (qemu-server QemuServer.pm check_storage_availability).

    `allowed` has the content types by storage; one that is not there is not judged. The preconditions call does not look at these.
    """
    return [
        f"its disk {volid} needs content type {needs}, which storage {name} does not allow; PVE migrates it only if it does"
        for volid, needs in sorted(contents(config, kind).items())
        if (name := volid.partition(":")[0]) in allowed and needs not in allowed[name]
    ]  # fmt: skip


def size_of(value: str) -> int:
    """Bytes of a configuration's size, such as 32G; 0 for what is none."""
    found = re.fullmatch(r"([\d.]+)([KMGT]?)", value)
    return int(float(found[1]) * _SIZE[found[2]]) if found else 0
