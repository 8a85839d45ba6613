"""The nouns of the product as immutable values: what a cluster looks like and what a plan says.

Units everywhere: memory and disk in bytes, cpu in cores (threads) in use, loads and spreads as fraction 0..1, time as Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

Resource = Literal["memory", "cpu", "disk"]
Method = Literal["memory", "cpu", "disk", "all"]
RESOURCES: tuple[Resource, ...] = ("memory", "cpu", "disk")
Kind = Literal["qemu", "lxc"]
# Locks of work that ends by itself in minutes (pve-guest-common AbstractConfig.pm lists all locks); a drain waits for them.
PASSING_LOCKS = ("backup", "snapshot", "snapshot-delete")
LOCK_PATIENCE = 1800.0  # seconds a migration waits for a lock, such as a backup's


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
    cpu_types: tuple[str, ...] | None = None  # PVE's generic CPU types (x86-64-v3, ...) that its CPU can stand for; None = not read
    bridges: tuple[str, ...] | None = None  # bridges and SDN vnets that PVE shows on it, None = not read
    squeezes: bool = False  # so full of memory that PVE takes some back from the balloons of its guests
    ha: str = ""  # HA manager's view: online, maintenance, unknown, fence, gone; "" = HA never ran
    problem: str = ""  # why its figures cannot be used, in words ("no metrics for 5 minutes"); "" = usable


@dataclass(frozen=True, slots=True)
class Volume:
    """One disk image of a guest on a storage of its own node (shared storages are not listed)."""

    storage: str
    size: int
    name: str = ""


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
    targets: tuple[str, ...] | None = None  # nodes PVE's own precondition call allows; None = PVE gave no such list
    refused: tuple[tuple[str, str], ...] = ()  # (node, PVE's reason against it)
    blockers: tuple[str, ...] = ()  # facts that keep it where it is, in words
    companions: tuple[int, ...] = ()  # vmids that HA moves together with it
    cpu_type: str = ""  # by its configuration, "" = not read
    cpu_bound: str = ""  # what ties it to CPUs like its node's, in words ("its CPU type is host"); "" = nothing known
    arch: str = ""  # architecture by its configuration, "" = not said
    bridges: tuple[str, ...] = ()  # bridges and SDN vnets of its network cards
    grows: int = 0  # bytes that its balloon, squeezed where it is, takes back where there is room
    auto_rebalance: bool = True  # under HA: PVE's own auto-rebalance, where it is on, may move it
    failback: bool = True  # under HA: the HA manager takes it back to the nodes that its rule prefers

    @property
    def label(self) -> str:
        """The guest as people know it: `102 (db01)`."""
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
    migrating: tuple[int, ...] = ()  # vmids with a migration task running that is not ours
    problems: tuple[str, ...] = ()  # what could not be read, in words


@dataclass(frozen=True, slots=True)
class Pool:
    """What the administrator wants of the guests of one pool: left alone, kept together or apart, and on these nodes only.

    `strict` False: the nodes are preferred only. Node names count without case.
    """

    name: str
    ignore: bool = False
    keep: Literal["", "together", "apart"] = ""
    nodes: tuple[str, ...] = ()
    strict: bool = True


@dataclass(frozen=True, slots=True)
class Policy:
    """What the administrator wants of a plan; the planner's only settings."""

    method: Method = "memory"
    ignore_nodes: tuple[str, ...] = ()
    ignore_guests: tuple[str, ...] = ()  # name or vmid, `*` and `?` wildcards
    spread: float = 0.05  # at or under this spread the cluster counts as balanced and nothing is planned
    max_moves: int | None = None
    max_bytes: int | None = None
    containers: bool = False  # may running containers be moved (each move restarts one)
    memory_reserve: int = 0  # bytes of each target's memory that a plan leaves free
    parallel_total: int = 4
    parallel_node: int = 2
    link_speed: float = 2.0**30  # bytes per second one migration copies
    overhead: float = 10.0  # seconds each migration takes beside copying
    dirty_rate: float = 2.0**25  # bytes per second of memory that a guest writes anew, and so has copied again, for each core it uses
    aim: float = 0.8  # share of `spread` that a plan aims at; much lower, and plans would follow the jitter of the loads
    guard: float = 0.05  # a plan may not raise the spread of another resource by more than this
    stopped: bool = False  # stopped guests may move outside a drain too: the way back after one
    ignored: bool = False  # guests that are to be left alone may move too: the way back after a drain
    tags: bool = True  # ProxLB's tags (plb_*) are rules
    pools: tuple[Pool, ...] = ()
    domains: tuple[tuple[str, tuple[str, ...]], ...] = ()  # (name of a rack or room, its nodes): apart rules hold across them
    unlike_cpus: Literal["exclude", "warn"] = "exclude"  # a running guest that is tied to CPUs like its node's: may it go to others
    ha_guests: Literal["leave", "move"] = "leave"  # while PVE's own auto-rebalance is on: guests under HA are left to it, or moved too
    spare: Literal["warn", "require"] = "warn"  # room for the loss of one more node: say when there is none, or plan nothing without


