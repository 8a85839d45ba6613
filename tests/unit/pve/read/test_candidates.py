"""The closer look at candidates: two or three calls each, PVE's refusals in words, loads that stay what was measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from prs.engine.planning import PlanRequest, make_plan
from prs.errors import ApiError, LoginFailed, Unreachable
from prs.model import Cluster, Guest, Node, Policy, Replication, Storage
from prs.pve.read.candidates import inspect_guests
from prs.pve.read.snapshot import read_cluster
from simcluster import InProcessApi
from simcluster.access import Grant
from simcluster.ha_rules import Resource
from simcluster.ha_rules import Rule as HaRule
from simcluster.nouns import Disk
from simcluster.nouns import Storage as SimStorage
from simcluster.scenes import SMALL, add_accounts, from_json, local, small
from simcluster.world import Flavour
from unit.closer_look import look, with_guest
from unit.fakeapi import FakeApi

GiB = 2**30


@pytest.mark.parametrize("flavour", ["8", "9"])
def test_calls_for_each_guest_and_node_and_none_for_the_others(flavour: Flavour) -> None:
    world = small(flavour)
    _, guests, calls = look(world, 101, 106, 110)
    # a VM with nothing local, one with a local disk, a container (each with its mean), and two for each node
    assert calls == 2 + 3 + 2 + 2 * 3
    assert [vmid for vmid, guest in guests.items() if guest.inspected] == [101, 106, 110]
    assert guests[101].targets is guests[110].targets is None
    assert guests[106].targets == ("pve2", "pve3")
    assert guests[106].volumes[0].size == guests[106].disk == 60 * GiB
    assert not world.schema_errors


@pytest.mark.parametrize("method", ["memory", "all"])
def test_the_load_of_each_node_stays_what_was_measured(method: str) -> None:
    world = local()
    found, guests, _ = look(world, *local().guests, method=method)
    for node in found.nodes:
        mine = [guest for guest in guests.values() if guest.node == node.name and not guest.template]
        assert node.disk_host + sum(guest.disk for guest in guests.values() if guest.node == node.name) == world.storage_used(
            "local-zfs", node.name
        )
        assert node.memory_host + sum(guest.memory for guest in mine) == pytest.approx(world.memory_used(node.name))
        assert node.cpu_host + sum(guest.cpu for guest in mine) == pytest.approx(world.cpu_used(node.name))


def test_a_spike_is_not_the_load() -> None:
    world = small()
    with world.change("pve1", guest=world.guests[101]):
        world.guests[101].cpu = 8.0
    world.clock.sleep(20)
    api = InProcessApi(world)
    before = read_cluster(api, world.clock.time(), history=0.0)
    after = inspect_guests(api, before, [101])
    assert next(guest.cpu for guest in before.guests if guest.vmid == 101) == pytest.approx(8.0)
    assert next(guest.cpu for guest in after.guests if guest.vmid == 101) == pytest.approx(3.1, rel=0.1)


def test_a_template_is_not_asked_about() -> None:
    _, guests, calls = look(small(), 900, 12345)
    assert (calls, guests[900].inspected) == (0, False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lock": "clone"}, "PVE: VM is locked (clone)"),
        ({"config": {"hostpci0": "0000:01:00.0"}}, "uses PCI device hostpci0"),
        (
            {"disks": [Disk("ide2", "local-zfs", GiB, name="iso/x.iso", cdrom=True)]},
            "has local CD-ROM image local-zfs:iso/x.iso in ide2; eject it",
        ),
        (
            {"disks": [Disk("scsi0", "local-zfs", GiB, name="vm-106-disk-0", snapshot=True)]},
            "has snapshots of local disk local-zfs:vm-106-disk-0, which cannot be moved while the VM runs; delete them or shut it down",
        ),
    ],
)
def test_what_keeps_a_guest_is_a_blocker_in_words(change: dict[str, Any], words: str) -> None:
    world = small()
    world.storages["local-zfs"].content = ("images", "rootdir", "iso")
    for name, value in change.items():
        setattr(world.guests[106], name, value)
    _, guests, _ = look(world, 106)
    assert guests[106].blockers == (words,)


def test_a_locked_vm_is_judged_by_its_configuration_as_pve_says_nothing_of_it() -> None:
    """While a backup runs PVE does not answer what keeps a VM: devices and local disks are known all the same."""
    world = small()
    guest = world.guests[106]
    guest.lock, guest.config["hostpci0"], guest.disks[0].snapshot = "backup", "0000:01:00.0", True
    found = look(world, 106)[1][106]
    words = ("uses PCI device hostpci0", "has snapshots of local disk local-zfs:vm-106-disk-0, which cannot be moved while the VM runs; "
             "delete them or shut it down")
    assert (found.lock, found.blockers) == ("backup", words)
    assert [(volume.storage, volume.size) for volume in found.volumes] == [("local-zfs", 60 * GiB)]
    guest.lock = "snapshot-delete"  # which may leave it without any
    assert look(world, 106)[1][106].blockers == words[:1]


def test_a_lock_that_ends_by_itself_is_no_blocker_but_told() -> None:
    """Also when it came between the reading of the cluster and the look at the guest, or went."""
    world = small()
    cluster = read_cluster(InProcessApi(world), world.clock.time())
    world.guests[106].lock = "backup"
    world.guests[101].lock = "snapshot-delete"
    later = inspect_guests(InProcessApi(world), cluster, [101, 106])
    found = {guest.vmid: guest for guest in later.guests}
    assert [(found[vmid].lock, found[vmid].blockers, found[vmid].inspected) for vmid in (101, 106)] == [
        ("snapshot-delete", (), True), ("backup", (), True),
    ]  # fmt: skip
    cluster = read_cluster(InProcessApi(world), world.clock.time())
    world.guests[106].lock = ""
    assert next(guest for guest in inspect_guests(InProcessApi(world), cluster, [106]).guests if guest.vmid == 106).lock == ""


def test_snapshots_travel_with_replication() -> None:
    world = small()
    world.guests[106].disks[0].snapshot = True
    world.guests[106].replicate = ("pve3",)
    assert look(world, 106)[1][106].blockers == ()


def test_without_quorum_nothing_can_move_and_pve_says_so() -> None:
    world = small()
    world.quorate = False
    assert look(world, 101, 110)[1][101].blockers == ("PVE: cluster not ready - no quorum?",)


def test_a_storage_that_a_node_lacks() -> None:
    world = local()
    world.storages["local-zfs"].nodes = ("pve1", "pve2")
    world.guests[110].disks[0].storage = "local-zfs"
    _, guests, _ = look(world, 101, 110)
    assert guests[101].unavailable == guests[110].unavailable == (("pve3", ("local-zfs",)),)
    assert guests[101].refused == guests[110].refused == ()
    assert guests[101].targets == ("pve2", "pve3")  # the planner may know another storage


def test_all_that_a_vm_has_on_local_storages_travels_and_nothing_shared() -> None:
    world = local()
    world.storages["fast"] = SimStorage("fast", "lvmthin")
    world.guests[101].disks = [
        Disk("scsi0", "fast", 40 * GiB, "vm-101-disk-0"), Disk("scsi1", "local-zfs", 8 * GiB, "vm-101-disk-1"),
        Disk("efidisk0", "local-zfs", 4 * 2**20, "vm-101-disk-2"), Disk("tpmstate0", "fast", 4 * 2**20, "vm-101-disk-3"),
        Disk("ide2", "fast", 4 * 2**20, "vm-101-cloudinit", cloudinit=True), Disk("scsi2", "ceph", 99 * GiB, "vm-101-disk-4"),
        Disk("unused0", "fast", 5 * GiB, "vm-101-disk-5"),
    ]  # fmt: skip
    found = look(world, 101)[1][101]
    assert (found.blockers, found.disk) == ((), 53 * GiB + 12 * 2**20)
    assert sum(volume.size for volume in found.volumes if volume.storage == "fast") == 45 * GiB + 8 * 2**20
    assert {volume.storage for volume in found.volumes} == {"fast", "local-zfs"}


def test_ha_refuses_nodes_and_moves_companions() -> None:
    world = small("9")
    for vmid in (101, 102, 107):
        world.ha.add(Resource(f"vm:{vmid}"))
    world.ha.rules.rules.append(HaRule("apart", ("vm:101", "vm:107"), affinity="negative"))
    world.ha.rules.rules.append(HaRule("together", ("vm:101", "vm:102")))
    world.clock.sleep(60)
    cluster, guests, _ = look(world, 101)
    assert guests[101].refused == ()  # whether 107 is in the way is judged by the plan, which may move it
    assert "pve2" in (guests[101].targets or ())
    assert guests[101].companions == (102,)
    blind = replace(cluster, guests=tuple(guest for guest in cluster.guests if guest.vmid != 107))
    unseen = {guest.vmid: guest for guest in inspect_guests(InProcessApi(world), blind, [101]).guests}
    assert unseen[101].refused == (("pve2", "HA refuses it because of an affinity rule with vm:107"),)


def test_a_containers_bind_mount_keeps_it() -> None:
    world = small()
    world.guests[110].config["mp0"] = "/srv/media,mp=/media"
    words = "mounts directory /srv/media of its node (mp0); mark it as shared if every node has it"
    assert look(world, 110)[1][110].blockers == (words,)


def cluster(**more: Any) -> Cluster:
    nodes = (Node("n1", memory=64 * GiB, memory_host=10 * GiB, cpu=8.0, cpu_host=1.0), Node("n2", online=False, problem="offline"))
    guests = (Guest(100, "a", "qemu", "n1", memory=4 * GiB), Guest(101, "b", "qemu", "n1"), Guest(102, "c", "qemu", "n2"))
    return Cluster(taken=1e6, nodes=nodes, guests=guests, storages=(Storage("zfs", "n1", plugin="zfspool"),), **more)


def test_a_node_that_does_not_answer_is_asked_once() -> None:
    api = FakeApi({"/nodes/n1/qemu/100/migrate": Unreachable("596 Connection timed out")})
    found = {guest.vmid: guest for guest in inspect_guests(api, cluster(), [100, 101, 102]).guests}
    assert [path for _, path, _ in api.asked] == ["/nodes/n1/status", "/nodes/n1/qemu/100/config", "/nodes/n1/qemu/100/migrate"]
    assert found[100].blockers == found[101].blockers == ("PVE cannot be asked about it: 596 Connection timed out",)
    assert found[102].blockers == ("its node is offline",)
    assert all(guest.inspected for guest in found.values())


def test_a_missing_privilege_is_a_blocker_and_a_hidden_history_is_not() -> None:
    refused = ApiError(403, "Permission check failed (/vms/100, VM.Migrate)")
    found = inspect_guests(FakeApi({"/nodes/n1/qemu/100/migrate": refused}), cluster(), [100]).guests[0]
    assert found.blockers == ("PVE: Permission check failed (/vms/100, VM.Migrate)",)
    answers = {"/nodes/n1/qemu/100/migrate": {"running": 1}, "/nodes/n1/qemu/100/rrddata": ApiError(403, "no")}
    found = inspect_guests(FakeApi(answers), cluster(replications=(Replication(100, "n3"),)), [100]).guests[0]
    assert (found.blockers, found.memory) == ((), 4 * GiB)


def test_what_a_guest_is_found_to_use_less_the_host_uses_more() -> None:
    mean = [{"time": 1e6 - 60 * step, "mem": 3 * GiB, "cpu": 0.5, "maxcpu": 1} for step in range(4)]
    disks = [{"volid": "zfs:vm-100-disk-0", "size": 20 * GiB, "drivename": "scsi0"}]
    answers = {"/nodes/n1/qemu/100/migrate": {"running": 1, "local_disks": disks}, "/nodes/n1/qemu/100/rrddata": mean}
    start = cluster()
    start = replace(start, nodes=(replace(start.nodes[0], disk=100 * GiB, disk_host=50 * GiB), start.nodes[1]))
    found = inspect_guests(FakeApi(answers), start, [100])
    assert (found.guests[0].memory, found.guests[0].cpu, found.guests[0].disk) == (3 * GiB, 0.5, 20 * GiB)
    assert (found.nodes[0].memory_host, found.nodes[0].cpu_host, found.nodes[0].disk_host) == (11 * GiB, 0.5, 30 * GiB)


def test_a_refused_login_passes_through() -> None:
    with pytest.raises(LoginFailed):
        inspect_guests(FakeApi({"/nodes/n1/qemu/100/migrate": LoginFailed("refused")}), cluster(), [100])


@pytest.mark.parametrize("flavour", ["8", "9"])
def test_who_can_carry_connections_is_asked_for_firewalled_guests_alone(flavour: Flavour) -> None:
    """PVE 8 has no such call: it cannot."""
    world = small(flavour)
    found, _, _ = look(world, 101)
    assert {node.connections for node in found.nodes} == {None}
    world.guests[101].config["net0"] = "virtio,bridge=vmbr0,firewall=1"
    found, guests, _ = look(world, 101)
    assert ({node.connections for node in found.nodes}, guests[101].firewalled) == ({flavour == "9"}, True)
    assert found.problems == ()


ODD_CONFIGS: tuple[dict[str, str], ...] = (
    {}, {"hostpci0": "0000:01:00.0"}, {"usb0": "host=1-2"}, {"usb0": "spice"}, {"usb0": "mapping=key"}, {"serial0": "socket"},
    {"serial0": "/dev/ttyS0"}, {"parallel0": "/dev/parport0"}, {"vga": "qxl,clipboard=vnc"}, {"ivshmem": "size=1"},
)  # fmt: skip


@pytest.mark.parametrize("config", ODD_CONFIGS, ids=lambda config: " ".join(config.values()) or "plain")
@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
def test_an_auditor_finds_in_configurations_what_pve_tells_others(config: dict[str, str], running: bool, flavour: Flavour) -> None:
    """Devices, disks and images of a VM that an auditor plans with are those that the preconditions call names."""
    guests: dict[str, Any] = {**SMALL["guests"]}
    disks = {"scsi0": "local-zfs:20", "scsi1": "ceph:5"}
    guests["101"] = {**guests["101"], "config": config, "disks": disks, "status": "running" if running else "stopped"}
    world = add_accounts(from_json({**SMALL, "flavour": flavour, "guests": guests, "mappings": {"key": {"nodes": ["pve1", "pve2"]}}}))
    world.clock.sleep(600)
    seen = []
    for user, asks in (("root@pam", True), ("audit@pve", False)):
        api = InProcessApi(world, user)
        found = inspect_guests(api, read_cluster(api, world.clock.time()), [101, 106], asks=asks)
        seen.append([guest for guest in found.guests if guest.vmid in (101, 106)])
    for full, read in zip(*seen, strict=True):
        assert read.blockers == full.blockers
        assert (read.volumes, read.disk) == (full.volumes, full.disk)


@pytest.mark.parametrize(
    "change",
    [
        {"config": {"hostpci0": "0000:01:00.0"}}, {"config": {"vga": "qxl,clipboard=vnc"}}, {"config": {"some-new-key": "1"}},
        {"config": {"args": "-cpu host"}}, {"lock": "backup"}, {"disks": {"scsi0": "zfs:9"}},
        {"disks": {"scsi0": "ceph:9", "unused0": "zfs:9"}}, {"disks": {"scsi0": "ceph:9,snapshot"}}, {"ha": True},
    ],
)  # fmt: skip
def test_pve_is_asked_about_a_vm_of_which_it_might_say_more_than_its_configuration(change: dict[str, Any]) -> None:
    """Devices, locks, snapshots, local disks, what this version does not know, and HA."""
    told = {key: value for key, value in change.items() if key in ("config", "disks")}
    world = with_guest({"disks": {"scsi0": "ceph:20"}, **told}, zfs={"total": 100})
    world.guests[100].lock = change.get("lock", "")
    if "ha" in change:
        world.ha.add(Resource("vm:100"))
    look(world, 100)
    assert world.requests["GET /nodes/{node}/qemu/{vmid}/migrate"] == 1


def test_pve_is_not_asked_about_a_vm_with_nothing_local() -> None:
    """Its storages and rules are known; PVE is asked right before it moves."""
    config = {"net0": "virtio,bridge=vmbr0", "tags": "a", "ide2": "none,media=cdrom"}
    world = with_guest({"disks": {"scsi0": "ceph:20"}, "config": config})
    _, guests, _ = look(world, 100)
    assert (world.requests["GET /nodes/{node}/qemu/{vmid}/migrate"], guests[100].blockers, guests[100].inspected) == (0, (), True)


def test_who_may_migrate_all_but_one_guest_plans_without_that_one() -> None:
    """A role on the guest itself replaces what comes from above."""
    world = with_guest({"disks": {"scsi0": "ceph:20"}})
    world.access.grants.append(Grant("/vms/100", "prs@pve!daemon", "PVEAuditor"))
    api = InProcessApi(world, "prs@pve!daemon")
    _, plan = make_plan(api, Policy(), world.clock.time(), PlanRequest(drain="pve1"))
    assert "VM.Migrate" in plan.blockers[0].reason
