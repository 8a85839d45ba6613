"""Tags, pools and failure domains read a second time, for walking a plan: shares nothing with the planner's own reading of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from prs.model import Cluster, Guest, Policy, Pool, Rule

_MARK = re.compile(r"plb_(ignore|affinity|anti_affinity|pin)_?(.*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Bond:
    """Guests bound to each other by `label`; `wide` when they are apart across failure domains."""

    label: str
    vmids: frozenset[int]
    wide: bool = False


class Reading:
    """What rules, tags and pools say of a cluster, of whose nodes `usable` may hold guests afterwards and `drain` is to be emptied."""

    def __init__(self, cluster: Cluster, policy: Policy, usable: tuple[str, ...], drain: str, stopped: bool) -> None:
        self.policy, self._usable, self._drain, self._stopped = policy, usable, drain, stopped
        self._guests = {guest.vmid: guest for guest in cluster.guests}
        homes = {name.casefold(): domain for domain, names in policy.domains for name in names}
        self._domains = {node.name: homes.get(node.name.casefold(), f"({node.name})") for node in cluster.nodes}
        self.together, self.apart = list[Bond](), list[Bond]()
        loose = set(policy.relaxed)
        asked = [rule for rule in (*self._tagged(), *self._pooled()) if f"{rule.source} {rule.name}" not in loose]
        for rule in (*cluster.rules, *asked):
            vmids = frozenset(rule.guests) & self._guests.keys()
            if rule.kind == "together":
                self.together.append(Bond(f"{rule.source} {rule.name}", vmids))
            elif rule.kind == "apart":
                self.apart.append(Bond(f"{rule.source} {rule.name}", vmids, bool(policy.domains) and self._suffices(vmids)))
        for label, one, other in (found for found in self._parted() if found[0] not in loose):
            vmids = frozenset((one, other))
            self.apart.append(Bond(label, vmids, bool(policy.domains) and self._suffices(vmids)))

    def domain(self, node: str) -> str:
        """The name of the node's domain; its own name where it has none."""
        return self._domains.get(node, f"({node})")

    def refusal(self, guest: Guest, target: str) -> str:
        """Why its tags or its pool keep the guest where it is, or away from this node; "" when they do not."""
        if guest.template:
            return ""
        marks = [found.groups() for tag in guest.tags if (found := _MARK.fullmatch(tag))] if self.policy.tags else []
        said = next((mode for vmid, mode in self.policy.guests if vmid == guest.vmid), "")
        if said and not self.policy.ignored and self._denied(said, guest):
            return f"it is said of it alone that it is moved {said}"
        ignores = not said and not self.policy.ignored
        if ignores and any(kind.lower() == "ignore" for kind, _ in marks):
            return "a tag leaves it where it is"
        wanted = {name.casefold() for kind, name in marks if kind.lower() == "pin"}
        pins = " or ".join(sorted(tag.lower() for tag in guest.tags if tag.lower().startswith("plb_pin")))
        if wanted and target.casefold() not in wanted and f"tag {pins}" not in self.policy.relaxed:
            return f"its tags pin it to {', '.join(sorted(wanted))}"
        for pool in self.policy.pools:
            within = (guest.pool.casefold() + "/").startswith(pool.name.casefold() + "/")
            if within and pool.ignore and ignores and not self._taken_out(guest, pool):
                return f"its pool {pool.name} is ignored"
            if within and f"pool {pool.name}" in self.policy.relaxed:
                continue
            if within and pool.nodes and pool.strict and target.casefold() not in map(str.casefold, pool.nodes):
                return f"its pool {pool.name} is bound to {', '.join(pool.nodes)}"
        return ""

    def _denied(self, mode: str, guest: Guest) -> bool:
        """Whether this is no plan for a guest that may be moved so."""
        if mode == "ask":
            return self.policy.unattended and not self._drain
        return mode == "never" or (mode == "drains" and guest.node != self._drain)

    def _taken_out(self, guest: Guest, pool: Pool) -> bool:
        """Whether a pool nested in this one, which the guest is in, is said not to be ignored, and none further in that it is."""
        outer, parts = pool.name.count("/") + 1, guest.pool.casefold().split("/")
        said = {other.name.casefold(): other.ignore for other in self.policy.pools if other.ignore or other.included}
        inner = ["/".join(parts[:count]) for count in range(outer + 1, len(parts) + 1)]
        return not next((said[name] for name in reversed(inner) if name in said), True)

    def _tagged(self) -> Iterator[Rule]:
        sets: dict[tuple[str, str], list[int]] = {}
        for guest in self._guests.values() if self.policy.tags else ():
            for tag in guest.tags if not guest.template else ():
                if (found := _MARK.fullmatch(tag)) and "affinity" in found[1].lower():
                    sets.setdefault((tag.lower(), "apart" if "anti" in found[1].lower() else "together"), []).append(guest.vmid)
        for (tag, kind), vmids in sets.items():
            yield self._rule("tag", tag, kind, vmids)

    def _pooled(self) -> Iterator[Rule]:
        for pool in self.policy.pools:
            if pool.keep:
                nested = pool.name.casefold() + "/"
                vmids = [guest.vmid for guest in self._guests.values()
                         if (guest.pool.casefold() + "/").startswith(nested) and not guest.template]
                yield self._rule("pool", pool.name, pool.keep, vmids)

    def _parted(self) -> Iterator[tuple[str, int, int]]:
        """Guests of groups that are apart from each other, two by two."""
        marks = re.compile(r"plb_apart_(.+)_([^_]+)", re.IGNORECASE)
        bearers = [guest for guest in self._guests.values() if self.policy.tags and not guest.template]
        matched = ((guest.vmid, marks.fullmatch(tag)) for guest in bearers for tag in guest.tags)
        found = [(vmid, mark[1].lower(), mark[2].lower()) for vmid, mark in matched if mark]
        for one, name, group in found:
            for other, same, another in found:
                if one < other and name == same and group != another:
                    yield f"tag plb_apart_{name}", one, other
        for pool in self.policy.pools:
            living = [guest for guest in self._guests.values() if not guest.template]
            for theirs in pool.apart_from:
                label = f"pool {min(pool.name, theirs)} and {max(pool.name, theirs)}"
                mine, others = ([one.vmid for one in living if f"{one.pool}/".casefold().startswith(f"{name}/".casefold())]
                                for name in (pool.name, theirs))
                yield from ((label, first, second) for first in mine for second in others if first != second)

    def _rule(self, source: str, name: str, kind: str, vmids: list[int]) -> Rule:
        """The rule; a stopped guest that stays where it is keeps no other one from leaving it."""
        if kind == "apart":
            return Rule(name, "apart", tuple(vmids), source=source)
        bound = tuple(vmid for vmid in vmids if self._stopped or self._guests[vmid].status != "stopped")
        return Rule(name, "together", bound, source=source)

    def _suffices(self, vmids: frozenset[int]) -> bool:
        """True when there is a domain for each guest that does not stay on a node that is left alone, with its domain."""
        fixed = {vmid for vmid in vmids if self._guests[vmid].node not in (*self._usable, self._drain)}
        taken = {self.domain(self._guests[vmid].node) for vmid in fixed}
        return len(vmids - fixed) <= len({self.domain(node) for node in self._usable} - taken)
