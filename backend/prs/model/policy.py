"""What the administrator wants of a plan, as immutable values; units as in prs.model.cluster."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from prs.model.cluster import Levelled, Memory, Method, Resource

# How a guest may be moved: as plans want it; only by what a person has started; only to empty its node; not at all.
Mode = Literal["automatic", "ask", "drains", "never"]


@dataclass(frozen=True, slots=True)
class Pool:
    """What the administrator wants of the guests of one pool: left alone, together or apart, apart from those of other pools, and where.

    `strict` False: the nodes are preferred only. Names count without case; what is said of a pool holds for the pools nested in it, but
    `included` (said not to be ignored) holds against an outer one that is ignored.
    """

    name: str
    ignore: bool = False
    keep: Literal["", "together", "apart"] = ""
    nodes: tuple[str, ...] = ()
    strict: bool = True
    apart_from: tuple[str, ...] = ()  # pools with whose guests none of its own may share a node
    included: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """What the administrator wants of a plan; the planner's only settings."""

    method: Method = "memory"
    ignore_nodes: tuple[str, ...] = ()  # names with `*` and `?`; `!` before one makes it an exception; case never counts
    ignore_guests: tuple[str, ...] = ()  # likewise, names, vmids or ranges of vmids (100-199)
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
    only_over: tuple[tuple[Resource, float], ...] = ()  # levelled only when a node uses more than this of the resource (fraction)
    weights: tuple[tuple[Resource, float], ...] = ()  # method all: what a point of a resource's spread counts; 1 if not named
    idle_under: float = 0.0  # left alone while every node uses less than this of what is levelled (fraction)
    hot: float = 0.85  # a node that uses more of its memory is acted on whatever else is expected
    guard: float = 0.05  # a plan may not raise the spread of another resource by more than this
    stopped: bool = False  # stopped guests may move outside a drain too: the way back after one
    ignored: bool = False  # guests that are to be left alone may move too: the way back after a drain
    tags: bool = True  # ProxLB's tags (plb_*) are rules
    pools: tuple[Pool, ...] = ()
    domains: tuple[tuple[str, tuple[str, ...]], ...] = ()  # (name of a rack or room, its nodes): apart rules hold across them
    unlike_cpus: Literal["exclude", "warn"] = "exclude"  # a running guest that is tied to CPUs like its node's: may it go to others
    ha_guests: Literal["leave", "move"] = "leave"  # while PVE's own auto-rebalance is on: guests under HA are left to it, or moved too
    spare: Literal["warn", "require"] = "warn"  # room for the loss of one more node: say when there is none, or plan nothing without
    storages: tuple[tuple[str, tuple[str, ...]], ...] = ()  # (storage or *, those its disks may land on elsewhere, any = every local one)
    relax: tuple[str, ...] = ()  # rules of tags and pools (tag plb_affinity_db; * = any) that a drain may break while its node is away
    relaxed: tuple[str, ...] = ()  # those that do not bind now
    avoid: tuple[str, ...] = ()  # nodes that get no guest by this plan
    targets: tuple[tuple[int, str], ...] = ()  # (vmid, node) of a person's choice: exactly these moves; in a drain where these guests go
    rides: tuple[int, ...] = ()  # drain: vmids of guests that stay, are shut down last and started again on release
    kill_after: int = 0  # seconds after which such a guest that does not shut down is killed; 0: never
    memory: Memory = "used"  # what counts of a guest: what it uses, what it may use, or what its balloon leaves it at least
    overcommit: float = 1.0  # share of a node's memory that assigned or reserved memory may add up to
    speeds: tuple[tuple[str, str, float], ...] = ()  # (source, target, bytes per second) as finished migrations showed

    guests: tuple[tuple[int, Mode], ...] = ()  # said of single guests, by vmid; goes over tags, pools and ignore_guests
    unattended: bool = False  # the plan is carried out without anybody having seen it
    by_pressure: bool = False  # levelled only while a node is under pressure, and by what it waits for; `method` is for all else
    pressure_over: float = 0.2  # share of the time that a node's tasks wait for memory or CPU above which it is under pressure

    @property
    def asked(self) -> Levelled:
        """The method as it was asked for."""
        return "pressure" if self.by_pressure else self.method

    @property
    def weighed(self) -> tuple[tuple[Resource, float], ...]:
        """The weights where the method levels by them; () for every other method."""
        return self.weights if self.method == "all" else ()

    def levelling(self, method: Levelled) -> Policy:
        """The policy with this method; drains and placements, which pressure says nothing to, level memory then."""
        return replace(self, method="memory" if method == "pressure" else method, by_pressure=method == "pressure")

    def speed(self, source: str, target: str) -> float:
        """Bytes per second that a migration between the nodes copies: as the last ones showed, else as is assumed."""
        return next((speed for one, other, speed in self.speeds if (one, other) == (source, target)), self.link_speed)

    @property
    def hot_over(self) -> float:
        """The share of a node's memory in use above which it is relieved at once; where use does not count, none would be."""
        return self.hot if self.memory == "used" else float("inf")
