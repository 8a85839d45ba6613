"""Where guests should go that do not exist yet, or one that does: the question and the answer, as immutable values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from prs.model.cluster import Method
from prs.model.plan import Headroom, NodeLoad


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk to be: its storage and its size in bytes."""

    storage: str
    size: int


@dataclass(frozen=True, slots=True)
class NewGuest:
    """What a guest to be needs; what is left out is as with the guest `like`, where one is named."""

    name: str = ""
    kind: Literal["", "qemu", "lxc"] = ""  # "" = as `like`, else qemu
    memory: int = 0  # bytes that it may use; 0 = as `like`
    cores: int = 0  # 0 = as `like`, else not said
    disks: tuple[Disk, ...] = ()
    tags: tuple[str, ...] = ()
    pool: str = ""
    rules: tuple[str, ...] = ()  # names of HA rules that it is to be part of
    like: int = 0  # vmid of a guest of the cluster; 0 = none


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node as a place for one guest; loads and spread are those of the cluster with all guests asked about in their places."""

    node: str
    rank: int  # 1 = best; 0 = it cannot go there
    reason: str  # why the best is best, why another one is worse, or why it cannot go there
    memory: float = 0.0  # the node's load with the guest, fraction 0..1
    cpu: float = 0.0
    disk: float = 0.0
    spread: float = 0.0  # of the method, with the guest there
    headroom: bool | None = None  # the guests of any one node fit on the others then; None = not worked out


@dataclass(frozen=True, slots=True)
class Placed:
    """One guest of the question, its best node ("" = there is none), and every node of the cluster, the best first."""

    name: str
    node: str
    reason: str
    candidates: tuple[Candidate, ...]
    vmid: int = 0  # of a guest that exists; 0 = it is to be
    home: str = ""  # the node that it is on now


@dataclass(frozen=True, slots=True)
class Placement:
    """The answer for all guests together, in the order in which they were asked about."""

    method: Method
    guests: tuple[Placed, ...]
    summary: str
    created: float = 0.0
    before: tuple[NodeLoad, ...] = ()
    after: tuple[NodeLoad, ...] = ()
    spread_before: float = 0.0
    spread_after: float = 0.0
    headroom: Headroom | None = None  # None = not worked out
    warnings: tuple[str, ...] = ()

    @property
    def feasible(self) -> bool:
        """True when every guest has a node."""
        return all(guest.node for guest in self.guests)
