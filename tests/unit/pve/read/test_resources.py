"""/cluster/resources as nouns: units, and unknown that stays unknown."""

from __future__ import annotations

from typing import Any

import pytest

from prs.pve.read.resources import UNLISTED, UNTRUE, guests, holds_guests, nodes, nowhere, storages
from prs.pve.read.values import Row

GiB = 2**30


def vm(**more: Any) -> dict[str, Any]:
    """A running VM as PVE 9 lists it."""
    return {
        "id": "qemu/101", "type": "qemu", "vmid": 101, "name": "db01", "node": "pve1", "status": "running", "uptime": 5000, "template": 0,
        "cpu": 0.5, "maxcpu": 4, "mem": 3 * GiB, "memhost": 4 * GiB, "maxmem": 8 * GiB, "disk": 0, "maxdisk": 32 * GiB, **more,
    }  # fmt: skip


NO_FIGURES = (
    "PVE has had no figures for 5 minutes: pvestatd is dead there or hangs, mostly on a storage that does not answer; "
    "systemctl restart pvestatd on it"
)
HIDDEN = "PVE shows no load of it (reading it needs Sys.Audit on the node)"


def node(**more: Any) -> dict[str, Any]:
    return {"type": "node", "node": "pve1", "status": "online", "cpu": 0.25, "maxcpu": 16, "mem": 9 * GiB, "maxmem": 64 * GiB, **more}


def one(row: dict[str, Any], offline: frozenset[str] = frozenset()) -> Any:
    return guests([row], offline)[0]


def test_memory_is_what_the_host_gives_and_cpu_is_in_cores() -> None:
    found = one(vm())
    assert (found.memory, found.cpu, found.cpu_max, found.disk, found.problem) == (4 * GiB, 2.0, 4.0, 0, "")


@pytest.mark.parametrize("memhost", [0, None])
def test_without_memhost_the_guests_own_figure_counts(memhost: int | None) -> None:
    assert one(vm(memhost=memhost)).memory == 3 * GiB


def test_numbers_may_come_as_strings() -> None:
    assert one(vm(cpu="0.25", maxcpu="4", vmid="101")).cpu == 1.0


def test_a_stopped_guest_uses_nothing() -> None:
    found = one(vm(status="stopped", uptime=0, cpu=0, mem=0, memhost=0))
    assert (found.memory, found.cpu, found.memory_max, found.problem) == (0, 0.0, 8 * GiB, "")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"type": "qemu", "vmid": 101, "node": "pve1", "status": "unknown"}, "PVE has had no figures for 5 minutes"),
        ({"type": "qemu", "vmid": 101, "node": "pve1"}, "PVE has had no figures for 5 minutes"),
        (vm(mem=None, memhost=None), "PVE shows no load of it"),
        (vm(cpu=None), "PVE shows no load of it"),
        (vm(uptime=12), "started 12 seconds ago, no load known yet"),
        (vm(uptime=60), ""),
        (vm(status="paused"), ""),
        (vm(memhost=9 * GiB), ""),
        (vm(memhost=21 * GiB), UNTRUE),
        (vm(mem=1e308), "PVE shows no load of it"),
        (vm(memhost=1e308), UNTRUE),
        (vm(cpu=1e6), UNTRUE),
        (vm(cpu=1.7), ""),
    ],
)
def test_why_a_load_is_not_known(row: dict[str, Any], words: str) -> None:
    assert one(row).problem == words


def test_guests_of_a_dead_node_are_not_known_although_they_show_running() -> None:
    assert one(vm(), frozenset({"pve1"})).problem == "its node is offline"


def test_tags_pool_lock_template_and_ha() -> None:
    found = one(vm(tags="prod;sql, db fast", pool="web", lock="backup", template=1, status="stopped", hastate="started"))
    assert (found.tags, found.pool, found.lock, found.template, found.ha) == (
        ("prod", "sql", "db", "fast"),
        "web",
        "backup",
        True,
        "started",
    )
    assert one(vm(hastate="ignored")).ha == ""
    assert not one(vm(template=1)).template, "what runs is none"


@pytest.mark.parametrize("row", [vm(type=None), vm(vmid="x"), vm(node="pve9"), vm(node=10**40), vm(node=None), {"id": "qemu/101"}])
def test_a_guest_that_is_on_no_node_by_its_row_is_named(row: dict[str, Any]) -> None:
    assert len(nowhere([node(), row])) == 1
    assert guests([node(), row], frozenset()) == ()


def test_what_a_removed_node_has_left_behind_is_no_such_guest() -> None:
    row = {"type": "qemu", "vmid": 101, "node": "pve9", "status": "unknown", "id": "qemu/101"}
    assert nowhere([node(), row]) == []
    assert [guest.node for guest in guests([node(), row], frozenset())] == ["pve9"]


def test_nodes_take_id_and_presence_from_the_cluster_status() -> None:
    status: list[Any] = [{"type": "cluster", "name": "lab"}, {"type": "node", "name": "pve1", "nodeid": 3, "online": 1, "local": 1}]
    found = nodes([node(hastate="online")], status)[0]
    assert (found.id, found.online, found.ha, found.memory, found.cpu, found.problem) == (3, True, "online", 64 * GiB, 16.0, "")


@pytest.mark.parametrize(
    ("row", "status", "online", "words"),
    [
        (node(status="offline"), [], False, "offline"),
        (node(), [{"type": "node", "name": "pve1", "online": 0}], False, "offline"),
        ({"type": "node", "node": "pve1", "status": "unknown"}, [], True, NO_FIGURES),
        ({"type": "node", "node": "pve1", "status": "online"}, [], True, HIDDEN),
        (node(mem=129 * GiB), [], True, UNTRUE),
        (node(mem=66 * GiB), [], True, ""),
        (node(cpu=1e6), [], True, UNTRUE),
        (node(), [{"type": "node", "name": "pve2", "online": 1}], True, UNLISTED),
    ],
)
def test_why_a_node_is_not_usable(row: dict[str, Any], status: list[Any], online: bool, words: str) -> None:
    found = nodes([row], status)[0]
    assert (found.online, found.problem) == (online, words)


def test_storages_and_which_of_them_hold_guests_of_one_node() -> None:
    rows: list[Any] = [
        {
            "type": "storage",
            "storage": "ceph",
            "node": "pve1",
            "shared": 1,
            "status": "available",
            "plugintype": "rbd",
            "content": "images,rootdir",
        },
        {
            "type": "storage",
            "storage": "local",
            "node": "pve1",
            "shared": 0,
            "status": "available",
            "plugintype": "dir",
            "content": "iso,backup",
        },
        {
            "type": "storage",
            "storage": "zfs",
            "node": "pve1",
            "shared": 0,
            "status": "unknown",
            "plugintype": "zfspool",
            "content": "rootdir,images",
        },
    ]
    found = storages(rows)
    assert [(storage.name, storage.active, holds_guests(storage)) for storage in found] == [
        ("ceph", True, False), ("local", True, False), ("zfs", False, True)
    ]  # fmt: skip


def test_a_storage_whose_snapshots_are_chains_of_volumes() -> None:
    data: list[Row] = [{"type": "storage", "storage": name, "node": "n1", "plugintype": "dir"} for name in ("a", "b")]
    found = storages(data, [{"storage": "a", "snapshot-as-volume-chain": 1}, {"storage": "b"}])
    assert [storage.chains for storage in found] == [True, False]
