"""PVE's preconditions of a migration in words (qemu-server PVE/API2/Qemu.pm, QemuMigrate.pm; pve-container PVE/LXC/Migrate.pm): pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from prs.model import Volume
from prs.pve.read.disks import DRIVE, MOUNT, size_of
from prs.pve.read.guest_facts import raw_lines
from prs.pve.read.ha import vmids
from prs.pve.read.values import Row, flag, properties, rows, table, text, texts, whole

COPYABLE = ("dir", "btrfs", "zfspool", "lvmthin", "lvm")
_LINKED = re.compile(r"(?:^|[:/])base-\d+-[^/]*/")
_CLOUDINIT = re.compile(r"vm-\d+-cloudinit")
_OWNER = re.compile(r"(?:vm|base|subvol|basevol)-(\d+)-")
# Keys of a VM's configuration that bind it to no node; whatever else stands there, also what later releases bring, PVE is asked about.
_UNBOUND = re.compile(
    r"(?:acpi|agent|arch|balloon|bios|boot|bootdisk|ci(?:password|type|upgrade|user)|cores|cpu|cpulimit|cpuunits|description|digest|"
    r"hookscript|hotplug|ipconfig\d+|localtime|machine|memory|meta|name|nameserver|net\d+|numa|onboot|ostype|protection|scsihw|"
    r"searchdomain|shares|smbios1|sockets|sshkeys|startdate|startup|tablet|tags|vcpus|vga|vmgenid)$"
)
_DEVICES = (
    ("hostpci", "uses PCI device"), ("usb", "uses USB device"), ("serial", "uses serial port"), ("parallel", "uses parallel port"),
    ("virtiofs", "shares a directory of its node as"), ("ivshmem", "shares memory with its node as"),
)  # fmt: skip
_FEATURES = {
    "amd-sev": "has its memory encrypted by AMD SEV, which no running VM can leave a node with",
    "intel-tdx": "runs in Intel TDX, which no running VM can leave a node with",
    "clipboard=vnc": "has the VNC clipboard on, which stops live migration before machine version 10.1",
}
_STREAMED = ("tpmstate", "cloudinit", "unused", "vmstate")  # what QEMU does not mirror (qemu-server QemuMigrate.pm scan_local_volumes)


@dataclass(frozen=True, slots=True)
class Preconditions:
    """What PVE says to moving a guest: facts that keep it, nodes allowed (None: not told) and refused, what travels with it."""

    blockers: tuple[str, ...] = ()
    volumes: tuple[Volume, ...] = ()
    targets: tuple[str, ...] | None = None
    refused: tuple[tuple[str, str], ...] = ()
    unavailable: tuple[tuple[str, tuple[str, ...]], ...] = ()  # (node, storages of the guest that it lacks)
    companions: tuple[int, ...] = ()
    lock: str | None = None  # "" = PVE said that there is none, None = it did not say
    connections: bool = False  # the source can send the connections of a firewalled VM along


def lock_of(error: Exception) -> str:
    """The lock for which PVE refuses a call (pve-guest-common AbstractConfig.pm check_lock); "" if it refuses for something else."""
    found = re.search(r"\b(?:VM|CT) is locked \(([\w-]+)\)", str(error))
    return found[1] if found else ""


def qemu_preconditions(
    data: Row, plugins: Mapping[str, str] | None = None, replicated: bool = True, chained: Collection[str] = (), vmid: int = 0,
    apart: Collection[int] = (),
) -> Preconditions:
    """Read GET .../qemu/{vmid}/migrate. `plugins` gives storage types by storage; `replicated`: its snapshots travel by replication;
    `chained` are storages that keep snapshots as chains of volumes; `apart` the vmids from which known rules keep it apart: that one of
    them is on a node now is judged by whoever knows where it will be. A size that PVE does not tell is 0.
    """
    running, listed = flag(data, "running"), rows(data.get("local_disks"))
    blockers = _devices(data, running)
    for disk in sorted(listed, key=lambda disk: (text(disk, "drivename"), text(disk, "volid"))):
        words = _disk(disk, running, plugins or {}, replicated, text(disk, "volid").partition(":")[0] in chained)
        words = words or (owned_by_other(text(disk, "volid"), vmid) if vmid and not flag(disk, "cdrom") else "")
        blockers += [words] if words else []
    gone = unavailable(data.get("not_allowed_nodes"))
    refused = refusals(data.get("not_allowed_nodes"), apart)
    others = {node for node, _ in refused}
    # What only lacks a storage, or holds a guest of a known rule, is judged by the planner, which may know another one, or move that guest.
    lacking = [node for node in {*dict(gone), *_holding(data.get("not_allowed_nodes"))} if node not in others]
    return Preconditions(
        blockers=tuple(blockers),
        volumes=tuple(sorted((_volume(disk) for disk in listed if _travels(disk)), key=lambda volume: volume.name)),
        targets=tuple(sorted({*texts(data, "allowed_nodes"), *lacking})) if isinstance(data.get("allowed_nodes"), list) else None,
        refused=refused,
        unavailable=gone,
        companions=companions(data),
        connections=flag(data, "has-dbus-vmstate"),
    )


def nothing_local(config: Row, shared: Collection[str]) -> bool:
    """True when a VM's configuration, which must not be empty, has no lock, no snapshot, no device and no volume but on shared storages."""
    for key in config:
        value = text(config, key)
        volid = value.partition(",")[0].removeprefix("file=")
        on_shared = volid == "none" or (":" in volid and volid.partition(":")[0] in shared)
        if not (on_shared if DRIVE.match(key) else _UNBOUND.match(key)) or (key == "vga" and "clipboard" in value):
            return False
    return bool(config)


