"""The things of a simulated cluster. Memory and disk in bytes, speeds in bytes per second, cpu in cores, time in Unix seconds."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

GiB = 2**30
MiB = 2**20
Kind = Literal["qemu", "lxc"]


@dataclass
class Node:
    """A node of the cluster and what it uses itself, beside its guests."""

    name: str
    memory: int = 64 * GiB
    cpu: int = 16  # threads
    memory_host: int = 2 * GiB
    cpu_host: float = 0.3
    id: int = 1
    link: float = 1.0 * GiB  # network speed of migrations, each way
    disk_speed: float = 0.5 * GiB  # speed at which local disks are copied
    version: str = ""  # of pve-manager, "" = the flavour's
    qemu: str = ""  # version of QEMU, "" = the one that came with PVE
    machine: str = "x86_64"  # architecture
    cpu_model: str = "Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz"
    cpu_level: str = "x86-64-v4"  # the best of PVE's generic CPU types that it can stand for, "" = none
    arc: int = 0  # bytes in the cache of ZFS, which gives way to guests
    bridges: tuple[str, ...] = ("vmbr0",)
    snippets: tuple[str, ...] | None = None  # volumes of hook scripts that are there, None = whatever its storages should hold
    dbus_vmstate: bool = True  # its QEMU package brings the helper that carries connections along
    kernel: str = "6.14.8-2-pve"  # that runs
    kernel_installed: str = ""  # the newest one installed, "" = the one that runs
    address: str = ""
    addresses: tuple[str, ...] = ()  # further ones, as CIDR, on a network card of their own
    dead_services: tuple[str, ...] = ()  # daemons of PVE that have failed
    votes: int = 1  # in corosync.conf
    location: str = ""  # property string of its configuration, as pve-node-location
    alive: bool = True
    died: float = 0.0
    rebooting: bool = False  # down on purpose: HA waits for it instead of fencing it
    api: Literal["up", "down", "hangs"] = "up"  # pveproxy of this node; the node itself lives on
    silent: float | None = None  # since when pvestatd has sent nothing
    holes: list[tuple[float, float]] = field(default_factory=list)  # from when to when it sent nothing, in the past
    overfilled: bool = False
    born: float = 0.0

    @property
    def vendor(self) -> str:
        """The maker of its CPU as CPUID has it."""
        if "Hygon" in self.cpu_model:
            return "HygonGenuine"
        return "AuthenticAMD" if "AMD" in self.cpu_model else "GenuineIntel"


# Newest machine version of the QEMU that came with a release (pve-qemu-kvm).
QEMU = {"8": "9.2", "9.0": "10.0", "9.1": "10.1", "9.2": "11.0"}


def qemu(node: Node) -> str:
    """Give the newest machine version that the node's QEMU knows."""
    return node.qemu or next((qemu for release, qemu in QEMU.items() if node.version.startswith(f"{release}.")), "11.0")


@dataclass
class Disk:
    """One volume in a guest's configuration; `key` is its name there (scsi0, rootfs, efidisk0, unused0, ...)."""

    key: str
    storage: str
    size: int
    name: str = ""
    cdrom: bool = False
    cloudinit: bool = False
    snapshot: bool = False  # a snapshot of the guest refers to it
    former: bool = False  # nothing but a snapshot refers to it
    vmstate: bool = False  # memory that a snapshot keeps
    unsized: bool = False  # its line in the configuration has no size=
    parent: str = ""  # base image of a linked clone

    @property
    def volid(self) -> str:
        """PVE's volume id, `storage:name`."""
        return f"{self.storage}:{self.name}"

    @property
    def attached(self) -> bool:
        """True for a volume that the guest uses while it runs."""
        return not self.unused and not self.former and not self.vmstate

    @property
    def unused(self) -> bool:
        """True for a detached one."""
        return self.key.startswith("unused")

    @property
    def owner(self) -> int:
        """The vmid by its name, as storages read it; 0 where the name tells none."""
        found = re.match(r"(?:vm|base|subvol|basevol)-(\d+)-", self.name.rpartition("/")[2])
        return int(found[1]) if found else 0


