"""Random clusters, policies and faults, all from one seeded generator."""

from __future__ import annotations

import random
from typing import Any

from prs.model import Policy
from simcluster.access import Grant
from simcluster.ha_rules import Group, Resource, Rule
from simcluster.scenario import from_json
from simcluster.scenes import add_accounts
from simcluster.world import Flavour, World

SETTLED = 900.0  # virtual seconds that a cluster has been running before the job
BOUND = ("affinity", "apart", "together")


def cluster(dice: random.Random, flavour: Flavour) -> World:
    """Three to five nodes with guests of all kinds; every third is nearly full, in every second some are under HA, or tagged."""
    names = [f"pve{number}" for number in range(1, dice.randint(3, 5) + 1)]
    guests = {str(101 + number): _guest(dice, dice.choice(names), 101 + number) for number in range(dice.randint(8, 20))}
    storages = {"ceph": {"type": "rbd", "shared": True, "total": 4000}, "local-zfs": {"total": 300, "used": dice.randint(0, 60)}}
    nodes = {name: {"memory": 64, "cpu": 16, "host": 2} for name in names}
    if dice.random() < 0.33:
        _fill(dice, nodes, guests)
    world = add_accounts(from_json({"flavour": flavour, "nodes": nodes, "storages": storages, "guests": guests}))
    if dice.random() < 0.5:
        _high_availability(dice, world)
    if dice.random() < 0.5:
        _tags(dice, world)
    world.clock.sleep(SETTLED)
    return world


def _fill(dice: random.Random, nodes: dict[str, dict[str, Any]], guests: dict[str, dict[str, Any]]) -> None:
    """Let each node's own programs use so much that 60 to 85 % of its memory is taken."""
    for name, node in nodes.items():
        used = sum(guest["memory"] for guest in guests.values() if guest["node"] == name and guest["status"] == "running")
        node["host"] = max(2.0, round(node["memory"] * dice.uniform(0.6, 0.85) - used, 1))


def _guest(dice: random.Random, node: str, vmid: int) -> dict[str, Any]:
    memory = round(dice.choice((1, 2, 4, 8)) * dice.uniform(0.5, 1.2), 1)
    storage = "local-zfs" if dice.random() < 0.3 else "ceph"
    kind = "lxc" if dice.random() < 0.15 else "qemu"
    disk = {"rootfs" if kind == "lxc" else "scsi0": f"{storage}:{dice.randint(2, 20)}" + (",unsized" if dice.random() < 0.1 else "")}
    disk |= {"unused0": f"local-zfs:{dice.randint(2, 20)}"} if dice.random() < 0.05 else {}
    return {
        "name": f"g{vmid}", "node": node, "kind": kind, "status": dice.choice(("running",) * 6 + ("stopped",)), "memory": memory,
        "max": memory * 1.5, "cpu": round(dice.uniform(0.05, 1.5), 2), "cores": 2, "dirty": dice.choice((5, 20, 60)), "disks": disk,
    }  # fmt: skip


def _high_availability(dice: random.Random, world: World) -> None:
    chosen = dice.sample(sorted(world.guests), min(len(world.guests), dice.randint(2, 6)))
    apart = [world.guests[vmid].sid for vmid in chosen[:2] if world.guests[chosen[0]].node != world.guests[chosen[1]].node]
    bound = world.guests[chosen[-1]]
    nodes = dict.fromkeys(dice.sample(sorted(world.nodes), 2), 1) | {bound.node: 2}
    rules, groups = world.ha.rules.rules, world.ha.rules.groups
    if world.flavour == "8":
        groups["preferred"] = Group("preferred", nodes, restricted=dice.random() < 0.3, nofailback=dice.random() < 0.3)
    else:
        if len(apart) == 2:
            rules.append(Rule("apart", tuple(apart), affinity="negative"))
        if bound.sid not in apart:
            rules.append(Rule("preferred", (bound.sid,), nodes, strict=dice.random() < 0.3))
    for vmid in chosen:
        guest = world.guests[vmid]
        world.ha.add(Resource(guest.sid, group="preferred" if world.flavour == "8" and guest is bound else ""))


def _tags(dice: random.Random, world: World) -> None:
    """Tag guests as apart, together, bound to two nodes and left alone; none that the HA manager moves, as it knows no tags."""
    free = [guest for guest in world.guests.values() if guest.sid not in world.ha.resources]
    dice.shuffle(free)
    apart = list({guest.node: guest for guest in free}.values())[: dice.randint(2, 3)]
    rest = [guest for guest in free if guest not in apart]
    pair = next(([one, other] for one in rest for other in rest if one is not other and one.node == other.node), [])
    rest = [guest for guest in rest if guest not in pair]
    for guest in apart:
        guest.tags = ("plb_anti_affinity_a",)
    for guest in pair:
        guest.tags = ("plb_affinity_b",)
    for guest in rest[:2]:
        guest.tags = tuple(sorted({f"plb_pin_{guest.node}", f"plb_pin_{dice.choice(sorted(world.nodes))}"}))
    for guest in rest[2:3]:
        guest.tags = ("plb_ignore", "web") if dice.random() < 0.3 else ("web",)


