"""What the cluster's metrics say: pvestatd reports every 10 s, so figures lag, and RRDs keep averages per minute.

Nothing ticks: a change keeps the figures from before it, which are shown until the next report is due.
"""

from __future__ import annotations

from typing import NamedTuple

from simcluster.clock import Clock
from simcluster.nouns import Guest

REPORT = 10  # seconds between the reports of pvestatd (pve-manager Service/pvestatd.pm)
EXPIRY = 300  # seconds after which pmxcfs drops a report (pve-cluster pmxcfs/status.c)
KEPT = 4 * 3600


class Seen(NamedTuple):
    """The figures of a guest in one report."""

    status: str
    cpu: float
    memory: int
    counted: int  # bytes that its cgroup counts: not what lies in hugepages
    born: float


def counted(guest: Guest) -> int:
    """Give the bytes that PVE 9 shows as memhost; it knows nothing of KSM either (qemu-server QemuServer.pm)."""
    return (guest.overhead if guest.hugepages else guest.resident) if guest.running else 0


class Sample(NamedTuple):
    """Figures that hold until a time."""

    until: float
    memory: float
    cpu: float
    running: bool


class Metrics:
    """The lagging figures and the past of all nodes and guests."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._nodes: dict[str, tuple[int, int, float]] = {}  # node -> (report it was seen in, memory, cpu)
        self._guests: dict[int, tuple[int, Seen]] = {}
        self.frozen: dict[str, dict[int, Seen]] = {}  # silent node -> the last that it reported
        self.frozen_node: dict[str, tuple[int, float]] = {}
        self._node_past: dict[str, list[Sample]] = {}
        self._guest_past: dict[int, list[Sample]] = {}

    def _report(self) -> int:
        return int(self._clock.now // REPORT)

    def before_node(self, node: str, memory: int, cpu: float) -> None:
        """Keep a node's figures before they change."""
        if self._nodes.get(node, (-1,))[0] != self._report():
            self._nodes[node] = (self._report(), memory, cpu)
        self._keep(self._node_past.setdefault(node, []), Sample(self._clock.now, memory, cpu, True))

    def before_guest(self, guest: Guest, node: str) -> None:
        """Keep a guest's figures before they change."""
        if self._guests.get(guest.vmid, (-1,))[0] != self._report():
            self._guests[guest.vmid] = (self._report(), self.seen(guest))
        sample = Sample(self._clock.now, guest.memory if guest.running else 0, guest.cpu if guest.running else 0.0, guest.running)
        self._keep(self._guest_past.setdefault(guest.vmid, []), sample)

    def _keep(self, past: list[Sample], sample: Sample) -> None:
        past.append(sample)
        while past[0].until < self._clock.now - KEPT:
            past.pop(0)

    def node(self, node: str, memory: int, cpu: float) -> tuple[int, float]:
        """Give the last reported (memory, cpu) of a node whose figures now are the given ones."""
        report, old_memory, old_cpu = self._nodes.get(node, (-1, 0, 0.0))
        return (old_memory, old_cpu) if report == self._report() else (memory, cpu)

    def seen(self, guest: Guest) -> Seen:
        """Give the last reported figures of a guest; the first report of a new process says cpu 0 (qemu-server vmstatus)."""
        report, old = self._guests.get(guest.vmid, (-1, None))
        if old is not None and report == self._report():
            return old
        if not guest.running:
            return Seen(guest.status, 0.0, 0, 0, guest.born)
        fresh = guest.born > (self._report() - 1) * REPORT or guest.status != "running"
        return Seen(guest.status, 0.0 if fresh else guest.cpu, guest.memory, counted(guest), guest.born)

    def node_average(self, node: str, start: float, end: float, memory: float, cpu: float) -> tuple[float, float]:
        """Give a node's mean (memory, cpu) between two times; its figures now are the given ones."""
        return _mean(self._node_past.get(node, []), start, end, Sample(self._clock.now, memory, cpu, True))[:2]

    def guest_average(self, guest: Guest, start: float, end: float) -> tuple[float, float, bool]:
        """Give a guest's mean (memory, cpu) between two times, and whether it ran at all."""
        running = guest.running
        now = Sample(self._clock.now, guest.memory if running else 0, guest.cpu if running else 0.0, running)
        return _mean(self._guest_past.get(guest.vmid, []), start, end, now)

    def born(self, guest: Guest) -> None:
        """Let a guest's past begin now."""
        self._guest_past[guest.vmid] = [Sample(self._clock.now, 0.0, 0.0, False)]

    def forget(self, vmid: int) -> None:
        """Drop a guest that is gone."""
        self._guests.pop(vmid, None)
        self._guest_past.pop(vmid, None)


def _mean(past: list[Sample], start: float, end: float, now: Sample) -> tuple[float, float, bool]:
    memory = cpu = 0.0
    running, begun = False, start
    for sample in [*past, now._replace(until=max(end, now.until))]:
        if sample.until <= begun:
            continue
        seconds = min(sample.until, end) - begun
        memory += sample.memory * seconds
        cpu += sample.cpu * seconds
        running = running or sample.running
        begun += seconds
        if begun >= end:
            break
    return memory / (end - start), cpu / (end - start), running
