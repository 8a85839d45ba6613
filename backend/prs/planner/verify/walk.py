"""Walks a plan step by step on the plain snapshot and names every limit it breaks; shares no search code with the planner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from prs.model import RESOURCES, Cluster, Guest, Move, Plan, Policy
from prs.planner.problem.fixed_limits import FixedLimits
from prs.planner.quantities import gib
from prs.planner.verify.rules import Reading

TOLERANCE = 1e-6  # cores


class Walk:
    """The cluster as it is after some moves.

    What may go where whatever else moves (`FixedLimits`) is the planner's own reading: it knows nothing of searches, orders or loads, which
    are what is checked here, and tests/truth holds it against a reading that shares no code with it.
    """

    def __init__(self, facts: FixedLimits, leaving: Mapping[int, str] | None = None) -> None:
        """`leaving` are guests under way, which are on the node they come from as well, by vmid."""
        self.facts, self.broken, self.leaving = facts, list[str](), leaving or {}
        self.where = {vmid: guest.node for vmid, guest in facts.guests.items()}
        self.load = {r: {name: float(getattr(node, f"{r}_host")) for name, node in facts.nodes.items()} for r in RESOURCES}
        for guest in facts.guests.values():
            if guest.node in facts.nodes:
                for r in RESOURCES:
                    self.load[r][guest.node] += getattr(guest, r)
        self.counted = {name: float(node.memory_host) for name, node in facts.nodes.items()}  # by the policy's choice of memory
        for guest in facts.guests.values():
            self.counted[guest.node] = self.counted.get(guest.node, 0.0) + self._counts(guest)
        self.growth = dict.fromkeys(facts.nodes, 0)  # what guests that have come may grow by
        self.free = {key: storage.total - storage.used for key, storage in facts.storages.items()}
        self.disks = {vmid: [(volume.storage, volume.size) for volume in guest.volumes] for vmid, guest in facts.guests.items()}
        moves_stopped = (bool(facts.drain) and facts.stopped) or facts.policy.stopped
        self.reading = Reading(facts.cluster, facts.policy, facts.open, facts.drain, moves_stopped)
        self.split = [self._places(bond.vmids) for bond in self.reading.together]

    def _counts(self, guest: Guest) -> int:
        """What counts of the guest's memory: a second reading of that, in bytes."""
        if self.facts.policy.memory == "used" or guest.status in ("stopped", "unknown"):
            return guest.memory
        whole = max(guest.memory_max, guest.memory + guest.grows)
        return min(whole, guest.reserved or whole) if self.facts.policy.memory == "reserved" else whole

    def _places(self, vmids: frozenset[int]) -> int:
        return len({self.where[vmid] for vmid in vmids})

    def step(self, number: int, move: Move) -> None:
        """Make one move, noting what it breaks."""
        label, guest = f"move {number} (guest {move.vmid} to {move.target})", self.facts.guests.get(move.vmid)
        if guest is None or move.target not in self.facts.nodes:
            self.broken.append(f"{label}: no such guest or node")
            return
        if self.where[move.vmid] != move.source:
            self.broken.append(f"{label}: it is on {self.where[move.vmid]}, not on {move.source}")
        if reason := self.objection(guest, move.target, dict(move.storages)):
            self.broken.append(f"{label}: {reason}")
        self._carry(guest, move.target, dict(move.storages))

    def objection(self, guest: Guest, target: str, storages: Mapping[str, str]) -> str:
        """Why the guest cannot go to that node now, with disks to storages of other names (theirs by their own); "" when it can."""
        fixed = self.facts.fixed(guest) or self.facts.refusal(guest, target) or self.facts.onward(guest, self.where[guest.vmid], target)
        return fixed or self.reading.refusal(guest, target) or self._room(guest, target, storages) or self._company(guest, target)

    def _room(self, guest: Guest, target: str, storages: Mapping[str, str]) -> str:
        node = self.facts.nodes[target]
        free = node.memory - self.facts.policy.memory_reserve - self.load["memory"][target] - self.growth[target]
        growth = self.facts.growth(guest) if target != guest.node else 0
        if guest.memory + growth > free and node.memory and guest.memory:
            words = f"needs {gib(guest.memory)}" if guest.memory > free or not growth else f"may grow to {gib(guest.memory + growth)}"
            return f"{words} of memory, {target} has {gib(max(0.0, free))} free"
        if self.facts.policy.memory != "used" and node.memory and (mine := self._counts(guest)):
            left = node.memory * self.facts.policy.overcommit - self.facts.policy.memory_reserve - self.counted[target]
            if mine > left + 1.0:  # a byte: limits are no whole numbers
                return f"needs {gib(mine)} of {self.facts.policy.memory} memory, {target} has {gib(max(0.0, left))} free"
        if node.cpu and guest.cpu and self.load["cpu"][target] + guest.cpu > node.cpu + TOLERANCE:
            return f"needs {guest.cpu:.1f} cores, {target} uses {self.load['cpu'][target]:.1f} of {node.cpu:.1f}"
        if node.disk and guest.disk and self.load["disk"][target] + guest.disk > node.disk:
            return f"needs {gib(guest.disk)} of local disk, {target} has {gib(max(0.0, node.disk - self.load['disk'][target]))} free"
        needs: Counter[str] = Counter()
        for name, size in self.disks[guest.vmid]:
            needs[storages.get(name, name)] += size
        for storage, size in sorted(needs.items()):
            there = self.facts.storages.get((storage, target))
            if there is None or not there.active:
                return f"there is no storage {storage} on {target}"
            if self.free.get((storage, target), 0) < size:
                return f"needs {gib(size)} on storage {storage} of {target}"
        return ""

    def _company(self, guest: Guest, target: str) -> str:
        domain, own = self.reading.domain, self.reading.domain(self.where[guest.vmid])
        for bond in self.reading.apart:
            for vmid in sorted(bond.vmids - {guest.vmid}) if guest.vmid in bond.vmids else ():
                label, places = self.facts.guests[vmid].label, {self.where[vmid], self.leaving.get(vmid, self.where[vmid])}
                if target in places:
                    return f"{bond.label} keeps it apart from {label} on {target}"
                if bond.wide and domain(target) != own and domain(target) in map(domain, places):
                    return f"{bond.label} keeps it apart from {label}, which is in the same domain {domain(target)} as {target}"
        return ""

    def _carry(self, guest: Guest, target: str, storages: Mapping[str, str]) -> None:
        for place, sign in ((self.where[guest.vmid], -1), (target, 1)):
            for r in RESOURCES:
                self.load[r][place] += sign * getattr(guest, r)
            self.counted[place] = self.counted.get(place, 0.0) + sign * self._counts(guest)
            if place != guest.node:
                self.growth[place] += sign * self.facts.growth(guest)
        for name, size in self.disks[guest.vmid]:
            left, taken = (name, self.where[guest.vmid]), (storages.get(name, name), target)
            self.free[left] = self.free.get(left, 0) + size
            self.free[taken] = self.free.get(taken, 0) - size
        self.disks[guest.vmid] = [(storages.get(name, name), size) for name, size in self.disks[guest.vmid]]
        self.where[guest.vmid] = target

    def end(self, moves: Sequence[Move]) -> None:
        """Note the guests that are left where they were only to wait, and the `together` rules that are split wider than at the start."""
        for move in {move.vmid: move for move in moves}.values():
            if move.parking:
                self.broken.append(f"after the last move: guest {move.vmid} is left on {move.target}, where it was only to wait")
        for bond, before in zip(self.reading.together, self.split, strict=True):
            if self._places(bond.vmids) > before:
                self.broken.append(f"after the last move: {bond.label} is broken, its guests are on several nodes")


