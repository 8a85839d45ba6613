"""Nodes that were emptied and not released since: they get no guest until then, and every plan says why. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from prs.model import Cluster, Node


@dataclass(frozen=True, slots=True)
class Held:
    """A node that is kept empty since `since` (Unix seconds) because of the drain that is `job`, asked for by `user`.

    `maintenance`: the drain has switched HA maintenance mode on, so the release switches it off.
    """

    node: str
    job: str
    user: str
    since: float
    maintenance: bool = False

    @property
    def reason(self) -> str:
        """Why the node gets nothing."""
        return f"kept empty since its drain (job {self.job} by {self.user}) until it is released"


def keep_out(cluster: Cluster, held: Mapping[str, Held], but: str = "") -> Cluster:
    """The cluster with the held nodes marked as not usable; node `but` is left as it is, because the plan at hand is about it."""
    found = {node.name: held[node.name] for node in cluster.nodes if node.name in held and node.name != but and node.online}
    if not found:
        return cluster
    told = tuple(f"{name} gets no guest: {one.reason}" for name, one in sorted(found.items()))
    return replace(cluster, nodes=tuple(_mark(node, found) for node in cluster.nodes), problems=(*cluster.problems, *told))


def _mark(node: Node, held: Mapping[str, Held]) -> Node:
    return replace(node, problem=node.problem or held[node.name].reason) if node.name in held else node
