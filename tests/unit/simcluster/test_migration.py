"""Migrations in the simulated cluster: what moves, what PVE refuses at once, and what it finds only later."""

from __future__ import annotations

from typing import Any

import pytest

from prs.errors import ApiError
from simcluster import InProcessApi
from simcluster.nouns import Disk, GiB, Mapping, MiB, Storage
from simcluster.scenes import from_json, small
from unit.simcluster.migrations import ended, log, start


def test_a_running_vm_moves_with_its_memory() -> None:
    """Its status stays, the memory changes node, and it is counted once."""
    world = small()
    upid = start(world, 102, "pve3")
    assert (world.guests[102].node, ended(world, upid)) == ("pve1", "")
    world.clock.sleep(60)
    assert (world.guests[102].node, world.guests[102].status, world.guests[102].lock) == ("pve3", "running", "")
    assert ended(world, upid) == "OK"
    assert (dict(world.migrations), dict(world.started)) == ({102: 1}, {102: 1})
    assert world.memory_used("pve1") == round((3 + 14 + 9 + 10.5 + 6 + 7) * GiB)
    assert not world.schema_errors


def test_the_target_fills_while_the_memory_arrives() -> None:
    """Half way through the copy half of the guest's memory is in use there, and all of it still on the source."""
    world = small()
    world.guests[101].dirty = 0.0
    empty, full = world.memory_used("pve3"), world.memory_used("pve1")
    start(world, 101, "pve3")
    world.clock.sleep(3.0 + 7.0)  # 14 GiB at 1 GiB/s begin after 3 s
    assert world.memory_used("pve3") == pytest.approx(empty + 7 * GiB, abs=MiB)
    assert world.memory_used("pve1") == full
    world.clock.sleep(60)
    assert world.memory_used("pve3") == empty + 14 * GiB
    assert world.memory_used("pve1") == full - 14 * GiB


def test_a_node_that_is_overfilled_in_between_is_recorded() -> None:
    """Two guests that do not fit together overfill the target once, even when one of them moves on at once."""
    world = from_json({
        "nodes": {"a": {"memory": 64}, "b": {"memory": 20, "host": 2}},
        "guests": {"100": {"node": "a", "memory": 10}, "101": {"node": "a", "memory": 10}},
    })  # fmt: skip
    start(world, 100, "b")
    start(world, 101, "b")
    world.clock.sleep(100)
    assert [event.text for event in world.overfilled] == ["b overfilled: 22.0 GiB in use of 20.0 GiB"]


def test_filling_a_node_to_the_last_byte_is_not_overfilling() -> None:
    """The limit itself is allowed."""
    world = from_json({
        "nodes": {"a": {"memory": 64}, "b": {"memory": 12, "host": 2}}, "guests": {"100": {"node": "a", "memory": 10}},
    })  # fmt: skip
    start(world, 100, "b")
    world.clock.sleep(100)
    assert (world.guests[100].node, world.overfilled) == ("b", [])


REFUSALS: list[tuple[dict[str, object], dict[str, object], int, str, dict[str, str]]] = [
    ({}, {"online": 1}, 400, "Parameter verification failed.", {"target": "property is missing and it is not optional"}),
    ({}, {"target": "pve1", "online": 1}, 400, "Parameter verification failed.", {"target": "target is local node."}),
    ({}, {"target": "pve9", "online": 1}, 500, "no such cluster node 'pve9'", {}),
    ({}, {"target": "pve2"}, 500, "can't migrate running VM without --online", {}),
    ({"lock": "backup"}, {"target": "pve2", "online": 1}, 500, "VM is locked (backup)", {}),
    ({"replicate": ("pve3",)}, {"target": "pve2", "online": 1}, 500,
     "Cannot live-migrate replicated VM to node 'pve2' - not a replication target. Use 'force' to override.", {}),
    ({}, {"target": "pve2", "online": True}, 400, "Parameter verification failed.",
     {"online": "type check ('boolean') failed - got 'True'"}),
    ({}, {"target": "pve2", "onlin": 1}, 400, "Parameter verification failed.",
     {"onlin": "property is not defined in schema and the schema does not allow additional properties"}),
]  # fmt: skip


