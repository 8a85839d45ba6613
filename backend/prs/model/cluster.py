"""The nouns of a snapshot as immutable values: nodes, guests, storages and rules of a cluster.

Units everywhere: memory and disk in bytes, cpu in cores (threads) in use, loads and spreads as fraction 0..1, time as Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Resource = Literal["memory", "cpu", "disk"]
Method = Literal["memory", "cpu", "disk", "all"]
Levelled = Literal["memory", "cpu", "disk", "all", "pressure"]  # what may be asked for; `pressure` says by the nodes which Method it is
Memory = Literal["used", "assigned", "reserved"]  # which memory of a guest counts
RESOURCES: tuple[Resource, ...] = ("memory", "cpu", "disk")
Kind = Literal["qemu", "lxc"]
# Locks of work that ends by itself in minutes (pve-guest-common AbstractConfig.pm lists all locks); a drain waits for them.
PASSING_LOCKS = ("backup", "snapshot", "snapshot-delete")
LOCK_PATIENCE = 1800.0  # seconds a migration waits for a lock, such as a backup's


CUT_OFF_LOCK = "migrate"  # what a migration leaves behind when nobody could write the guest's configuration at its end


def unlocking(kind: Kind, vmid: int, node: str) -> str:
    """What to do about a guest that a migration has left locked because quorum or its target was lost, in words."""
    command = f"{'pct' if kind == 'lxc' else 'qm'} unlock {vmid}"
    return f"once it is certain that no migration of it runs any more and that it runs on no other node, `{command}` on {node} frees it"


@dataclass(frozen=True, slots=True)
class Node:
    """A cluster node; each `*_host` is what the node uses beside the guests of the snapshot, so load = host + sum of its guests."""

    name: str
    online: bool = True
    memory: int = 0
    memory_host: int = 0
    cpu: float = 0.0
    cpu_host: float = 0.0
    disk: int = 0  # capacity of its non-shared guest storages together; 0 = it has none
    disk_host: int = 0
    id: int = 0  # corosync node id; 0 = unknown
    version: str = ""  # pve-manager version such as 9.2.11, "" = not read
    qemu: str = ""  # newest machine version that its QEMU knows, such as 10.1; "" = not read
    machine: str = ""  # architecture of its kernel (x86_64, aarch64), "" = not read
    cpu_model: str = ""  # "" = not read
    cpu_vendor: str = ""  # AMD, Intel or what CPUID calls another maker; "" = not read
    cpu_types: tuple[str, ...] | None = None  # QEMU's and PVE's CPU types that its CPU has all features for; None = not read
    bridges: tuple[str, ...] | None = None  # bridges and SDN vnets that PVE shows on it, None = not read
    location: str = ""  # name (or coordinates) of the rack, room or site that PVE's configuration puts it in, "" = not said
    scripts: tuple[str, ...] | None = None  # hook scripts (volume ids) that PVE shows on it, None = not read
    connections: bool | None = None  # it can take along the connections of a firewalled VM, None = not read
    squeezes: bool = False  # so full of memory that PVE takes some back from the balloons of its guests
    # Shares of the last half hour in which some task waited for it (the kernel's PSI "some"); None = not told (PVE 8, or no figure yet).
    pressure_cpu: float | None = None
    pressure_memory: float | None = None
    pressure_io: float | None = None
    ha: str = ""  # HA manager's view: online, maintenance, unknown, fence, gone; "" = HA never ran
    problem: str = ""  # why its figures cannot be used, in words ("no metrics for 5 minutes"); "" = usable
    member: bool = True  # PVE's list of the cluster's members names it


@dataclass(frozen=True, slots=True)
class Volume:
    """One disk image of a guest on a storage of its own node (shared storages are not listed)."""

    storage: str
    size: int
    name: str = ""
    streamed: bool = False  # sent as a stream even while the guest runs: TPM state, cloud-init drive, detached disks
    snapshots: bool = False  # has some, which travel with it


@dataclass(frozen=True, slots=True)
class Guest:
    """A virtual machine or container. The fields from `inspected` on are filled only for guests that a plan considers moving."""

    vmid: int
    name: str
    kind: Kind
    node: str
    status: str = "running"  # PVE's word: running, stopped, paused, io-error, ...
    memory: int = 0  # in use on the host now; 0 when stopped
    memory_max: int = 0  # configured
    cpu: float = 0.0
    cpu_max: float = 0.0
    disk: int = 0  # on non-shared storages of its node, moves with the guest
    lock: str = ""
    tags: tuple[str, ...] = ()
    pool: str = ""
    ha: str = ""  # HA service state; "" = not managed by HA
    template: bool = False
    problem: str = ""  # why its load is not known, in words; "" = known
    inspected: bool = False
    volumes: tuple[Volume, ...] = ()
    images: tuple[tuple[str, int], ...] = ()  # (storage, bytes) of each disk of its configuration, wherever it lies; 0 bytes = not said
    targets: tuple[str, ...] | None = None  # nodes PVE's own precondition call allows; None = PVE gave no such list
    refused: tuple[tuple[str, str], ...] = ()  # (node, PVE's reason against it)
    unavailable: tuple[tuple[str, tuple[str, ...]], ...] = ()  # (node, storages of its that PVE says are not there)
    blockers: tuple[str, ...] = ()  # facts that keep it where it is, in words
    companions: tuple[int, ...] = ()  # vmids that HA moves together with it
    cpu_type: str = ""  # by its configuration, "" = not read
    cpu_bound: str = ""  # what ties it to CPUs like its node's, in words ("its CPU type is host"); "" = nothing known
    arch: str = ""  # architecture by its configuration, "" = not said
    vcpus: int = 0  # sockets times cores of its configuration, each of which its node needs a thread for; 0 = not read
    hookscript: str = ""  # volume id of its hook script
    firewalled: bool = False  # PVE's firewall is on for one of its network cards
    bridges: tuple[str, ...] = ()  # bridges and SDN vnets of its network cards
    reserved: int = 0  # bytes that its balloon leaves it at least; 0 = it has none, or not read
    grows: int = 0  # bytes that its balloon, squeezed where it is, takes back where there is room
    auto_rebalance: bool = True  # under HA: PVE's own auto-rebalance, where it is on, may move it
    failback: bool = True  # under HA: the HA manager takes it back to the nodes that its rule prefers

    @property
    def label(self) -> str:
        """The guest as people know it: `102 (db01)`; one that is to be (vmid below 1) by its name alone."""
        if self.vmid < 1:
            return self.name
        return f"{self.vmid} ({self.name})" if self.name else str(self.vmid)

    @property
    def occupied(self) -> bool:
        """True while it is locked by work that ends by itself, such as a backup."""
        return self.lock in PASSING_LOCKS

    @property
    def running(self) -> bool:
        """True when a migration of it has memory to copy (paused counts: its memory is in use)."""
        return self.status not in ("stopped", "unknown")


@dataclass(frozen=True, slots=True)
class Storage:
    """A storage as one node sees it; a shared one appears once per node with the same totals."""

    name: str
    node: str
    shared: bool = False
    active: bool = True
    total: int = 0
    used: int = 0
    plugin: str = ""
    content: tuple[str, ...] = ()
    chains: bool = False  # keeps snapshots as chains of volumes (PVE 9: snapshot-as-volume-chain), which PVE does not copy


@dataclass(frozen=True, slots=True)
class Rule:
    """A placement rule: `together` and `apart` bind the guests to each other, `nodes` binds each guest to nodes.

    For `nodes`: `nodes` holds (node, priority), higher is preferred; strict forbids all others; avoid turns the meaning round.
    """

    name: str
    kind: Literal["together", "apart", "nodes"]
    guests: tuple[int, ...]
    nodes: tuple[tuple[str, int], ...] = ()
    strict: bool = True
    avoid: bool = False
    source: str = "HA rule"  # or HA group, tag, pool


@dataclass(frozen=True, slots=True)
class Replication:
    """A storage replication job of a guest: only its target may receive the running guest."""

    vmid: int
    target: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """One consistent snapshot: everything a decision may look at."""

    name: str = ""
    taken: float = 0.0
    quorate: bool = True
    version: str = ""  # of the answering node
    nodes: tuple[Node, ...] = ()
    guests: tuple[Guest, ...] = ()
    storages: tuple[Storage, ...] = ()
    rules: tuple[Rule, ...] = ()
    replications: tuple[Replication, ...] = ()
    auto_rebalance: bool = False  # PVE's own crs ha-auto-rebalance is on
    migration_network: str = ""  # CIDR of the network that migrations go through, "" = the nodes' own, or not seen
    migrating: tuple[int, ...] = ()  # vmids with a migration task running that is not ours
    problems: tuple[str, ...] = ()  # what could not be read, in words
    hidden: tuple[tuple[str, int], ...] = ()  # (node, number of its guests that whoever reads may not see), where that is known
