"""The rules that bind guests to nodes: which nodes each of them allows, and which ones it prefers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from prs.model import Guest, Rule


class NodeRules:
    """The `nodes` rules of a snapshot. `open` names the nodes that guests may enter, `everywhere` all, `drains` is true for a drain."""

    def __init__(self, rules: Sequence[Rule], open: Sequence[str], everywhere: frozenset[str], drains: bool) -> None:
        self._open, self._everywhere, self._drains = open, everywhere, drains
        self.bound: dict[int, list[Rule]] = defaultdict(list)  # by VMID
        for rule in rules:
            if rule.kind == "nodes":
                for vmid in rule.guests:
                    self.bound[vmid].append(rule)
        self._choices: dict[int, tuple[frozenset[str], frozenset[str]]] = {}  # by the rule's identity
        self._kept: dict[tuple[int, bool], frozenset[str]] = {}  # by the rule's identity, and whether the guest may stay on any node of it

    def unwanted(self, guest: Guest, target: str, mere: bool = True) -> str:
        """The `nodes` rule, strict or not, that would rather have the guest elsewhere: on the open nodes of the highest priority.

        HA takes a guest back even where its rule is not strict; a pool that is not strict is a mere wish, left out with `mere` False.
        """
        return next((words for rule in self._binding(guest, mere) if (words := self.unwanted_by(rule, guest, target))), "")

    def welcome(self, guest: Guest, mere: bool = True) -> frozenset[str]:
        """The nodes for which `unwanted` gives ""; found rule by rule, which is faster than to ask of each node."""
        return self._everywhere.intersection(*(self._keeps(rule, guest) for rule in self._binding(guest, mere)))

    def _binding(self, guest: Guest, mere: bool) -> list[Rule]:
        return [rule for rule in self.bound.get(guest.vmid, ()) if mere or rule.strict or rule.source != "pool"]

    def unwanted_by(self, rule: Rule, guest: Guest, target: str) -> str:
        """How this `nodes` rule would rather have the guest elsewhere, in words; "" when it would not."""
        if target in self._keeps(rule, guest):
            return ""
        if rule.avoid:
            return f"{rule.source} {rule.name} keeps it away from {target}"
        names, best = self._choice(rule)
        wanted = f"{rule.source} {rule.name} wants it on {', '.join(sorted(best or names))}"
        return wanted if best else f"{wanted} only, where no guest can go now"

    def _keeps(self, rule: Rule, guest: Guest) -> frozenset[str]:
        """The nodes on which this `nodes` rule would have the guest."""
        # Without failback the HA manager leaves a guest on any node that its rule allows (pve-ha-manager HA/Manager.pm
        # select_service_node); a drain makes use of that, while balancing keeps to what the rule prefers.
        settled = self._drains and not guest.failback and rule.source.startswith("HA ")
        found = self._kept.get((id(rule), settled))
        return found or self._kept.setdefault((id(rule), settled), self._kept_by(rule, settled))

    def _kept_by(self, rule: Rule, settled: bool) -> frozenset[str]:
        names, best = self._choice(rule)
        if rule.avoid:
            return self._everywhere - names if rule.strict or not names.issuperset(self._open) else self._everywhere
        if not rule.strict and (settled or not best):
            return self._everywhere
        return names if settled else best

    def _choice(self, rule: Rule) -> tuple[frozenset[str], frozenset[str]]:
        """The nodes of a `nodes` rule, and those of them that are open and of the highest priority."""
        found = self._choices.get(id(rule))
        if found is None:
            usable = {name: priority for name, priority in rule.nodes if name in self._open}
            best = frozenset(name for name, priority in usable.items() if priority == max(usable.values()))
            found = self._choices[id(rule)] = (frozenset(name for name, _ in rule.nodes), best)
        return found

    def disliked(self, guest: Guest) -> frozenset[str]:
        """The nodes that no rule forbids to the guest, but from which one would rather have it away."""
        return self.permitted(guest) - self.welcome(guest)

    def permitted(self, guest: Guest) -> frozenset[str]:
        """The nodes that no strict rule keeps the guest off."""
        strict = [(rule.avoid, self._choice(rule)[0]) for rule in self.bound.get(guest.vmid, ()) if rule.strict]
        within = self._everywhere.intersection(*(names for avoid, names in strict if not avoid))
        return within.difference(*(names for avoid, names in strict if avoid))

    def forbidden(self, guest: Guest, place: str) -> str:
        """The strict rule that keeps the guest off this node, in words; "" when none does."""
        for rule in self.bound.get(guest.vmid, ()):
            if self.forbids(rule, place):
                return f"{rule.source} {rule.name}, which keeps it away from {place}"
        return ""

    def forbids(self, rule: Rule, place: str) -> bool:
        """True when this `nodes` rule is strict and does not allow the node."""
        return rule.strict and rule.avoid == (place in self._choice(rule)[0])
