"""The limits that depend on who is where: a board of the cluster that answers whether one more step fits, or why not."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from prs.model import RESOURCES, Cluster, Policy
from prs.planner.problem.counted_memory import IN_USE, label
from prs.planner.problem.fixed_limits import FixedLimits
from prs.planner.problem.problem import Problem
from prs.planner.problem.storage_map import Landing, short
from prs.planner.quantities import gib

Needs = Sequence[tuple[str, int]]  # (storage, bytes)
SLACK = 1e-9  # cores: sums of floats in another order may differ by this much


class Board:
    """Mutable loads over a Problem; `move` applies a step, `fits` and `obstacle` ask about one."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.units, self.plain = problem, problem.units, problem.plain
        self.where = [unit.home for unit in problem.units]
        self.load = {resource: list(problem.load[resource]) for resource in RESOURCES}
        self.memory, self.cpu, self.disk = (self.load[resource] for resource in RESOURCES)
        self.occupied = [dict(count) for count in problem.occupied]
        self.wide = {group: dict(count) for group, count in problem.wide.items()}
        self.free = {key: storage.total - storage.used for key, storage in problem.facts.storages.items()} | problem.unused
        self.room = list(problem.cap["memory"])  # without what guests that have come may grow by
        self.landed = dict[tuple[int, int], Landing]()  # how disks lie on a node of storages with other names, by unit and node
        self.decided = dict[tuple[int, int], Landing]()  # how they have to, likewise

    def fits(self, unit: int, target: int) -> bool:
        """True when the unit may go to the node now, its source still holding it; back home it may go as long as home is as it was."""
        item, cap = self.units[unit], self.problem.cap
        if not item.allowed[target]:
            return target == item.home and self._returns(unit)
        if self.memory[target] + item.memory + item.growth > self.room[target] and item.memory:
            return False
        if self.disk[target] + item.disk > cap["disk"][target] and item.disk:
            return False
        if self.cpu[target] + item.cpu > cap["cpu"][target] + SLACK and item.cpu:
            return False
        if item.groups:
            for group in item.groups:
                if self.occupied[group].get(target, 0):
                    return False
            if item.wide and self.crowded(unit, target):
                return False
        return not item.needs or self.stores(unit, target)

    def stores(self, unit: int, target: int) -> bool:
        """True when the storages of the node have room for the unit's local disks now."""
        return self._room_for(self._needs(unit, target), target)

    def _room_for(self, needs: Needs, place: int) -> bool:
        name = self.problem.names[place]
        return all(self.free.get((storage, name), 0) >= size for storage, size in needs)

    def landing(self, unit: int, place: int) -> Landing | None:
        """How the unit's disks would land there now, by the map's order as far as there is room; None: on storages of their own names."""
        if not (ways := self.units[unit].landings_on(place)):
            return None
        decided = self.decided.get((unit, place))
        return decided or next((way for way in ways if self._room_for(way.needs, place)), ways[0])

    def _needs(self, unit: int, place: int) -> Needs:
        """Bytes by storage that the unit would need there now."""
        item = self.units[unit]
        return item.needs if not item.landings or (way := self.landing(unit, place)) is None else way.needs

    def crowded(self, unit: int, target: int) -> list[int]:
        """The rules that keep the unit out of the node's failure domain now; within its own domain only the node counts."""
        area, here = self.problem.area[target], self.problem.area[self.where[unit]]
        return [] if area == here else [group for group in self.units[unit].wide if self.wide[group].get(area, 0)]

    def _returns(self, unit: int) -> bool:
        """True when a unit that was moved away fits where it was at first, even if that is over a limit."""
        item, start, cap = self.units[unit], self.problem.load, self.problem.cap
        home = item.home
        if self.memory[home] + item.memory > max(cap["memory"][home], start["memory"][home]) + SLACK:
            return False
        if self.cpu[home] + item.cpu > max(cap["cpu"][home], start["cpu"][home]) + SLACK:
            return False
        if self.disk[home] + item.disk > max(cap["disk"][home], start["disk"][home]) + SLACK:
            return False
        if item.groups and any(self.occupied[group].get(home, 0) >= self.problem.occupied[group][home] for group in item.groups):
            return False
        if item.wide:
            area = self.problem.area[home]
            if any(self.wide[group].get(area, 0) >= self.problem.wide[group][area] for group in self.crowded(unit, home)):
                return False
        return self.stores(unit, home)

    def swaps(self, one: int, two: int) -> bool:
        """True when two units on different nodes fit in each other's place; never for two that must not meet, not even on the way."""
        here, there = self.where[one], self.where[two]
        if self.plain[one] and self.plain[two]:
            return self._instead(one, there, two) and self._instead(two, here, one)
        if not set(self.units[one].groups).isdisjoint(self.units[two].groups):
            return False
        self.book(two, there, -1)
        fits = self.fits(one, there)
        self.book(two, there, 1)
        if fits:
            self.book(one, here, -1)
            fits = self.fits(two, here)
            self.book(one, here, 1)
        return fits

    def _instead(self, unit: int, target: int, leaving: int) -> bool:
        """True when the unit fits on the node once the other one, which takes nothing but what `plain` says, has left it."""
        memory, cpu, disk = self.plain[leaving] or (0, 0.0, 0)
        self.memory[target] -= memory
        self.cpu[target] -= cpu
        self.disk[target] -= disk
        fits = self.fits(unit, target)
        self.memory[target] += memory
        self.cpu[target] += cpu
        self.disk[target] += disk
        return fits

    def obstacle(self, unit: int, target: int) -> str:
        """Why the unit does not fit on the node now, in words and numbers; "" when it does."""
        item, name = self.units[unit], self.problem.names[target]
        for guest in item.guests:
            if reason := self.problem.facts.refusal(guest, name):
                return reason
        for group in item.groups:
            if self.occupied[group].get(target, 0):
                return f"{self.problem.groups[group][0]} keeps it apart from {self._holder(unit, group, (target,))} on {name}"
        if crowded := self.crowded(unit, target):
            return self._too_near(unit, crowded[0], target)
        if not item.allowed[target]:
            return self.problem.elsewhere(item.guests, name)
        room = {resource: self.problem.cap[resource][target] - self.load[resource][target] for resource in RESOURCES}
        memory, most = max(0.0, self.room[target] - self.memory[target]), item.memory + item.growth
        if most > memory and item.memory:
            words = f"needs {gib(item.memory)}" if item.memory > memory or not item.growth else f"may grow to {gib(most)}"
            return f"{words} of {label(self.problem.facts.policy, 'memory')}, {name} has {gib(memory)} free"
        if item.disk > max(0.0, room["disk"]):
            return f"needs {gib(item.disk)} of local disk, {name} has {gib(max(0.0, room['disk']))} free"
        for storage, size in self._needs(unit, target):
            if (free := self.free.get((storage, name), 0)) < size:
                in_use = f"uses up to {gib(size)} of memory, {name} has {gib(max(0, free))} free"
                return in_use if storage == IN_USE else short(size, storage, free, name)
        if item.cpu > max(0.0, room["cpu"]) + SLACK:
            return f"uses {item.cpu:.1f} cores, {name} has {max(0.0, room['cpu']):.1f} free"
        return ""

    def _too_near(self, unit: int, group: int, target: int) -> str:
        """That a rule keeps the unit out of the node's failure domain, in words."""
        problem, name = self.problem, self.problem.names[target]
        others = [place for place, area in enumerate(problem.area) if area == problem.area[target]]
        return (f"{problem.groups[group][0]} keeps it apart from {self._holder(unit, group, others)}, which is in the same domain "
                f"{problem.facts.domains.name(name)} as {name}")

    def _holder(self, unit: int, group: int, places: Collection[int]) -> str:
        """A guest of the rule that is on one of these nodes and no part of the unit."""
        for vmid in self.problem.groups[group][1]:
            if self.problem.unit_of.get(vmid) != unit and self.place(vmid) in places:
                return self.problem.facts.guests[vmid].label
        return "a guest"

    def place(self, vmid: int) -> int:
        """The node that the guest is on, -1 for one that is not in the cluster."""
        unit = self.problem.unit_of.get(vmid)
        return self.problem.index.get(self.problem.facts.guests[vmid].node, -1) if unit is None else self.where[unit]

    def move(self, unit: int, target: int) -> None:
        """Put the unit on the node, whether or not it fits."""
        if plain := self.plain[unit]:
            source, (memory, cpu, disk) = self.where[unit], plain
            self.memory[source] -= memory
            self.memory[target] += memory
            self.cpu[source] -= cpu
            self.cpu[target] += cpu
            self.disk[source] -= disk
            self.disk[target] += disk
            self.where[unit] = target
            return
        self.book(unit, self.where[unit], -1)
        self.book(unit, target, 1)
        self.where[unit] = target

    def book(self, unit: int, place: int, sign: int) -> None:
        """Count the unit on the node once more (sign 1) or once less (-1)."""
        item = self.units[unit]
        self.memory[place] += sign * item.memory
        self.cpu[place] += sign * item.cpu
        self.disk[place] += sign * item.disk
        if item.growth and place != item.home:
            self.room[place] -= sign * item.growth
        if item.groups:
            for group in item.groups:
                self.occupied[group][place] = self.occupied[group].get(place, 0) + sign
            if item.wide:
                area = self.problem.area[place]
                for group in item.wide:
                    self.wide[group][area] = self.wide[group].get(area, 0) + sign
        for name, size in self._booked(unit, place, sign) if item.needs else ():
            key = (name, self.problem.names[place])
            self.free[key] = self.free.get(key, 0) - sign * size

    def _booked(self, unit: int, place: int, sign: int) -> Needs:
        """Bytes by storage that the unit takes from now on, or takes no longer, on the node."""
        if sign > 0 and (way := self.landing(unit, place)):
            self.landed[unit, place] = way
            return way.needs
        gone = self.landed.pop((unit, place), None)
        return gone.needs if gone else self.units[unit].needs


