"""What stops a migration inside its task: facts that PVE finds only after the request was accepted.

Words are those of qemu-server QemuMigrate.pm and pve-container LXC/Migrate.pm.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from simcluster import cpu
from simcluster.nouns import Disk, Guest, qemu

if TYPE_CHECKING:
    from simcluster.world import World

COPYABLE = ("btrfs", "dir", "lvm", "lvmthin", "zfspool")
IMAGES = ("qcow2", "vmdk")  # formats that no stream turns into another
DEVICE = re.compile(r"(hostpci|usb|serial|parallel|virtiofs|ivshmem)\d*$")
MOUNT = re.compile(r"(mp|dev)\d+$")
NET = re.compile(r"net\d+$")
NO_SSH = "command '/usr/bin/ssh -o 'BatchMode=yes' root@{} /bin/true' failed: exit code 255"
Lands = Callable[[Disk], str]  # the storage on which a local volume is to be


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
    # A stopped VM has no clipboard to lose (qemu-server API2/Qemu.pm migrate_vm_precondition, QemuMigrate.pm prepare).
    if guest.running and "clipboard=vnc" in str(guest.config.get("vga", "")):
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


def in_prepare(world: World, guest: Guest, target: str, with_local_disks: bool, lands: Lands) -> tuple[list[str], str]:
    """Give the log lines and the words with which a VM's migration aborts before anything was copied; no words: nothing is in the way."""
    bound = [key for key in devices(guest) if not _mapped(world, guest, key, target)]
    if bound:
        return [], f"can't migrate VM which uses local devices: {', '.join(bound)}"
    against = {disk.volid: words for disk in guest.disks if (words := _volume(world, guest, disk, with_local_disks, target, lands))}
    if against:
        lines = [f"can't migrate local disk '{volid}': {words}" for volid, words in sorted(against.items())]
        return lines, "Problem found while scanning volumes - can't migrate VM - check log"
    for disk in local_disks(world, guest):
        if world.storages[disk.storage].type not in COPYABLE:
            kind = world.storages[disk.storage].type
            return [], f"Problem found while scanning volumes - can't migrate '{disk.volid}' - storage type '{kind}' not supported"
        if disk.parent:
            return [], f"Problem found while scanning volumes - can't migrate '{disk.volid}' as it's a clone of '{disk.parent}'"
    return [], "" if world.nodes[target].alive else NO_SSH.format(world.nodes[target].address)


def _mapped(world: World, guest: Guest, key: str, target: str) -> bool:
    """A mapped device goes offline to any node that maps it, and live only when the mapping says it can."""
    found = world.mappings.get(mapping(guest, key))
    return found is not None and target in found.nodes and (found.live or not guest.running)


def _volume(world: World, guest: Guest, disk: Disk, with_local_disks: bool, target: str, lands: Lands) -> str:
    """Give what QemuMigrate.pm scan_local_volumes has against a volume, attached or not; shared ones only need their storage."""
    shared = world.storages[disk.storage].shared
    words = storage(world, disk.storage, guest.node) or storage(world, landing(world, disk, lands), target)
    words = words or untyped(world, guest, disk, landing(world, disk, lands))
    if words or shared or disk.cloudinit:
        return words
    if disk.cdrom:
        return "local cdrom image"
    if disk.owner != guest.vmid:
        return f"owned by other VM (owner = VM {disk.owner or ''})"
    if guest.running and disk.attached and not with_local_disks:
        return "can't live migrate attached local disks without with-local-disks option"
    if (disk.snapshot or disk.former) and guest.running and not guest.replicate:
        return "online storage migration not possible if non-replicated snapshot exists"
    if (disk.snapshot or disk.former) and world.storages[disk.storage].type not in ("zfspool", "btrfs", "dir"):
        return "non-migratable snapshot exists"
    return ""


def at_start(world: World, guest: Guest, target: str, lands: Lands) -> str:
    """Give the words with which the VM's process on the target refuses to start, "" when it starts."""
    there = world.nodes[target]
    words = _hookscript(world, guest, target)
    if words:
        return words
    used = {landing(world, disk, lands) for disk in guest.disks if disk.attached}
    dead = sorted(name for name in used if target in world.storages[name].inactive)
    if dead:
        return f"storage '{dead[0]}' is not online"
    if guest.vcpus > there.cpu:
        return f"MAX {there.cpu} vcpus allowed per VM on this node"
    missing = sorted(bridges(guest) - set(there.bridges))
    if missing:
        return f"bridge '{missing[0]}' does not exist"
    if guest.running and _numbers(machine(world, guest)) > _numbers(qemu(there)):
        return f"unsupported machine type 'pc-q35-{machine(world, guest)}'"
    if world.nodes[guest.node].machine != there.machine:
        return f"could not find a CPU model of {world.nodes[guest.node].machine}"
    if not cpu.stands_for(there, cpu.model_of(world, guest)):
        return "kvm: Host doesn't support requested features"
    return ""


def _hookscript(world: World, guest: Guest, target: str) -> str:
    """The pre-start hook runs on the target too, and its failure is fatal (pve-guest-common GuestHelpers.pm exec_hookscript)."""
    script = str(guest.config.get("hookscript", ""))
    if not script:
        return ""
    name, held = script.partition(":")[0], world.nodes[target].snippets
    found = world.storages.get(name)
    there = found is not None and found.on(target) and target not in found.inactive and (held is None or script in held)
    return "" if there else f"hookscript error for {guest.vmid} on pre-start: script '{script}' does not exist"


def machine(world: World, guest: Guest) -> str:
    """Give the machine version that the VM runs with: that of the QEMU it was started by."""
    return guest.machine or qemu(world.nodes[guest.node])


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


