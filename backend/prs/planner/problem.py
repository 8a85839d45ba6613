"""The snapshot compiled for searching: nodes and movable units as sorted plain lists, so that the same snapshot gives the same plan."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from prs.model import RESOURCES, Guest, Policy, Resource
from prs.planner.facts import Facts

UNLIMITED = float("inf")


@dataclass(slots=True)
class Unit:
    """Guests that only move together: mostly one, more under a `together` rule. Memory and disk in bytes, cost in seconds."""

    guests: tuple[Guest, ...]
    home: int  # index of the node it is on
    allowed: bytes  # one byte a node: 1 where the fixed limits let it go
    cost: float
    memory: int
    cpu: float
    disk: int
    groups: tuple[int, ...] = ()  # the `apart` rules it is part of
    needs: tuple[tuple[str, int], ...] = ()  # bytes by storage that it needs on its target

    @property
    def bytes(self) -> int:
        """Bytes that travel when it moves."""
        return self.memory + self.disk

    def size(self, resource: Resource) -> float:
        """Its load on the resource, in the resource's own unit."""
        return float(getattr(self, resource))


def seconds(policy: Policy, size: int) -> float:
    """Expected seconds of one migration that copies `size` bytes."""
    return policy.overhead + size / policy.link_speed


@dataclass
class Problem:
    """Everything a search may look at. `stays` has the reason of each guest that is no part of a unit."""

    facts: Facts
    names: tuple[str, ...] = ()
    index: dict[str, int] = field(default_factory=dict)
    active: tuple[int, ...] = ()  # nodes that count for the spread
    units: list[Unit] = field(default_factory=list)
    unit_of: dict[int, int] = field(default_factory=dict)
    stays: dict[int, str] = field(default_factory=dict)
    groups: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)  # `apart` rules: name, vmids

    def __post_init__(self) -> None:
        facts = self.facts
        nodes = tuple(facts.nodes.values())
        self.names = tuple(facts.nodes)
        self.index = {name: place for place, name in enumerate(self.names)}
        self.active = tuple(self.index[name] for name in facts.open)
        reserve = facts.policy.memory_reserve
        self.total: dict[Resource, list[float]] = {r: [float(getattr(node, r)) for node in nodes] for r in RESOURCES}
        self.host: dict[Resource, list[float]] = {r: [float(getattr(node, f"{r}_host")) for node in nodes] for r in RESOURCES}
        self.cap: dict[Resource, list[float]] = {r: [size or UNLIMITED for size in self.total[r]] for r in RESOURCES}
        self.cap["memory"] = [max(0.0, size - reserve) for size in self.cap["memory"]]
        self.load = {r: list(self.host[r]) for r in RESOURCES}
        for guest in facts.guests.values():
            place = self.index.get(guest.node)
            if place is not None:
                for r in RESOURCES:
                    self.load[r][place] += getattr(guest, r)
        self._groups()
        self._units()
        self.sizes: dict[Resource, list[float]] = {r: [unit.size(r) for unit in self.units] for r in RESOURCES}
        self.peaks: dict[Resource, float] = {}  # bounds of the fullest node's load, once worked out

    def _groups(self) -> None:
        self.member: dict[int, list[int]] = defaultdict(list)
        known = self.facts.guests
        for rule in sorted(self.facts.cluster.rules, key=lambda rule: rule.name):
            vmids = tuple(sorted({vmid for vmid in rule.guests if vmid in known}))
            if rule.kind == "apart" and len(vmids) > 1:
                for vmid in vmids:
                    self.member[vmid].append(len(self.groups))
                self.groups.append((f"{rule.source} {rule.name}", vmids))
        self.occupied = [Counter(self.index.get(known[vmid].node, -1) for vmid in vmids) for _, vmids in self.groups]

    def _units(self) -> None:
        everywhere = bytes(name not in self.facts.closed for name in self.names)
        wishes = self._together()
        bundled: set[int] = set()
        for vmid, guest in self.facts.guests.items():
            if vmid in bundled:
                continue
            bundle = [self.facts.guests[other] for other in sorted(wishes[vmid])] if vmid in wishes else [guest]
            bundled.update(mate.vmid for mate in bundle)
            self._bundle(bundle, everywhere)

    def _together(self) -> dict[int, set[int]]:
        """Sets of guests that share a node and must go on sharing it, by each of their vmids."""
        sets: dict[int, set[int]] = {}
        known = self.facts.guests
        bonds = [rule.guests for rule in self.facts.cluster.rules if rule.kind == "together"]
        bonds += [(guest.vmid, *guest.companions) for guest in known.values() if guest.companions]
        for bond in bonds:
            for place in sorted({known[vmid].node for vmid in bond if vmid in known}):
                here = {vmid for vmid in bond if vmid in known and known[vmid].node == place}
                here = here.union(*(sets[vmid] for vmid in here if vmid in sets))
                if len(here) > 1:
                    sets.update(dict.fromkeys(here, here))
        return sets

    def _bundle(self, guests: Sequence[Guest], everywhere: bytes) -> None:
        facts, home = self.facts, self.index.get(guests[0].node, -1)
        reasons = {guest.vmid: facts.fixed(guest) for guest in guests}
        stuck = next((guest for guest in guests if reasons[guest.vmid]), None)
        if stuck is not None:
            for guest in guests:
                own = reasons[guest.vmid]
                self.stays[guest.vmid] = own or f"must stay together with {stuck.label}, which cannot move: {reasons[stuck.vmid]}"
            return
        allowed = self._allowed(guests, everywhere)
        if not any(allowed):
            for guest in guests:
                self.stays[guest.vmid] = self._nowhere(guests, guest)
            return
        needs: Counter[str] = Counter()
        for guest in guests:
            for volume in guest.volumes:
                needs[volume.storage] += volume.size
        cost = sum(seconds(facts.policy, guest.memory + guest.disk) for guest in guests)
        groups = tuple(sorted(group for guest in guests for group in self.member.get(guest.vmid, ())))
        for guest in guests:
            self.unit_of[guest.vmid] = len(self.units)
        memory, cpu, disk = sum(guest.memory for guest in guests), sum(guest.cpu for guest in guests), sum(guest.disk for guest in guests)
        self.units.append(Unit(tuple(guests), home, allowed, cost, memory, cpu, disk, groups, tuple(sorted(needs.items()))))

    def _allowed(self, guests: Sequence[Guest], everywhere: bytes) -> bytes:
        places = everywhere
        if any(guest.disk for guest in guests):
            places = bytes(ok and size > 0 for ok, size in zip(places, self.total["disk"], strict=True))
        for guest in guests:
            if not self.facts.plain(guest):
                places = bytes(ok and not self.facts.refusal(guest, name) for ok, name in zip(places, self.names, strict=True))
            partners = self._elsewhere(guest, guests)
            if partners:
                places = bytes(ok and name in partners for ok, name in zip(places, self.names, strict=True))
        home = self.index[guests[0].node]
        return places[:home] + b"\0" + places[home + 1:]

    def _elsewhere(self, guest: Guest, bundle: Sequence[Guest]) -> set[str]:
        """Nodes with partners of a `together` rule that is broken now: only there may the guest go."""
        mates = {mate.vmid for mate in bundle}
        places: set[str] = set()
        for rule in self._broken_bonds:
            if guest.vmid in rule:
                places |= {self.facts.guests[vmid].node for vmid in rule if vmid not in mates}
        return places

    def _nowhere(self, bundle: Sequence[Guest], guest: Guest) -> str:
        """Why no node is open to the guest, by the reason of each."""
        reasons: dict[str, None] = {}
        for name in self.names:
            if name == guest.node:
                continue
            reason = next((text for mate in bundle if (text := self.facts.refusal(mate, name))), "")
            reasons[reason or f"{name} does not hold the guests it must be with"] = None
        return "; ".join(reasons) or "there is no other node"

    @property
    def _broken_bonds(self) -> list[tuple[int, ...]]:
        if not hasattr(self, "_bonds"):
            known = self.facts.guests
            rules = [tuple(vmid for vmid in rule.guests if vmid in known) for rule in self.facts.cluster.rules if rule.kind == "together"]
            self._bonds = [rule for rule in rules if len({known[vmid].node for vmid in rule}) > 1]
        return self._bonds
