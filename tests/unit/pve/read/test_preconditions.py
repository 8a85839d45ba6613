"""PVE's preconditions as sentences: what keeps a guest, where it may go, what travels with it."""

from __future__ import annotations

from typing import Any

import pytest

from prs.model import Volume
from prs.pve.read.preconditions import lxc_preconditions, qemu_preconditions, refusals, unavailable

GiB = 2**30


def answer(**more: Any) -> dict[str, Any]:
    """A running VM without anything special, as PVE 9.2 answers for it."""
    return {
        "running": 1, "allowed_nodes": ["pve3", "pve2"], "not_allowed_nodes": {"pve2": {}, "pve3": {}}, "local_disks": [],
        "local_resources": [], "mapped-resources": [], "mapped-resource-info": {}, "has-dbus-vmstate": 1, **more,
    }  # fmt: skip


def disk(volid: str, **more: Any) -> dict[str, Any]:
    return {"volid": volid, "size": 32 * GiB, "cdrom": 0, "is_attached": 1, "drivename": "scsi0", **more}


def test_a_plain_vm_may_go_anywhere() -> None:
    found = qemu_preconditions(answer())
    assert (found.blockers, found.refused, found.volumes) == ((), (), ())
    assert found.targets == ("pve2", "pve3")


def test_without_a_list_of_nodes_nothing_is_known_about_targets() -> None:
    assert qemu_preconditions({"running": 1, "local_disks": [], "local_resources": []}).targets is None


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("hostpci0", "uses PCI device hostpci0"),
        ("usb1", "uses USB device usb1"),
        ("serial0", "uses serial port serial0"),
        ("hostusb", "uses USB device hostusb"),
        ("virtiofs0", "shares a directory of its node as virtiofs0"),
        ("clipboard=vnc", "has the VNC clipboard on, which stops live migration before machine version 10.1"),
        ("amd-sev", "has its memory encrypted by AMD SEV, which no running VM can leave a node with"),
        ("unheard-of", "uses unheard-of of its node"),
    ],
)
def test_a_device_of_the_node_keeps_the_guest(key: str, words: str) -> None:
    assert qemu_preconditions(answer(local_resources=[key])).blockers == (words,)


@pytest.mark.parametrize(
    ("running", "info", "blocked"),
    [
        (0, {"hostpci0": {"name": "gpu"}}, False),
        (1, {"hostpci0": {"name": "gpu", "live-migration": 1}}, False),
        (1, {"hostpci0": {"name": "gpu"}}, True),
    ],
)
def test_a_mapped_device_moves_offline_or_when_marked_for_live_migration(running: int, info: dict[str, Any], blocked: bool) -> None:
    found = qemu_preconditions(answer(running=running, local_resources=["hostpci0"], **{"mapped-resource-info": info}))
    assert bool(found.blockers) is blocked


def test_the_older_list_of_mapped_devices_counts_too() -> None:
    stopped = {"running": 0, "local_resources": ["hostpci0"], "mapped-resources": ["hostpci0"]}
    assert qemu_preconditions(stopped).blockers == ()
    assert qemu_preconditions({**stopped, "running": 1}).blockers != ()


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (disk("local:iso/x.iso", cdrom=1, drivename="ide2"), "has local CD-ROM image local:iso/x.iso in ide2; eject it"),
        (disk("cdrom", cdrom=1, drivename="ide2"), "has the host's CD drive in ide2; eject it"),
        (disk("/dev/sdb", drivename="scsi1"), "uses /dev/sdb of its node in scsi1"),
        (
            disk("local-zfs:base-900-disk-0/vm-100-disk-0"),
            "its disk local-zfs:base-900-disk-0/vm-100-disk-0 is a linked clone of a local base image; make it a full clone",
        ),
        (
            disk("local:900/base-900-disk-0.raw/100/vm-100-disk-0.qcow2"),
            "its disk local:900/base-900-disk-0.raw/100/vm-100-disk-0.qcow2 is a linked clone of a local base image; make it a full clone",
        ),
        (disk("iscsi:lun1"), "its disk iscsi:lun1 is on local storage of type iscsidirect, which PVE cannot copy"),
    ],
)
def test_a_disk_that_cannot_travel_keeps_the_guest(entry: dict[str, Any], words: str) -> None:
    plugins = {"local": "dir", "local-zfs": "zfspool", "iscsi": "iscsidirect"}
    assert qemu_preconditions(answer(local_disks=[entry]), plugins).blockers == (words,)


