"""The closer look at what a candidate has on storages: sizes, raw lines, detached disks, volumes of snapshots."""

from __future__ import annotations

from typing import Any

import pytest

from prs.pve.read.candidates import inspect_guests
from prs.pve.read.snapshot import read_cluster
from simcluster import InProcessApi
from unit.closer_look import look, with_guest

GiB = 2**30





@pytest.mark.parametrize("kind", ["qemu", "lxc"])
def test_sizes_that_pve_does_not_tell_are_looked_up_where_the_disks_are(kind: str) -> None:
    """One call for a storage, of detached disks and of lines without size=."""
    key = "scsi0" if kind == "qemu" else "rootfs"
    disks = {key: "local-zfs:20,unsized", "unused0": "local-zfs:100"}
    world = with_guest({"kind": kind, "disks": disks}, **{"local-zfs": {"total": 500}})
    _, guests, _ = look(world, 100)
    assert (guests[100].disk, sorted(volume.size // GiB for volume in guests[100].volumes)) == (120 * GiB, [20, 100])
    assert guests[100].blockers == ()
    assert world.requests["GET /nodes/{node}/storage/{storage}/content"] == 1


def test_a_size_that_nobody_tells_keeps_the_guest() -> None:
    """The listing hides volumes from who has no VM.Config.Disk."""
    world = with_guest({"disks": {"scsi0": "local-zfs:20,unsized"}}, **{"local-zfs": {"total": 500}})
    world.access.roles["PRS"] -= {"VM.Config.Disk"}
    api = InProcessApi(world, "prs@pve!daemon")
    found = inspect_guests(api, read_cluster(api, world.clock.time()), [100])
    assert "the size of its disk local-zfs:vm-100-disk-0 is not known" in found.guests[0].blockers[0]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"disks": {"scsi0": "ceph:20", "ide2": "local:0.004,cloudinit"}},
         "its disk local:vm-100-cloudinit needs content type images, which storage local does not allow"),
        ({"disks": {"scsi0": "ceph:20", "unused0": "local:1"}}, "its disk local:vm-100-disk-1 needs content type images"),
        ({"kind": "lxc", "disks": {"rootfs": "local:8"}}, "its disk local:subvol-100-disk-0 needs content type rootdir"),
        ({"disks": {"scsi0": "zfs:9,name=vm-9999-pvc-1"}}, "its disk zfs:vm-9999-pvc-1 belongs to guest 9999 by its name"),
        ({"kind": "lxc", "disks": {"rootfs": "zfs:9,name=subvol-9-disk-0"}}, "its disk zfs:subvol-9-disk-0 belongs to guest 9 by its name"),
        ({"kind": "lxc", "disks": {"rootfs": "ceph:8"}, "config": {"lxc": [["lxc.mount.entry", "/run/x mnt none bind 0 0"]]}},
         "mounts /run/x of its node by a raw line (lxc.mount.entry)"),
        ({"kind": "lxc", "disks": {"rootfs": "ceph:8"}, "config": {"lxc": [["lxc.cgroup2.devices.allow", "c 226:0 rwm"]]}},
         "uses device c 226:0 rwm of its node by a raw line"),
    ],
)  # fmt: skip
def test_what_only_the_request_or_the_task_would_refuse_is_a_blocker(entry: dict[str, Any], words: str) -> None:
    """PVE's preconditions call says nothing of it."""
    world = with_guest(entry, local={"type": "dir", "total": 100, "content": ["iso"]}, zfs={"total": 100})
    _, guests, _ = look(world, 100)
    assert any(words in blocker for blocker in guests[100].blockers), guests[100].blockers


