"""Nodes that were emptied and not released since get no guest until then, and every plan says why. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from prs.engine.journal.hold import Hold, HoldKey
from prs.model import Cluster


def merged(own: Mapping[str, Hold], told: Mapping[HoldKey, Hold], ended: Collection[HoldKey] = ()) -> dict[str, Hold]:
    """The held nodes by name: this host's own, else the first hold that another host tells of and that was not ended here."""
    found = dict(own)
    for one in sorted(told.values(), key=lambda one: (one.node, one.since, one.job)):
        if one.key not in ended:
            found.setdefault(one.node, one)
    return dict(sorted(found.items()))


def keep_out(cluster: Cluster, held: Mapping[str, Hold], but: str = "", together: Collection[str] = ()) -> Cluster:
    """The cluster with the held nodes marked as not usable; node `but` is left as it is, because the plan at hand is about it.

    Nodes in `together` are emptied with it, one after the other, and get nothing either.
    """
    why = dict.fromkeys(together, f"emptied together with {but}") | {name: one.reason for name, one in held.items()}
    found = {node.name: why[node.name] for node in cluster.nodes if node.name in why and node.name != but and node.online}
    if not found:
        return cluster
    told = tuple(f"{name} gets no guest: {words}" for name, words in sorted(found.items()))
    nodes = tuple(replace(node, problem=node.problem or found[node.name]) if node.name in found else node for node in cluster.nodes)
    return replace(cluster, nodes=nodes, problems=(*cluster.problems, *told))
