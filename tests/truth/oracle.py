"""What is true of a small cluster: every placement that safe steps reach, and the least that each of them costs.

Written apart from the planner, from what the README says of the rules; it imports nothing of the product but its nouns.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations

from prs.model import PASSING_LOCKS, RESOURCES, Cluster, Guest, Policy, Resource, Rule
from truth.names import ignored, pools_of

EPSILON = 1e-9
LEVEL_OF_GUARD = 0.70  # other resources are guarded only where one of their nodes ends above this load
Placement = tuple[int, ...]  # the node of each bundle, by index


@dataclass(frozen=True)
class Bundle:
    """Guests that move as one: mostly a single one, several that a rule keeps together on one node."""

    guests: tuple[Guest, ...]
    home: int
    places: frozenset[int]
    returns: bool  # may it come back home, once it has left
    weight: dict[Resource, float]  # its memory as it counts by the policy
    used: int  # bytes of memory in use
    seconds: float
    bytes: int


@dataclass
class Apart:
    """An `apart` rule: its guests that stay for good, counted by node, and the bundles that hold others."""

    name: str
    bundles: dict[int, int] = field(default_factory=dict)
    fixed: dict[int, int] = field(default_factory=dict)


class Truth:
    """A cluster under a policy; `drain` is the node to empty, `stopped` whether its stopped guests leave as well."""

    def __init__(self, cluster: Cluster, policy: Policy, drain: str = "", stopped: bool = True) -> None:
        # A drained node's guest without figures is taken to use all that it may: it can leave, and it must have room.
        young = {g.vmid for g in cluster.guests if drain and g.node == drain and g.problem and g.status == "running"}
        counted = (replace(g, problem="", memory=max(g.memory, g.memory_max)) if g.vmid in young else g for g in cluster.guests)
        cluster = replace(cluster, guests=tuple(counted))
        self.cluster, self.policy, self.drain, self.stopped = cluster, policy, drain, stopped
        self.names = sorted(node.name for node in cluster.nodes)
        self.nodes = {node.name: node for node in cluster.nodes}
        self.guests = {guest.vmid: guest for guest in cluster.guests}
        self.open = [place for place, name in enumerate(self.names) if self._usable(name)]
        self.rules = [*cluster.rules, *self._tag_rules(), *self._pool_rules()]
        self.total = {r: [float(getattr(self.nodes[name], r)) for name in self.names] for r in RESOURCES}
        self.bundles = list(self._bundles())
        self.of = {guest.vmid: number for number, bundle in enumerate(self.bundles) for guest in bundle.guests}
        self.start: Placement = tuple(bundle.home for bundle in self.bundles)
        self.loads_at_start = {r: self._loads_at_start(r) for r in RESOURCES}
        self.apart = [self._apart(rule) for rule in self.rules if rule.kind == "apart"]

    # -- what the rules say ------------------------------------------------------------------------------------------

    def _usable(self, name: str) -> bool:
        """True when guests may come to the node."""
        node = self.nodes[name]
        healthy = node.online and not node.problem and node.ha in ("", "online")
        return healthy and name != self.drain and name not in self.policy.ignore_nodes

    def _moves_stopped(self) -> bool:
        return (bool(self.drain) and self.stopped) or self.policy.stopped

    def _tag_rules(self) -> Iterator[Rule]:
        by_tag: dict[str, list[Guest]] = {}
        for guest in self.cluster.guests if self.policy.tags else ():
            for tag in {tag.lower() for tag in guest.tags}:
                by_tag.setdefault(tag, []).append(guest)
        for tag, guests in by_tag.items():
            if tag.startswith("plb_affinity"):
                yield Rule(tag, "together", tuple(g.vmid for g in guests if self._moves_stopped() or g.status != "stopped"), source="tag")
            if tag.startswith("plb_anti_affinity"):
                yield Rule(tag, "apart", tuple(g.vmid for g in guests), source="tag")
        for guest in self.cluster.guests if self.policy.tags else ():
            pins = sorted({tag.lower().removeprefix("plb_pin_") for tag in guest.tags if tag.lower().startswith("plb_pin_")})
            if pins:
                nodes = tuple((name, 0) for name in self.names if name in pins)
                yield Rule("pin of " + guest.name, "nodes", (guest.vmid,), nodes, source="tag")

    def _pool_rules(self) -> Iterator[Rule]:
        for pool in self.policy.pools:
            guests = [guest for guest in self.cluster.guests if pool in pools_of(guest, self.policy)]
            if pool.keep == "apart":
                yield Rule(pool.name, "apart", tuple(g.vmid for g in guests), source="pool")
            elif pool.keep == "together":
                bound = tuple(g.vmid for g in guests if self._moves_stopped() or g.status != "stopped")
                yield Rule(pool.name, "together", bound, source="pool")
            if pool.nodes:
                named = {name.lower() for name in pool.nodes}
                nodes = tuple((name, 0) for name in self.names if name.lower() in named)
                yield Rule(pool.name, "nodes", tuple(g.vmid for g in guests), nodes, pool.strict, source="pool")

    def stays(self, guest: Guest) -> bool:
        """True when the guest cannot leave its node, wherever to."""
        if guest.node not in self.nodes or (guest.node != self.drain and self.names.index(guest.node) not in self.open):
            return True
        if not self.nodes[guest.node].online or guest.template or guest.blockers or guest.vmid in self.cluster.migrating:
            return True
        if ignored(guest, self.policy):
            return True
        if self.policy.tags and any(tag.lower().startswith("plb_ignore") for tag in guest.tags):
            return True
        waits = guest.lock in PASSING_LOCKS and guest.node == self.drain
        if (guest.lock and not waits) or guest.ha == "error" or guest.status not in ("running", "paused", "stopped"):
            return True
        if guest.problem and not (self.drain and guest.status == "stopped"):
            return True
        if guest.status == "stopped":
            return not self._moves_stopped()
        return guest.kind == "lxc" and not self.policy.containers

    def may_be_on(self, guest: Guest, place: int) -> bool:
        """True when no rule about nodes keeps the guest off this open node."""
        name = self.names[place]
        if guest.disk and not self.nodes[name].disk:
            return False
        if guest.targets is not None and name not in guest.targets:
            return False
        for rule in self.rules:
            if rule.kind != "nodes" or guest.vmid not in rule.guests or (rule.source == "pool" and not rule.strict):
                continue
            named = {node for node, _ in rule.nodes}
            if rule.avoid:
                if name in named and (rule.strict or any(self.names[other] not in named for other in self.open)):
                    return False
                continue
            usable = {node: priority for node, priority in rule.nodes if node in self.names and self.names.index(node) in self.open}
            best = {node for node, priority in usable.items() if priority == max(usable.values())}
            if name not in best and (best or rule.strict):
                return False
        return True

    def _bundles(self) -> Iterator[Bundle]:
        bound: dict[int, set[int]] = {vmid: {vmid} for vmid in self.guests}
        for rule in self.rules:
            for one in rule.guests if rule.kind == "together" else ():
                for two in rule.guests:
                    if one in bound and two in bound and self.guests[one].node == self.guests[two].node:
                        joined = bound[one] | bound[two]
                        bound.update(dict.fromkeys(joined, joined))
        for vmids in {tuple(sorted(group)) for group in bound.values()}:
            guests = tuple(self.guests[vmid] for vmid in vmids)
            if any(map(self.stays, guests)) or self._torn(vmids):
                continue
            home = self.names.index(guests[0].node)
            places = frozenset(place for place in self.open if place != home and all(self.may_be_on(g, place) for g in guests)
                               and self._near_partners(vmids, place))
            if places:
                weight = {r: float(sum(self.counts(guest, r) for guest in guests)) for r in RESOURCES}
                used = sum(guest.memory for guest in guests)
                size = sum(guest.memory + guest.disk for guest in guests)
                returns = home in self.open and all(self.may_be_on(guest, home) for guest in guests)
                yield Bundle(guests, home, places, returns, weight, used, sum(map(self._seconds, guests)), size)

    def _torn(self, vmids: tuple[int, ...]) -> bool:
        """True for guests that one rule keeps together and another one apart."""
        return any(rule.kind == "apart" and len(set(vmids) & set(rule.guests)) > 1 for rule in self.rules)

    def _near_partners(self, vmids: tuple[int, ...], place: int) -> bool:
        """A guest whose partners are elsewhere goes nowhere but to one of their nodes."""
        partners = {
            self.guests[vmid].node
            for rule in self.rules if rule.kind == "together" and set(vmids) & set(rule.guests)
            for vmid in rule.guests if vmid in self.guests and vmid not in vmids
        }  # fmt: skip
        return not partners or self.names[place] in partners

    def _seconds(self, guest: Guest) -> float:
        """What its migration takes: a fixed time, its memory over the link less what it writes meanwhile, and its disks."""
        policy = self.policy
        speed = policy.link_speed - min(guest.cpu * policy.dirty_rate, policy.link_speed / 2)
        return policy.overhead + guest.memory / speed + guest.disk / policy.link_speed

    def counts(self, guest: Guest, resource: Resource) -> float:
        """What counts of the guest: of memory what it uses, what it may use, or what its balloon leaves it at least, if it has one."""
        if resource == "memory" and self.policy.memory != "used" and guest.status not in ("stopped", "unknown"):
            whole, least = max(guest.memory_max, guest.memory), guest.reserved if self.policy.memory == "reserved" else 0
            return float(min(least, whole) if least else whole)
        return float(getattr(guest, resource))

    def room(self, place: int, resource: Resource) -> float:
        """What guests on the node may add up to."""
        share = self.policy.overcommit if resource == "memory" and self.policy.memory != "used" else 1.0
        return (self.total[resource][place] or float("inf")) * share - (self.policy.memory_reserve if resource == "memory" else 0)

    def unused(self, where: Placement, place: int) -> float:
        """Bytes of memory that may yet come into use on the node, whatever counts."""
        return (self.total["memory"][place] or float("inf")) - self.policy.memory_reserve - self._in_use(where, place)

    def _in_use(self, where: Placement, place: int) -> float:
        """Bytes of memory in use on the node, whatever counts."""
        name = self.names[place]
        there = sum(guest.memory for guest in self.cluster.guests if guest.vmid not in self.of and guest.node == name)
        return self.nodes[name].memory_host + there + sum(self.bundles[n].used for n, at in enumerate(where) if at == place)

    def _loads_at_start(self, resource: Resource) -> list[float]:
        loads = [float(getattr(self.nodes[name], f"{resource}_host")) for name in self.names]
        for guest in self.cluster.guests:
            if guest.node in self.nodes:
                loads[self.names.index(guest.node)] += self.counts(guest, resource)
        return loads

    def _apart(self, rule: Rule) -> Apart:
        found = Apart(f"{rule.source} {rule.name}")
        for vmid in set(rule.guests) & self.guests.keys():
            if vmid in self.of:
                found.bundles[self.of[vmid]] = found.bundles.get(self.of[vmid], 0) + 1
            elif self.guests[vmid].node in self.nodes:
                place = self.names.index(self.guests[vmid].node)
                found.fixed[place] = found.fixed.get(place, 0) + 1
        return found

    # -- where steps lead --------------------------------------------------------------------------------------------

    def loads(self, where: Placement) -> dict[Resource, list[float]]:
        """The load of each node by resource."""
        loads = {r: list(self.loads_at_start[r]) for r in RESOURCES}
        for bundle, place in zip(self.bundles, where, strict=True):
            if place != bundle.home:
                for r in RESOURCES:
                    loads[r][bundle.home] -= bundle.weight[r]
                    loads[r][place] += bundle.weight[r]
        return loads

    def fits(self, where: Placement, loads: dict[Resource, list[float]], number: int, place: int) -> bool:
        """True when the bundle may go to the node, which has to have room for it before it has left where it is."""
        bundle = self.bundles[number]
        if place not in bundle.places and not (place == bundle.home and bundle.returns):
            return False
        if self.policy.memory != "used" and bundle.used and bundle.used > self.unused(where, place) + EPSILON * self.total["memory"][place]:
            return False
        for r in RESOURCES:
            most = self.room(place, r)
            after = loads[r][place] + bundle.weight[r]
            if bundle.weight[r] and after > most + EPSILON * max(1.0, most):
                return False
        return not any(number in rule.bundles and self._members(rule, where, place) for rule in self.apart)

    def _members(self, rule: Apart, where: Placement, place: int) -> int:
        return rule.fixed.get(place, 0) + sum(count for number, count in rule.bundles.items() if where[number] == place)

    def reached(self, price: str = "seconds") -> dict[Placement, float]:
        """Every placement that safe steps reach, with the least `seconds`, `bytes` or number of `guests` that it takes."""
        prices = [{"seconds": b.seconds, "bytes": float(b.bytes), "guests": float(len(b.guests))}[price] for b in self.bundles]
        least, heap, done = {self.start: 0.0}, [(0.0, self.start)], set[Placement]()
        while heap:
            paid, where = heapq.heappop(heap)
            if where in done:
                continue
            done.add(where)
            loads = self.loads(where)
            for number, bundle in enumerate(self.bundles):
                for place in (*bundle.places, bundle.home):
                    if place == where[number] or (self.names[place] == self.drain):
                        continue
                    after = (*where[:number], place, *where[number + 1:])
                    cost = paid + prices[number]
                    if cost < least.get(after, float("inf")) and self.fits(where, loads, number, place):
                        least[after] = cost
                        heapq.heappush(heap, (cost, after))
        return least

    # -- what a placement is worth -----------------------------------------------------------------------------------

    def usage(self, where: Placement, resource: Resource) -> list[float]:
        """The loads of the nodes that count, as fractions."""
        loads, total = self.loads(where)[resource], self.total[resource]
        return [loads[place] / total[place] for place in self.open if total[place] > 0]

    def spreads(self, where: Placement) -> dict[Resource, float]:
        """Fullest less emptiest node, by each resource that the method levels, and times its weight where there are weights."""
        weights: dict[Resource, float] = dict.fromkeys(RESOURCES, 1.0) | dict(self.policy.weights)
        if self.policy.method != "all":
            weights = {self.policy.method: 1.0}
        return {r: (max(use) - min(use) if (use := self.usage(where, r)) else 0.0) * weight for r, weight in weights.items() if weight}

    def spread(self, where: Placement) -> float:
        """The widest of them: the figure that a plan shows."""
        return max(self.spreads(where).values())

    def guarded(self, where: Placement) -> bool:
        """True when no other resource is made too uneven: wider by more than the guard, with a node above the level of guard."""
        for r in RESOURCES:
            if r not in self.spreads(self.start) and (use := self.usage(where, r)):
                was = self.usage(self.start, r)
                if max(use) > LEVEL_OF_GUARD + EPSILON and max(use) - min(use) > max(was) - min(was) + self.policy.guard + EPSILON:
                    return False
        return True

    def node_of(self, vmid: int, where: Placement) -> str:
        """The node that the guest is on."""
        return self.names[where[self.of[vmid]]] if vmid in self.of else self.guests[vmid].node

    def broken(self, where: Placement) -> Counter[str]:
        """How far rules are broken: pairs that share a node, or do not, against an `apart` or `together` rule; guests on wrong nodes."""
        found = Counter[str]()
        for rule in self.rules:
            homes = [self.node_of(vmid, where) for vmid in set(rule.guests) if vmid in self.guests]
            named = {node.lower() for node, _ in rule.nodes}
            pairs = Counter(one == other for one, other in combinations(homes, 2))
            if rule.kind in ("apart", "together"):
                found[f"{rule.source} {rule.name}"] += pairs[rule.kind == "apart"]
            for vmid in rule.guests if rule.kind == "nodes" and rule.strict else ():
                if vmid in self.guests and rule.avoid == (self.node_of(vmid, where).lower() in named):
                    found[f"{rule.source} {rule.name} (guest {vmid})"] += 1
        return +found

    def emptied(self, where: Placement) -> bool:
        """True when nothing that has to leave the drained node is on it."""
        must = [g for g in self.cluster.guests if g.node == self.drain and not g.template and (self.stopped or g.status != "stopped")]
        return all(guest.vmid in self.of and self.node_of(guest.vmid, where) != self.drain for guest in must)