def blind(dice: random.Random, world: World, who: str) -> None:
    """Take from the account the sight of some guests, in one of the ways in which PVE tells nobody: a role without propagation,
    NoAccess on guests or on a pool, or rights on a pool only."""
    access = world.access
    some = dice.sample(sorted(world.guests), dice.randint(1, 4))
    way = dice.choice(("guest", "pool", "members", "once"))
    if way == "guest":
        access.grants += [Grant(f"/vms/{vmid}", who, "NoAccess") for vmid in some]
        return
    for vmid, guest in world.guests.items():
        guest.pool = "" if way == "once" else "secret" if vmid in some else dice.choice(("web", "web/shop"))
    if way == "pool":
        access.grants.append(Grant("/pool/secret", who, "NoAccess"))
        return
    access.roles["Nodes"] = access.roles["PRS"] - {"VM.Audit", "VM.Migrate", "VM.Config.Disk"}
    access.grants[:] = [grant for grant in access.grants if grant.who != who]
    access.grants.append(Grant("/", who, "Nodes"))
    if way == "members":
        access.grants.append(Grant("/pool/web", who, "PRS"))
        return
    access.grants.append(Grant("/vms", who, "PRS", propagate=False))
    access.grants += [Grant(f"/vms/{vmid}", who, "PRS") for vmid in world.guests if vmid not in some]


def policy(dice: random.Random) -> Policy:
    """Limits as an administrator might set them."""
    return Policy(containers=dice.random() < 0.6, parallel_total=dice.choice((1, 2, 4, 8)), parallel_node=dice.choice((1, 2, 4)))


def faults(dice: random.Random, world: World) -> list[dict[str, Any]]:
    """Up to eight faults that begin while the job is at work; each is an entry for World.faults."""
    found: list[dict[str, Any]] = []
    for _ in range(dice.choice((0, 1, 2, 3, 4, 6, 8))):
        entry = _fault(dice, world)
        # Nothing else can happen to a guest that is deleted, and none appears twice.
        last = {other.get("guest") for other in found if {entry["do"], other["do"]} & {"vanish", "appear"}}
        if entry.get("guest", -1) not in last:
            found.append(entry)
    return found


def _fault(dice: random.Random, world: World) -> dict[str, Any]:
    vmid, node, user = dice.choice(sorted(world.guests)), dice.choice(sorted(world.nodes)), "prs@pve"
    lasts, soon = dice.choice((20, 90, 300, 700)), dice.choice((dice.uniform(0, 60), dice.uniform(0, 300)))
    now = {"at": world.clock.time() - world.clock.start + soon}
    task = {"task": dice.choice(("qmigrate", "[qv]*migrate")), "nth": dice.randint(1, 4), "after": dice.randint(0, 12)}
    post = {"on": "POST /nodes/{node}/*/{vmid}/migrate", "nth": dice.randint(1, 4)}
    free = [number for number, guest in world.guests.items() if guest.sid not in world.ha.resources] or [vmid]
    kinds: list[dict[str, Any]] = [
        {**now, "do": "lock", "guest": vmid, "word": "backup", "for": lasts}, {**now, "do": "stop", "guest": vmid},
        {**now, "do": "vanish", "guest": vmid}, {**now, "do": "cancel", "guest": vmid},
        {**now, "do": "move", "guest": dice.choice(free), "target": node},
        {**now, "do": "kill", "node": node, **({"for": lasts} if dice.random() < 0.7 else {})},
        {**now, "do": "api", "node": node, "state": dice.choice(("down", "hangs")), "for": lasts},
        {**now, "do": "quorum_lost", "for": lasts}, {**now, "do": "silence", "node": node, "for": lasts},
        {**now, "do": "load", "guest": vmid, "memory": dice.choice((1, 6, 12))}, {**now, "do": "disable", "user": user, "for": lasts},
        {**now, "do": "maintenance", "node": node, "for": lasts}, {**now, "do": "fill", "storage": "local-zfs", "used": 280},
        {**now, "do": "appear", "guest": 900 + dice.randint(0, 9), "entry": {"node": node, "memory": 2, "disks": {"scsi0": "ceph:8"}}},
        {**task, "do": "fail", "words": "no space left on device"}, {**task, "do": "hang", "deaf": dice.random() < 0.3},
        {**task, "do": "problems", "words": "migration problems"}, {"task": "hamigrate", "do": "ignore", "nth": dice.randint(1, 3)},
        {**task, "do": "kill", "with": {"node": node}, "for": lasts},
        {**post, "do": "answer", "status": dice.choice((595, 596)), "words": "Connection timed out", "carry_out": dice.random() < 0.6},
        {**post, "do": "answer", "status": 500, "words": "VM is locked (backup)"}, {**post, "do": "drop"},
        {"on": "GET /cluster/resources", "nth": dice.randint(1, 30), "do": "short", "without": dice.choice((["qemu", "lxc"], ["qemu"]))},
        {"on": "GET /cluster/resources", "nth": dice.randint(1, 30), "times": dice.randint(1, 8), "do": "slow", "seconds": 40},
        {"on": "GET /nodes/{node}/tasks/{upid}/status", "nth": dice.randint(1, 20), "times": dice.randint(1, 20), "do": "answer",
         "status": 596, "words": "Connection timed out", "slow": 5},
    ]  # fmt: skip
    return dice.choice(kinds)
