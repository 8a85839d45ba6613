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
            assert (name in limits.welcome(guest, mere)) == (limits.unwanted(guest, name, mere) == ""), (rules, name)
        for name in NAMES:
            assert (name in limits.permitted(guest)) == (limits.forbidden(guest, name) == ""), (rules, name)
            liked = limits.unwanted(guest, name) == "" or limits.forbidden(guest, name) != ""
            assert (name not in limits.disliked(guest)) == liked, (rules, name)
