"""Failure domains from the locations of PVE's own configuration, for a policy that names none. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from prs.model import Cluster, Policy
from prs.planner.problem.tags_and_pools import read_tags_and_pools


def wanted(cluster: Cluster, policy: Policy) -> bool:
    """Whether locations would decide anything: no domain is configured, and some rule keeps guests apart."""
    if policy.domains:
        return False
    rules = (*cluster.rules, *read_tags_and_pools(cluster, policy).rules)
    return any(rule.kind == "apart" and len(set(rule.guests)) > 1 for rule in rules)


def located(cluster: Cluster, policy: Policy) -> Policy:
    """The policy with a domain for each location; as it is when it has domains, or when all nodes stand in one place."""
    if policy.domains:
        return policy
    places = defaultdict[str, list[str]](list)
    for node in sorted(cluster.nodes, key=lambda node: node.name):
        if node.location:
            places[node.location].append(node.name)
    if not places or (len(places) == 1 and sum(map(len, places.values())) == len(cluster.nodes)):
        return policy
    return replace(policy, domains=tuple((name, tuple(nodes)) for name, nodes in sorted(places.items())))
