"""Clusters from instances of the planner benchmark, schema `rebalance-bench/1` (sizes in MiB)."""

from __future__ import annotations

from typing import Any

from simcluster.ha_rules import Resource, Rule
from simcluster.nouns import Disk, GiB, Guest, MiB, Node, Storage
from simcluster.world import START, World


def from_benchmark(data: dict[str, Any], start: float = START) -> World:
    """Build a world from an instance; its groups become HA rules, and their members HA resources."""
    capacity = max((entry["disk"] for entry in data["nodes"]), default=0)
    storages = [Storage("ceph", "rbd", True, total=2**50)]
    if capacity:
        storages.append(Storage("local-zfs", "zfspool", total=capacity * MiB))
    nodes = [
        Node(entry["name"], entry["mem"] * MiB, entry["cpu"], entry["mem_host"] * MiB, entry.get("cpu_host", 0.0))
        for entry in data["nodes"]
    ]
    guests = [_benchmark_guest(entry) for entry in data["guests"]]
    world = World(nodes, guests, storages, name=data["id"], start=start)
    groups = [("negative", group) for group in data.get("anti_affinity", [])] + [("positive", group) for group in data.get("affinity", [])]
    for number, (affinity, group) in enumerate(groups):
        rule = Rule(f"{affinity}{number}", tuple(world.guests[vmid].sid for vmid in group), affinity=affinity)
        world.ha.rules.rules.append(rule)
        for sid in rule.resources:
            world.ha.add(Resource(sid))
    return world


def _benchmark_guest(entry: dict[str, Any]) -> Guest:
    disks = [Disk("scsi0", "local-zfs", entry["disk"] * MiB)] if entry["disk"] else [Disk("scsi0", "ceph", 32 * GiB)]
    return Guest(
        entry["id"], f"{entry['type']}{entry['id']}", entry["node"], "qemu", memory=entry["mem"] * MiB, memory_max=entry["maxmem"] * MiB,
        cpu=entry["cpu"], cpu_max=entry["vcpu"], dirty=0.0, disks=disks,
    )  # fmt: skip
