"""The local disk space of a node: what several storages share is counted once."""

from __future__ import annotations

import pytest

from prs.model import Storage
from prs.pve.read.disks import capacity, guest_bytes
from prs.pve.read.values import Row

GiB = 2**30


def storage(name: str, plugin: str, total: float, used: float, active: bool = True) -> Storage:
    return Storage(name, "pve1", active=active, total=int(total * GiB), used=int(used * GiB), plugin=plugin, content=("images",))


def gib(storages: list[Storage], definitions: dict[str, dict[str, object]]) -> tuple[float, float]:
    total, used = capacity(storages, definitions)
    return total / GiB, used / GiB


def test_separate_storages_add_up_and_inactive_ones_do_not_count() -> None:
    found = [storage("a", "lvmthin", 100, 40), storage("b", "dir", 50, 5), storage("dead", "dir", 70, 7, active=False)]
    assert gib(found, {}) == (150, 45)


def test_two_datasets_of_one_pool_share_its_free_space() -> None:
    # 300 GiB free; 100 used by one, 50 by the other: each shows its own use plus the free space
    found = [storage("vms", "zfspool", 400, 100), storage("cts", "zfspool", 350, 50)]
    assert gib(found, {"vms": {"pool": "tank/vms"}, "cts": {"pool": "tank/cts"}}) == (450, 150)


def test_a_dataset_inside_another_is_in_its_use_already() -> None:
    found = [storage("all", "zfspool", 400, 100), storage("vms", "zfspool", 360, 60)]
    assert gib(found, {"all": {"pool": "tank"}, "vms": {"pool": "tank/vms"}}) == (400, 100)


def test_two_pools_are_two() -> None:
    found = [storage("a", "zfspool", 400, 100), storage("b", "zfspool", 400, 100)]
    assert gib(found, {"a": {"pool": "tank"}, "b": {"pool": "tank2"}}) == (800, 200)


def test_a_directory_on_the_zfs_root_shares_the_pools_free_space() -> None:
    found = [storage("local", "dir", 305, 5), storage("local-zfs", "zfspool", 400, 100)]
    assert gib(found, {"local-zfs": {"pool": "rpool/data"}}) == (405, 105)


def test_two_directories_on_one_filesystem_are_one() -> None:
    assert gib([storage("local", "dir", 100, 20), storage("more", "dir", 100, 20.01)], {}) == (100, 20)


def test_two_disks_of_the_same_size_are_two() -> None:
    assert gib([storage("one", "dir", 100, 20), storage("two", "dir", 100, 60)], {}) == (200, 80)


def test_a_thin_pool_in_a_volume_group_that_is_a_storage_too() -> None:
    # the group has 500 GiB, 300 of them are the thin pool, of which 120 are in use; 50 more are plain volumes
    found = [storage("vg", "lvm", 500, 350), storage("thin", "lvmthin", 300, 120)]
    assert gib(found, {"vg": {"vgname": "pve"}, "thin": {"vgname": "pve", "thinpool": "data"}}) == (500, 170)


@pytest.mark.parametrize(("used", "share"), [(100, 1.0), (60, 1.0), (30, 0.5)])
def test_thin_volumes_together_count_for_no_more_than_is_used(used: int, share: float) -> None:
    listed: list[Row] = [
        {"volid": "a:vm-100-disk-0", "vmid": 100, "size": 40 * GiB, "content": "images"},
        {"volid": "a:vm-101-disk-0", "vmid": "101", "size": "21474836480", "content": "images"},
        {"volid": "a:iso/x.iso", "size": GiB, "content": "iso"},
        {"volid": "a:backup/vzdump-qemu-100.vma", "vmid": 100, "size": 9 * GiB, "content": "backup"},
    ]
    assert guest_bytes(listed, used * GiB) == {100: int(40 * GiB * share), 101: int(20 * GiB * share)}
