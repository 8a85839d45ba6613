"""The cluster as it would be: with nodes added, with loads scaled; for questions about the future, never for a plan that is carried out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from prs.model import Cluster, Guest, Node


@dataclass(frozen=True, slots=True)
class Suppose:
    """What is to be supposed: nodes as (bytes of memory, threads) to add, a factor for what all running guests use, a node that is gone."""

    nodes: tuple[tuple[int, float], ...] = ()
    scale: float = 1.0
    without: str = ""  # planned as a drain of it

    def __bool__(self) -> bool:
        return bool(self.nodes or self.without) or self.scale != 1.0


def supposed(cluster: Cluster, suppose: Suppose) -> Cluster:
    """The cluster with new, empty nodes, which see every shared storage and are open to all, and its loads scaled.

    A running guest uses so many times its memory and CPU, up to what it may use at most; what nodes use beside guests stays as it is.
    """
    taken = {node.name for node in cluster.nodes}
    names = [f"new{number}" for number in range(1, len(cluster.nodes) + len(suppose.nodes) + 1) if f"new{number}" not in taken]
    added = tuple(Node(name, memory=memory, cpu=cpu) for name, (memory, cpu) in zip(names, suppose.nodes, strict=False))
    shared = {one.name: one for one in sorted(cluster.storages, key=lambda one: one.active) if one.shared}
    storages = tuple(replace(storage, node=node.name) for node in added for _, storage in sorted(shared.items()))
    guests = tuple(_opened(_scaled(guest, suppose.scale), tuple(node.name for node in added)) for guest in cluster.guests)
    return replace(cluster, nodes=(*cluster.nodes, *added), storages=(*cluster.storages, *storages), guests=guests,
                   problems=(*cluster.problems, *_told(added, suppose)))


def _scaled(guest: Guest, scale: float) -> Guest:
    if not guest.running or scale == 1.0:
        return guest
    memory, cpu = guest.memory * scale, guest.cpu * scale
    return replace(guest, memory=round(min(memory, max(guest.memory_max, guest.memory)) if guest.memory_max else memory),
                   cpu=min(cpu, max(guest.cpu_max, guest.cpu)) if guest.cpu_max else cpu)


def _opened(guest: Guest, names: tuple[str, ...]) -> Guest:
    return guest if guest.targets is None or not names else replace(guest, targets=(*guest.targets, *names))


def _told(added: tuple[Node, ...], suppose: Suppose) -> list[str]:
    """What is supposed, in words."""
    words = [f"supposed: {suppose.without} is gone"] if suppose.without else []
    words += [f"supposed: a new node {node.name} with {node.memory / 2**30:.0f} GiB of memory and {node.cpu:.0f} threads" for node in added]
    if suppose.scale != 1.0:
        words.append(f"supposed: running guests use {suppose.scale:g} times what they use now, up to their limits")
    return words
