"""The simulated HA manager: tasks that end before anything moved, rules, maintenance, recovery of a dead node's guests."""

from __future__ import annotations

from typing import Any

import pytest

from prs.errors import ApiError
from simcluster import InProcessApi, World
from simcluster.ha_rules import Group, Resource, Rule
from simcluster.scenes import from_json, small
from simcluster.world import Flavour


def lab(flavour: Flavour = "9", *rules: Rule, sids: tuple[str, ...] = ("vm:101", "vm:102", "vm:107", "ct:110")) -> World:
    """The small lab with four guests under HA."""
    world = small(flavour)
    world.ha.rules.rules += rules
    for sid in sids:
        world.ha.add(Resource(sid))
    return world


def ask(world: World, vmid: int, target: str) -> str:
    """Ask for a migration, and give the UPID of the hamigrate task."""
    guest = world.guests[vmid]
    flag = "restart" if guest.kind == "lxc" else "online"
    upid: str = InProcessApi(world).post(f"/nodes/{guest.node}/{guest.kind}/{vmid}/migrate", {"target": target, flag: 1})
    return upid


def state(world: World, sid: str) -> str:
    """A service's state as the API tells it."""
    rows = InProcessApi(world).get("/cluster/ha/status/current")
    found: str = next(row["state"] for row in rows if row["id"] == f"service:{sid}")
    return found


def where(world: World, *vmids: int) -> list[str]:
    """The nodes of some guests."""
    return [world.guests[vmid].node for vmid in vmids]


def test_the_task_ends_long_before_the_guest_moves() -> None:
    """OK after a second; the manager starts its own migration as root@pam in its next round."""
    world = lab()
    upid = ask(world, 102, "pve3")
    assert ":hamigrate:102:root@pam:" in upid
    world.clock.sleep(2)
    task = InProcessApi(world).get(f"/nodes/pve1/tasks/{upid}/status")
    assert (task["exitstatus"], where(world, 102), world.started[102]) == ("OK", ["pve1"], 0)
    world.clock.sleep(10)
    row = next(row for row in InProcessApi(world).get("/cluster/resources", {"type": "vm"}) if row["vmid"] == 102)
    assert (row["hastate"], row["node"]) == ("migrate", "pve1")
    world.clock.sleep(40)
    assert (where(world, 102), state(world, "vm:102"), world.migrations[102]) == (["pve3"], "started", 1)
    real = [task for task in world.tasks.all.values() if task.type == "qmigrate"]
    assert [(task.user, task.log.lines(world.clock.time())[0]) for task in real] == [("root@pam", "task started by HA resource agent")]


def test_a_running_guest_still_needs_online() -> None:
    """PVE's checks come before it hands the request over."""
    with pytest.raises(ApiError, match="can't migrate running VM without --online"):
        InProcessApi(lab()).post("/nodes/pve1/qemu/102/migrate", {"target": "pve3"})


def test_an_ignored_resource_is_moved_directly() -> None:
    """As if it was not under HA."""
    world = lab()
    world.ha.resources["vm:102"].state = "ignored"
    assert ":qmigrate:102:" in ask(world, 102, "pve3")


def test_guests_that_keep_together_move_together() -> None:
    """The precondition call names the partner, the task's log too, and both arrive."""
    world = lab("9", Rule("pair", ("vm:102", "ct:110"), affinity="positive"))
    assert InProcessApi(world).get("/nodes/pve1/qemu/102/migrate")["dependent-ha-resources"] == ["ct:110"]
    upid = ask(world, 102, "pve3")
    world.clock.sleep(60)
    assert where(world, 102, 110) == ["pve3", "pve3"]
    assert any(line.startswith("also migrate resource 'ct:110'") for line in world.tasks.all[upid].log.lines(world.clock.time()))


def test_guests_that_keep_apart_are_refused() -> None:
    """Told by the preconditions, by the task's end, and by the HA path, where nothing is queued."""
    world = lab("9", Rule("apart", ("vm:101", "vm:107"), affinity="negative"))
    api = InProcessApi(world)
    answer = api.get("/nodes/pve1/qemu/101/migrate")
    blocking = [{"sid": "vm:107", "cause": "resource-affinity"}]
    assert answer["allowed_nodes"] == ["pve3"]
    assert answer["not_allowed_nodes"] == {"pve2": {"blocking-ha-resources": blocking}, "pve3": {}}
    upid = ask(world, 101, "pve2")
    assert api.post("/cluster/ha/resources/vm:101/migrate", {"node": "pve2"}) == {
        "sid": "vm:101", "requested-node": "pve2", "blocking-resources": blocking,
    }  # fmt: skip
    world.clock.sleep(60)
    assert world.tasks.all[upid].exitstatus == "command 'ha-manager migrate vm:101 pve2' failed: exit code 2"
    assert (where(world, 101), world.started[101], world.clashes) == (["pve1"], 0, [])