@pytest.mark.parametrize(("guest", "params", "status", "message", "errors"), REFUSALS)
def test_what_pve_refuses_at_once(guest: dict[str, object], params: dict[str, object], status: int, message: str, errors: Any) -> None:
    """Status, words and words by parameter are PVE's, and nothing has started."""
    world = small()
    for name, value in guest.items():
        setattr(world.guests[102], name, value)
    with pytest.raises(ApiError) as refusal:
        InProcessApi(world).post("/nodes/pve1/qemu/102/migrate", params)
    assert (refusal.value.status, refusal.value.message, refusal.value.errors) == (status, message, errors)
    assert not world.started


def test_requests_that_break_the_schema_are_recorded() -> None:
    """Both unknown methods and wrong parameters; what PVE refuses for other reasons is not."""
    world = small()
    api = InProcessApi(world)
    for path, params in (("/nodes/pve1/qemu/102/migrate", {"target": "pve1"}), ("/nodes/pve1/qemu/102/migrate", {"tarrget": "pve2"})):
        with pytest.raises(ApiError):
            api.post(path, params)
    with pytest.raises(ApiError, match="not implemented"):
        api.get("/nodes/pve1/qemus")
    assert [entry.partition(": ")[0] for entry in world.schema_errors] == ["POST /nodes/pve1/qemu/102/migrate", "GET /nodes/pve1/qemus"]


def test_a_guest_is_found_only_on_its_own_node() -> None:
    """PVE names the file it did not find."""
    world = small()
    for path, words in (
        ("/nodes/pve2/qemu/102/migrate", "Configuration file 'nodes/pve2/qemu-server/102.conf' does not exist"),
        ("/nodes/pve1/lxc/110/migrate", "Configuration file 'nodes/pve1/lxc/110.conf' does not exist"),
    ):
        with pytest.raises(ApiError, match=words.replace(".", r"\.")):
            InProcessApi(world).post(path, {"target": "pve3", "restart" if "lxc" in path else "online": 1})


@pytest.mark.parametrize("name", ["force", "migration_type", "migration_network"])
def test_root_only_options_are_refused_even_to_roots_token(name: str) -> None:
    """The check compares with the literal user."""
    world = small()
    value = {"force": 1, "migration_type": "secure", "migration_network": "10.0.0.0/24"}[name]
    with pytest.raises(ApiError) as refusal:
        InProcessApi(world, "root@pam!full").post("/nodes/pve1/qemu/102/migrate", {"target": "pve2", "online": 1, name: value})
    assert refusal.value.errors == {name: "Only root may use this option."}
    InProcessApi(world).post("/nodes/pve1/qemu/102/migrate", {"target": "pve2", "online": 1, name: value})


IN_THE_TASK = [
    ({"config": {"hostpci0": "0000:01:00.0"}}, "can't migrate VM which uses local devices: hostpci0"),
    ({"config": {"usb0": "host=1234:5678"}}, "can't migrate VM which uses local devices: usb0"),
    ({"disks": [Disk("ide2", "nfs-iso", GiB, "iso/x.iso", True), Disk("sata0", "local-zfs", GiB, "iso/y.iso", True)]}, "local cdrom image"),
    ({"disks": [Disk("scsi0", "local-zfs", GiB, "base-900-disk-0/vm-102-disk-0", parent="base-900-disk-0")]}, "as it's a clone of"),
    ({"disks": [Disk("scsi0", "local-zfs", GiB, "vm-102-disk-0", snapshot=True)]}, "non-replicated snapshot exists"),
    ({"disks": [Disk("scsi0", "local-zfs", GiB, "vm-9999-pvc-1")]}, "'local-zfs:vm-9999-pvc-1': owned by other VM (owner = VM 9999)"),
    ({"disks": [Disk("unused0", "one", GiB, "vm-102-disk-1")]},
     "'one:vm-102-disk-1': storage 'one' is not available on node 'pve3'"),
    ({"disks": [Disk("scsi1", "one", GiB, "vm-102-disk-1", former=True)]},
     "'one:vm-102-disk-1': storage 'one' is not available on node 'pve3'"),
]  # fmt: skip
AT_THE_START = [
    ({"config": {"net0": "virtio,bridge=vmbr7"}}, "bridge 'vmbr7' does not exist"),
    ({"machine": "12.0"}, "unsupported machine type"),
    ({"config": {"sockets": 2, "cores": 12, "vcpus": 4}}, "[pve3] MAX 16 vcpus allowed per VM on this node"),
    ({"config": {"hookscript": "local:snippets/h.pl"}}, "error for 102 on pre-start: script 'local:snippets/h.pl' does not exist"),
    ({"config": {"cpu": "x86-64-v4"}}, "Host doesn't support requested features"),
    ({"config": {"cpu": "cputype=Icelake-Server,flags=+aes"}}, "Host doesn't support requested features"),
    ({"config": {"cpu": "custom-fast"}}, "Host doesn't support requested features"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "words"), IN_THE_TASK)
