"""What a plan says, as immutable values; units as in prs.model.cluster."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from prs.model.cluster import Kind, Memory, Method, Resource
from prs.model.forecast import Outlook


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
    storages: tuple[tuple[str, str], ...] = ()  # (storage here, storage there) where local disks land on another name

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
class Headroom:
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
    rides: tuple[Stay, ...] = ()  # drain: guests that are shut down instead, and started again on release
    before: tuple[NodeLoad, ...] = ()
    after: tuple[NodeLoad, ...] = ()
    spread_before: float = 0.0  # of the method, over the active nodes
    spread_after: float = 0.0
    spread_reachable: float | None = None  # no number of moves gets under this (proven bound); None = unknown
    seconds: float = 0.0  # expected wall time with the policy's parallelism
    terms: tuple[Term, ...] = ()
    warnings: tuple[str, ...] = ()
    summary: str = ""  # one sentence: what it does, or why there is nothing to do
    reckoned: str = ""  # which speed of copying the times are reckoned with, in words
    supposed: bool = False  # made for a cluster as it might become: never carried out
    memory: Memory = "used"  # which memory the loads and spreads are of
    weights: tuple[tuple[Resource, float], ...] = ()  # method all: what a point of each resource's spread counts in the spreads here
    options: tuple[tuple[str, str], ...] = field(default=())  # options it was made with, as shown to the user
    stopped: bool = True  # drain: stopped guests have to leave too
    headroom: Headroom | None = None  # None = not worked out
    cost: float = 0.0  # seconds that all moves take one after the other
    domains: tuple[tuple[str, tuple[str, ...]], ...] = ()  # failure domains that it was made with, as Policy.domains
    relaxed: tuple[str, ...] = ()  # drain: rules of tags and pools that it breaks while the node is away, as in Policy.relax
    relaxable: tuple[str, ...] = ()  # refused drain: such rules without which it could be done
    lacking: str = ""  # what whoever asked lacks to carry it out, in a sentence; "" = nothing speaks against it
    cost_bound: float | None = None  # proven: no plan that levels (or empties) as far costs fewer seconds; None = unknown
    outlook: Outlook | None = None  # what a plan for the coming day expects; None: it was made for the loads of the moment

    @cached_property
    def bytes(self) -> int:
        """Bytes that all moves copy."""
        return sum(move.bytes for move in self.moves)

    @property
    def feasible(self) -> bool:
        """False for a drain that would leave a guest behind."""
        return not self.blockers