def test_a_template_is_no_linked_clone_of_itself() -> None:
    assert qemu_preconditions(answer(local_disks=[disk("local-zfs:base-900-disk-0")]), {"local-zfs": "zfspool"}).blockers == ()


@pytest.mark.parametrize(
    ("running", "plugin", "name", "replicated", "blocked"),
    [
        (1, "zfspool", "vm-100-disk-0", False, True),
        (1, "zfspool", "vm-100-disk-0", True, False),
        (0, "zfspool", "vm-100-disk-0", False, False),
        (0, "lvmthin", "vm-100-disk-0", False, True),
        (0, "btrfs", "100/vm-100-disk-0.raw", False, False),
        (0, "dir", "100/vm-100-disk-0.qcow2", False, False),
        (0, "dir", "100/vm-100-disk-0.raw", False, True),
    ],
)
def test_snapshots_of_local_disks(running: int, plugin: str, name: str, replicated: bool, blocked: bool) -> None:
    entry = disk(f"store:{name}", referenced_in_snapshot={"before": 1})
    found = qemu_preconditions(answer(running=running, local_disks=[entry]), {"store": plugin}, replicated)
    assert bool(found.blockers) is blocked


def test_snapshots_that_are_chains_of_volumes_are_not_copied() -> None:
    entry = disk("store:100/vm-100-disk-0.qcow2", referenced_in_snapshot={"before": 1})
    found = qemu_preconditions(answer(running=0, local_disks=[entry]), {"store": "dir"}, False, {"store"})
    assert found.blockers == (
        "has snapshots of local disk store:100/vm-100-disk-0.qcow2, "
        "which storage type dir keeps as chains of volumes, which PVE does not copy; delete them",
    )


def test_the_state_of_a_tpm_and_of_efi_travel_with_the_guest() -> None:
    disks = [
        disk("local-lvm:vm-100-disk-0", drivename="efidisk0", size=4 * 2**20), disk("local-lvm:vm-100-disk-2", drivename="scsi0"),
        disk("local-lvm:vm-100-disk-1", drivename="tpmstate0", is_tpmstate=1, size=4 * 2**20),
        disk("local-lvm:vm-100-state-before", drivename="", is_vmstate=1, size=9 * GiB, referenced_in_snapshot={"before": 1}),
    ]  # fmt: skip
    found = qemu_preconditions(answer(running=0, local_disks=disks), {"local-lvm": "lvmthin"})
    assert found.blockers == ()
    assert sum(volume.size for volume in found.volumes) == 41 * GiB + 8 * 2**20


def test_a_disk_left_out_of_the_replication_is_not_replicated() -> None:
    entry = disk("store:vm-100-disk-0", referenced_in_snapshot={"before": 1}, replicate=0)
    assert qemu_preconditions(answer(local_disks=[entry]), {"store": "zfspool"}, replicated=True).blockers


def test_all_volumes_that_travel_are_listed_with_their_size() -> None:
    disks = [
        disk("local-zfs:vm-100-disk-1", size="1073741824"),
        disk("local-zfs:vm-100-cloudinit", cdrom=1, is_cloudinit=1, size=4194304),
        disk("local-zfs:vm-100-disk-2", is_unused=1, is_attached=0, size=None),
        disk("local:iso/x.iso", cdrom=1),
    ]
    assert qemu_preconditions(answer(local_disks=disks)).volumes == (
        Volume("local-zfs", 4194304, "local-zfs:vm-100-cloudinit", streamed=True),
        Volume("local-zfs", GiB, "local-zfs:vm-100-disk-1"),
        Volume("local-zfs", 0, "local-zfs:vm-100-disk-2", streamed=True),
    )


