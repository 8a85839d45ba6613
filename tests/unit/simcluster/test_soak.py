"""The simulated cluster under random use: whatever happens to it, its books are right."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from prs.errors import PveError
from simcluster import InProcessApi, World
from simcluster.ha_rules import Resource, Rule
from simcluster.scenes import local, small


def trouble(world: World, chance: random.Random) -> None:
    """Do one thing to the world."""
    life, vmid, node = world.life, chance.choice(sorted(world.guests)), chance.choice(sorted(world.nodes))
    guest = world.guests[vmid]
    match chance.randrange(12):
        case 0 if len(world.online()) > 2:
            life.kill(node)
        case 1:
            life.revive(node)
        case 2:
            life.quorum(chance.random() < 0.7)
        case 3:
            life.stop(vmid)
        case 4 if world.nodes[guest.node].alive:
            life.start(vmid)
        case 5:
            life.cancel(vmid)
        case 6:
            world.ha_maintenance(node, chance.random() < 0.5)
        case 7:
            life.silence(node)
        case 8:
            life.speak(node)
        case 9 if world.nodes[guest.node].alive:
            life.move(vmid, node)
        case 10:
            world.faults.add({"task": "[qv]*migrate", "do": "hang", "after": chance.randrange(20)})
        case _:
            params = {"target": node, "online" if guest.kind == "qemu" else "restart": 1}
            params |= {"with-local-disks": 1} if guest.kind == "qemu" else {}
            with suppress(PveError):
                InProcessApi(world).post(f"/nodes/{guest.node}/{guest.kind}/{vmid}/migrate", params)


def assert_sound(world: World, vmids: set[int]) -> None:
    """No guest lost, no guest running on a dead node, nothing arriving without a task, every request answered in form."""
    assert set(world.guests) == vmids
    moving = {task.upid for task in world.tasks.running("qmigrate", "vzmigrate")}
    for guest in world.guests.values():
        assert world.nodes[guest.node].alive or not guest.running
        assert guest.migrating in {"", *moving}
    for node in world.nodes.values():
        here = sum(guest.resident for guest in world.on(node.name))
        arriving = world.tasks.arriving(node.name)
        assert world.memory_used(node.name) == node.memory_host + here + int(arriving)
        assert arriving == 0 or any(task.target == node.name for task in world.tasks.running())
    rows = InProcessApi(world).get("/cluster/resources", {"type": "vm"})
    assert {row["vmid"]: row["node"] for row in rows} == {guest.vmid: guest.node for guest in world.guests.values()}
    assert not world.schema_errors


@pytest.mark.parametrize("seed", range(30))
def test_the_books_are_right_after_anything(seed: int) -> None:
    """150 random events in one cluster, checked after each; then everything is repaired and the cluster comes to rest."""
    chance = random.Random(seed)
    world = (small if seed % 2 else local)("8" if seed % 3 == 0 else "9")
    world.ha.rules.rules.append(Rule("apart", ("vm:101", "vm:107"), affinity="negative"))
    for sid in ("vm:101", "vm:102", "vm:107", "ct:110"):
        world.ha.add(Resource(sid))
    vmids = set(world.guests)
    for _ in range(150):
        trouble(world, chance)
        world.clock.sleep(chance.choice((0.5, 3, 20, 90)))
        assert_sound(world, vmids)
    for node in sorted(world.nodes):
        world.life.revive(node)
        world.life.speak(node)
        world.ha_maintenance(node, False)
    world.life.quorum(True)
    world.faults.clear()
    for vmid in sorted(vmids):
        world.life.cancel(vmid)
        world.life.lock(vmid, "")
    world.clock.sleep(3600)
    assert_sound(world, vmids)
    assert not world.tasks.running()
    assert not world.links.flows
    assert world.clock.next_event() is None