def owned_by_other(volid: str, vmid: int) -> str:
    """That a local volume's name makes it another guest's, in words; "" when it does not (qemu-server QemuMigrate.pm, LXC/Migrate.pm)."""
    found = _OWNER.match(volid.rpartition(":")[2].rpartition("/")[2])
    if not found or int(found[1]) == vmid:
        return ""
    return f"its disk {volid} belongs to guest {found[1]} by its name, and PVE migrates no disk of another guest; detach or rename it"


def _devices(data: Row, running: bool) -> list[str]:
    """Devices of the node; a mapped one stays no obstacle for a stopped VM, nor for a running one if it is marked as live-migratable."""
    mapped: dict[str, object] = {name: {} for name in texts(data, "mapped-resources")}
    mapped |= table(data.get("mapped-resource-info"))
    found = set(texts(data, "local_resources")) | (set(mapped) if running else set())
    blockers = []
    for key in sorted(found):
        if key not in mapped:
            blockers.append(_device(key))
        elif running and not flag(table(mapped[key]), "live-migration"):
            blockers.append(f"{_device(key)}, which is mapped but cannot be migrated while the VM runs")
    return blockers


def _device(key: str) -> str:
    if key in _FEATURES:
        return _FEATURES[key]
    words = next((words for prefix, words in _DEVICES if key.removeprefix("host").startswith(prefix) or key.startswith(prefix)), "")
    return f"{words} {key}" if words else f"uses {key} of its node"


def _disk(disk: Row, running: bool, plugins: Mapping[str, str], replicated: bool, chained: bool) -> str:
    """Why the disk keeps the guest, in words; "" if it does not."""
    volid, drive = text(disk, "volid"), text(disk, "drivename")
    at = f" in {drive}" if drive else ""
    plugin = plugins.get(volid.partition(":")[0], "")
    if flag(disk, "cdrom") and not _CLOUDINIT.search(volid):
        what = "the host's CD drive" if volid == "cdrom" else f"local CD-ROM image {volid}"
        return f"has {what}{at}; eject it"
    if volid.startswith("/"):
        return f"uses {volid} of its node{at}"
    if _LINKED.search(volid):
        return f"its disk {volid} is a linked clone of a local base image; make it a full clone"
    if plugin and plugin not in COPYABLE:
        return f"its disk {volid} is on local storage of type {plugin}, which PVE cannot copy"
    if disk.get("referenced_in_snapshot") and not flag(disk, "is_vmstate"):
        if running and not (replicated and flag(disk, "replicate", default=True)):
            return f"has snapshots of local disk {volid}, which cannot be moved while the VM runs; delete them or shut it down"
        if plugin in ("lvm", "lvmthin") or (plugin == "dir" and (chained or not volid.endswith(".qcow2"))):
            how = "keeps as chains of volumes, which PVE does not copy" if chained else "cannot copy"
            return f"has snapshots of local disk {volid}, which storage type {plugin} {how}; delete them"
    return ""


def _travels(disk: Row) -> bool:
    volid = text(disk, "volid")
    return ":" in volid and (not flag(disk, "cdrom") or bool(_CLOUDINIT.search(volid)))


def _volume(disk: Row) -> Volume:
    volid = text(disk, "volid")
    streamed = any(flag(disk, f"is_{what}") for what in _STREAMED) or not flag(disk, "is_attached", default=True)
    return Volume(volid.partition(":")[0], whole(disk, "size"), volid, streamed, bool(disk.get("referenced_in_snapshot")))


def refusals(data: Any, apart: Collection[int] = ()) -> tuple[tuple[str, str], ...]:
    """Read (not_)allowed nodes, but for their storages: PVE lists every node there, an empty entry is no refusal.

    Guests from which known rules keep it apart refuse no node here.
    """
    found = []
    for node, reasons in sorted(table(data).items()):
        words = []
        for key in texts(table(reasons), "unavailable-resources"):
            words.append(f"the device mapped as {key} is not available there")
        for block in rows(table(reasons).get("blocking-ha-resources")):
            partner = "" if block.get("cause") == "node-affinity" else text(block, "sid")
            if not partner or not apart or not set(apart).issuperset(vmids(partner)):
                words.append(f"HA refuses it because of {f'an affinity rule with {partner}' if partner else 'a node affinity rule'}")
        if words:
            found.append((str(node), "; ".join(words)))
    return tuple(found)