@dataclass
class Guest:
    """A virtual machine or container. `memory` and `cpu` are what it uses while it runs, and what a migration copies."""

    vmid: int
    name: str
    node: str
    kind: Kind = "qemu"
    status: str = "running"
    memory: int = 1 * GiB
    memory_max: int = 2 * GiB
    overhead: int = 0  # memory of its process beyond the guest's own
    shared: int = 0  # bytes of its memory that KSM has merged with others' where it runs; gone when it moves
    cpu: float = 0.2
    cpu_max: int = 2  # cores
    dirty: float = 20 * MiB  # bytes per second it writes to its memory
    disks: list[Disk] = field(default_factory=list)
    tags: tuple[str, ...] = ()
    pool: str = ""
    lock: str = ""
    template: bool = False
    replicate: tuple[str, ...] = ()  # target nodes of its replication jobs
    replica: dict[str, object] = field(default_factory=dict)  # what their states tell beside: `pid`, `fail_count`, `error`
    config: dict[str, Any] = field(default_factory=dict)  # further configuration lines: hostpci0, mp0, args, cpu, machine
    stops: bool = True  # shuts down when asked to
    machine: str = ""  # version of the machine it runs with, "" = the node's
    born: float = 0.0  # when its process started
    migrating: str = ""  # UPID of the task that moves it

    @property
    def running(self) -> bool:
        """True when it has a process and memory in use."""
        return self.status not in ("stopped", "suspended")

    @property
    def resident(self) -> int:
        """Bytes of memory that its process maps; hugepages are taken whole at its start."""
        return (self.memory_max if self.hugepages else self.memory) + self.overhead if self.running else 0

    @property
    def taken(self) -> int:
        """Bytes of its node's memory that are gone because of it."""
        return max(self.resident - self.shared, 0)

    @property
    def hugepages(self) -> bool:
        """True when its memory is in hugepages, which its cgroup does not count."""
        return self.kind == "qemu" and "hugepages" in self.config

    @property
    def vcpus(self) -> int:
        """Sockets times cores of its configuration; `cpu_max` is the number of cores that stands there when `config` has none."""
        return int(self.config.get("sockets", 1)) * int(self.config.get("cores", int(self.cpu_max) or 1))

    @property
    def sid(self) -> str:
        """Its name at the HA manager."""
        return f"{'vm' if self.kind == 'qemu' else 'ct'}:{self.vmid}"

    @property
    def label(self) -> str:
        """The guest as people know it: `102 (db01)`."""
        return f"{self.vmid} ({self.name})"

    def volume_name(self, index: int) -> str:
        """Give the name PVE makes up for the volume at that place; that of a linked clone begins with its base."""
        disk = self.disks[index]
        if disk.cloudinit:
            return f"vm-{self.vmid}-cloudinit"
        plain = f"{'subvol' if self.kind == 'lxc' else 'vm'}-{self.vmid}-disk-{index}"
        return f"{disk.parent}/{plain}" if disk.parent else plain


@dataclass
class Storage:
    """A storage: one everywhere when shared, else one of this name on each node."""

    name: str
    type: str = "zfspool"
    shared: bool = False
    content: tuple[str, ...] = ("images", "rootdir")
    nodes: tuple[str, ...] = ()  # () = all
    total: int = 500 * GiB
    used: int = 0  # by other things than guests' volumes, on each node
    disabled: bool = False
    inactive: tuple[str, ...] = ()  # nodes on which it cannot be reached

    def on(self, node: str) -> bool:
        """True when the configuration allows it on that node."""
        return not self.nodes or node in self.nodes


@dataclass(frozen=True)
class Mapping:
    """A resource mapping: the nodes that have such a device, and whether it can move while in use."""

    nodes: tuple[str, ...]
    live: bool = False
