"""The snapshot compiled for searching: nodes and movable units as sorted plain lists, so that the same snapshot gives the same plan."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from prs.model import RESOURCES, Guest, Policy, Resource
from prs.planner.problem.counted_memory import IN_USE, counted, most, unproven
from prs.planner.problem.fixed_limits import FixedLimits
from prs.planner.problem.storage_map import Landing, held

UNLIMITED = float("inf")
ENDLESS = 2**62  # bytes of memory that a node of unknown size has
MOST_WRITTEN = 0.5  # share of the link that a guest's writing takes at most: then all of its memory is copied twice


@dataclass(slots=True)
class Unit:
    """Guests that only move together: mostly one, more under a `together` rule. Memory and disk in bytes, cost in seconds.

    `memory` is what counts of it against a node, `used` what is in use and travels.
    """

    guests: tuple[Guest, ...]
    home: int  # index of the node it is on
    allowed: bytes  # one byte a node: 1 where the fixed limits let it go
    cost: float
    memory: int
    cpu: float
    disk: int
    groups: tuple[int, ...] = ()  # the `apart` rules it is part of
    needs: tuple[tuple[str, int], ...] = ()  # bytes by storage that it needs on its target
    growth: int = 0  # bytes of memory that it may use more on another node than at home
    wide: tuple[int, ...] = ()  # those of `groups` that hold across failure domains
    landings: tuple[tuple[int, tuple[Landing, ...]], ...] = ()  # by node, where it needs something else than `needs`
    used: int = 0

    def landings_on(self, place: int) -> tuple[Landing, ...]:
        """The ways to put its disks on that node; () where they land on storages of their own names."""
        return next((ways for node, ways in self.landings if node == place), ())

    @property
    def bytes(self) -> int:
        """Bytes that travel when it moves."""
        return self.used + self.disk

    def size(self, resource: Resource) -> float:
        """Its load on the resource, in the resource's own unit."""
        return float(getattr(self, resource))


def seconds(policy: Policy, guest: Guest, disk: int, speed: float = 0.0) -> float:
    """Expected seconds of one migration that copies the guest's memory and `disk` bytes at `speed` (bytes per second; 0: the assumed one).

    A running guest writes to its memory meanwhile, the more the more cores it uses; what it wrote is copied again, at most once over.
    """
    speed = speed or policy.link_speed
    written = min(guest.cpu * policy.dirty_rate, speed * MOST_WRITTEN)
    return policy.overhead + guest.memory / (speed - written) + disk / speed


