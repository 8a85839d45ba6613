"""From samples and history to the load of each node: its mean use, of which the guests have a part and the host the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from prs.model import Guest, Node
from prs.pve.read import rrd
from prs.pve.read.resources import MIGRATIONS, SETTLING, Sample, sample
from prs.pve.read.values import Row, digits, number, text, whole

# Tasks that change how much a node has to carry; means must not reach back over them (types of qemu-server and pve-container).
CHANGES = {"qmigrate", "vzmigrate"} | {kind + what for kind in ("qm", "vz") for what in ("start", "stop", "shutdown", "suspend", "resume")}


@dataclass(frozen=True)
class Histories:
    """The last hour by node, as far as it could be read, and how much of it counts (s; 0: none, the present sample does)."""

    now: float
    window: float
    rows: Mapping[str, list[Row]]

    @cached_property
    def clock(self) -> float:
        """The cluster's time as its newest figures tell it, so that a wrong clock on this machine does no harm.

        They are up to a minute old; the later end of that is safe, because it only shortens what means reach back to.
        """
        wrong = self._newest > 0 and abs(self._newest - self.now) > rrd.LATE
        return self._newest + rrd.STEP if wrong else self.now

    @cached_property
    def _newest(self) -> float:
        return max((rrd.newest(rows) for rows in self.rows.values()), default=0.0)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is odd about the figures as a whole."""
        minutes = (self.now - self._newest) / 60 if self.clock != self.now else 0.0
        if minutes > 0:
            why = "the node that answers was away until now, or one of the clocks is wrong"
            return (f"The newest figures that PVE shows are {minutes:.0f} minutes old by this machine's clock: {why}",)
        if minutes < 0:
            return (f"This machine's clock is {-minutes:.0f} minutes behind the cluster's figures",)
        return ()


def with_load(
    nodes: tuple[Node, ...], guests: tuple[Guest, ...], data: list[Row], tasks: list[Row], past: Histories
) -> tuple[tuple[Node, ...], tuple[Guest, ...]]:
    """The nodes with their `*_host` filled in, and the guests with their cpu held to what their node really used."""
    samples = {text(row, "node"): sample(row) for row in data if row.get("type") == "node"}
    born, unsettled = _youngest(data, past), _unsettled(guests, tasks, past)
    ups = {text(row, "node"): number(row, "uptime") or math.inf for row in data if row.get("type") == "node"}
    shares: dict[str, float] = {}
    loaded: list[Node] = []
    for node in nodes:
        problem = node.problem or _stale(past, node.name, ups.get(node.name, math.inf))
        now = samples.get(node.name)
        if problem or now is None:
            loaded.append(replace(node, problem=problem))
            continue
        since = max(past.clock - past.window, _last_change(tasks, node.name), born.get(node.name, 0.0))
        rows = past.rows.get(node.name, [])
        used = rrd.node_mean(rows, since) if past.window > 0 else None
        # The cache from before a boot is gone: it would be taken off what the node uses now.
        booted = past.clock - ups.get(node.name, math.inf)
        present = max(now.memory - rrd.reclaimable(row for row in rows if (number(row, "time") or 0.0) > booted), 0.0)
        used = used or Sample(present, now.cpu)
        mine = [guest for guest in guests if guest.node == node.name]
        found, shares[node.name] = _split(node, mine, used, None if node.name in unsettled else present)
        cpu, memory, io = (rrd.pressure(rows, since, kind) for kind in ("cpu", "memory", "io"))
        loaded.append(replace(found, pressure_cpu=cpu, pressure_memory=memory, pressure_io=io))
    return tuple(loaded), tuple(replace(guest, cpu=guest.cpu * shares.get(guest.node, 1.0)) for guest in guests)


def _stale(past: Histories, node: str, up: float) -> str:
    """Why the history shows that the node no longer reports, in words; "" if it does or no history was asked for.

    A node that has booted a moment ago, `up` (s) by its own report, has reported since: its history cannot show that yet.
    """
    rows = past.rows.get(node)
    if rows is None or up <= rrd.STALE:
        return ""
    age = past.clock - rrd.newest(rows)
    if rrd.newest(rows) <= 0:
        return "no load history yet"
    return f"no figures for {age / 60:.0f} minutes (is pvestatd running on it?)" if age > rrd.STALE else ""


def _split(node: Node, guests: list[Guest], used: Sample, present: float | None) -> tuple[Node, float]:
    """Give the host what its guests do not use; and the factor for the guests' cpu, whose 10 s samples may exceed the node's mean.

    Guests' figures know nothing of pages that KSM has merged: together they may be more than the node uses, and the node's own figure
    is the truth (qemu-server QemuServer.pm, memhost). The host's part is below 0 then. `present` is the node's use by its last report,
    which counts where it is more than the mean; None while that report may be older than what its guests' rows say.
    """
    cpu = sum(guest.cpu for guest in guests)
    memory = sum(guest.memory for guest in guests)
    host = int(used.memory) - memory
    if host < 0:
        host = min(int(max(used.memory, present)) - memory, 0) if present is not None else 0
    share = used.cpu / cpu if cpu > used.cpu else 1.0
    return replace(node, memory_host=host, cpu_host=max(used.cpu - cpu * share, 0.0)), share


def _unsettled(guests: tuple[Guest, ...], tasks: list[Row], past: Histories) -> set[str]:
    """The nodes with a guest that has just come or started: the list names them for it before their own figures count it."""
    now = past.clock
    moved = {
        whole(row, "id") for row in tasks
        if text(row, "type") in MIGRATIONS and digits(text(row, "id")) is not None and (number(row, "endtime") or now) > now - SETTLING
    }  # fmt: skip
    return {guest.node for guest in guests if guest.vmid in moved or (guest.running and guest.problem)}


def _last_change(tasks: list[Row], node: str) -> float:
    """When the last start, stop or departure of a guest on the node ended, by /cluster/tasks; 0 if none is listed."""
    return max((number(row, "endtime") or 0.0 for row in tasks if text(row, "node") == node and text(row, "type") in CHANGES), default=0.0)


def _youngest(data: list[Row], past: Histories) -> dict[str, float]:
    """When the guest that came last to each node began to run there (a migrated VM runs in a new process, whose uptime starts anew)."""
    born: dict[str, float] = {}
    for row in data:
        if row.get("type") in ("qemu", "lxc") and whole(row, "uptime") > 0:
            node = text(row, "node")
            born[node] = max(born.get(node, 0.0), past.clock - whole(row, "uptime"))
    return born