def objection(cluster: Cluster, policy: Policy, move: Move, drain: str = "", leaving: Mapping[int, str] | None = None) -> str:
    """Why this one move cannot be made in the cluster as it is now, in words; "" when nothing stands against it.

    `leaving` are guests that are under way: their nodes of origin by vmid, while the cluster shows them where they go.
    """
    facts = FixedLimits(cluster, policy, drain)
    guest = facts.guests.get(move.vmid)
    if guest is None or move.target not in facts.nodes:
        return "no such guest or node"
    return Walk(facts, leaving).objection(guest, move.target, dict(move.storages))


def check_plan(cluster: Cluster, policy: Policy, plan: Plan) -> list[str]:
    """Every limit that the plan breaks at any step, one sentence each; an empty list when it is good."""
    walk = Walk(FixedLimits(cluster, policy, plan.node if plan.kind == "drain" else "", plan.stopped))
    for number, move in enumerate(plan.moves, 1):
        walk.step(number, move)
    walk.end(plan.moves)
    if policy.max_moves is not None and plan.kind == "balance" and len(plan.moves) > policy.max_moves:
        walk.broken.append(f"{len(plan.moves)} moves, {policy.max_moves} are allowed")
    if policy.max_bytes is not None and plan.kind == "balance" and sum(move.bytes for move in plan.moves) > policy.max_bytes:
        walk.broken.append(f"{gib(plan.bytes)} to copy, {gib(policy.max_bytes)} are allowed")
    if plan.kind == "drain" and plan.feasible:
        left = [vmid for vmid, node in sorted(walk.where.items()) if node == plan.node and not walk.facts.fixed(walk.facts.guests[vmid])]
        walk.broken += [f"guest {vmid} is still on {plan.node}" for vmid in left]
    return walk.broken