@dataclass
class Problem:
    """Everything a search may look at. `stays` has the reason of each guest that is no part of a unit."""

    facts: FixedLimits
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
        self.total: dict[Resource, list[float]] = {r: [float(getattr(node, r)) for node in nodes] for r in RESOURCES}
        self.host: dict[Resource, list[float]] = {r: [float(getattr(node, f"{r}_host")) for node in nodes] for r in RESOURCES}
        self.cap: dict[Resource, list[float]] = {r: [size or UNLIMITED for size in self.total[r]] for r in RESOURCES}
        self.cap["memory"] = [max(0.0, most(facts.policy, size)) for size in self.cap["memory"]]
        self.load = {r: list(self.host[r]) for r in RESOURCES}
        for guest in facts.guests.values():
            place = self.index.get(guest.node)
            if place is not None:
                for r in RESOURCES:
                    self.load[r][place] += counted(facts.policy, guest) if r == "memory" else getattr(guest, r)
        self.unused = self._unused() if unproven(facts.policy) else {}  # bytes of memory by node, where use is a limit of its own
        self.fastest = self._fastest()
        self._groups()
        self._units()
        # Memory, cpu and disk of each unit that takes nothing else from a node: the searches move these millions of times.
        self.plain = [None if one.growth or one.groups or one.needs else (one.memory, one.cpu, one.disk) for one in self.units]
        self.scattered = self._scattered()
        self.sizes: dict[Resource, list[float]] = {r: [unit.size(r) for unit in self.units] for r in RESOURCES}
        self.widest: dict[Resource, float] = {}  # spreads allowed to other resources where they do not count from the loads here
        self.takes = [any(unit.allowed[place] for unit in self.units) for place in range(len(self.names))]  # nodes that some unit may go to
        self.peaks: dict[Resource, float] = {}  # bounds of the fullest node's load, once worked out
        self.preferences = self._preferences()

    def _fastest(self) -> list[float]:
        """By node the speed of its fastest link: a move costs at least as much, wherever it goes."""
        policy = self.facts.policy
        known = {(source, target): speed for source, target, speed in policy.speeds}
        if not known:
            return [policy.link_speed] * len(self.names)
        return [max((known.get((name, other), policy.link_speed) for other in self.names if other != name), default=policy.link_speed)
                for name in self.names]

    def _unused(self) -> dict[tuple[str, str], int]:
        facts, nodes = self.facts, self.facts.nodes
        free = {name: node.memory - facts.policy.memory_reserve - node.memory_host for name, node in nodes.items() if node.memory}
        for guest in facts.guests.values():
            if guest.node in free:
                free[guest.node] -= guest.memory
        return {(IN_USE, name): free.get(name, ENDLESS) for name in nodes}

    def _preferences(self) -> dict[int, list[int]]:
        """By unit that rules bind to nodes: how many more of its guests are off the preferred nodes on each node than at home."""
        found, facts = dict[int, list[int]](), self.facts
        for unit in sorted({self.unit_of[vmid] for vmid in facts.node_rules.bound if vmid in self.unit_of}):
            item = self.units[unit]
            if not (disliked := [names for guest in item.guests if (names := facts.node_rules.disliked(guest))]):
                continue
            bad = [sum(name in names for names in disliked) for name in self.names]
            if any(count != bad[item.home] for place, count in enumerate(bad) if item.allowed[place]):
                found[unit] = [count - bad[item.home] for count in bad]
        return found

    def _groups(self) -> None:
        self.member: dict[int, list[int]] = defaultdict(list)
        known, areas = self.facts.guests, dict[str, int]()
        self.area = [areas.setdefault(self.facts.domains.of(name), len(areas)) for name in self.names]  # the domain of each node
        self.wide: dict[int, Counter[int]] = {}  # of the rules that hold across domains: how many guests each domain has at the start
        for rule in self.facts.rules:
            vmids = tuple(sorted({vmid for vmid in rule.guests if vmid in known}))
            if rule.kind == "apart" and len(vmids) > 1:
                for vmid in vmids:
                    self.member[vmid].append(len(self.groups))
                if rule in self.facts.wide:
                    places = (self.index.get(known[vmid].node) for vmid in vmids)
                    self.wide[len(self.groups)] = Counter(self.area[place] for place in places if place is not None)
                self.groups.append((f"{rule.source} {rule.name}", vmids))
        self.occupied = [Counter(self.index.get(known[vmid].node, -1) for vmid in vmids) for _, vmids in self.groups]

    def _units(self) -> None:
        everywhere = bytes(name not in self.facts.closed for name in self.names)
        together = self._together()
        bundled: set[int] = set()
        for vmid, guest in self.facts.guests.items():
            if vmid in bundled:
                continue
            bundle = [self.facts.guests[other] for other in sorted(together[vmid])] if vmid in together else [guest]
            bundled.update(mate.vmid for mate in bundle)
            self._bundle(bundle, everywhere)

    def _together(self) -> dict[int, set[int]]:
        """Sets of guests that share a node and must go on sharing it, by each of their vmids."""
        sets: dict[int, set[int]] = {}
        known = self.facts.guests
        bonds = [rule.guests for rule in self.facts.rules if rule.kind == "together"]
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
        groups = tuple(sorted(group for guest in guests for group in self.member.get(guest.vmid, ())))
        if reasons := self._stuck(guests, groups):
            self.stays.update(reasons)
            return
        allowed = self._allowed(guests, everywhere)
        if not any(allowed):
            for guest in guests:
                self.stays[guest.vmid] = self._nowhere(guests, guest)
            return
        needs = self._with_use(held(guests).items(), guests, home=True)
        cost = sum(seconds(facts.policy, guest, guest.disk, self.fastest[home]) for guest in guests)
        for guest in guests:
            self.unit_of[guest.vmid] = len(self.units)
        used, cpu, disk = sum(guest.memory for guest in guests), sum(guest.cpu for guest in guests), sum(guest.disk for guest in guests)
        memory = sum(counted(facts.policy, guest) for guest in guests)
        growth = sum(facts.growth(guest) for guest in guests) if facts.policy.memory == "used" else 0
        self.units.append(Unit(tuple(guests), home, allowed, cost, memory, cpu, disk, groups, needs, growth,
                               tuple(group for group in groups if group in self.wide), self._landings(guests, allowed), used))

    def _landings(self, guests: Sequence[Guest], allowed: bytes) -> tuple[tuple[int, tuple[Landing, ...]], ...]:
        """What the guests need on each node where that is not what they hold: storages by the policy's map, memory to grow into."""
        mapped = bool(self.facts.policy.storages) and any(guest.volumes for guest in guests)
        grows = bool(self.unused) and any(self.facts.growth(guest) for guest in guests)
        helps = bool(self.facts.drain) and guests[0].node != self.facts.drain and any(guest.volumes for guest in guests)
        if not mapped and not grows and not helps:
            return ()
        plain = (Landing(tuple(sorted(held(guests).items())), ()),) if grows or helps else ()
        found = ((place, (self.facts.storage_map.landings(guests, name) if mapped else ()) or plain)
                 for place, name in enumerate(self.names) if allowed[place])
        return tuple((place, tuple(replace(way, needs=self._with_use(way.needs, guests, spare=helps)) for way in ways))
                     for place, ways in found if ways)

    def _with_use(
        self, needs: Iterable[tuple[str, int]], guests: Sequence[Guest], home: bool = False, spare: bool = False
    ) -> tuple[tuple[str, int], ...]:
        """These bytes by storage, and those of memory in use where that is a limit of its own; away from home what they may grow to.

        With `spare` they leave something free: a guest that only makes room in a drain fills no storage to its last byte.
        """
        used = sum(guest.memory + (0 if home else self.facts.growth(guest)) for guest in guests) if self.unused else 0
        sizes = sorted((storage, size + spare) for storage, size in needs)
        return (*sizes, (IN_USE, used)) if used else tuple(sizes)

    def _stuck(self, guests: Sequence[Guest], groups: Sequence[int]) -> dict[int, str]:
        """Why none of these guests can leave the node, wherever to; {} when nothing keeps them. `groups` are those of each guest."""
        reasons = {guest.vmid: self.facts.fixed(guest) for guest in guests}
        if stuck := next((guest for guest in guests if reasons[guest.vmid]), None):
            return {vmid: own or f"{self._with(vmid, (stuck.vmid,))} {stuck.label}, which cannot move: {reasons[stuck.vmid]}"
                    for vmid, own in reasons.items()}
        if len(guests) > 1 and (torn := [group for group in groups if groups.count(group) > 1]):
            apart = f"guests from which {self.groups[torn[0]][0]} keeps it apart"
            return {vmid: f"{self._with(vmid, reasons)} {apart}" for vmid in reasons}
        return {}

    def _with(self, vmid: int, others: Iterable[int]) -> str:
        """That the guest is kept together with these, by the rule that says so where one does."""
        rule = self.facts.bond(vmid, others)
        return f"{rule} keeps it together with" if rule else "must stay together with"

    def _allowed(self, guests: Sequence[Guest], everywhere: bytes) -> bytes:
        places = everywhere
        if any(guest.disk for guest in guests):
            places = bytes(ok and size > 0 for ok, size in zip(places, self.total["disk"], strict=True))
        for guest in guests:
            if guest.vmid in self.facts.node_rules.bound:
                welcome = self.facts.node_rules.welcome(guest, mere=False)
                places = bytes(ok and name in welcome for ok, name in zip(places, self.names, strict=True))
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
            reasons[reason or self.elsewhere(bundle, name)] = None
        return "; ".join(reasons) or "there is no other node"

    def elsewhere(self, bundle: Iterable[Guest], name: str) -> str:
        """That a node does not hold the guests with which these are to be, by the rule that says so."""
        rules = (rule for rule in self.facts.rules if rule.kind == "together" and any(guest.vmid in rule.guests for guest in bundle))
        away = (rule for rule in rules if len({self.facts.guests[vmid].node for vmid in rule.guests if vmid in self.facts.guests}) > 1)
        rule = next(away, None)
        which = f"that {rule.source} {rule.name} keeps it together with" if rule else "it must be with"
        return f"{name} does not hold the guests {which}"

    def _scattered(self) -> list[tuple[str, tuple[int, ...]]]:
        """The `together` rules of tags and pools whose guests are on several nodes; the HA manager sees to its own."""
        known, found = self.facts.guests, list[tuple[str, tuple[int, ...]]]()
        for rule in self.facts.rules:
            vmids = tuple(vmid for vmid in rule.guests if vmid in known)
            if rule.kind == "together" and rule.source in ("tag", "pool") and len({known[vmid].node for vmid in vmids}) > 1:
                found.append((f"{rule.source} {rule.name}", vmids))
        return found

    @property
    def _broken_bonds(self) -> list[tuple[int, ...]]:
        if not hasattr(self, "_bonds"):
            known = self.facts.guests
            rules = [tuple(vmid for vmid in rule.guests if vmid in known) for rule in self.facts.rules if rule.kind == "together"]
            self._bonds = [rule for rule in rules if len({known[vmid].node for vmid in rule}) > 1]
        return self._bonds
