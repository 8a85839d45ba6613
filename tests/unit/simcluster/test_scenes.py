"""Scenes of the simulated cluster: written as JSON and back, from benchmark instances, and large ones in little time."""

from __future__ import annotations

import time
from typing import Any

import pytest

from simcluster import InProcessApi, SceneError
from simcluster.nouns import GiB, MiB
from simcluster.scenes import SCENES, from_benchmark, from_json, large, small, to_json

SCENE: dict[str, Any] = {
    "flavour": "8",
    "name": "story",
    "nodes": {"a": {"memory": 96, "cpu": 8, "host": 2.5, "bridges": ["vmbr0", "vmbr1"]}, "b": {"memory": 32, "link": 0.5}},
    "storages": {"ceph": {"type": "rbd", "shared": True, "total": 1000}, "lvm": {"type": "lvmthin", "nodes": ["a"], "total": 100}},
    "guests": {
        "100": {"name": "db", "node": "a", "memory": 6, "max": 8, "cpu": 1.5, "cores": 4, "dirty": 100, "tags": ["prod"],
                "disks": {"scsi0": "lvm:20,snapshot", "ide2": "lvm:0.25,cloudinit"}},
        "101": {"name": "ct", "node": "b", "kind": "lxc", "memory": 1, "max": 1, "cores": 1, "config": {"mp0": "/srv,mp=/srv"},
                "disks": {"rootfs": "ceph:8"}},
    },
    "ha": {
        "resources": {"vm:100": {"group": "g"}, "ct:101": {}},
        "groups": {"g": {"nodes": {"a": 2, "b": 1}, "restricted": True}},
    },
    "mappings": {"gpu": {"nodes": ["a"], "live": True}},
    "options": {"crs": {"ha": "static"}},
    "ceph": "HEALTH_OK",
}  # fmt: skip
RULES: dict[str, Any] = {"rules": {"apart": {"resources": ["vm:100", "ct:101"], "affinity": "negative"}}}
ON_9: dict[str, Any] = {**SCENE, "flavour": "9", "ha": {"resources": {"vm:100": {}, "ct:101": {}}, **RULES}}


def test_a_scene_is_read_into_bytes() -> None:
    """GiB become bytes, words of a disk its properties, HA what the API tells."""
    world = from_json(SCENE)
    assert (world.nodes["a"].memory_host, world.nodes["b"].link, world.guests[100].dirty) == (2.5 * GiB, 0.5 * GiB, 100 * MiB)
    disk, cloud = world.guests[100].disks
    assert (disk.volid, disk.size, disk.snapshot, cloud.volid, cloud.cloudinit) == (
        "lvm:vm-100-disk-0", 20 * GiB, True, "lvm:vm-100-cloudinit", True,
    )  # fmt: skip
    groups = InProcessApi(world).get("/cluster/ha/groups")
    assert [(row["group"], row["nodes"], row["restricted"]) for row in groups] == [("g", "a:2,b:1", 1)]


@pytest.mark.parametrize("scene", [SCENE, ON_9], ids=["PVE 8", "PVE 9"])
def test_a_scene_survives_the_way_there_and_back(scene: dict[str, Any]) -> None:
    """to_json gives what from_json reads, to the same world."""
    written = to_json(from_json(scene))
    assert to_json(from_json(written)) == written
    assert written["nodes"] == scene["nodes"], written["nodes"]
    assert written["guests"]["100"]["disks"] == scene["guests"]["100"]["disks"]
    assert written["ha"] == scene["ha"]


@pytest.mark.parametrize("name", sorted(SCENES))
def test_every_scene_can_be_written_and_read(name: str) -> None:
    """And shows the same resources afterwards."""
    world = SCENES[name]()
    again = from_json(to_json(world))
    nodes = [InProcessApi(each).get("/cluster/resources", {"type": "node"}) for each in (world, again)]
    assert nodes[0] == nodes[1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"guest": {}}, "the scenario: unknown key guest"),
        ({"ha": RULES}, "ha of PVE 8: unknown key rules; allowed are resources, groups, maintenance"),
        ({"guests": {"100": {"memory": 1}}}, "guest 100: node is missing"),
        ({"guests": {"100": {"node": "z"}}}, "there is no node 'z'"),
        ({"guests": {"100": {"node": "a", "ram": 1}}}, "guest 100: unknown key ram"),
        ({"guests": {"100": {"node": "a", "disks": {"scsi0": "nfs:1"}}}}, "there is no storage 'nfs'"),
        ({"guests": {"100": {"node": "a", "disks": {"scsi0": "ceph"}}}}, "is not of the form storage:GiB"),
        ({"guests": {"100": {"node": "a", "disks": {"scsi0": "ceph:1,big"}}}}, "unknown word 'big'"),
        ({"nodes": {"a": {"ram": 1}}}, "node a: unknown key ram"),
        ({"faults": [{"at": 1, "do": "melt"}]}, "unknown do"),
    ],
)
def test_a_scene_written_wrongly_names_the_place(changes: dict[str, Any], words: str) -> None:
    """At once."""
    with pytest.raises(SceneError, match=words):
        from_json({**SCENE, "ha": {}, **changes})


def test_a_benchmark_instance_becomes_a_cluster() -> None:
    """MiB become bytes, groups become HA rules."""
    world = from_benchmark({
        "id": "syn-1", "drain": None, "affinity": [[1, 3]], "anti_affinity": [[1, 2]],
        "nodes": [
            {"name": "n1", "mem": 4096, "mem_host": 512, "cpu": 8, "disk": 1000},
            {"name": "n2", "mem": 4096, "mem_host": 512, "cpu": 8, "disk": 0},
        ],
        "guests": [
            {"id": 1, "type": "vm", "node": "n1", "mem": 1000, "maxmem": 2000, "cpu": 0.5, "vcpu": 2, "disk": 100},
            {"id": 2, "type": "vm", "node": "n2", "mem": 500, "maxmem": 2000, "cpu": 0.5, "vcpu": 2, "disk": 0},
            {"id": 3, "type": "vm", "node": "n1", "mem": 500, "maxmem": 2000, "cpu": 0.5, "vcpu": 2, "disk": 0},
        ],
    })  # fmt: skip
    assert (world.memory_used("n1"), world.storage_used("local-zfs", "n1")) == (2012 * MiB, 100 * MiB)
    rules = InProcessApi(world).get("/cluster/ha/rules")
    assert [(rule["affinity"], rule["resources"]) for rule in rules] == [("negative", "vm:1,vm:2"), ("positive", "vm:1,vm:3")]


def test_a_large_cluster_is_shown_whole_and_fits() -> None:
    """2128 entries, no node overfilled, the same for the same seed."""
    world = large()
    rows = InProcessApi(world).get("/cluster/resources")
    assert (len(rows), sum(row["type"] == "node" for row in rows)) == (2000 + 32 + 64 + 32, 32)
    assert all(world.memory_used(name) <= node.memory for name, node in world.nodes.items())
    assert [guest.node for guest in large().guests.values()] == [guest.node for guest in world.guests.values()]
    assert [guest.node for guest in large(seed=2).guests.values()] != [guest.node for guest in world.guests.values()]


def test_a_quiet_week_passes_at_once() -> None:
    """Nothing ticks."""
    world = small()
    begun = time.perf_counter()
    world.clock.sleep(7 * 86400)
    assert time.perf_counter() - begun < 0.1
