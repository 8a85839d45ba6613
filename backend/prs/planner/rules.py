"""Every rule that binds guests, where it comes from and how it stands: kept, broken, or such that no plan can keep it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from prs.model import BindingRule, BoundGuest, Cluster, Guest, GuestMode, Policy, Rule
from prs.planner.explain.unmet import impossible
from prs.planner.problem.fixed_limits import FixedLimits
from prs.planner.problem.locations import located
from prs.planner.problem.problem import Problem
from prs.planner.problem.tags_and_pools import Alone
from prs.planner.repair import breaks

NAMED = 8  # what breaks a rule is told one by one up to so many
ORDER = {"broken": 0, "unmet": 1, "unknown": 2, "missed": 3, "kept": 4}


def rules_of(cluster: Cluster, policy: Policy, there: Collection[int] | None = None) -> tuple[BindingRule, ...]:
    """How each rule stands, those that are not kept first; `there`: every vmid of the cluster, None where nothing lists them.

    Of guests that are not part of the snapshot nothing is told but how many of them a rule binds.
    """
    policy = located(cluster, given := policy)
    view = _View(FixedLimits(cluster, policy), there)
    found = [*view.between(), *view.domains("configuration" if given.domains else "location"), *view.alone()]
    return tuple(sorted(found, key=lambda rule: (ORDER[rule.state], rule.source, rule.name, rule.kind)))


class _View:
    """The rules of one snapshot, with where its guests are."""

    def __init__(self, limits: FixedLimits, there: Collection[int] | None) -> None:
        self.limits, self.there = limits, there
        self.where = {vmid: guest.node for vmid, guest in limits.guests.items()}
        self.stays = Problem(limits).stays

    def between(self) -> Iterator[BindingRule]:
        """The rules of HA, tags and pools; those that keep groups of guests from each other are one rule with many pairs."""
        parts = dict[tuple[str, str, str], list[Rule]]()
        for rule in self.limits.rules:
            parts.setdefault((rule.source, rule.name, rule.kind), []).append(rule)
        for rules in parts.values():
            yield self._standing(rules)

    def _standing(self, rules: Sequence[Rule]) -> BindingRule:
        limits, first = self.limits, rules[0]
        vmids = sorted({vmid for rule in rules for vmid in rule.guests})
        hidden = sum(vmid not in limits.guests and (self.there is None or vmid in self.there) for vmid in vmids)
        guests = [limits.guests[vmid] for vmid in vmids if vmid in limits.guests]
        nodes = tuple(name for name, _ in sorted(first.nodes, key=lambda one: (-one[1], one[0])))
        told = BindingRule(first.name, first.kind, first.source, _bound(guests), hidden, nodes, first.strict, first.avoid,
                           any(rule in limits.wide for rule in rules))  # fmt: skip
        broken = list(dict.fromkeys((words, tuple(guests)) for rule in rules for words, guests in breaks(limits, rule, self.where)))
        if why := next((words for rule in rules if (words := impossible(limits, rule, self.where))), ""):
            return replace(told, state="unmet", reason=why)
        if broken:
            closed = first.kind == "nodes" and not any(self._open(first, guest) for guest in guests)
            return replace(told, state="unmet" if closed else "broken", reason=self._why(first, broken, closed))
        if hidden:
            return replace(told, state="unknown", reason=f"{hidden} of its guests cannot be seen")
        astray = [one for one in guests if first.kind == "nodes" and limits.node_rules.unwanted_by(first, one, one.node)]
        missed = [f"{one.label} is on {one.node}" for one in astray]
        return replace(told, state="missed", reason=_several(missed)) if missed else told

    def _open(self, rule: Rule, guest: Guest) -> bool:
        """Whether the rule leaves the guest a node that takes guests, or the one where it is."""
        names = {name for name, _ in rule.nodes}
        return any((name in names) != rule.avoid for name in (*self.limits.open, guest.node))

    def _why(self, rule: Rule, broken: Sequence[tuple[str, tuple[Guest, ...]]], closed: bool) -> str:
        """What breaks the rule, and what keeps its guests from being moved."""
        words = [_several([what for what, _ in broken])]
        words += ["none of the nodes that it allows can take guests"] if closed else []
        stuck = {guest.vmid: guest.label for _, guests in broken for guest in guests if guest.vmid in self.stays and not closed}
        words += [f"{label} cannot move: {self.stays[vmid]}" for vmid, label in sorted(stuck.items())][:NAMED]
        theirs = rule.kind == "together" and rule.source.startswith("HA ")
        return "; ".join([*words, *(["bringing them together is left to the HA manager"] if theirs else [])])

    def domains(self, source: str) -> Iterator[BindingRule]:
        """The racks and rooms, with the guests on their nodes that rules keep apart across them."""
        wide = sorted(self.limits.wide, key=lambda rule: (rule.source, rule.name, rule.guests))
        for name, nodes in self.limits.policy.domains:
            here, crowded = dict[int, Guest](), list[str]()
            for rule in wide:
                inside = [self.limits.guests[vmid] for vmid in sorted(set(rule.guests)) if self._in(vmid, name)]
                here |= {guest.vmid: guest for guest in inside}
                if len(inside) > 1:
                    crowded.append(f"{rule.source} {rule.name} has {len(inside)} guests there")
            told = BindingRule(name, "domain", source, _bound([here[vmid] for vmid in sorted(here)]), nodes=tuple(nodes))
            yield replace(told, state="broken", reason=_several(list(dict.fromkeys(crowded)))) if crowded else told

    def _in(self, vmid: int, domain: str) -> bool:
        return vmid in self.where and self.limits.domains.name(self.where[vmid]) == domain

    def alone(self) -> Iterator[BindingRule]:
        """Guests that are left where they are, by what says so."""
        found = dict[Alone, list[Guest]]()
        for guest in self.limits.guests.values():
            mode, wish = self.limits.wish(guest)
            for one in dict.fromkeys(filter(None, (None if mode == "automatic" else wish, self.limits.lost(guest)))):
                found.setdefault(one, []).append(guest)
        for one, guests in found.items():
            lost = any(self.limits.lost(guest) == one for guest in guests)
            yield BindingRule(one.name, "alone", one.source, _bound(guests), state="unmet" if lost else "kept", reason=one.reason)


def modes_of(cluster: Cluster, policy: Policy) -> tuple[GuestMode, ...]:
    """How each guest of the snapshot may be moved, and what says so; templates run nowhere and are left out."""
    limits, found = FixedLimits(cluster, policy), list[GuestMode]()
    for guest in limits.guests.values():
        mode, alone = limits.wish(guest)
        source = "" if alone is None else alone.name if alone.source == "configuration" else f"{alone.source} {alone.name}"
        if not guest.template:
            found.append(GuestMode(guest.vmid, guest.name, guest.kind, guest.node, mode, source))
    return tuple(found)


def _bound(guests: Sequence[Guest]) -> tuple[BoundGuest, ...]:
    return tuple(BoundGuest(guest.vmid, guest.name, guest.kind, guest.node) for guest in guests)


def _several(words: Sequence[str]) -> str:
    more = [f"{len(words) - NAMED} more"] if len(words) > NAMED else []
    return "; ".join([*words[:NAMED], *more])
