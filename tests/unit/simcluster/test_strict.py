"""Where PVE tells less than one would wish, or refuses more: the simulated cluster does the same."""

from __future__ import annotations

from typing import Any

import pytest

from prs.errors import ApiError, Unreachable
from simcluster import InProcessApi, World
from simcluster.access import Grant, User
from simcluster.ceph import Ceph
from simcluster.ha_rules import Resource, Rule
from simcluster.nouns import GiB
from simcluster.scenes import add_accounts, from_json, small

NODES = {"pve1": {"memory": 64, "host": 2}, "pve2": {"memory": 64, "host": 2}, "pve3": {"memory": 64, "host": 2}}


def lab(**more: Any) -> World:
    """Three nodes with what is given."""
    return add_accounts(from_json({"nodes": NODES, **more}))


def with_disks(**disks: str) -> World:
    """A VM, 100, on pve1 with these disks, and storages for it."""
    storages = {
        "ceph": {"type": "rbd", "shared": True, "total": 1000}, "local-lvm": {"type": "lvmthin", "total": 500},
        "local": {"type": "dir", "total": 100, "content": ["iso", "snippets"]},
    }  # fmt: skip
    guest = {"name": "vm", "node": "pve1", "memory": 2, "cores": 2, "disks": disks, "config": {"hookscript": "local:snippets/h.pl"}}
    return lab(storages=storages, guests={"100": guest})


