"""Clusters that live through weeks in virtual time: day and week curves, noise, a guest that grows, a failure, a holiday."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import cos, pi
from random import Random

from prs.model import Cluster, Guest, Node, Reading

GIB = 2**30
SIZES = (2, 4, 4, 8, 8, 16)  # GiB that a guest may use
HOUR, DAY, WEEK = 3600.0, 86_400.0, 604_800.0
WARM = 14  # days that are remembered before the first run, as after two weeks of suggestions
LENGTH = 28  # days of hourly runs


@dataclass(frozen=True)
class Curve:
    """A guest's use over the week: `mean` GiB, swung by up to `swing` over the day with its highest at hour `peak`, less at weekends."""

    mean: float
    swing: float
    peak: float
    weekend: float  # share of the swing that is left at weekends and on the holiday
    cores: float

    def share(self, hour: float, free: bool) -> float:
        """The factor of the mean at this hour of the day; `free`: nobody works."""
        return 1 + self.swing * (self.weekend if free else 1.0) * cos(2 * pi * (hour - self.peak) / 24)


@dataclass
class Scene:
    """One cluster: what its guests use at any time, and what happens to it; days count from the first run."""

    nodes: int
    guests: int
    level: float = 0.62  # mean use of memory
    lively: bool = True  # with the growing guest, the failure and the holiday
    heap: bool = False  # all guests start on the first node
    grows: int = 0  # the guest that grows, its place in the list
    growth: float = 0.0  # GiB a day, over ten days from day 5
    fails: tuple[float, float] = (16.4, 16.65)  # days from when to when the first node is down
    holiday: int = 22  # the day on which nobody works
    curves: list[Curve] = field(default_factory=list)
    start: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        chance = Random(self.nodes * 1000 + self.guests)
        load = [0.0] * self.nodes
        for _ in range(self.guests):
            mean = chance.choice(SIZES) * chance.uniform(0.4, 0.9)
            office = chance.random() < 0.7
            peak = chance.gauss(13.0, 2.0) if office else chance.uniform(0, 24)
            curve = Curve(mean, chance.uniform(0.0, 0.15), peak, chance.uniform(0.1, 0.5), chance.uniform(0.1, 1.0))
            place = 0 if self.heap else load.index(min(load))
            load[place] += mean
            self.curves.append(curve)
            self.start.append(place)
        self.memory = sum(load) / self.nodes / self.level  # GiB of a node
        self.growth = 0.15 * self.memory / 10

    def used(self, guest: int, time: float, noise: float) -> tuple[float, float]:
        """(GiB, cores) of a guest at a time in seconds since the first run, which is a Monday's midnight."""
        curve, day = self.curves[guest], time / DAY
        free = int(day) % 7 >= 5 or (self.lively and int(day) == self.holiday)
        share = curve.share(time / HOUR % 24, free) * (1 + noise)
        grown = min(max(day - 5, 0.0), 10.0) * self.growth if self.lively and guest == self.grows else 0.0
        return curve.mean * share + grown, curve.cores * share

    def up(self, node: int, time: float) -> bool:
        """Whether the node runs at that time."""
        return not (self.lively and node == 0 and self.fails[0] <= time / DAY < self.fails[1])

    def eventful(self, time: float) -> bool:
        """True from the failure until a day after the node's return: what moves then is not counted."""
        return self.lively and self.fails[0] <= time / DAY < self.fails[1] + 1

    def cluster(self, time: float, where: list[int], chance: Random) -> Cluster:
        """The cluster as it is read at that time: half an hour's means, 3 % of noise on each guest's load."""
        size = round(self.memory * GIB)
        nodes = tuple(
            Node(f"n{place + 1}", self.up(place, time), size, round(0.03 * size), 64.0, 1.0, id=place + 1,
                 problem="" if self.up(place, time) else "offline")
            for place in range(self.nodes)
        )  # fmt: skip
        rows = []
        for number, node in enumerate(where):
            memory, cores = self.used(number, time, chance.gauss(0, 0.03))
            rows.append(Guest(100 + number, f"g{number}", "qemu", f"n{node + 1}", memory=round(max(0.1, memory) * GIB),
                              memory_max=32 * GIB, cpu=cores, cpu_max=4.0, inspected=True))
        return Cluster(taken=time, nodes=nodes, guests=tuple(rows))


def reading(cluster: Cluster) -> Reading:
    """What the memory of loads takes from a cluster."""
    alive = {node.name: node for node in cluster.nodes if node.online}
    guests = {guest.vmid: (float(guest.memory), guest.cpu) for guest in cluster.guests}
    hosts = {name: (float(node.memory_host), node.cpu_host) for name, node in alive.items()}
    return Reading(guests, dict(hosts), hosts)


def spread(cluster: Cluster) -> tuple[float, float, float]:
    """(fullest minus emptiest, fullest, mean) of the nodes that are up, as fractions of their memory."""
    load = {node.name: node.memory_host / node.memory for node in cluster.nodes if node.online}
    for guest in cluster.guests:
        if guest.node in load:
            load[guest.node] += guest.memory / cluster.nodes[0].memory
    return max(load.values()) - min(load.values()), max(load.values()), sum(load.values()) / len(load)