class Packing(Board):
    """A board for emptying a node: room is no limit on it, because the search prices what is too much; nothing returns to the node."""

    def __init__(self, problem: Problem, node: int) -> None:
        super().__init__(problem)
        self.node = node

    def fits(self, unit: int, target: int) -> bool:
        """True when the fixed limits, the rules and the storages let the unit go to the node."""
        item = self.units[unit]
        if not item.allowed[target]:
            return target == item.home != self.node and self._returns(unit)
        if any(self.occupied[group].get(target, 0) for group in item.groups) or (item.wide and self.crowded(unit, target)):
            return False
        return not item.needs or self.stores(unit, target)


def why_not(cluster: Cluster, policy: Policy, vmid: int, target: str, drain: str = "") -> str:
    """Why this guest cannot go to that node in the cluster as it is now, in words; "" when nothing stands against it."""
    facts = FixedLimits(cluster, policy, drain)
    guest = facts.guests.get(vmid)
    if guest is None:
        return f"there is no guest {vmid}"
    if guest.node == target:
        return f"it is on {target} already"
    if reason := facts.fixed(guest) or facts.refusal(guest, target):
        return reason
    problem = Problem(facts)
    if vmid in problem.stays:
        return problem.stays[vmid]
    return Board(problem).obstacle(problem.unit_of[vmid], problem.index[target])
