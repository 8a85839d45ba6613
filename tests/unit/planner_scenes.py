"""Small clusters for the planner's tests, built in one line each."""

from __future__ import annotations

from prs.model import Cluster, Guest, Node

GIB = 2**30


def node(name: str, memory: int = 100, host: int = 0, **more: object) -> Node:
    """A node with so many GiB of memory and 64 cores."""
    values: dict[str, object] = {"cpu": 64.0, **more}
    return Node(name, memory=memory * GIB, memory_host=host * GIB, **values)  # type: ignore[arg-type]


def guest(vmid: int, where: str, memory: float, **more: object) -> Guest:
    """A running VM with so many GiB of memory in use."""
    values: dict[str, object] = {"cpu": 0.1, "kind": "qemu", **more}
    return Guest(vmid, f"vm{vmid}", node=where, memory=round(memory * GIB), **values)  # type: ignore[arg-type]


def cluster(*parts: object, **more: object) -> Cluster:
    """A cluster of these nodes and guests."""
    nodes = tuple(part for part in parts if isinstance(part, Node))
    guests = tuple(part for part in parts if isinstance(part, Guest))
    return Cluster(nodes=nodes, guests=guests, **more)  # type: ignore[arg-type]


def lopsided(**more: object) -> Cluster:
    """Three nodes; the first carries eight guests of 8 GiB, the others one each."""
    guests = [guest(100 + number, "pve1", 8) for number in range(8)] + [guest(200, "pve2", 8), guest(300, "pve3", 8)]
    return cluster(node("pve1"), node("pve2"), node("pve3"), *guests, **more)