@dataclass(frozen=True, slots=True)
class Move:
    """One migration of a plan. `reason` says what it improves, in numbers; `round` numbers moves that may run together from 1."""

    vmid: int
    name: str
    kind: Kind
    source: str
    target: str
    running: bool = True
    ha: bool = False  # carried out by PVE's HA manager
    memory: int = 0
    disk: int = 0
    seconds: float = 0.0
    round: int = 1
    parking: bool = False  # a detour: the guest moves again later in the same plan
    reason: str = ""
    cpu: float = 0.0  # cores in use

    @property
    def bytes(self) -> int:
        """Bytes that travel: memory in use and local disks."""
        return self.memory + self.disk


@dataclass(frozen=True, slots=True)
class Stay:
    """A guest that is not moved, and why."""

    vmid: int
    name: str
    node: str
    reason: str
    kind: str = ""  # qemu or lxc; "" = not said


@dataclass(frozen=True, slots=True)
class NodeLoad:
    """The load of a node by resource, fraction 0..1 of its capacity (disk 0 when it has none), and its number of guests."""

    node: str
    memory: float
    cpu: float
    disk: float
    guests: int
    active: bool = True  # False: left out of the spread (offline, ignored, drained or without usable figures)


@dataclass(frozen=True, slots=True)
class Term:
    """One named term of the objective with its weight and its value before and after the plan."""

    name: str
    weight: float
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Spare:
    """Whether the guests of any one more node would still fit in the memory of the others after the plan; `short` in bytes."""

    fits: bool
    node: str = ""  # the node whose loss is the hardest to bear
    short: int = 0
    sentence: str = ""


@dataclass(frozen=True)
class Plan:
    """What will be done, why, and what it brings. `moves` are in an order in which every intermediate state fits."""

    kind: Literal["balance", "drain"]
    method: Method
    node: str = ""  # the node to drain
    created: float = 0.0
    moves: tuple[Move, ...] = ()
    stays: tuple[Stay, ...] = ()
    blockers: tuple[Stay, ...] = ()  # drain: guests that cannot leave; with one of them the drain is infeasible
    before: tuple[NodeLoad, ...] = ()
    after: tuple[NodeLoad, ...] = ()
    spread_before: float = 0.0  # of the method, over the active nodes
    spread_after: float = 0.0
    spread_reachable: float | None = None  # no number of moves gets under this (proven bound); None = unknown
    seconds: float = 0.0  # expected wall time with the policy's parallelism
    terms: tuple[Term, ...] = ()
    warnings: tuple[str, ...] = ()
    summary: str = ""  # one sentence: what it does, or why there is nothing to do
    options: tuple[tuple[str, str], ...] = field(default=())  # options it was made with, as shown to the user
    stopped: bool = True  # drain: stopped guests have to leave too
    spare: Spare | None = None  # None = not worked out
    cost: float = 0.0  # seconds that all moves take one after the other
    cost_bound: float | None = None  # proven: no plan that levels (or empties) as far costs fewer seconds; None = unknown

    @cached_property
    def bytes(self) -> int:
        """Bytes that all moves copy."""
        return sum(move.bytes for move in self.moves)

    @property
    def feasible(self) -> bool:
        """False for a drain that would leave a guest behind."""
        return not self.blockers
