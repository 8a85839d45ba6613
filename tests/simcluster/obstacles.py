"""What stops a migration inside its task: facts that PVE finds only after the request was accepted.

Words are those of qemu-server QemuMigrate.pm and pve-container LXC/Migrate.pm.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from simcluster.nouns import Disk, Guest, qemu

if TYPE_CHECKING:
    from simcluster.world import World

COPYABLE = ("btrfs", "dir", "lvm", "lvmthin", "zfspool")
DEVICE = re.compile(r"(hostpci|usb|serial|parallel|virtiofs|ivshmem)\d*$")
MOUNT = re.compile(r"(mp|dev)\d+$")
NET = re.compile(r"net\d+$")
LEVELS = ("", "x86-64-v2", "x86-64-v2-AES", "x86-64-v3", "x86-64-v4")  # generic CPU types, each with all features of those before it


def local_disks(world: World, guest: Guest) -> list[Disk]:
    """Give the guest's volumes that are on storages of its node only."""
    return [disk for disk in guest.disks if not world.storages[disk.storage].shared]


def devices(guest: Guest) -> list[str]:
    """Give the configuration keys of devices that bind the guest to its node (qemu-server check_local_resources)."""
    found = []
    for key, value in sorted(guest.config.items()):
        harmless = (key.startswith("usb") and str(value).startswith("spice")) or (key.startswith("serial") and value == "socket")
        if DEVICE.fullmatch(key) and not harmless:
            found.append(key)
    if "clipboard=vnc" in str(guest.config.get("vga", "")):
        found.append("clipboard=vnc")
    return found


def mapping(guest: Guest, key: str) -> str:
    """Give the name of the resource mapping a device uses, "" for a raw one."""
    found = re.search(r"mapping=([\w-]+)", str(guest.config.get(key, "")))
    return found[1] if found else ""


def bridges(guest: Guest) -> set[str]:
    """Give the bridges its network cards are on."""
    values = [str(value) for key, value in guest.config.items() if NET.fullmatch(key)] or ["bridge=vmbr0"]
    return {found[1] for value in values if (found := re.search(r"bridge=([\w.-]+)", value))}


def in_prepare(world: World, guest: Guest, target: str, with_local_disks: bool) -> str:
    """Give the words with which a VM's migration aborts before anything was copied, "" when nothing is in the way."""
    bound = [key for key in devices(guest) if not _mapped(world, guest, key, target)]
    if bound:
        return f"can't migrate VM which uses local devices: {', '.join(bound)}"
    for disk in local_disks(world, guest):
        words = _volume(world, guest, disk, with_local_disks)
        if words:
            return f"can't migrate VM - check log ({words})"
    if not world.nodes[target].alive:
        return f"command '/usr/bin/ssh -o 'BatchMode=yes' root@{world.nodes[target].address} /bin/true' failed: exit code 255"
    return ""


def _mapped(world: World, guest: Guest, key: str, target: str) -> bool:
    """A mapped device goes offline to any node that maps it, and live only when the mapping says it can."""
    found = world.mappings.get(mapping(guest, key))
    return found is not None and target in found.nodes and (found.live or not guest.running)


def _volume(world: World, guest: Guest, disk: Disk, with_local_disks: bool) -> str:
    plain = not disk.cloudinit
    if disk.cdrom and plain:
        return f"can't migrate local disk '{disk.volid}': local cdrom image"
    if world.storages[disk.storage].type not in COPYABLE:
        return f"can't migrate local disk '{disk.volid}': storage type '{world.storages[disk.storage].type}' not supported"
    if disk.parent:
        return f"can't migrate local disk '{disk.volid}' as it's a clone of '{disk.parent}'"
    if guest.running and disk.attached and plain and not with_local_disks:
        return f"can't live migrate attached local disks without with-local-disks option: '{disk.volid}'"
    if disk.snapshot and guest.running and not guest.replicate:
        return f"can't migrate local disk '{disk.volid}': online storage migration not possible if non-replicated snapshot exists"
    if disk.snapshot and world.storages[disk.storage].type not in ("zfspool", "btrfs", "dir"):
        return f"can't migrate local disk '{disk.volid}': non-migratable snapshot exists"
    return ""


def at_start(world: World, guest: Guest, target: str) -> str:
    """Give the words with which the VM's process on the target refuses to start, "" when it starts."""
    missing = sorted(bridges(guest) - set(world.nodes[target].bridges))
    if missing:
        return f"bridge '{missing[0]}' does not exist"
    if guest.running and _numbers(machine(world, guest)) > _numbers(qemu(world.nodes[target])):
        return f"unsupported machine type 'pc-q35-{machine(world, guest)}'"
    if world.nodes[guest.node].machine != world.nodes[target].machine:
        return f"could not find a CPU model of {world.nodes[guest.node].machine}"
    if guest.config.get("cpu") in LEVELS and LEVELS.index(guest.config["cpu"]) > LEVELS.index(world.nodes[target].cpu_level):
        return "kvm: Host doesn't support requested features"
    return ""


def machine(world: World, guest: Guest) -> str:
    """Give the machine version that the VM runs with: that of the QEMU it was started by."""
    return guest.machine or qemu(world.nodes[guest.node])


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


def for_container(world: World, guest: Guest, target: str) -> str:
    """Give the words with which a container's migration aborts before it is shut down, "" when nothing is in the way."""
    for key, value in sorted(guest.config.items()):
        if MOUNT.fullmatch(key) and str(value).startswith("/") and "shared=1" not in str(value):
            kind = "device" if str(value).startswith("/dev") else "bind"
            return f"cannot migrate local {kind} mount point '{key}'"
    for disk in local_disks(world, guest):
        if world.storages[disk.storage].type not in COPYABLE:
            return f"can't migrate local volume '{disk.volid}': storage type '{world.storages[disk.storage].type}' not supported"
        if disk.snapshot and world.storages[disk.storage].type not in ("zfspool", "btrfs"):
            return f"can't migrate local volume '{disk.volid}': non-migratable snapshot exists"
    if not world.nodes[target].alive:
        return f"command '/usr/bin/ssh -o 'BatchMode=yes' root@{world.nodes[target].address} /bin/true' failed: exit code 255"
    return ""


def no_room(world: World, disk: Disk, storage: str, node: str) -> str:
    """Give PVE's words when a volume does not fit on a storage of a node, "" when it does."""
    found = world.storages[storage]
    if found.total - world.storage_used(storage, node) >= disk.size:
        return ""
    return f"storage migration for '{disk.volid}' to storage '{storage}' failed - No space left on device"


def storage(world: World, name: str, node: str, kind: str) -> str:
    """Give PVE's words against a storage on a node, "" when it can be used there (pve-storage storage_check_enabled)."""
    found = world.storages[name]
    if found.disabled:
        return f"storage '{name}' is disabled"
    if not found.on(node):
        return f"storage '{name}' is not available on node '{node}'"
    return "" if kind in found.content else f"storage '{name}' does not support content-type '{kind}'"


def content(guest: Guest, disk: Disk) -> str:
    """Give the content type a storage must allow to hold the volume."""
    if disk.cdrom and not disk.cloudinit:
        return "iso"
    return "images" if guest.kind == "qemu" else "rootdir"


def storages(world: World, guest: Guest, target: str, lands: Callable[[Disk], str]) -> str:
    """Give PVE's words when a storage of the guest cannot be used on the target; `lands` maps local volumes to storages."""
    for disk in guest.disks:
        name = disk.storage if world.storages[disk.storage].shared else lands(disk)
        words = storage(world, name, target, content(guest, disk))
        if words:
            return words
    return ""