def test_what_pve_finds_only_inside_the_task(changes: dict[str, Any], words: str) -> None:
    """The request is accepted, the task aborts, the guest stays as it was."""
    world = small()
    world.storages["local-zfs"].content = ("images", "rootdir", "iso")
    world.storages["one"] = Storage("one", nodes=("pve1",))
    for name, value in changes.items():
        setattr(world.guests[102], name, value)
    upid = start(world, 102, "pve3")
    world.clock.sleep(60)
    assert ended(world, upid) == "migration aborted"
    assert any(words in line for line in log(world, upid)), log(world, upid)
    guest = world.guests[102]
    assert (guest.node, guest.status, guest.lock, world.migrations[102]) == ("pve1", "running", "", 0)


@pytest.mark.parametrize(("changes", "words"), AT_THE_START)
def test_what_only_the_start_on_the_target_finds(changes: dict[str, Any], words: str) -> None:
    """The log names the target; the task ends as one with problems, although the guest stays as it was."""
    world = small()
    world.storages["local"] = Storage("local", "dir", content=("snippets",))
    world.nodes["pve3"].cpu_level, world.nodes["pve3"].snippets, world.cpu_models["fast"] = "x86-64-v3", (), "Skylake-Server"
    for name, value in changes.items():
        setattr(world.guests[102], name, value)
    upid = start(world, 102, "pve3")
    world.clock.sleep(60)
    assert ended(world, upid) == "migration problems"
    assert any(words in line for line in log(world, upid)), log(world, upid)
    assert any("online migrate failure - remote command failed with exit code 255" in line for line in log(world, upid))
    guest = world.guests[102]
    assert (guest.node, guest.status, guest.lock, world.migrations[102]) == ("pve1", "running", "", 0)


def test_harmless_devices_do_not_bind() -> None:
    """A spice channel and a serial socket travel along."""
    world = small()
    world.guests[102].config = {"usb0": "spice", "serial0": "socket"}
    assert InProcessApi(world).get("/nodes/pve1/qemu/102/migrate")["local_resources"] == []
    upid = start(world, 102, "pve3")
    world.clock.sleep(60)
    assert ended(world, upid) == "OK"


def test_a_mapped_device_goes_where_it_is_mapped() -> None:
    """The precondition call names the nodes that lack it; live it moves only when the mapping says so."""
    world = small()
    world.guests[102].config = {"hostpci0": "mapping=gpu"}
    world.mappings["gpu"] = Mapping(("pve1", "pve3"))
    answer = InProcessApi(world).get("/nodes/pve1/qemu/102/migrate")
    assert answer["allowed_nodes"] == ["pve3"]
    assert answer["not_allowed_nodes"] == {"pve2": {"unavailable-resources": ["hostpci0"]}, "pve3": {}}
    assert answer["mapped-resource-info"] == {"hostpci0": {"name": "gpu"}}
    upid = start(world, 102, "pve3")
    world.clock.sleep(60)
    assert ended(world, upid) == "migration aborted"
    world.mappings["gpu"] = Mapping(("pve1", "pve3"), live=True)
    upid = start(world, 102, "pve3")
    world.clock.sleep(60)
    assert ended(world, upid) == "OK"