def test_nodes_are_refused_with_reasons_and_an_empty_entry_is_none() -> None:
    nodes = {
        "pve2": {},
        "pve3": {"unavailable_storages": ["local-zfs", "fast"]},
        "pve4": {"unavailable-resources": ["hostpci0"], "blocking-ha-resources": [{"sid": "vm:103", "cause": "resource-affinity"}]},
        "pve5": {"blocking-ha-resources": [{"sid": "vm:100", "cause": "node-affinity"}]},
    }
    assert unavailable(nodes) == (("pve3", ("fast", "local-zfs")),)
    assert refusals(nodes) == (
        ("pve4", "the device mapped as hostpci0 is not available there; HA refuses it because of an affinity rule with vm:103"),
        ("pve5", "HA refuses it because of a node affinity rule"),
    )


def test_ha_moves_others_along() -> None:
    assert qemu_preconditions(answer(**{"dependent-ha-resources": ["vm:103", "ct:102"]})).companions == (102, 103)


def test_a_container_with_local_volumes() -> None:
    config = {
        "rootfs": "local-zfs:subvol-101-disk-0,size=8G", "mp0": "ceph:vm-101-disk-1,mp=/data,size=1T", "hostname": "web",
        "mp1": "local-zfs:subvol-101-disk-2,mp=/x,size=512M", "unused0": "local-zfs:subvol-101-disk-3",
    }  # fmt: skip
    found = lxc_preconditions(config, {"local-zfs": "zfspool", "ceph": "rbd"}, frozenset({"ceph"}))
    assert found.blockers == ()
    assert [(volume.storage, volume.size) for volume in found.volumes] == [("local-zfs", 2**29), ("local-zfs", 8 * GiB), ("local-zfs", 0)]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({"mp0": "/srv/media,mp=/media"}, "mounts directory /srv/media of its node (mp0); mark it as shared if every node has it"),
        ({"mp0": "/dev/sdb1,mp=/media"}, "mounts device /dev/sdb1 of its node (mp0); mark it as shared if every node has it"),
        ({"dev0": "/dev/ttyUSB0,mode=0660"}, "uses device /dev/ttyUSB0 of its node (dev0)"),
        ({"mp0": "/srv/media,mp=/media,shared=1"}, ""),
    ],
)
def test_a_containers_mounts_and_devices(line: dict[str, str], words: str) -> None:
    found = lxc_preconditions({"rootfs": "ceph:vm-101-disk-0,size=8G", **line}, {}, frozenset({"ceph"}))
    assert found.blockers == ((words,) if words else ())


@pytest.mark.parametrize(("plugin", "blocked"), [("zfspool", False), ("btrfs", False), ("lvmthin", True), ("dir", True)])
def test_a_containers_snapshots(plugin: str, blocked: bool) -> None:
    found = lxc_preconditions({"rootfs": "store:subvol-101-disk-0,size=8G", "parent": "before"}, {"store": plugin}, frozenset())
    assert bool(found.blockers) is blocked


def test_a_node_that_holds_a_guest_of_a_known_rule_is_left_to_the_planner() -> None:
    """That guest may make way; one of a rule that nobody can read may not, and other reasons of the node stay."""
    block = {"blocking-ha-resources": [{"sid": "vm:103", "cause": "resource-affinity"}]}
    refused = {"pve3": block, "pve4": {**block, "unavailable-resources": ["usb0"]}}
    data = {"running": 1, "allowed_nodes": ["pve2"], "not_allowed_nodes": refused}
    known = qemu_preconditions(data, apart={103})
    assert known.targets == ("pve2", "pve3")
    assert known.refused == (("pve4", "the device mapped as usb0 is not available there"),)
    unknown = qemu_preconditions(data, apart={104})
    assert unknown.targets == ("pve2",)
    assert [node for node, _ in unknown.refused] == ["pve3", "pve4"]
