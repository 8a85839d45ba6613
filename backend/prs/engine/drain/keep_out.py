"""Nodes that were emptied and not released since: they get no guest until then, and every plan says why. Pure."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from prs.model import Cluster, Node

Key = tuple[str, str]  # node, job


@dataclass(frozen=True, slots=True)
class Held:
    """A node that is kept empty since `since` (Unix seconds) because of the drain that is `job`, asked for by `user`.

    `maintenance`: the drain has switched HA maintenance mode on, so the release switches it off. `host` has the job in its journal.
    """

    node: str
    job: str
    user: str
    since: float
    maintenance: bool = False
    host: str = ""

    @property
    def key(self) -> Key:
        """What tells this hold from any other."""
        return self.node, self.job

    @property
    def drain(self) -> str:
        """Which drain it was, in words; the time is UTC, so that the same plan reads the same on every host."""
        who = f" by {self.user}" if self.user else ""
        where = f" on {self.host}" if self.host else ""
        when = time.strftime(", %Y-%m-%d %H:%M UTC", time.gmtime(self.since)) if self.since else ""
        return f"job {self.job}{who}{where}{when}"

    @property
    def reason(self) -> str:
        """Why the node gets nothing."""
        return f"kept empty since its drain ({self.drain}) until it is released"


def merged(own: Mapping[str, Held], told: Mapping[Key, Held], ended: Collection[Key] = ()) -> dict[str, Held]:
    """The held nodes by name: this host's own, else the first hold that another host tells of and that was not ended here."""
    found = dict(own)
    for one in sorted(told.values(), key=lambda one: (one.node, one.since, one.job)):
        if one.key not in ended:
            found.setdefault(one.node, one)
    return dict(sorted(found.items()))


def keep_out(cluster: Cluster, held: Mapping[str, Held], but: str = "") -> Cluster:
    """The cluster with the held nodes marked as not usable; node `but` is left as it is, because the plan at hand is about it."""
    found = {node.name: held[node.name] for node in cluster.nodes if node.name in held and node.name != but and node.online}
    if not found:
        return cluster
    told = tuple(f"{name} gets no guest: {one.reason}" for name, one in sorted(found.items()))
    return replace(cluster, nodes=tuple(_mark(node, found) for node in cluster.nodes), problems=(*cluster.problems, *told))


def _mark(node: Node, held: Mapping[str, Held]) -> Node:
    return replace(node, problem=node.problem or held[node.name].reason) if node.name in held else node