def test_a_broken_negative_rule_is_recorded_and_repaired_by_the_manager() -> None:
    """Whoever moves a guest past HA is seen; the CRM separates the pair again."""
    world = lab("9", Rule("apart", ("vm:101", "vm:107"), affinity="negative"))
    world.place(world.guests[101], "pve2")
    assert [event.text for event in world.clashes] == ["101 (db01) meets 107 (db02) on pve2, which an HA rule forbids"]
    world.ha.wake()
    world.clock.sleep(120)
    assert len(set(where(world, 101, 107))) == 2


def test_a_rival_on_its_way_is_kept_from_on_both_of_its_nodes() -> None:
    """A guest that leaves a node in maintenance does not meet the rival that is just leaving its new node (Usage.pm)."""
    world = lab("9", Rule("apart", ("vm:101", "vm:107"), affinity="negative"))
    ask(world, 107, "pve3")
    world.ha_maintenance("pve1", True)
    while world.ha.services["vm:107"].state != "migrate":
        world.clock.sleep(1)
    assert InProcessApi(world).get("/nodes/pve1/qemu/101/migrate")["not_allowed_nodes"] == {"pve2": {}, "pve3": {}}
    world.clock.sleep(300)
    assert (where(world, 101, 107), world.clashes) == (["pve2", "pve3"], [])


def test_the_manager_ignores_what_it_cannot_do() -> None:
    """A target in maintenance: the task says OK, nothing moves, and no error is told."""
    world = lab()
    world.ha_maintenance("pve3", True)
    world.clock.sleep(30)
    upid = ask(world, 102, "pve3")
    world.clock.sleep(60)
    assert (world.tasks.all[upid].exitstatus, where(world, 102), world.started[102]) == ("OK", ["pve1"], 0)


def test_the_ha_path_needs_a_managed_guest() -> None:
    """And answers with what moves along; nothing on PVE 8."""
    world = lab("9", Rule("pair", ("vm:102", "ct:110"), affinity="positive"))
    with pytest.raises(ApiError, match="resource 'vm:103' is not HA managed"):
        InProcessApi(world).post("/cluster/ha/resources/vm:103/migrate", {"node": "pve2"})
    assert InProcessApi(world).post("/cluster/ha/resources/102/migrate", {"node": "pve3"}) == {
        "sid": "vm:102", "requested-node": "pve3", "comigrated-resources": ["ct:110"],
    }  # fmt: skip
    assert InProcessApi(lab("8")).post("/cluster/ha/resources/vm:102/migrate", {"node": "pve3"}) is None


def test_maintenance_drives_running_services_away_and_brings_them_back() -> None:
    """Other guests stay; the state of the node goes to maintenance and back to online."""
    world = lab()
    api = InProcessApi(world)
    world.ha_maintenance("pve1", True)
    world.clock.sleep(25)
    status = api.get("/cluster/ha/status/manager_status")["manager_status"]
    assert status["node_status"]["pve1"] == "maintenance"
    assert status["node_request"] == {"pve1": {"maintenance": 1}}
    world.clock.sleep(120)
    assert "pve1" not in where(world, 101, 102)
    assert (where(world, 103, 104), world.started[103]) == (["pve1", "pve1"], 0)
    row = next(row for row in api.get("/cluster/resources", {"type": "node"}) if row["node"] == "pve1")
    assert row["hastate"] == "maintenance"
    world.ha_maintenance("pve1", False)
    world.clock.sleep(120)
    assert where(world, 101, 102) == ["pve1", "pve1"]
    assert dict(world.migrations) == {101: 2, 102: 2}
    assert world.clock.next_event() is None


def test_maintenance_keeps_rules() -> None:
    """A pair stays together, rivals stay apart, also in between."""
    world = lab("9", Rule("apart", ("vm:101", "vm:107"), affinity="negative"), Rule("pair", ("vm:101", "vm:102"), affinity="positive"))
    world.ha_maintenance("pve1", True)
    world.clock.sleep(200)
    assert where(world, 101, 102) == ["pve3", "pve3"]
    assert not world.clashes