def _holding(data: Any) -> list[str]:
    """The nodes on which a guest is from which HA keeps it apart."""
    return [str(node) for node, reasons in table(data).items() if rows(table(reasons).get("blocking-ha-resources"))]


def unavailable(data: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Read which nodes lack which storages of the guest's attached volumes, from not_allowed_nodes."""
    listed = ((str(node), texts(table(reasons), "unavailable_storages")) for node, reasons in sorted(table(data).items()))
    return tuple((node, tuple(sorted(storages))) for node, storages in listed if storages)


def companions(data: Row) -> tuple[int, ...]:
    """The vmids that the HA manager moves along."""
    return tuple(sorted({vmid for sid in texts(data, "dependent-ha-resources") for vmid in vmids(sid)}))


def as_configured(config: Row, shared: Collection[str], running: bool) -> Row:
    """What GET .../qemu/{vmid}/migrate would say of devices and disks, from the configuration (qemu-server QemuServer.pm
    check_local_resources, QemuMigrate.pm): for a caller who may read that, and may not migrate. Sizes that it lacks are 0.
    """
    bound, mapped, disks = list[str](), dict[str, Row](), list[Row]()
    for key in map(str, config):
        value, _, rest = text(config, key).partition(",")
        if re.fullmatch(r"(usb|hostpci|serial|parallel|virtiofs)\d+", key):
            named = properties(text(config, key))
            if "mapping" in named or key.startswith("virtiofs"):
                mapped[key] = {}
            elif not (key.startswith("usb") and value.removeprefix("host=").startswith("spice")) and value != "socket":
                bound.append(key)
        elif DRIVE.match(key) and (volid := value.removeprefix("file=")) != "none" and volid.partition(":")[0] not in shared:
            options, cdrom = properties(rest), "media=cdrom" in rest.split(",")
            disk = {"volid": volid, "drivename": key, "size": size_of(text(options, "size")), "cdrom": int(cdrom),
                    "is_tpmstate": int(key == "tpmstate0"), "is_unused": int(key.startswith("unused")),
                    "is_cloudinit": int(bool(_CLOUDINIT.search(volid)))}
            disks.append({**disk, "replicate": options.get("replicate", 1), "referenced_in_snapshot": int(bool(text(config, "parent")))})
    bound += ["ivshmem"] if text(config, "ivshmem") else []
    if running:
        bound += [key for key in ("amd-sev", "intel-tdx") if text(config, key)]
        bound += ["clipboard=vnc"] if "clipboard=vnc" in text(config, "vga").split(",") else []
    return {"running": int(running), "local_disks": disks, "local_resources": [*bound, *mapped], "mapped-resources": list(mapped)}


def lxc_preconditions(
    config: Row, plugins: Mapping[str, str], shared: frozenset[str], vmid: int = 0, former: Mapping[str, str] | None = None
) -> Preconditions:
    """Read a container's configuration; `plugins` as above, `shared` are the storages whose volumes stay where they are.

    `former` are the lines of volumes that only its snapshots have, by their keys.
    """
    blockers, volumes = [], []
    lines: dict[str, str] = {**{str(key): text(config, key) for key in config if MOUNT.match(str(key))}, **(former or {})}
    for key in sorted(lines):
        value, _, rest = lines[key].partition(",")
        options = properties(rest)
        if value.startswith("/"):
            if not flag(options, "shared"):
                kind = "device" if value.startswith("/dev/") else "directory"
                blockers.append(f"mounts {kind} {value} of its node ({key}); mark it as shared if every node has it")
            continue
        storage = value.partition(":")[0]
        if storage in shared:
            continue
        volumes.append(Volume(storage, size_of(text(options, "size")), value, snapshots=bool(text(config, "parent"))))
        words = _volume_blocker(value, plugins.get(storage, ""), snapshots=bool(text(config, "parent")))
        words = words or (owned_by_other(value, vmid) if vmid else "")
        blockers += [words] if words else []
    devices = sorted(key for key in config if re.match(r"dev\d+$", key))
    blockers += [f"uses device {text(config, key).partition(',')[0]} of its node ({key})" for key in devices]
    blockers += raw_lines(config.get("lxc"))
    return Preconditions(tuple(blockers), tuple(volumes))


def _volume_blocker(volid: str, plugin: str, snapshots: bool) -> str:
    if _LINKED.search(volid):
        return f"its volume {volid} is a linked clone of a local base image; make it a full clone"
    if plugin and plugin not in COPYABLE:
        return f"its volume {volid} is on local storage of type {plugin}, which PVE cannot copy"
    if snapshots and plugin in ("dir", "lvm", "lvmthin"):
        return f"has snapshots of local volume {volid}, which storage type {plugin} cannot copy; delete them"
    return ""
