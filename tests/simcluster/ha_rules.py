"""What binds HA resources: rules (PVE 9) and groups (PVE 8), and which nodes they leave for a resource (pve-ha-manager HA/Rules)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Resource:
    """A guest in HA's configuration; `sid` is `vm:100` or `ct:100`."""

    sid: str
    state: str = "started"
    group: str = ""  # PVE 8
    failback: bool = True
    auto_rebalance: bool = True
    comment: str = ""


@dataclass
class Group:
    """A group of PVE 8: node -> priority."""

    name: str
    nodes: dict[str, int]
    restricted: bool = False
    nofailback: bool = False


@dataclass
class Rule:
    """A rule of PVE 9; `nodes` makes it a node-affinity rule, else it is a resource-affinity rule."""

    name: str
    resources: tuple[str, ...]
    nodes: dict[str, int] = field(default_factory=dict)
    strict: bool = False
    affinity: str = "positive"
    disabled: bool = False

    @property
    def type(self) -> str:
        """PVE's name for its kind."""
        return "node-affinity" if self.nodes else "resource-affinity"


@dataclass(frozen=True)
class Wish:
    """Where a resource may be: node -> priority, and whether nowhere else."""

    nodes: dict[str, int]
    strict: bool

    def best(self, online: Iterable[str]) -> list[str]:
        """Give the online nodes of the highest priority; without any, all others unless the wish is strict."""
        there = [node for node in online if node in self.nodes]
        if not there:
            return [] if self.strict else list(online)
        highest = max(self.nodes[node] for node in there)
        return [node for node in there if self.nodes[node] == highest]


class Rules:
    """All rules and groups of a cluster."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self.groups: dict[str, Group] = {}

    def wish(self, resource: Resource) -> Wish:
        """Give the nodes a resource is bound to; all alike when nothing binds it."""
        group = self.groups.get(resource.group)
        if group:
            return Wish(group.nodes, group.restricted)
        for rule in self.rules:
            if rule.nodes and rule.affinity == "positive" and not rule.disabled and resource.sid in rule.resources:
                return Wish(rule.nodes, rule.strict)
        return Wish({}, False)

    def failback(self, resource: Resource) -> bool:
        """True when the resource returns to better nodes by itself."""
        group = self.groups.get(resource.group)
        return not group.nofailback if group else resource.failback

    def avoided(self, sid: str) -> set[str]:
        """Give the nodes that negative node-affinity rules keep the resource off."""
        rules = [rule for rule in self.rules if rule.nodes and rule.affinity == "negative" and not rule.disabled and sid in rule.resources]
        return {node for rule in rules for node in rule.nodes}

    def partners(self, sid: str, affinity: str) -> list[str]:
        """Give the other resources that rules keep together with it (positive) or apart from it (negative), managed or not."""
        found: set[str] = set()
        for rule in self.rules:
            if not rule.nodes and rule.affinity == affinity and not rule.disabled and sid in rule.resources:
                found.update(rule.resources)
        return sorted(found - {sid}, key=number)


def number(sid: str) -> int:
    """Give the vmid in a resource's name, by which resources are ordered."""
    return int(sid.partition(":")[2])
