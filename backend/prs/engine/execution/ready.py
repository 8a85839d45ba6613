"""Which steps may start now: pure decisions over the steps of a job and a fresh snapshot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from prs.engine.drain.way_back import settled
from prs.engine.journal.jobs import Step
from prs.model import Cluster, Guest, Policy
from prs.planner.verify import walk


def startable(steps: tuple[Step, ...], elsewhere: Iterable[Step], policy: Policy, locked: Collection[int] = ()) -> list[Step]:
    """The planned steps, in plan order, that neither wait for an earlier step nor exceed the parallel limits.

    `elsewhere` are the active steps of other jobs: the limits hold for all jobs together. The guests `locked` take nobody's turn.
    """
    active = [step for step in steps if step.active] + list(elsewhere)
    busy = Counter(node for step in active for node in (step.source, step.target))
    free, chosen = policy.parallel_total - len(active), []
    domains = {node.lower(): domain for domain, nodes in policy.domains for node in nodes}
    for index, step in enumerate(steps):
        aside = step.vmid in locked
        if (free <= 0 and not aside) or step.state != "planned" or any(_waits_for(step, earlier, domains) for earlier in steps[:index]):
            continue
        if aside:
            chosen.append(step)
            continue
        if max(busy[step.source], busy[step.target]) >= policy.parallel_node:
            continue
        busy.update((step.source, step.target))
        free -= 1
        chosen.append(step)
    return chosen


def concerned(ready: Iterable[Step], steps: Iterable[Step]) -> set[str]:
    """The nodes whose guests decide whether these may start: their ends, and where others come from that are to be on one of those."""
    ends = {name for step in ready for name in (step.source, step.target)}
    return ends | {step.source for step in steps if step.open and step.target in ends}


def _waits_for(step: Step, earlier: Step, domains: Mapping[str, str]) -> bool:
    """An unfinished earlier step goes first if it moves the same guest or makes room (or keeps a rule) on the target.

    A guest of an earlier round that leaves the target's failure domain goes first too: the step's guest may have to be apart from it.
    """
    if not earlier.open:
        return False
    place = domains.get(step.target.lower(), "")
    leaves = bool(place) and earlier.round != step.round and place == domains.get(earlier.source.lower())
    return leaves or earlier.vmid == step.vmid or earlier.source == step.target


def reserve(cluster: Cluster, ahead: Iterable[Step], arrived: Iterable[Step]) -> Cluster:
    """The cluster as crowded as it may become: guests under way count on both nodes, just arrived ones beside the target's old figures."""
    moving = {step.vmid: step.target for step in ahead}
    held: Counter[str] = Counter()
    for step in arrived:
        held[step.target] += step.memory
    guests: list[Guest] = []
    for guest in cluster.guests:
        target = moving.get(guest.vmid, guest.node)
        if target != guest.node:
            held[guest.node] += guest.memory
        guests.append(replace(guest, node=target))
    nodes = tuple(replace(node, memory_host=node.memory_host + held[node.name]) for node in cluster.nodes)
    return replace(cluster, guests=tuple(guests), nodes=nodes)


def objection(cluster: Cluster, step: Step, crowd: Iterable[Step], arrived: Iterable[Step], policy: Policy, drain: str) -> str:
    """Why the step must not start on this snapshot, in words; `crowd` are the steps under way and those promised room before it."""
    crowd = list(crowd)
    under_way = {one.vmid: one.target for one in crowd if one.active}
    leaving = {guest.vmid: guest.node for guest in cluster.guests if under_way.get(guest.vmid, guest.node) != guest.node}
    return walk.objection(reserve(settled(cluster, [step]), crowd, arrived), policy, step.move, drain, leaving)