def test_raw_lines_that_hold_everywhere_bind_nothing() -> None:
    """The device of VPNs, the kernel's file systems, limits."""
    lines = [
        ["lxc.mount.entry", "/dev/net/tun dev/net/tun none bind,create=file"], ["lxc.cgroup2.devices.allow", "c 10:200 rwm"],
        ["lxc.mount.entry", "tmpfs tmp tmpfs nodev 0 0"], ["lxc.prlimit.nofile", "1024"], ["lxc.apparmor.profile", "unconfined"],
    ]  # fmt: skip
    _, guests, _ = look(with_guest({"kind": "lxc", "disks": {"rootfs": "ceph:8"}, "config": {"lxc": lines}}), 100)
    assert guests[100].blockers == ()


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([["lxc.net.1.type", "phys"], ["lxc.net.1.link", "enp3s0"]], "uses network interface enp3s0 of its node"),
        ([["lxc.net.1.type", "veth"], ["lxc.net.1.link", "vmbr0"]], ""),
        ([["lxc.mount.entry", "UUID=12-34 mnt/data ext4 defaults 0 0"]], "mounts UUID=12-34 of its node"),
        ([["lxc.mount.entry", "overlay mnt overlay lowerdir=/srv/a,upperdir=/srv/b 0 0"]], "mounts an overlay of directories of its node"),
        ([["lxc.hook.pre-start", "/root/prepare"]], "needs /root/prepare of its node"),
    ],
)
def test_raw_lines_that_name_a_thing_of_the_node(lines: list[list[str]], words: str) -> None:
    """Interfaces, devices by label, directories below an overlay, scripts."""
    _, guests, _ = look(with_guest({"kind": "lxc", "disks": {"rootfs": "ceph:8"}, "config": {"lxc": lines}}), 100)
    assert "; ".join(guests[100].blockers).startswith(words)
    assert bool(guests[100].blockers) == bool(words)


@pytest.mark.parametrize("key", ["scsi1", "hookscript"])
def test_a_shared_storage_that_the_target_does_not_reach_is_not_there(key: str) -> None:
    """PVE's list has it there all the same, and its preconditions do not say so."""
    nas = {"type": "nfs", "shared": True, "total": 100, "inactive": ["pve2"], "content": ["images", "snippets"]}
    entry = {"disks": {"scsi0": "ceph:20", key: "nas:5"}} if key == "scsi1" else {"config": {key: "nas:snippets/h"}}
    _, guests, _ = look(with_guest(entry, nas=nas), 100)
    gone = [node for node, storages in guests[100].unavailable if "nas" in storages] + [node for node, _ in guests[100].refused]
    assert gone == ["pve2"]
    _, guests, _ = look(with_guest(entry, nas={**nas, "inactive": ["pve1", "pve2", "pve3"]}), 100)
    assert not guests[100].unavailable
    assert not guests[100].refused


def test_a_storage_that_allows_no_disks_lists_none_and_only_that_is_said() -> None:
    """That its size is not known is no matter of rights then."""
    entry, iso = {"disks": {"scsi0": "ceph:20", "unused0": "iso:5"}}, {"type": "dir", "total": 90, "content": ["iso"]}
    _, guests, _ = look(with_guest(entry, iso=iso), 100)
    assert len(guests[100].blockers) == 1
    assert "needs content type images, which storage iso does not allow" in guests[100].blockers[0]


@pytest.mark.parametrize(("key", "where"), [("unused0", "shared on one node"), ("hookscript", "its script there")])
def test_a_storage_that_the_target_lacks_is_refused_for_detached_disks_and_hook_scripts_too(key: str, where: str) -> None:
    """PVE looks at neither before its task, or the start on the target."""
    only = {"type": "nfs", "shared": True, "total": 100, "nodes": ["pve1"], "content": ["images", "snippets"]}
    entry = {"disks": {"scsi0": "ceph:20", key: "only:5"}} if key == "unused0" else {"config": {key: "only:snippets/h"}}
    _, guests, _ = look(with_guest(entry, only=only), 100)
    refused = [node for node, words in guests[100].refused if "storage only is not available there" in words]
    lacking = [node for node, storages in guests[100].unavailable if "only" in storages]
    assert (lacking if key == "unused0" else refused) == ["pve2"], where


def test_volumes_that_only_snapshots_of_a_container_have_travel_too() -> None:
    """They are in no configuration but the snapshot's."""
    world = with_guest({"kind": "lxc", "disks": {"rootfs": "zfs:8,snapshot", "mp0": "zfs:30,former"}}, zfs={"total": 100})
    _, guests, _ = look(world, 100)
    assert sorted(volume.size // GiB for volume in guests[100].volumes) == [8, 30]


def test_memory_in_hugepages_is_counted_in_full() -> None:
    """No cgroup counts it, and it is taken whole at the start."""
    world = with_guest({"memory": 3, "max": 8, "config": {"hugepages": "2"}})
    world.clock.sleep(600)
    found, guests, _ = look(world, 100)
    assert guests[100].memory == 8 * GiB
    assert found.nodes[0].memory_host + guests[100].memory == 10 * GiB
