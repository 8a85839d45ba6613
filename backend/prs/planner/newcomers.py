"""Guests to be as guests of the cluster: on a node of their own that is about to be emptied, while all others stay where they are. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from prs.errors import PlanError
from prs.model import Cluster, Guest, NewGuest, Node, Policy, Rule, Volume
from prs.planner.problem.storage_map import CONTENT
from prs.planner.problem.tags_and_pools import in_pool
from prs.planner.quantities import gib
from prs.similar import in_brackets

WAITING = "guests to be"  # no name of a node: those hold no blank (PVE::JSONSchema pve-node)
STAYS = "stays where it is while a place for others is looked for"


def with_newcomers(cluster: Cluster, asked: Sequence[NewGuest]) -> Cluster:
    """The cluster with the guests to be on the node WAITING, vmids -1, -2 and so on; PlanError with all mistakes of the question."""
    mistakes = [words for number, one in enumerate(asked) for words in _mistakes(cluster, one, f"guests[{number}]")]
    if mistakes:
        raise PlanError("; ".join(mistakes), mistakes)
    # A node that is offline tells nothing of a storage that others have: PVE's list has no size there.
    left = {storage.name: storage.total - storage.used for storage in cluster.storages if storage.shared and storage.active}
    called = names(asked)
    guests = tuple(replace(_guest(cluster, one, -number, left), name=called[number - 1]) for number, one in enumerate(asked, 1))
    rules = tuple(_joined(rule, asked) for rule in cluster.rules)
    stay = tuple(replace(guest, blockers=(*guest.blockers, STAYS)) for guest in cluster.guests)
    bridges = {bridge for node in cluster.nodes for bridge in node.bridges or ()}
    waiting = Node(WAITING, bridges=tuple(sorted(bridges)))  # as if it had all: a node that lacks one of a guest's says so
    return replace(cluster, nodes=(*cluster.nodes, waiting), guests=(*stay, *guests), rules=rules)


def pools_unknown(cluster: Cluster, policy: Policy, asked: Sequence[NewGuest]) -> list[str]:
    """That a pool may be misspelt, in words: where pools are rules, one that no guest is in and no rule is about."""
    known = sorted(({guest.pool for guest in cluster.guests} | {pool.name for pool in policy.pools}) - {""})
    strange = {one.pool for one in asked if one.pool and not any(in_pool(pool, one.pool) or in_pool(one.pool, pool) for pool in known)}
    return [
        f"Pool {name}: no guest of it can be seen, and the configuration says nothing of it{in_brackets(name, known)}."
        for name in sorted(strange) if policy.pools
    ]  # fmt: skip


def names(asked: Sequence[NewGuest]) -> list[str]:
    """What the guests are called, each name once: guests without one are numbered, and so are those of one name."""
    plain = [one.name or (f"like {one.like}" if one.like else "new guest") for one in asked]
    taken = {name for name in plain if plain.count(name) == 1}
    return [name if name in taken else _numbered(name, taken) for name in plain]


def _numbered(name: str, taken: set[str]) -> str:
    """The name with the first number with which it is not taken yet; it is then."""
    found = next(words for number in count(1) if (words := f"{name} {number}") not in taken)
    taken.add(found)
    return found


def _mistakes(cluster: Cluster, one: NewGuest, where: str) -> list[str]:
    found = list[str]()
    known = {guest.vmid for guest in cluster.guests}
    if one.like and one.like not in known:
        found.append(f"{where}.like: there is no guest {one.like}")
    if not one.memory and not one.like:
        found.append(f"{where}.memory: is missing (bytes), and no guest to be like is named")
    found += [f"{where}.{name}: is below zero" for name in ("memory", "cores", "like") if getattr(one, name) < 0]
    storages = {storage.name: storage for storage in cluster.storages}
    kind = one.kind or next((guest.kind for guest in cluster.guests if guest.vmid == one.like), "qemu")
    for number, disk in enumerate(one.disks):
        storage, place = storages.get(disk.storage), f"{where}.disks[{number}]"
        if storage is None:
            found.append(f"{place}.storage: there is no storage {disk.storage} that can be seen{in_brackets(disk.storage, list(storages))}")
        elif storage.content and CONTENT[kind] not in storage.content:
            found.append(f"{place}.storage: {disk.storage} does not take content type {CONTENT[kind]}")
        if disk.size < 1:
            found.append(f"{place}.size: a number of bytes from 1 on is expected")
    rules = {rule.name for rule in cluster.rules}
    for name in one.rules:
        if name not in rules:
            found.append(f"{where}.rules: there is no HA rule {name} that can be seen{in_brackets(name, sorted(rules))}")
    return found


def _joined(rule: Rule, asked: Sequence[NewGuest]) -> Rule:
    """The rule with the guests to be that name it, or that are like a guest of it."""
    more = tuple(-number for number, one in enumerate(asked, 1) if rule.name in one.rules or one.like in rule.guests)
    return replace(rule, guests=(*rule.guests, *more)) if more else rule


def _guest(cluster: Cluster, one: NewGuest, vmid: int, left: dict[str, int]) -> Guest:
    """The guest to be; what it takes of shared storages is taken off `left`, and one for which there is not enough goes nowhere."""
    model = next((guest for guest in cluster.guests if guest.vmid == one.like), None)
    like = model or Guest(0, "", "qemu", WAITING)
    shared = {storage.name for storage in cluster.storages if storage.shared}
    elsewhere = [Volume(storage, size) for storage, size in like.images if storage in shared]
    disks = [Volume(disk.storage, disk.size) for disk in one.disks] or [*like.volumes, *elsewhere]
    short = list[str]()
    for disk in disks:
        if disk.storage in left:
            if disk.size > left[disk.storage]:
                short.append(f"needs {gib(disk.size)} on storage {disk.storage}, which has {gib(max(0, left[disk.storage]))} free")
            left[disk.storage] -= disk.size
    memory = one.memory or max(like.memory_max, like.memory)
    return Guest(
        vmid, "", one.kind or like.kind, WAITING, memory=memory, memory_max=memory, cpu=like.cpu if model else 0.0,
        disk=sum(disk.size for disk in disks if disk.storage not in shared), tags=one.tags or like.tags, pool=one.pool or like.pool,
        ha="started" if like.ha or one.rules else "", volumes=tuple(disks), blockers=tuple(short),
        vcpus=one.cores or like.vcpus or round(like.cpu_max), arch=like.arch, bridges=like.bridges, inspected=True,
    )  # fmt: skip