def for_container(world: World, guest: Guest, target: str, lands: Lands) -> str:
    """Give the words with which a container's migration aborts before it is shut down, "" when nothing is in the way."""
    for key, value in sorted(guest.config.items()):
        if MOUNT.fullmatch(key) and str(value).startswith("/") and "shared=1" not in str(value):
            kind = "device" if str(value).startswith("/dev") else "bind"
            return f"cannot migrate local {kind} mount point '{key}'"
    for disk in guest.disks:
        if disk.former or disk.vmstate:
            continue
        words = storage(world, disk.storage, guest.node)
        if not words and "rootdir" not in world.storages[disk.storage].content:
            words = f"content type 'rootdir' is not available on storage '{disk.storage}'"
        words = words or storage(world, landing(world, disk, lands), target) or untyped(world, guest, disk, landing(world, disk, lands))
        if words:
            return words
    return "" if world.nodes[target].alive else "Can't connect to destination address using public key"


def of_stopped_container(world: World, guest: Guest, target: str, lands: Lands) -> tuple[list[str], str]:
    """Give the log lines and the words with which it aborts after it has been shut down: what phase 1 finds in its volumes."""
    against = {disk.volid: words for disk in local_disks(world, guest) if (words := _subvolume(world, guest, disk, target, lands))}
    lines = [f"can't migrate local volume '{volid}': {words}" for volid, words in sorted(against.items())]
    return lines, "can't migrate CT - check log" if lines else ""


def _subvolume(world: World, guest: Guest, disk: Disk, target: str, lands: Lands) -> str:
    kind = world.storages[disk.storage].type
    words = storage(world, landing(world, disk, lands), target)
    if words:
        return words
    if disk.owner != guest.vmid:
        return f"owned by other guest (owner = {disk.owner or ''})"
    if (disk.snapshot or disk.former) and kind not in ("zfspool", "btrfs"):
        return "non-migratable snapshot exists"
    if kind not in COPYABLE:
        return f"storage type '{kind}' not supported"
    return f"clone of '{disk.parent}'" if disk.parent else ""


def lacks(guest: Guest) -> str:
    """Give the raw line with which a container's start fails on any other node: a mount of what only its own node has."""
    lines = [f"{key}: {value}" for key, value in guest.config.get("lxc", ()) if key == "lxc.mount.entry"]
    return next((line for line in lines if "optional" not in line.rpartition(" none ")[2]), "")


def no_room(world: World, disk: Disk, storage: str, node: str) -> str:
    """Give PVE's words when a volume does not fit on a storage of a node, "" when it does."""
    found = world.storages[storage]
    if found.total - world.storage_used(storage, node) >= disk.size:
        return ""
    return f"storage migration for '{disk.volid}' to storage '{storage}' failed - No space left on device"


def outside(world: World, target: str) -> str:
    """Give the words with which a task dies when its target has no address in the migration network, "" when it has (SSHInfo.pm)."""
    network, node = str(world.options.get("migration", {}).get("network", "")), world.nodes[target]
    found = [node.address, *(cidr.partition("/")[0] for cidr in node.addresses)]
    if not network or any(ip_address(one) in ip_network(network) for one in found if one):
        return ""
    command = f"/usr/bin/ssh -o 'BatchMode=yes' root@{node.address} pvecm mtunnel -migration_network {network} -get_migration_ip"
    return f"command '{command}' failed: exit code 255"


def unlike(world: World, disk: Disk, storage: str) -> str:
    """Give PVE's words when a volume cannot be sent to a storage as a stream (pve-storage volume_transfer_formats), "" when it can."""
    here, there = world.storages[disk.storage].type, world.storages[storage].type
    image = disk.name.rpartition(".")[2] in IMAGES
    same = here == there or ("zfspool" not in (here, there) and not image and not (here == "btrfs" and disk.snapshot))
    words = f"storage migration for '{disk.volid}' to storage '{storage}' failed"
    return "" if same else f"{words} - cannot migrate from storage type '{here}' to '{there}'"


def storage(world: World, name: str, node: str) -> str:
    """Give PVE's words against a storage on a node, "" when it can be used there (pve-storage storage_check_enabled)."""
    found = world.storages[name]
    if found.disabled:
        return f"storage '{name}' is disabled"
    return "" if found.on(node) else f"storage '{name}' is not available on node '{node}'"


def content(guest: Guest, disk: Disk) -> str:
    """Give the content type a storage must allow to hold the volume."""
    if disk.cdrom and not disk.cloudinit:
        return "iso"
    return "images" if guest.kind == "qemu" else "rootdir"


def untyped(world: World, guest: Guest, disk: Disk, name: str) -> str:
    """Give PVE's words when a storage does not allow the volume's content type, "" when it does."""
    kind = content(guest, disk)
    return "" if kind in world.storages[name].content else f"{disk.volid}: content type '{kind}' is not available on storage '{name}'"


def landing(world: World, disk: Disk, lands: Lands) -> str:
    """Give the storage on which a volume is after the migration; `lands` maps local ones."""
    return disk.storage if world.storages[disk.storage].shared else lands(disk)


def at_request(world: World, guest: Guest, target: str) -> str:
    """Give the words with which a VM's migration is refused at once (QemuServer.pm check_storage_availability): attached volumes only."""
    for disk in guest.disks:
        if disk.attached:
            words = storage(world, disk.storage, guest.node) or storage(world, disk.storage, target)
            words = words or untyped(world, guest, disk, disk.storage)
            if words:
                return words
    return ""


def unavailable(world: World, guest: Guest, node: str) -> list[str]:
    """Give the storages that the preconditions call names: those of attached volumes that are disabled or limited to other nodes."""
    return sorted({disk.storage for disk in guest.disks if disk.attached and storage(world, disk.storage, node)})
