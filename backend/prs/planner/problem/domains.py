"""Failure domains: racks or rooms of nodes, across which `apart` rules hold as far as there are enough of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prs.model import Guest, Policy, Rule


class Domains:
    """The domain of each node; a node that the policy puts in none is one of its own."""

    def __init__(self, policy: Policy, nodes: Iterable[str], usable: Iterable[str], drain: str = "") -> None:
        """`usable` are the nodes that may hold guests after the plan; `drain` is the one being emptied."""
        named = {name.lower(): domain for domain, names in policy.domains for name in names}
        self.any = bool(policy.domains)
        self._name = {node: named[node.lower()] for node in nodes if node.lower() in named}
        self._usable = frozenset(usable)
        self._drain = drain

    def name(self, node: str) -> str:
        """The name that the policy gives the node's domain, "" for a node of its own."""
        return self._name.get(node, "")

    def of(self, node: str) -> str:
        """The node's domain, also one of its own, which no name of the policy can be."""
        return self._name.get(node) or f"node {node}"

    def wide(self, rules: Iterable[Rule], guests: Mapping[int, Guest]) -> tuple[frozenset[Rule], tuple[str, ...]]:
        """The `apart` rules that hold across domains, and those that cannot, in words: they have more guests than there are domains."""
        found, words = set[Rule](), list[str]()
        for rule in rules if self.any else ():
            if rule.kind == "apart" and len(set(rule.guests)) > 1:
                placed, domains = self._wanting(rule, guests)
                if placed <= domains:
                    found.add(rule)
                else:
                    what = f"{rule.source[:1].upper()}{rule.source[1:]} {rule.name}"
                    there = "is 1 domain" if domains == 1 else f"are {domains} domains"
                    words.append(f"{what} keeps {placed} guests apart, but there {there} for them: it holds by node only.")
        return frozenset(found), tuple(dict.fromkeys(words))

    def _wanting(self, rule: Rule, guests: Mapping[int, Guest]) -> tuple[int, int]:
        """How many guests the `apart` rule has to place, and how many domains there are for them.

        Guests on nodes that are left alone stay there, so neither they nor their domains count.
        """
        placed, held = 0, set[str]()
        for guest in (guests[vmid] for vmid in sorted(set(rule.guests)) if vmid in guests):
            if guest.node in self._usable or guest.node == self._drain:
                placed += 1
            else:
                held.add(self.of(guest.node))
        return placed, len({self.of(node) for node in self._usable} - held)
