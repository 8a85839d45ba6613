"""Small clusters whose local disks land on storages of other names by a map, and what is true of them.

Everything else is plain here (no rules, no budget, no guard), so that the truth needs no more than where each guest and its disk are.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from prs.model import Cluster, Guest, Node, Plan, Policy, Storage, Volume
from prs.planner.plan import check_plan, plan_balance, plan_drain

GIB = 2**30
EPSILON = 1e-9
POINT = 0.01
State = tuple[tuple[int, str], ...]  # by guest: the number of its node, and the storage of its disk there ("" = it has none)


@dataclass(frozen=True)
class Mapped:
    """A question to the planner: a cluster whose map is `*: any`, and the node to empty ("" = balance)."""

    cluster: Cluster
    policy: Policy
    drain: str


def mapped(seed: int) -> Mapped:
    """The cluster of this number: three nodes with one to three storages each, filled more or less, and at most six guests."""
    chance = Random(f"mapped {seed}")
    names, guests, storages = ("n1", "n2", "n3"), list[Guest](), list[Storage]()
    full = chance.choice((0.5, 0.8, 1.0, 1.0))
    rooms = {(name, f"{name[1]}{'abc'[number]}"): chance.choice((10, 20, 20, 30, 40))
             for name in names for number in range(chance.randint(1, 3))}
    rooms |= {(name, "local"): chance.choice((10, 20, 30)) for name in names if chance.random() < 0.4}
    free = {key: round(size * full) for key, size in rooms.items()}
    weights = [chance.random() + 0.1 for _ in names]
    for vmid in range(100, 100 + chance.randint(3, 6)):
        name, size = chance.choices(names, weights)[0], chance.choice((0, 10, 10, 20, 20, 30))
        storage = next((place for (there, place), left in free.items() if there == name and left >= size), "")
        if storage and size:
            free[name, storage] -= size
        size = size if storage else 0
        memory = chance.choice((1, 2, 3, 4, 6)) * GIB
        volumes = (Volume(storage, size * GIB, f"{storage}:{vmid}"),) if size else ()
        guests.append(Guest(vmid, f"g{vmid}", "qemu", name, memory=memory, memory_max=memory, cpu=0.1, cpu_max=1.0, disk=size * GIB,
                            inspected=True, volumes=volumes))  # fmt: skip
    for (name, storage), size in rooms.items():
        held = sum(guest.disk for guest in guests if guest.node == name and guest.volumes and guest.volumes[0].storage == storage)
        extra = round((size - held / GIB) * (1.0 - full)) * GIB  # what guests that nobody sees hold there
        storages.append(Storage(storage, name, total=size * GIB, used=held + extra, plugin="lvmthin"))
    nodes = tuple(Node(name, memory=16 * GIB, memory_host=GIB, cpu=16.0, id=number,
                       disk=sum(one.total for one in storages if one.node == name),
                       disk_host=sum(one.used for one in storages if one.node == name)
                       - sum(guest.disk for guest in guests if guest.node == name)) for number, name in enumerate(names, 1))  # fmt: skip
    policy = Policy(storages=(("*", ("any",)),), guard=1.0, spread=chance.choice((0.03, 0.05, 0.1)), dirty_rate=0.0)
    drain = chance.choice(names) if chance.random() < 0.6 else ""
    return Mapped(Cluster(nodes=nodes, guests=tuple(guests), storages=tuple(storages)), policy, drain)


class Reached:
    """Every state that safe steps lead to, with the least seconds that each takes."""

    def __init__(self, case: Mapped) -> None:
        self.case, self.guests = case, case.cluster.guests
        self.names = [node.name for node in case.cluster.nodes]
        self.start: State = tuple(
            (self.names.index(guest.node), guest.volumes[0].storage if guest.volumes else "") for guest in self.guests)
        self.free = {(self.names.index(one.node), one.name): one.total - one.used for one in case.cluster.storages}
        self.states = self._all()

    def _seconds(self, guest: Guest) -> float:
        return self.case.policy.overhead + (guest.memory + guest.disk) / self.case.policy.link_speed

    def _all(self) -> dict[State, float]:
        least, heap, done = {self.start: 0.0}, [(0.0, self.start)], set[State]()
        while heap:
            paid, state = heapq.heappop(heap)
            if state in done:
                continue
            done.add(state)
            for number, place in self._next(state):
                after = (*state[:number], place, *state[number + 1:])
                cost = paid + self._seconds(self.guests[number])
                if cost < least.get(after, float("inf")):
                    least[after] = cost
                    heapq.heappush(heap, (cost, after))
        return least

    def _next(self, state: State) -> Iterator[tuple[int, tuple[int, str]]]:
        """One guest with where it and its disk may go from here; back home the disk goes where it was."""
        free, room = dict(self.free), [float(node.memory - node.memory_host) for node in self.case.cluster.nodes]
        for guest, was, now in zip(self.guests, self.start, state, strict=True):
            if guest.disk:
                free[was] += guest.disk
                free[now] -= guest.disk
            room[now[0]] -= guest.memory
        for number, guest in enumerate(self.guests):
            for node, name in enumerate(self.names):
                if node == state[number][0] or name == self.case.drain or room[node] < guest.memory:
                    continue
                home = node == self.start[number][0]
                places = [self.start[number]] if home else [key for key in free if key[0] == node] if guest.disk else [(node, "")]
                spare = int(bool(self.case.drain) and not home and self.names[self.start[number][0]] != self.case.drain)
                yield from ((number, place) for place in places if not guest.disk or free[place] >= guest.disk + spare)

    def spread(self, state: State) -> float:
        """Fullest less emptiest open node, by memory."""
        load = [float(node.memory_host) for node in self.case.cluster.nodes]
        for guest, (node, _) in zip(self.guests, state, strict=True):
            load[node] += guest.memory
        use = [one / node.memory for one, node in zip(load, self.case.cluster.nodes, strict=True) if node.name != self.case.drain]
        return max(use) - min(use)


def play(case: Mapped) -> tuple[Plan, list[str]]:
    """The plan, and each claim of it that is false."""
    plan = plan_drain(case.cluster, case.policy, case.drain, 0.0) if case.drain else plan_balance(case.cluster, case.policy, 0.0)
    broken = [f"the walk says: {text}" for text in check_plan(case.cluster, case.policy, plan)]
    return plan, [*broken, *(drained if case.drain else balanced)(Reached(case), plan)]


def drained(truth: Reached, plan: Plan) -> Iterator[str]:
    """That a node cannot be emptied, what that costs at least, and how level it can end."""
    node = truth.names.index(truth.case.drain)
    empty = {state: cost for state, cost in truth.states.items() if all(place != node for place, _ in state)}
    if plan.blockers and empty:
        yield f"the node can be emptied for {min(empty.values()):.1f} s: {plan.summary}"
    if plan.blockers or not plan.moves:
        return
    least = min(empty.values())
    if plan.cost_bound is not None and plan.cost_bound > least + 1e-6:
        yield f"the node can be emptied for {least:.2f} s, the bound is said to be {plan.cost_bound:.2f}"
    if plan.spread_reachable is not None and plan.spread_reachable > min(map(truth.spread, empty)) + 1e-6:
        yield f"{min(map(truth.spread, empty)):.4f} can be reached, {plan.spread_reachable:.4f} is said"


def balanced(truth: Reached, plan: Plan) -> Iterator[str]:
    """That nothing can be done, how level it can get, and what that costs at least."""
    policy, start = truth.case.policy, truth.spread(truth.start)
    best = min(map(truth.spread, truth.states))
    if plan.spread_reachable is not None and plan.spread_reachable > best + 1e-6:
        yield f"{best:.4f} can be reached, {plan.spread_reachable:.4f} is said"
    if not plan.moves and start > policy.spread and start - best > (POINT if "less than a point" in plan.summary else 0.0) + EPSILON:
        yield f"the spread can be lowered by {(start - best) * 100:.2f} points, and nothing is done: {plan.summary}"
    aim = policy.spread * policy.aim
    if plan.spread_after > policy.spread + EPSILON and (best <= aim - EPSILON or best < plan.spread_after - POINT - EPSILON):
        yield f"the spread can be {best * 100:.2f} points, the plan ends at {plan.spread_after * 100:.2f}"
    if plan.moves and plan.cost_bound is not None:
        width = max(aim, plan.spread_after)
        least = min(cost for state, cost in truth.states.items() if truth.spread(state) <= width + EPSILON)
        if plan.cost_bound > least * (1 + 1e-6):
            yield f"a plan as good costs {least:.2f} s, the bound is said to be {plan.cost_bound:.2f}"
