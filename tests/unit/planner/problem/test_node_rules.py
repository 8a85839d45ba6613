"""The nodes that rules leave a guest, found at once, are those for which no rule has words."""

import itertools

import pytest

from prs.model import Cluster, Guest, Node, Policy, Rule
from prs.planner.problem.fixed_limits import FixedLimits

NAMES = ("pve1", "pve2", "pve3", "gone")
RULES = [
    Rule(f"{'away' if avoid else 'on'}-{strict}-{source}-{len(nodes)}", "nodes", (100,), nodes, strict=strict, source=source, avoid=avoid)
    for avoid, strict, source in itertools.product((False, True), (False, True), ("HA rule", "pool", "tag"))
    for nodes in ((("pve1", 1), ("pve2", 2)), (("gone", 0),), (("pve1", 0), ("pve2", 0), ("pve3", 0)))
]  # fmt: skip


@pytest.mark.parametrize("failback", [True, False])
@pytest.mark.parametrize("drain", ["", "pve2"])
def test_nodes_found_at_once_are_those_without_words(drain: str, failback: bool) -> None:
    """Also of two rules together, of nodes that are closed or not in the cluster, and of a guest that HA does not take back."""
    nodes = (*(Node(name, memory=2**36, cpu=8.0) for name in NAMES[:3]), Node("gone", online=False))
    for rules in itertools.chain(((one,) for one in RULES), itertools.combinations(RULES, 2)):
        guest = Guest(100, "a", "qemu", "pve3", memory=2**30, failback=failback)
        limits = FixedLimits(Cluster(nodes=nodes, guests=(guest,), rules=rules), Policy(), drain)
        for name, mere in itertools.product(NAMES, (True, False)):
            assert (name in limits.node_rules.welcome(guest, mere)) == (limits.node_rules.unwanted(guest, name, mere) == ""), (rules, name)
        for name in NAMES:
            assert (name in limits.node_rules.permitted(guest)) == (limits.node_rules.forbidden(guest, name) == ""), (rules, name)
            liked = limits.node_rules.unwanted(guest, name) == "" or limits.node_rules.forbidden(guest, name) != ""
            assert (name not in limits.node_rules.disliked(guest)) == liked, (rules, name)
