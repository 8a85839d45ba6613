"""Clusters of the shape of ROADEF/EURO 2012's machines and processes, and the plain search that our plans must not fall behind.

Machines of several sizes, nearly full; processes in services whose members may not share a machine; a process needs its room on the target
before it has left its source. Locations and services that depend on neighbours are left out.
"""

from __future__ import annotations

from collections import defaultdict
from math import sqrt
from random import Random
from typing import Any

SIZES = ((50, 500), (100, 1000))  # machines and processes
FULL = 0.9  # share of memory in use


def instance(nodes: int, guests: int, seed: int) -> dict[str, Any]:
    """One instance in the benchmark's format; the same arguments give the same one."""
    chance = Random(f"roadef-{nodes}-{guests}-{seed}")
    sizes = [round(min(2**17, 512 * 2 ** chance.expovariate(0.6))) for _ in range(guests)]
    shares = [chance.choice((1, 1, 2, 4)) for _ in range(nodes)]
    whole = sum(sizes) / FULL
    machines: list[dict[str, Any]] = [
        {"name": f"m{number:03}", "mem": round(whole * share / sum(shares)), "mem_host": 0, "cpu": 0, "cpu_host": 0.0, "disk": 0}
        for number, share in enumerate(shares, 1)
    ]
    services, left = list[list[int]](), list(range(guests))
    chance.shuffle(left)
    while left:
        size = min(len(left), chance.choice((1, 1, 1, 2, 4, 8, nodes // 2)))
        services.append([left.pop() for _ in range(size)])
    service = {guest: number for number, members in enumerate(services) for guest in members}
    used, there = [0] * nodes, [set[int]() for _ in range(nodes)]
    want = [chance.uniform(0.6, 1.0) for _ in range(nodes)]
    rows = []
    for guest in sorted(range(guests), key=lambda one: -sizes[one]):
        open_to = [place for place in range(nodes)
                   if service[guest] not in there[place] and used[place] + sizes[guest] <= machines[place]["mem"]]
        if not open_to:
            continue
        place = min(open_to, key=lambda one: used[one] / machines[one]["mem"] - want[one])
        used[place] += sizes[guest]
        there[place].add(service[guest])
        cores = round(chance.betavariate(1.1, 4.5) * 4, 3)
        rows.append({"id": 100 + guest, "type": "vm", "node": machines[place]["name"], "mem": sizes[guest], "maxmem": sizes[guest],
                     "cpu": cores, "vcpu": 4, "disk": 0})
    for machine in machines:
        machine["cpu"] = max(4, round(2.5 * sum(row["cpu"] for row in rows) * machine["mem"] / whole))
    placed = {row["id"] for row in rows}
    apart = [sorted(100 + guest for guest in members if 100 + guest in placed) for members in services]
    return {"id": f"own-roadef-{nodes}-{seed}", "nodes": machines, "guests": rows, "anti_affinity": [one for one in apart if len(one) > 1],
            "affinity": [], "drain": None}


class Descent:
    """Plain steepest descent: of all moves of one guest, and all swaps with the fullest or emptiest node, the one that levels most."""

    def __init__(self, made: dict[str, Any]) -> None:
        self.names = [node["name"] for node in made["nodes"]]
        self.full = [float(node["mem"]) for node in made["nodes"]]
        self.cores = [float(node["cpu"]) for node in made["nodes"]]
        self.guests = {row["id"]: row for row in made["guests"]}
        self.where = {row["id"]: self.names.index(row["node"]) for row in made["guests"]}
        self.load, self.busy = [float(node["mem_host"]) for node in made["nodes"]], [0.0] * len(self.names)
        for vmid, place in self.where.items():
            self.load[place] += self.guests[vmid]["mem"]
            self.busy[place] += self.guests[vmid]["cpu"]
        self.groups = defaultdict[int, list[int]](list)
        self.held = [defaultdict[int, int](int) for _ in made["anti_affinity"]]
        for number, members in enumerate(made["anti_affinity"]):
            for vmid in members:
                self.groups[vmid].append(number)
                self.held[number][self.where[vmid]] += 1
        self.moves: list[tuple[int, str]] = []

    @property
    def deviation(self) -> float:
        """Standard deviation of the nodes' memory loads."""
        use = [load / full for load, full in zip(self.load, self.full, strict=True)]
        mean = sum(use) / len(use)
        return sqrt(sum((one - mean) ** 2 for one in use) / len(use))

    def fits(self, vmid: int, place: int) -> bool:
        """True when the node has room for the guest now, and nothing that it is kept apart from."""
        row = self.guests[vmid]
        room = self.load[place] + row["mem"] <= self.full[place] and self.busy[place] + row["cpu"] <= self.cores[place]
        return room and not any(self.held[number][place] for number in self.groups[vmid])

    def move(self, vmid: int, place: int) -> None:
        """Put the guest on the node."""
        for node, sign in ((self.where[vmid], -1), (place, 1)):
            self.load[node] += sign * self.guests[vmid]["mem"]
            self.busy[node] += sign * self.guests[vmid]["cpu"]
            for number in self.groups[vmid]:
                self.held[number][node] += sign
        self.where[vmid] = place
        self.moves.append((vmid, self.names[place]))

    def run(self, most: int) -> Descent:
        """Descend for as long as something helps, and no more guests move than that."""
        while (step := self._best(most - len(self.moves))) is not None:
            for vmid, place in step:
                self.move(vmid, place)
        return self

    def _change(self, size: float, source: int, target: int, mean: float) -> float:
        """By how much the sum of the squared distances from the mean load changes; the mean itself hardly does."""
        give, take = self.load[source] / self.full[source] - mean, self.load[target] / self.full[target] - mean
        less, more = size / self.full[source], size / self.full[target]
        return (give - less) ** 2 - give**2 + (take + more) ** 2 - take**2

    def _best(self, left: int) -> tuple[tuple[int, int], ...] | None:
        if left < 1:
            return None
        mean = sum(load / full for load, full in zip(self.load, self.full, strict=True)) / len(self.full)
        ranked = sorted(range(len(self.full)), key=lambda place: self.load[place] / self.full[place])
        found: list[tuple[float, tuple[tuple[int, int], ...]]] = []
        for vmid, source in self.where.items():
            size = self.guests[vmid]["mem"]
            found += [(change, ((vmid, target),)) for target in ranked if target != source
                      and (change := self._change(size, source, target, mean)) < -1e-9]
        for end in (ranked[0], ranked[-1]) if left > 1 else ():
            mine = [vmid for vmid, place in self.where.items() if place == end]
            for other, place in self.where.items():
                for vmid in mine if place != end else ():
                    size = self.guests[vmid]["mem"] - self.guests[other]["mem"]
                    if (change := self._change(size, end, place, mean)) < -1e-9:
                        found += [(change, ((vmid, place), (other, end))), (change, ((other, end), (vmid, place)))]
        return next((step for _, step in sorted(found) if self._possible(step)), None)

    def _possible(self, step: tuple[tuple[int, int], ...]) -> bool:
        """True when the guests fit one after the other."""
        (first, place), homes, done = step[0], [(vmid, self.where[vmid]) for vmid, _ in step], len(self.moves)
        good = self.fits(first, place)
        if good and len(step) > 1:
            self.move(first, place)
            good = self.fits(*step[1])
            self.move(*homes[0])
            del self.moves[done:]
        return good
