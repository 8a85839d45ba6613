"""Nodes that were emptied and not released since get no guest until then, and every plan says why. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from prs.engine.journal.hold import Hold, HoldKey
from prs.model import Cluster, Node


def merged(own: Mapping[str, Hold], told: Mapping[HoldKey, Hold], ended: Collection[HoldKey] = ()) -> dict[str, Hold]:
    """The held nodes by name: this host's own, else the first hold that another host tells of and that was not ended here."""
    found = dict(own)
    for one in sorted(told.values(), key=lambda one: (one.node, one.since, one.job)):
        if one.key not in ended:
            found.setdefault(one.node, one)
    return dict(sorted(found.items()))


def keep_out(cluster: Cluster, held: Mapping[str, Hold], but: str = "") -> Cluster:
    """The cluster with the held nodes marked as not usable; node `but` is left as it is, because the plan at hand is about it."""
    found = {node.name: held[node.name] for node in cluster.nodes if node.name in held and node.name != but and node.online}
    if not found:
        return cluster
    told = tuple(f"{name} gets no guest: {one.reason}" for name, one in sorted(found.items()))
    return replace(cluster, nodes=tuple(_mark(node, found) for node in cluster.nodes), problems=(*cluster.problems, *told))


def _mark(node: Node, held: Mapping[str, Hold]) -> Node:
    return replace(node, problem=node.problem or held[node.name].reason) if node.name in held else node
