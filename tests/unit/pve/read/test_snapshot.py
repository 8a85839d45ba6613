"""Reading a whole cluster: what PVE shows is what the snapshot holds, in a handful of calls, and what is hidden is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from prs.codec import to_json
from prs.errors import ApiError, LoginFailed, Unreachable
from prs.model import Cluster, Replication, Rule
from prs.pve.read.snapshot import read_cluster
from simcluster import InProcessApi
from simcluster.ha_rules import Group, Resource
from simcluster.ha_rules import Rule as HaRule
from simcluster.scenes import large, local, small
from simcluster.world import Flavour, World
from unit.fakeapi import FakeApi

GiB = 2**30


def read(world: World, method: str = "memory", user: str = "root@pam") -> tuple[Cluster, int]:
    api = InProcessApi(world, user)
    return read_cluster(api, world.clock.time(), method), api.calls


def under_ha(world: World) -> World:
    """Put two guests under HA, with a rule or group."""
    world.ha.add(Resource("vm:101", group="fast" if world.flavour == "8" else ""))
    world.ha.add(Resource("vm:107"))
    if world.flavour == "8":
        world.ha.rules.groups["fast"] = Group("fast", {"pve1": 2, "pve2": 1}, restricted=True)
    else:
        world.ha.rules.rules.append(HaRule("apart", ("vm:101", "vm:107"), affinity="negative"))
    world.clock.sleep(60)
    return world


@pytest.mark.parametrize("flavour", ["8", "9"])
def test_loads_are_those_of_the_cluster(flavour: Flavour) -> None:
    world = local(flavour)
    found, _ = read(world, "all")
    assert found.problems == ()
    assert (found.name, found.quorate, found.version) == ("lab", True, world.version)
    for node in found.nodes:
        mine = [guest for guest in found.guests if guest.node == node.name]
        assert node.problem == ""
        assert node.memory_host + sum(guest.memory for guest in mine) == pytest.approx(world.memory_used(node.name))
        assert node.cpu_host + sum(guest.cpu for guest in mine) == pytest.approx(world.cpu_used(node.name))
        assert node.disk_host + sum(guest.disk for guest in mine) == world.storage_used("local-zfs", node.name)
    assert {guest.vmid: guest.disk for guest in found.guests} == {
        vmid: sum(disk.size for disk in guest.disks) for vmid, guest in world.guests.items()
    }


def test_what_balloons_leave_is_asked_for_where_it_counts_once_a_node() -> None:
    world = small("9")
    world.guests[101].config["balloon"] = 512
    api = InProcessApi(world)
    plain, calls = read_cluster(api, world.clock.time(), history=0.0), api.calls
    found = read_cluster(api, world.clock.time(), history=0.0, counts="reserved")
    assert (api.calls - calls) - calls <= len(found.nodes)
    assert {guest.vmid: guest.reserved for guest in found.guests if guest.reserved} == {101: 512 * 2**20}
    assert replace(found, guests=()) == replace(plain, guests=())


@pytest.mark.parametrize("flavour", ["8", "9"])
def test_few_calls_however_large_the_cluster(flavour: Flavour) -> None:
    world = under_ha(small(flavour))
    assert read(world)[1] - 3 < {"8": 11, "9": 10}[flavour]  # groups and their members instead of rules
    many = large(nodes=8, guests=200, flavour=flavour)
    assert read(many)[1] - 8 < 10
    assert read(many, "disk")[1] - 8 - 8 < 10
    assert not many.schema_errors


@pytest.mark.parametrize("flavour", ["8", "9"])
def test_right_after_a_migration_the_loads_are_the_new_ones(flavour: Flavour) -> None:
    world = small(flavour)
    InProcessApi(world).post("/nodes/pve1/qemu/101/migrate", {"target": "pve3", "online": 1})
    for _ in range(6):
        world.clock.sleep(45)
        found, _ = read(world)
        for node in found.nodes:
            mine = [guest for guest in found.guests if guest.node == node.name]
            assert node.memory_host + sum(guest.memory for guest in mine) == pytest.approx(world.memory_used(node.name), rel=0.01)
    assert world.guests[101].node == "pve3"


def test_rules_of_pve_9_and_groups_of_pve_8() -> None:
    assert read(under_ha(small("9")))[0].rules == (Rule("apart", "apart", (101, 107)),)
    group = Rule("fast", "nodes", (101,), (("pve1", 2), ("pve2", 1)), strict=True, source="HA group")
    assert read(under_ha(small("8")))[0].rules == (group,)


def test_flags_of_ha_resources() -> None:
    """On PVE 9 they are asked for only where they matter: with rules about nodes, or auto-rebalance on; on PVE 8 the group decides."""
    world = under_ha(small("9"))
    world.ha.resources["vm:101"].failback = False
    world.ha.resources["vm:107"].auto_rebalance = False
    read(world)
    assert "GET /cluster/ha/resources" not in world.requests
    world.options["crs"] = {"ha": "static", "ha-auto-rebalance": 1}
    guests = {guest.vmid: guest for guest in read(world)[0].guests}
    assert [(guests[vmid].failback, guests[vmid].auto_rebalance) for vmid in (101, 107)] == [(False, True), (True, False)]
    old = under_ha(small("8"))
    next(iter(old.ha.rules.groups.values())).nofailback = True
    assert [guest.vmid for guest in read(old)[0].guests if not guest.failback] == [101]


@pytest.mark.parametrize("flavour", ["8", "9"])
def test_ha_states_of_guests_and_nodes(flavour: Flavour) -> None:
    world = under_ha(small(flavour))
    world.ha_maintenance("pve2", True)
    world.clock.sleep(30)
    found, _ = read(world)
    states = {guest.vmid: guest.ha for guest in found.guests if guest.ha}
    assert states.keys() == {101, 107}
    assert states[101] == "started"
    assert states[107] in ("started", "migrate")
    assert {node.name: node.ha for node in found.nodes}["pve2"] == "maintenance"


def test_without_ha_nothing_is_asked_about_it() -> None:
    world = small()
    read(world)
    assert not [path for path in world.requests if "/ha/" in path]


def test_auto_rebalance_replication_and_migrations_under_way() -> None:
    world = small()
    world.options["crs"] = {"ha": "static", "ha-auto-rebalance": 1}
    world.guests[106].replicate = ("pve3",)
    InProcessApi(world).post("/nodes/pve1/qemu/101/migrate", {"target": "pve3", "online": 1})
    world.clock.sleep(3)
    found, _ = read(world)
    assert found.auto_rebalance
    assert found.replications == (Replication(106, "pve3"),)
    assert found.migrating == (101,)


def test_what_is_stale_or_offline_is_named_and_never_zero() -> None:
    world = small()
    world.life.silence("pve2")
    world.clock.sleep(400)
    world.life.kill("pve3")
    world.clock.sleep(20)
    found, _ = read(world)
    problems = {node.name: node.problem for node in found.nodes}
    assert problems["pve1"] == ""
    assert "no figures for" in problems["pve2"]
    assert problems["pve3"] == "offline"
    assert all(guest.problem for guest in found.guests if guest.node == "pve3")
    assert not any(guest.problem for guest in found.guests if guest.node != "pve3"), "those of pve2 are told by pve2 itself"


def test_a_guest_that_has_just_started_has_no_load_yet() -> None:
    world = small()
    world.life.start(113)
    world.clock.sleep(20)
    found, _ = read(world)
    assert next(guest for guest in found.guests if guest.vmid == 113).problem.startswith("started ")
    world.clock.sleep(60)
    assert next(guest for guest in read(world)[0].guests if guest.vmid == 113).problem == ""


def test_no_names_of_users_get_into_the_snapshot() -> None:
    world = under_ha(small())
    InProcessApi(world, "prs@pve!daemon").post("/nodes/pve1/qemu/102/migrate", {"target": "pve3", "online": 1})
    world.clock.sleep(1)
    for user in ("prs@pve!daemon", "pool@pve", "nobody@pve"):
        text = str(to_json(read(world, "all", user)[0]))
        assert "@" not in text
        assert "daemon" not in text


def test_a_caller_without_rights_is_told_what_is_hidden() -> None:
    found, _ = read(small(), user="pool@pve")
    assert {guest.pool for guest in found.guests} == {"web"}
    assert found.problems == (
        "Quorum, node ids and whether PVE balances HA guests itself are not known: "
        "PVE answered /cluster/status with: Permission check failed (/, Sys.Audit)",
    )
    assert {node.problem for node in found.nodes} == {"PVE shows no load of it (reading it needs Sys.Audit on the node)"}


NODES: list[dict[str, Any]] = [
    {"type": "node", "node": name, "status": "online", "cpu": 0.1, "maxcpu": 8, "mem": GiB, "maxmem": 8 * GiB}
    for name in ("n1", "n2", "n3")
]


def test_one_answer_that_is_refused_is_a_sentence_and_not_the_end() -> None:
    api = FakeApi({"/cluster/resources": NODES, "/cluster/options": ApiError(403, "no"), "/version": Unreachable("595 No route to host")})
    found = read_cluster(api, 0.0, history=0.0)
    assert [node.problem for node in found.nodes] == ["", "", ""]
    assert "Whether PVE balances HA guests itself is not known: PVE answered /cluster/options with: no" in found.problems
    assert "PVE's version is not known: no answer to /version: 595 No route to host" in found.problems


HA_GUEST: dict[str, Any] = {
    "type": "qemu", "vmid": 100, "node": "n1", "status": "running", "uptime": 900, "hastate": "started",
    "cpu": 0.1, "maxcpu": 1, "mem": GiB, "maxmem": GiB,
}  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "ha", "blockers"),
    [("ignore", "", ()), ("freeze", "started", ("HA is disarmed and keeps its guests where they are",)), (None, "started", ())],
)
def test_a_disarmed_ha(mode: str | None, ha: str, blockers: tuple[str, ...]) -> None:
    status = {"manager_status": {"master_node": "n1", **({"disarm": {"mode": mode}} if mode else {})}}
    answers = {"/cluster/resources": [*NODES, HA_GUEST], "/cluster/ha/rules": [], "/cluster/ha/status/manager_status": status}
    guest = read_cluster(FakeApi(answers), 0.0, history=0.0).guests[0]
    assert (guest.ha, guest.blockers) == (ha, blockers)


def test_replications_that_are_off_or_being_removed_are_none() -> None:
    jobs: list[dict[str, Any]] = [
        {"id": "100-0", "guest": 100, "target": "n2"}, {"id": "100-1", "guest": "100", "target": "n3", "disable": 1},
        {"id": "101-0", "guest": 101, "target": "n3", "remove_job": "full"},
    ]  # fmt: skip
    found = read_cluster(FakeApi({"/cluster/resources": NODES, "/cluster/replication": jobs}), 0.0, history=0.0)
    assert found.replications == (Replication(100, "n2"),)


def test_a_volume_that_two_storages_on_one_directory_list_counts_once() -> None:
    stores: list[dict[str, Any]] = [
        {"type": "storage", "storage": name, "node": "n1", "shared": 0, "status": "available", "plugintype": "dir", "content": "images",
         "disk": 40 * GiB, "maxdisk": 100 * GiB} for name in ("local", "more")
    ]  # fmt: skip
    volume = "100/vm-100-disk-0.qcow2"
    answers: dict[str, Any] = {"/cluster/resources": [*NODES, {**HA_GUEST, "hastate": None}, *stores]}
    for name in ("local", "more"):
        answers[f"/nodes/n1/storage/{name}/content"] = [{"volid": f"{name}:{volume}", "vmid": 100, "size": 30 * GiB, "content": "images"}]
    found = read_cluster(FakeApi(answers), 0.0, "disk", history=0.0)
    assert found.guests[0].disk == 30 * GiB
    assert (found.nodes[0].disk, found.nodes[0].disk_host) == (100 * GiB, 10 * GiB)


def test_without_the_resources_there_is_no_snapshot() -> None:
    with pytest.raises(ApiError):
        read_cluster(FakeApi({}), 0.0)


def test_an_api_that_has_died_is_not_asked_again_and_again() -> None:
    api = FakeApi({})
    api.answers = {
        path: Unreachable("no answer") for path in ("/cluster/status", "/cluster/options", "/storage", "/cluster/tasks", "/version")
    }
    api.answers["/cluster/resources"] = NODES
    with pytest.raises(Unreachable):
        read_cluster(api, 0.0)
    assert api.calls == 4


def test_a_refused_login_is_no_gap_in_the_snapshot() -> None:
    with pytest.raises(LoginFailed):
        read_cluster(FakeApi({"/cluster/resources": NODES, "/cluster/status": LoginFailed("refused")}), 0.0)


def test_guests_of_a_node_that_reports_nothing_are_asked_of_the_node_itself() -> None:
    """With their names; the node is named with the remedy, and receives nothing. One that does not answer leaves them unknown."""
    world = small()
    world.life.silence("pve1")
    world.clock.sleep(600)
    cluster = read_cluster(InProcessApi(world), world.clock.time())
    mine = [guest for guest in cluster.guests if guest.node == "pve1"]
    assert {guest.name: guest.status for guest in mine}["db01"] == "running"
    assert not any(guest.problem for guest in mine)
    assert any("systemctl restart pvestatd" in words for words in cluster.problems)
    assert next(node for node in cluster.nodes if node.name == "pve1").problem
    world.nodes["pve1"].api = "down"
    cluster = read_cluster(InProcessApi(world, node="pve2"), world.clock.time())
    assert {guest.status for guest in cluster.guests if guest.node == "pve1"} == {"unknown"}
