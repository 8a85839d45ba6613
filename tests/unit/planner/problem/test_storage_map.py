"""On which storage of another node a local disk lands: by name, or by the map of prs.conf, with room, content types and streams."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prs.model import Cluster, Guest, Plan, Policy, Storage, Volume
from prs.planner.plan import check_plan, plan_drain
from prs.planner.problem.fixed_limits import FixedLimits
from unit.planner_scenes import GIB, cluster, guest, node

MAP = (("local-zfs", ("local-lvm", "fast")),)


def storage(name: str, where: str, plugin: str, free: int = 100, **more: object) -> Storage:
    return Storage(name, where, total=free * GIB, plugin=plugin, content=("images", "rootdir"), **more)  # type: ignore[arg-type]


def scene(*storages: Storage, size: int = 40, **more: object) -> Cluster:
    """A guest with a local disk on node a, and nodes b and c with these storages."""
    disk = (Volume("local-zfs", size * GIB, "local-zfs:vm-1-disk-0"),)
    one = guest(1, "a", 4, **{"volumes": disk, "disk": size * GIB, "inspected": True, **more})
    nodes = [node(name, disk=500 * GIB) for name in "abc"]
    return Cluster(nodes=tuple(nodes), guests=(one,), storages=(storage("local-zfs", "a", "zfspool"), *storages))


def landing(snapshot: Cluster, target: str = "b", lines: tuple[tuple[str, tuple[str, ...]], ...] = MAP) -> tuple[str, str]:
    limits = FixedLimits(snapshot, Policy(storages=lines))
    one = limits.guests[1]
    return limits.storage_map.landing(one, one.volumes[0], target)


def test_without_a_map_only_the_same_name_will_do() -> None:
    snapshot = scene(storage("local-lvm", "b", "lvmthin"), storage("local-zfs", "c", "zfspool"))
    assert landing(snapshot, "b", ()) == ("", "storage local-zfs is not available on b")
    assert landing(snapshot, "c", ()) == ("local-zfs", "")


def test_the_map_is_tried_in_its_order_and_what_has_room_comes_first() -> None:
    snapshot = scene(storage("local-lvm", "b", "lvmthin", 10), storage("fast", "b", "dir", 90))
    assert landing(snapshot) == ("fast", "")
    assert landing(scene(storage("local-lvm", "b", "lvmthin", 50), storage("fast", "b", "dir", 90))) == ("local-lvm", "")
    assert landing(scene(storage("local-lvm", "b", "lvmthin", 10), storage("fast", "b", "dir", 20))) == ("local-lvm", "")


def test_its_own_name_is_preferred_unless_the_map_says_otherwise() -> None:
    snapshot = scene(storage("local-lvm", "b", "lvmthin"), storage("local-zfs", "b", "zfspool"))
    assert landing(snapshot) == ("local-zfs", "")
    assert landing(snapshot, lines=(("local-zfs", ("local-lvm", "local-zfs")),)) == ("local-lvm", "")


def test_any_is_every_local_storage_the_roomiest_first() -> None:
    snapshot = scene(storage("x", "b", "dir", 60), storage("y", "b", "lvm", 90), storage("nas", "b", "nfs", 900, shared=True))
    assert landing(snapshot, lines=(("*", ("any",)),)) == ("y", "")
    assert landing(snapshot, lines=(("other", ("any",)),))[0] == ""


@pytest.mark.parametrize(
    ("guest_is", "there", "words"),
    [
        ({"kind": "qemu"}, {"plugin": "lvmthin"}, ""),
        ({"kind": "qemu", "status": "stopped"}, {"plugin": "lvmthin"}, "the disks of a stopped VM cannot be sent there from type zfspool"),
        ({"kind": "qemu", "status": "stopped"}, {"plugin": "zfspool"}, ""),
        ({"kind": "lxc"}, {"plugin": "dir"}, "a container's volumes cannot be sent there from type zfspool"),
        ({"kind": "qemu"}, {"plugin": "iscsidirect"}, "to which PVE copies no disk"),
        ({"kind": "qemu"}, {"plugin": "dir", "active": False}, "is not active"),
        ({"kind": "qemu", "ha": "started"}, {"plugin": "dir"}, "PVE's HA manager takes no other"),
    ],
)
def test_what_pve_can_copy_where(guest_is: dict[str, object], there: dict[str, object], words: str) -> None:
    more = {key: value for key, value in there.items() if key != "plugin"}
    found, why = landing(scene(storage("local-lvm", "b", str(there["plugin"]), **more), **guest_is))  # type: ignore[arg-type]
    assert (found == "local-lvm") == (words == "")
    assert words in why


@pytest.mark.parametrize(
    ("disk", "status", "here", "there", "words"),
    [
        ({"streamed": True}, "running", "zfspool", "lvmthin", "which is not mirrored, cannot be sent there from type zfspool"),
        ({"streamed": True}, "running", "zfspool", "zfspool", ""),
        ({"name": "x:1/vm-1-disk-0.qcow2"}, "running", "dir", "lvmthin", ""),
        ({"name": "x:1/vm-1-disk-0.qcow2"}, "stopped", "dir", "lvmthin", "VM cannot be sent there from type dir as qcow2"),
        ({"name": "x:1/vm-1-disk-0.qcow2"}, "stopped", "dir", "btrfs", "cannot be sent there from type dir as qcow2"),
        ({"name": "x:1/vm-1-disk-0.qcow2"}, "stopped", "dir", "dir", ""),
        ({"name": "x:1/vm-1-disk-0.raw"}, "stopped", "dir", "lvmthin", ""),
        ({"name": "x:1/vm-1-disk-0.raw"}, "stopped", "btrfs", "dir", ""),
        ({"name": "x:1/vm-1-disk-0.raw", "snapshots": True}, "stopped", "btrfs", "dir", "cannot be sent there from type btrfs"),
        ({"name": "x:1/subvol-1-disk-0.subvol"}, "stopped", "dir", "lvmthin", "cannot be sent there from type dir"),
        ({"name": "x:1/subvol-1-disk-0.subvol"}, "stopped", "dir", "btrfs", ""),
    ],
)  # fmt: skip
def test_what_is_sent_as_a_stream_lands_where_it_is_taken(disk: dict[str, object], status: str, here: str, there: str, words: str) -> None:
    """A TPM state, a cloud-init drive and a detached disk of a running VM are sent like the disks of a stopped one."""
    volume = replace(Volume("local-zfs", GIB, "x:vm-1-disk-0"), **disk)  # type: ignore[arg-type]
    snapshot = scene(storage("local-lvm", "b", there), volumes=(volume,), disk=GIB, status=status)
    snapshot = replace(snapshot, storages=(storage("local-zfs", "a", here), *snapshot.storages[1:]))
    found, why = landing(snapshot)
    assert (found == "local-lvm") == (words == "")
    assert words in why


def test_content_types_count() -> None:
    iso = Storage("local-lvm", "b", total=900 * GIB, plugin="dir", content=("iso",))
    assert landing(scene(iso)) == ("", "storage local-zfs is not available on b; storage local-lvm of b does not take content type images")


def test_a_drain_uses_the_map_shows_it_and_reckons_with_room_storage_by_storage() -> None:
    one, two = Volume("local-zfs", 40 * GIB, "x"), Volume("tank", 40 * GIB, "y")
    guests = [guest(vmid, "a", 4, volumes=(disk,), disk=40 * GIB, inspected=True) for vmid, disk in ((1, one), (2, two))]
    here = (storage("local-zfs", "a", "zfspool"), storage("tank", "a", "zfspool"))
    snapshot = Cluster(
        nodes=tuple(node(name, disk=500 * GIB) for name in "abc"), guests=tuple(guests),
        storages=(*here, storage("fast", "b", "dir", 50), storage("fast", "c", "dir", 50)),
    )  # fmt: skip
    policy = Policy(storages=(("*", ("any",)),))
    plan = plan_drain(snapshot, policy, "a", 0.0)
    assert plan.feasible
    assert {(move.vmid, move.storages) for move in plan.moves} == {(1, (("local-zfs", "fast"),)), (2, (("tank", "fast"),))}
    assert {move.target for move in plan.moves} == {"b", "c"}  # two names land on one storage, which has room for one disk
    assert all("its disks on" in move.reason and "land on fast" in move.reason for move in plan.moves)
    assert check_plan(snapshot, policy, plan) == []
    assert not plan_drain(snapshot, Policy(), "a", 0.0).feasible
    full = Cluster(nodes=snapshot.nodes[:2], guests=snapshot.guests, storages=snapshot.storages[:3])
    assert not plan_drain(full, policy, "a", 0.0).feasible


def test_pves_word_that_a_storage_is_not_there_counts() -> None:
    snapshot = scene(storage("local-lvm", "b", "lvmthin"), storage("local-zfs", "b", "zfspool"), unavailable=(("b", ("local-zfs",)),))
    assert landing(snapshot) == ("local-lvm", "")
    assert FixedLimits(cluster(node("a"), node("b"), guest(1, "a", 4, unavailable=(("b", ("ceph",)),))), Policy()).refusal(
        Guest(1, "x", "qemu", "a", unavailable=(("b", ("ceph",)),)), "b") == "PVE refuses b: storage ceph is not available there"


def disks(vmid: int, *sizes: tuple[str, int], **more: object) -> Guest:
    found = tuple(Volume(name, size * GIB, f"{name}:vm-{vmid}-disk-{index}") for index, (name, size) in enumerate(sizes))
    total = sum(size for _, size in sizes) * GIB
    return guest(vmid, "a", 4, **{"volumes": found, "disk": total, "inspected": True, **more})


def drained(guests: list[Guest], *storages: Storage, lines: tuple[tuple[str, tuple[str, ...]], ...] = MAP) -> Plan:
    nodes = tuple(node(name, disk=500 * GIB) for name in "ab")
    here = [storage(name, "a", "zfspool") for name in ("local-zfs", "tank")]
    snapshot, policy = Cluster(nodes=nodes, guests=tuple(guests), storages=(*here, *storages)), Policy(storages=lines)
    plan = plan_drain(snapshot, policy, "a", 0.0)
    assert check_plan(snapshot, policy, plan) == []
    return plan


def test_a_guest_lands_on_the_next_storage_of_the_map_once_the_first_is_full() -> None:
    """Both would fit on either: what one takes, the other does not have."""
    pair = [disks(vmid, ("local-zfs", 40)) for vmid in (1, 2)]
    plan = drained(pair, storage("local-lvm", "b", "lvmthin", 50), storage("fast", "b", "dir", 50))
    assert plan.feasible
    assert [move.storages for move in plan.moves] == [(("local-zfs", "local-lvm"),), (("local-zfs", "fast"),)]
    assert "; proven to be the cheapest way" in plan.summary


def test_all_disks_of_one_storage_land_on_one_storage_that_has_room_for_all_of_them() -> None:
    """PVE's map is by storage: a guest's two disks cannot go from one to two."""
    one = disks(1, ("local-zfs", 40), ("local-zfs", 30))
    plan = drained([one], storage("local-lvm", "b", "lvmthin", 50), storage("fast", "b", "dir", 90))
    assert [move.storages for move in plan.moves] == [(("local-zfs", "fast"),)]
    assert not drained([one], storage("local-lvm", "b", "lvmthin", 50), storage("fast", "b", "dir", 50)).feasible


def test_what_no_storage_of_the_map_has_room_for_is_proven_impossible() -> None:
    """All ways to spread the disks are looked at, small as the cluster is."""
    guests = [disks(vmid, ("local-zfs", 40)) for vmid in (1, 2, 3)]
    plan = drained(guests, storage("local-lvm", "b", "lvmthin", 50), storage("fast", "b", "dir", 50))
    assert "cannot be emptied, which is proven impossible" in plan.summary
    assert drained(guests[:2], storage("local-lvm", "b", "lvmthin", 50), storage("fast", "b", "dir", 50)).feasible


def test_disks_of_two_storages_share_what_they_land_on() -> None:
    one = disks(1, ("local-zfs", 40), ("tank", 40))
    plan = drained([one], storage("x", "b", "dir", 60), storage("y", "b", "dir", 50), lines=(("*", ("any",)),))
    assert [move.storages for move in plan.moves] == [(("local-zfs", "x"), ("tank", "y"))]


def test_the_storage_where_disks_of_a_stopped_guest_can_be_sent_is_kept_free_for_it() -> None:
    """ZFS is all that a stopped guest's stream lands on: the other one, which may go anywhere, takes the rest."""
    runs, stopped = disks(1, ("local-zfs", 40)), disks(2, ("local-zfs", 40), status="stopped")
    lines = (("local-zfs", ("pool", "fast")),)
    plan = drained([runs, stopped], storage("pool", "b", "zfspool", 50), storage("fast", "b", "dir", 50), lines=lines)
    assert plan.feasible, plan.summary
    assert {(move.vmid, move.storages) for move in plan.moves} == {(1, (("local-zfs", "fast"),)), (2, (("local-zfs", "pool"),))}