def test_sizes_are_told_only_by_the_listing_of_the_storage() -> None:
    """Neither of detached disks nor of lines without size=; the volume of another VMID is listed as that one's."""
    world = with_disks(scsi0="local-lvm:20,unsized", unused0="local-lvm:100", scsi1="local-lvm:5", scsi2="local-lvm:7,name=vm-9999-pvc")
    api = InProcessApi(world, "prs@pve!daemon")
    told = {disk["volid"]: disk.get("size") for disk in api.get("/nodes/pve1/qemu/100/migrate")["local_disks"]}
    assert told == {
        "local-lvm:vm-100-disk-0": None, "local-lvm:vm-100-disk-1": None,
        "local-lvm:vm-100-disk-2": 5 * GiB, "local-lvm:vm-9999-pvc": 7 * GiB,
    }  # fmt: skip
    listed = api.get("/nodes/pve1/storage/local-lvm/content", {"vmid": 100})
    assert [row["size"] // GiB for row in listed] == [20, 100, 5]
    assert api.get("/nodes/pve1/qemu/100/config")["scsi0"] == "local-lvm:vm-100-disk-0"


def test_a_volume_that_only_a_snapshot_has_is_in_no_configuration_but_the_snapshots() -> None:
    """The precondition call of a VM names it; a container's would have to be looked for."""
    world = with_disks(scsi0="local-lvm:20,snapshot", scsi1="local-lvm:5,former", state="local-lvm:3,vmstate")
    api = InProcessApi(world)
    told = api.get("/nodes/pve1/qemu/100/migrate")["local_disks"]
    kinds = {disk["volid"][-1]: (disk["is_attached"], disk["is_vmstate"]) for disk in told}
    assert kinds == {"0": (1, 0), "1": (0, 0), "2": (0, 1)}
    config = api.get("/nodes/pve1/qemu/100/config")
    assert (config["parent"], "scsi1" in config) == ("before", False)
    assert api.get("/nodes/pve1/qemu/100/snapshot/before/config")["scsi1"] == "local-lvm:vm-100-disk-1,size=5G"
    assert [row["name"] for row in api.get("/nodes/pve1/qemu/100/snapshot")] == ["before", "current"]
    with pytest.raises(ApiError, match="snapshot 'after' does not exist"):
        api.get("/nodes/pve1/qemu/100/snapshot/after/config")


def test_content_types_are_looked_at_by_the_request_alone() -> None:
    """The precondition call allows every node."""
    world = with_disks(scsi0="ceph:20", ide2="local:0.004,cloudinit")
    assert InProcessApi(world).get("/nodes/pve1/qemu/100/migrate")["allowed_nodes"] == ["pve2", "pve3"]
    words = "local:vm-100-cloudinit: content type 'images' is not available on storage 'local'"
    with pytest.raises(ApiError, match=words):
        InProcessApi(world).post("/nodes/pve1/qemu/100/migrate", {"target": "pve2", "online": 1})


def test_hook_scripts_are_listed_to_who_may_allocate_and_where_they_are() -> None:
    """Datastore.Audit shows none."""
    world = with_disks(scsi0="ceph:20")
    listed = {node: InProcessApi(world).get(f"/nodes/{node}/storage/local/content", {"content": "snippets"}) for node in ("pve1", "pve2")}
    assert [row["volid"] for row in listed["pve1"]] == ["local:snippets/h.pl"]
    assert listed["pve2"] == []
    assert InProcessApi(world, "prs@pve!daemon").get("/nodes/pve1/storage/local/content") == []


@pytest.mark.parametrize("raw", [("lxc.mount.entry", "/run/x mnt none bind 0 0"), ("lxc.mount.entry", "/run/x mnt none bind,optional 0 0")])
def test_a_container_that_mounts_what_its_node_has_stays_off_on_the_target(raw: tuple[str, str]) -> None:
    """Unless the mount is optional: it moves all the same."""
    world = lab(guests={"100": {"kind": "lxc", "node": "pve1", "disks": {"rootfs": "ceph:8"}, "config": {"lxc": [list(raw)]}}})
    InProcessApi(world).post("/nodes/pve1/lxc/100/migrate", {"target": "pve2", "restart": 1})
    world.clock.sleep(60)
    assert (world.guests[100].node, world.guests[100].status) == ("pve2", "running" if "optional" in raw[1] else "stopped")


def test_a_container_with_the_volume_of_another_is_shut_down_before_pve_finds_out() -> None:
    """Then it is started again where it was."""
    disks = {"rootfs": "local:8", "mp0": "local:2,name=subvol-777-disk-0"}
    world = lab(storages={"local": {}}, guests={"100": {"kind": "lxc", "node": "pve1", "disks": disks}})
    born = world.guests[100].born
    upid = InProcessApi(world).post("/nodes/pve1/lxc/100/migrate", {"target": "pve2", "restart": 1})
    world.clock.sleep(60)
    lines = world.tasks.all[upid].log.lines(world.clock.time())
    assert any("can't migrate local volume 'local:subvol-777-disk-0': owned by other guest (owner = 777)" in line for line in lines)
    assert (world.guests[100].node, world.guests[100].status, world.guests[100].lock) == ("pve1", "running", "")
    assert world.guests[100].born > born


def test_memory_that_ksm_merges_or_hugepages_hold() -> None:
    """A node's own figure knows both; the guest's knows neither. Merged memory is whole again after a move."""
    world = lab(guests={
        "100": {"node": "pve1", "memory": 10, "ksm": 4}, "101": {"node": "pve1", "memory": 3, "max": 8, "config": {"hugepages": "2"}},
    })  # fmt: skip
    world.clock.sleep(30)
    rows = {row["id"]: row for row in InProcessApi(world).get("/cluster/resources")}
    assert rows["node/pve1"]["mem"] // GiB == 2 + 10 - 4 + 8
    assert (rows["qemu/100"]["memhost"] // GiB, rows["qemu/101"]["memhost"], rows["qemu/101"]["mem"] // GiB) == (10, 0, 3)
    assert InProcessApi(world).get("/nodes/pve1/status")["ksm"]["shared"] == 4 * GiB
    InProcessApi(world).post("/nodes/pve1/qemu/100/migrate", {"target": "pve2", "online": 1})
    world.clock.sleep(60)
    assert world.memory_used("pve2") == 12 * GiB


def test_lists_clip_vcpus_to_the_nodes_threads() -> None:
    """The configuration tells the truth."""
    world = lab(guests={"100": {"node": "pve1", "cpu": 2, "config": {"sockets": 2, "cores": 10}}})
    api = InProcessApi(world)
    row = next(row for row in api.get("/cluster/resources") if row["type"] == "qemu")
    config = api.get("/nodes/pve1/qemu/100/config")
    assert (row["maxcpu"], config["sockets"] * config["cores"]) == (16, 20)


def test_the_maker_of_a_cpu_is_told_from_pve_9_on() -> None:
    """On PVE 8 only the model's name shows it."""
    entry = {"pve1": {"cpu_model": "AMD EPYC 7543 32-Core Processor"}, "pve2": {}}
    told = {}
    for flavour in ("8", "9"):
        api = InProcessApi(from_json({"flavour": flavour, "nodes": entry}))
        told[flavour] = [api.get(f"/nodes/{node}/status")["cpuinfo"].get("vendor") for node in ("pve1", "pve2")]
    assert told == {"8": [None, None], "9": ["AuthenticAMD", "GenuineIntel"]}


def test_a_vm_that_goes_on_with_the_cpu_of_another_maker_is_recorded() -> None:
    """Whatever its CPU type."""
    world = lab(nodes={"pve1": {}, "pve2": {"cpu_model": "AMD EPYC 7543"}}, guests={"100": {"node": "pve1"}})
    InProcessApi(world).post("/nodes/pve1/qemu/100/migrate", {"target": "pve2", "online": 1})
    world.clock.sleep(60)
    assert [event.text.partition(" (AMD")[0] for event in world.unlike] == ["100 (guest100) goes on with a CPU of another maker"]


@pytest.mark.parametrize(("params", "lost"), [({}, 1), ({"with-conntrack-state": 1}, 0)])
def test_connections_of_a_firewalled_vm_are_lost_unless_they_are_carried(params: dict[str, int], lost: int) -> None:
    """The precondition call and the target's capabilities say whether both nodes can."""
    world = lab(guests={"100": {"node": "pve1", "config": {"net0": "virtio,bridge=vmbr0,firewall=1"}}})
    world.nodes["pve3"].dbus_vmstate = False
    api = InProcessApi(world)
    assert api.get("/nodes/pve1/qemu/100/migrate")["has-dbus-vmstate"] == 1
    assert [api.get(f"/nodes/{node}/capabilities/qemu/migration") for node in ("pve2", "pve3")] == [
        {"has-dbus-vmstate": True}, {"has-dbus-vmstate": False},
    ]  # fmt: skip
    api.post("/nodes/pve1/qemu/100/migrate", {"target": "pve2", "online": 1, **params})
    world.clock.sleep(60)
    assert len(world.dropped) == lost


def test_pve_8_knows_no_connection_state() -> None:
    """The parameter is refused."""
    world = small("8")
    with pytest.raises(ApiError, match="Parameter verification failed"):
        InProcessApi(world).post("/nodes/pve1/qemu/102/migrate", {"target": "pve2", "online": 1, "with-conntrack-state": 1})


def test_no_access_on_a_guest_or_its_pool_hides_it() -> None:
    """Neither is trumped by what is granted on the other; roles of a parent pool hold in the nested one."""
    world = lab(guests={str(vmid): {"node": "pve1", "pool": pool} for vmid, pool in ((100, ""), (101, ""), (102, "a/b"), (103, "c"))})
    world.access.add(User("team@pve"), ("/", "PVEAuditor"), ("/vms/101", "NoAccess"), ("/pool/c", "NoAccess"))
    world.access.add(User("pool@pve"), ("/pool/a", "PVEVMAdmin"))

    def seen(user: str) -> list[int]:
        return [row["vmid"] for row in InProcessApi(world, user).get("/cluster/resources", {"type": "vm"})]

    assert (seen("team@pve"), seen("pool@pve")) == ([100, 102], [102])
    assert [row["poolid"] for row in InProcessApi(world).get("/pools")] == ["a", "a/b", "c"]
    assert "/vms/101" not in InProcessApi(world, "team@pve").get("/access/permissions")


def test_a_role_that_does_not_propagate_shows_as_0_and_stops_there() -> None:
    """On `/` it gives nothing below."""
    world = lab(guests={"100": {"node": "pve1"}}, users={"once@pve": {"grants": {"/": "PVEAuditor once"}}})
    world.access.grants.append(Grant("/vms", "once@pve", "PVEVMUser"))
    permissions = InProcessApi(world, "once@pve").get("/access/permissions")
    assert (permissions["/"]["VM.Audit"], permissions["/vms"]["VM.Audit"], "/nodes" in permissions) == (0, 1, False)


def test_a_list_can_come_back_short_once() -> None:
    """200, without a guest."""
    world = small()
    world.faults.add({"on": "GET /cluster/resources", "do": "short", "without": ["qemu", "lxc"]})
    api = InProcessApi(world)
    counts = [sum(row["type"] == "qemu" for row in api.get("/cluster/resources")) for _ in range(2)]
    assert counts == [0, 12]


def test_a_request_can_be_dropped_without_being_done() -> None:
    """The client hears nothing, and no task begins."""
    world = small()
    world.faults.add({"on": "POST /nodes/{node}/qemu/{vmid}/migrate", "do": "drop"})
    with pytest.raises(Unreachable):
        InProcessApi(world).post("/nodes/pve1/qemu/102/migrate", {"target": "pve2", "online": 1})
    world.clock.sleep(60)
    assert not world.tasks.all


def test_a_number_in_use_is_refused_whoever_asks() -> None:
    """So that a hidden guest can be told from none."""
    world = small()
    assert InProcessApi(world, "nobody@pve").get("/cluster/nextid", {"vmid": 500}) == "500"
    with pytest.raises(ApiError) as refusal:
        InProcessApi(world, "nobody@pve").get("/cluster/nextid", {"vmid": 102})
    assert refusal.value.errors == {"vmid": "VM 102 already exists"}


def ha_lab(**rule: Any) -> World:
    """Two guests under HA on pve1, with a rule."""
    world = lab(guests={"100": {"node": "pve1"}, "101": {"node": "pve1"}})
    if rule:
        world.ha.rules.rules.append(Rule("r", ("vm:100", "vm:101"), **rule))
    for vmid in (100, 101):
        world.ha.add(Resource(f"vm:{vmid}"))
    return world


def through_maintenance(world: World) -> None:
    """Drive pve1 empty, and let it come back."""
    world.ha_maintenance("pve1", True)
    world.clock.sleep(300)
    assert not world.on("pve1")
    world.ha_maintenance("pve1", False)


def test_the_manager_tries_the_way_back_once() -> None:
    """A guest that could not go then stays for ever."""
    world = ha_lab()
    world.ha_maintenance("pve1", True)
    world.clock.sleep(300)
    world.life.lock(100, "backup")
    world.ha_maintenance("pve1", False)
    world.clock.sleep(120)
    world.life.lock(100, "")
    world.clock.sleep(600)
    assert (world.guests[100].node == "pve1", world.guests[101].node) == (False, "pve1")
    assert world.ha.services["vm:100"].maintenance_node == ""


def test_guests_bound_together_do_not_come_back() -> None:
    """They hold each other, and the manager remembers their node for ever."""
    world = ha_lab(affinity="positive")
    through_maintenance(world)
    world.clock.sleep(900)
    assert world.guests[100].node == world.guests[101].node != "pve1"
    assert world.ha.services["vm:100"].maintenance_node == "pve1"


def test_the_manager_counts_services_and_no_memory() -> None:
    """The node with the fewest of them is chosen, full as it is."""
    big = {f"20{number}": {"node": "pve2", "memory": 19} for number in range(3)}
    tiny = {f"30{number}": {"node": "pve3", "memory": 1} for number in range(3)}
    world = lab(guests={"100": {"node": "pve1", "memory": 8}, **big, **tiny})
    for vmid in (100, 300, 301, 302):
        world.ha.add(Resource(f"vm:{vmid}"))
    world.ha_maintenance("pve1", True)
    world.clock.sleep(300)
    assert (world.guests[100].node, len(world.overfilled)) == ("pve2", 1)


def test_an_ignored_resource_counts_as_not_managed() -> None:
    """Its rules bind nothing, maintenance leaves it, the API moves it at once."""
    world = lab(guests={"100": {"node": "pve1"}, "101": {"node": "pve2"}})
    world.ha.rules.rules.append(Rule("apart", ("vm:100", "vm:101"), affinity="negative"))
    world.ha.add(Resource("vm:100", state="ignored"))
    world.ha.add(Resource("vm:101"))
    api = InProcessApi(world)
    world.ha_maintenance("pve1", True)
    world.clock.sleep(120)
    assert world.guests[100].node == "pve1"
    assert next(row for row in api.get("/cluster/resources") if row.get("vmid") == 100)["hastate"] == "ignored"
    assert api.get("/nodes/pve1/qemu/100/migrate")["allowed_nodes"] == ["pve2", "pve3"]
    upid = api.post("/nodes/pve1/qemu/100/migrate", {"target": "pve2", "online": 1})
    world.clock.sleep(60)
    assert (":qmigrate:" in upid, world.guests[100].node, world.clashes) == (True, "pve2", [])


def test_what_is_unset_is_not_told() -> None:
    """HA resources without failback and auto-rebalance; ended tasks without pid; an unknown node without DNS."""
    world = ha_lab()
    world.ha.resources["vm:101"].failback = False
    api = InProcessApi(world)
    rows = {row["sid"]: row for row in api.get("/cluster/ha/resources")}
    assert ("failback" in rows["vm:100"], rows["vm:101"]["failback"]) == (False, 0)
    world.life.move(100, "pve2")
    running = api.get("/cluster/tasks")[0]
    world.clock.sleep(60)
    ended = api.get("/cluster/tasks")[0]
    assert ("pid" in running, "pid" in ended, ended["saved"]) == (True, False, "1")
    with pytest.raises(ApiError, match="Temporary failure in name resolution"):
        api.get("/nodes/pve9/status")


def test_ceph_says_what_may_be_stopped_and_keeps_flags() -> None:
    """Checks with their words; nothing is safe while another node of it is down."""
    osds = {"pve1": [0], "pve2": [1]}
    world = lab(ceph={"health": "HEALTH_WARN", "checks": {"MON_CLOCK_SKEW": "clock skew"}, "osds": osds, "mons": ["pve1"]})
    api = InProcessApi(world)
    assert api.get("/cluster/ceph/status")["health"]["checks"]["MON_CLOCK_SKEW"]["summary"]["message"] == "clock skew"
    api.put("/cluster/ceph/flags/noout", {"value": 1})
    assert [row["name"] for row in api.get("/cluster/ceph/flags") if row["value"]] == ["noout"]
    ask = {"service": "osd", "id": "0", "action": "stop"}
    assert api.get("/nodes/pve1/ceph/cmd-safety", ask)["safe"] is True
    world.life.kill("pve2")
    assert api.get("/nodes/pve1/ceph/cmd-safety", ask)["safe"] is False
    assert isinstance(world.ceph, Ceph)


def test_a_node_tells_its_kernels_and_its_location() -> None:
    """The one that runs, and the newest that is installed, which runs from the next start on."""
    world = lab()
    world.nodes["pve1"].kernel_installed, world.nodes["pve1"].location = "6.17.1-1-pve", "rack 1"
    api = InProcessApi(world)
    rows = api.get("/nodes/pve1/apt/versions")
    assert (rows[0]["RunningKernel"], rows[4]["Package"]) == ("6.14.8-2-pve", "proxmox-kernel-6.17.1-1-pve-signed")
    assert [row["Package"] for row in rows[2:4]] == ["proxmox-kernel-helper", "proxmox-kernel-6.17"]
    assert api.get("/nodes/pve1/config")["location"] == "rack 1"


@pytest.mark.parametrize(("flavour", "kind"), [("8", "sdn"), ("9", "network")])
def test_resources_have_rows_of_networks_and_pools(flavour: str, kind: str) -> None:
    """They are neither guests nor nodes."""
    world = from_json({"flavour": flavour, "nodes": NODES, "guests": {"100": {"node": "pve1", "pool": "a"}}})
    rows = InProcessApi(world).get("/cluster/resources")
    assert {row["type"] for row in rows} == {"qemu", "node", "storage", "pool", kind}