def test_maintenance_of_a_dead_node_has_no_effect() -> None:
    """It is dropped without a word."""
    world = lab(sids=("vm:107",))
    world.life.kill("pve3")
    world.ha_maintenance("pve3", True)
    world.clock.sleep(30)
    assert world.ha.in_maintenance == set()


@pytest.mark.parametrize("flavour", ["8", "9"])
def test_a_guest_moved_off_its_preferred_node_returns(flavour: Flavour) -> None:
    """By a rule of PVE 9 or a group of PVE 8."""
    world = lab(flavour, *([Rule("home", ("vm:102",), {"pve1": 2, "pve2": 1})] if flavour == "9" else []))
    if flavour == "8":
        world.ha.rules.groups["home"] = Group("home", {"pve1": 2, "pve2": 1})
        world.ha.resources["vm:102"].group = "home"
    ask(world, 102, "pve3")
    world.clock.sleep(200)
    assert (where(world, 102), world.migrations[102]) == (["pve1"], 2)


def test_without_failback_it_stays_unless_the_rule_is_strict() -> None:
    """failback=0 keeps it on another node, strict brings it back all the same."""
    ends = []
    for strict in (False, True):
        world = lab("9", Rule("home", ("vm:102",), {"pve1": 0}, strict=strict))
        world.ha.resources["vm:102"].failback = False
        ask(world, 102, "pve3")
        world.clock.sleep(200)
        ends += where(world, 102)
    assert ends == ["pve3", "pve1"]


def test_at_most_so_many_moves_run_at_once() -> None:
    """The LRM's max_workers, 4 unless datacenter.cfg says otherwise."""
    world = lab(sids=tuple(f"vm:{vmid}" for vmid in range(101, 107)))
    world.options["max_workers"] = 2
    world.ha_maintenance("pve1", True)
    most = 0
    for _ in range(400):
        world.clock.sleep(1)
        most = max(most, len(world.tasks.running("qmigrate")))
    assert (most, set(where(world, *range(101, 107))) & {"pve1"}) == (2, set())


def test_a_failed_move_leaves_the_service_started_on_its_node() -> None:
    """A local device: the LRM's task aborts, the manager goes on as before."""
    world = lab()
    world.guests[102].config = {"hostpci0": "0000:01:00.0"}
    ask(world, 102, "pve3")
    world.clock.sleep(60)
    assert (where(world, 102), state(world, "vm:102"), world.started[102]) == (["pve1"], "started", 1)


def test_services_of_a_dead_node_are_recovered_after_fencing() -> None:
    """Two minutes later they run elsewhere, free of the lock their migration left; other guests stay lost with the node."""
    world = lab()
    ask(world, 101, "pve3")
    world.clock.sleep(20)
    assert world.guests[101].lock == "migrate"
    world.life.kill("pve1")
    world.clock.sleep(70)
    api: Any = InProcessApi(world)
    assert api.get("/cluster/ha/status/manager_status")["manager_status"]["node_status"]["pve1"] == "fence"
    world.clock.sleep(80)
    guest = world.guests[101]
    assert (guest.node != "pve1", guest.status, guest.lock, state(world, "vm:101")) == (True, "running", "", "started")
    assert (world.guests[103].node, world.guests[103].status) == ("pve1", "stopped")


def test_services_of_a_rebooting_node_wait_for_it() -> None:
    """Frozen, neither fenced nor recovered, and running again when it is back."""
    world = lab()
    world.life.power_off("pve1", reboot=True)
    world.clock.sleep(40)
    assert state(world, "vm:101") == "freeze"
    world.clock.sleep(120)
    assert (where(world, 101), world.guests[101].status, state(world, "vm:101")) == (["pve1"], "running", "started")


def test_a_cluster_without_resources_has_an_idle_manager() -> None:
    """No node state, no master, nothing but the quorum."""
    world = from_json({"nodes": {"a": {}, "b": {}}, "guests": {"100": {"node": "a"}}})
    api = InProcessApi(world)
    assert api.get("/cluster/ha/status/current") == [{"id": "quorum", "type": "quorum", "node": "a", "status": "OK", "quorate": 1}]
    assert api.get("/cluster/ha/status/manager_status")["manager_status"] == {}
    assert "hastate" not in api.get("/cluster/resources", {"type": "node"})[0]
