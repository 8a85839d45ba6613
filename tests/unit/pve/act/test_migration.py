"""Starting, following and finding migrations: what is sent, and what PVE's answers mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from prs.errors import ApiError, LoginFailed, Unreachable
from prs.model import Move
from prs.pve.act import migration
from prs.pve.act.migration import Task
from simcluster import InProcessApi
from simcluster.ha_rules import Resource
from simcluster.scenes import local, small
from simcluster.world import Flavour
from unit.fakeapi import FakeApi

GiB = 2**30
MOVE = Move(101, "db01", "qemu", "pve1", "pve3", memory=14 * GiB)
UPID = "UPID:pve1:0000013B:00032F5A:6B02B9EC:qmigrate:101:prs@pve!daemon:"
MIGRATE = "/nodes/pve1/qemu/101/migrate"
QUOTED = "UPID%3Apve1%3A0000013B%3A00032F5A%3A6B02B9EC%3Aqmigrate%3A101%3Aprs%40pve%21daemon%3A"


@pytest.mark.parametrize(
    ("move", "path", "params"),
    [
        (MOVE, MIGRATE, {"target": "pve3", "online": 1, "with-local-disks": 1}),
        (replace(MOVE, disk=GiB), MIGRATE, {"target": "pve3", "online": 1, "with-local-disks": 1}),
        (replace(MOVE, running=False, disk=GiB), MIGRATE, {"target": "pve3"}),
        (replace(MOVE, ha=True), MIGRATE, {"target": "pve3", "online": 1, "with-local-disks": 1}),
        (replace(MOVE, kind="lxc"), "/nodes/pve1/lxc/101/migrate", {"target": "pve3", "restart": 1}),
        (replace(MOVE, kind="lxc", running=False), "/nodes/pve1/lxc/101/migrate", {"target": "pve3"}),
    ],
)
def test_a_start_sends_what_the_guest_needs_and_no_more(move: Move, path: str, params: dict[str, object]) -> None:
    api = FakeApi({path: UPID})
    assert migration.start(api, move) == UPID
    assert api.asked == [("POST", path, params)]


def test_connections_travel_where_both_nodes_can_carry_them() -> None:
    """A container's do not, nor those of a stopped VM."""
    for move, sent in ((MOVE, True), (replace(MOVE, running=False), False), (replace(MOVE, kind="lxc"), False)):
        api = FakeApi({f"/nodes/pve1/{move.kind}/101/migrate": UPID})
        migration.start(api, move, connections=True)
        assert ("with-conntrack-state" in (api.asked[0][2] or {})) == sent


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        (["2026-01-01 10:00:00 ERROR: online migrate failure - VM quit"], "VM quit"),
        (["2026-01-01 10:00:00 [pve2] MAX 16 vcpus allowed per VM on this node",
          "2026-01-01 10:00:00 ERROR: online migrate failure - remote command failed with exit code 255"],
         "remote command failed with exit code 255: [pve2] MAX 16 vcpus allowed per VM on this node"),
        (["2026-01-01 10:00:00 can't migrate local disk 'a:vm-1-disk-0': owned by other VM (owner = VM 1)",
          "2026-01-01 10:00:00 ERROR: migration aborted (duration 00:00:00): can't migrate VM - check log"],
         "can't migrate local disk 'a:vm-1-disk-0': owned by other VM (owner = VM 1)"),
    ],
)  # fmt: skip
def test_the_cause_is_told_where_the_error_only_points_to_it(lines: list[str], cause: str) -> None:
    """What the target said, and what the log lists."""
    data = [{"n": number, "t": line} for number, line in enumerate(lines, 1)]
    assert migration.error(FakeApi({f"/nodes/pve1/tasks/{QUOTED}/log": data}), UPID) == cause


@pytest.mark.parametrize("answer", [None, "", {"errors": "x"}])
def test_a_start_without_a_task_may_have_started(answer: Any) -> None:
    with pytest.raises(Unreachable, match="may have been started"):
        migration.start(FakeApi({MIGRATE: answer}), MOVE)


@pytest.mark.parametrize("flavour", ["8", "9"])
def test_a_migration_from_start_to_end(flavour: Flavour) -> None:
    world = local(flavour)
    api = InProcessApi(world)
    disk = world.guests[101].disks[0].size
    move = replace(MOVE, disk=disk)
    assert migration.precheck(api, move).words == ""
    begun = world.clock.time()
    upid = migration.start(api, move)
    world.clock.sleep(30)
    assert migration.task(api, upid) == Task(running=True)
    assert migration.migrating(api) == {101: upid}
    assert migration.find_task(api, "pve1", 101, begun - 300) == upid
    assert migration.find_task(api, "pve1", 101, begun - 300, {upid}) == ""
    assert migration.find_task(api, "pve1", 102, begun - 300) == ""
    assert migration.locate_all(api)[101].lock == "migrate"
    first = migration.progress(api, upid, move.memory, move.disk)
    assert first.done == pytest.approx(15 * GiB, rel=0.2)
    assert first.total == move.bytes
    assert first.seconds_left == pytest.approx(400, rel=0.2)
    world.clock.sleep(60)
    assert migration.progress(api, upid, move.memory, move.disk, first) == migration.progress(api, upid, move.memory, move.disk)
    world.clock.sleep(600)
    assert migration.task(api, upid) == Task(running=False, exitstatus="OK")
    last = migration.progress(api, upid, move.memory, move.disk)
    assert (last.done, last.total, last.line) == (move.bytes, move.bytes, "TASK OK")
    assert migration.sighting(api, "pve3", "qemu", 101) == "running"
    assert migration.sighting(api, "pve1", "qemu", 101) == ""
    where = migration.locate(api, 101, "qemu")
    assert where is not None
    assert (where.node, where.status, where.node_online) == ("pve3", "running", True)
    assert migration.locate(api, 101, "lxc") is None
    assert migration.migrating(api) == {}
    assert not world.schema_errors


def test_progress_fetches_only_what_is_new() -> None:
    path = f"/nodes/pve1/tasks/{QUOTED}/log"
    api = FakeApi({path: [{"n": 1, "t": "a"}, {"n": 2, "t": "migration active, transferred 1.0 GiB of 4.0 GiB VM-state, 1.0 GiB/s"}]})
    first = migration.progress(api, UPID, 2 * GiB, 0)
    api.answers[path] = [{"n": 2, "t": "migration active, transferred 1.5 GiB of 4.0 GiB VM-state, 1.0 GiB/s"}]
    second = migration.progress(api, UPID, 2 * GiB, 0, first)
    assert [params["start"] for _, _, params in api.asked] == [0, 1]
    assert (first.done, second.done) == (GiB, 1.5 * GiB)


def test_an_empty_log_is_the_start() -> None:
    found = migration.progress(FakeApi({f"/nodes/pve1/tasks/{QUOTED}/log": [{"n": 1, "t": "no content"}]}), UPID, GiB, 0)
    assert (found.done, found.total, found.line, found.log.number) == (0, GiB, "", 0)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"status": "running"}, Task(running=True)),
        ({"status": "stopped", "exitstatus": "OK"}, Task(False, "OK")),
        ({"status": "stopped", "exitstatus": "migration problems"}, Task(False, "migration problems")),
        ({"status": "stopped"}, Task(False, "unexpected status")),
        (ApiError(400, "Parameter verification failed.", {"upid": "no such task"}), Task(False, gone=True)),
    ],
)
def test_what_a_task_status_means(answer: Any, expected: Task) -> None:
    assert migration.task(FakeApi({f"/nodes/pve1/tasks/{QUOTED}/status": answer}), UPID) == expected


def test_a_task_that_may_not_be_read_is_not_a_task_that_is_gone() -> None:
    refused = ApiError(403, "Permission check failed (/nodes/pve1, Sys.Audit)")
    with pytest.raises(ApiError):
        migration.task(FakeApi({f"/nodes/pve1/tasks/{QUOTED}/status": refused}), UPID)


@pytest.mark.parametrize("upid", ["", "UPID:pve1", "hello", "UPID:..:1:2:3:qmigrate:101:root@pam:"])
def test_what_is_no_task_id_is_never_sent(upid: str) -> None:
    api = FakeApi({})
    with pytest.raises(ApiError):
        migration.cancel(api, upid)
    assert api.calls == 0


def test_cancelling_stops_the_task_on_its_own_node() -> None:
    api = FakeApi({f"/nodes/pve1/tasks/{QUOTED}": None})
    migration.cancel(api, UPID)
    assert api.asked == [("DELETE", f"/nodes/pve1/tasks/{QUOTED}", {})]


def row(kind: str, start: int, node: str = "pve1", vmid: int = 101, **more: Any) -> dict[str, Any]:
    return {"upid": f"UPID:{node}:{kind}:{start}", "node": node, "type": kind, "id": str(vmid), "starttime": start, **more}


def test_the_task_that_copies_is_preferred_to_the_request_and_a_later_one_to_an_earlier() -> None:
    rows = [
        row("hamigrate", 300),
        row("qmigrate", 100),
        row("qmigrate", 200),
        row("qmigrate", 10),
        row("vzdump", 400),
        row("qmigrate", 500, vmid=7),
    ]
    api = FakeApi({"/nodes/pve1/tasks": rows})
    assert migration.find_task(api, "pve1", 101, 50.5) == "UPID:pve1:qmigrate:200"
    assert migration.find_task(api, "pve1", 101, 250) == "UPID:pve1:hamigrate:300"
    assert migration.find_task(api, "pve1", 101, 301) == ""


@pytest.mark.parametrize("trouble", [Unreachable("595 No route to host"), ApiError(403, "no")])
def test_the_cluster_knows_the_tasks_of_a_node_that_is_down(trouble: Exception) -> None:
    rows = [row("qmigrate", 100), row("qmigrate", 200, node="pve2")]
    assert migration.find_task(FakeApi({"/nodes/pve1/tasks": trouble, "/cluster/tasks": rows}), "pve1", 101, 0) == "UPID:pve1:qmigrate:100"
    with pytest.raises(LoginFailed):
        migration.find_task(FakeApi({"/nodes/pve1/tasks": LoginFailed("refused")}), "pve1", 101, 0)


def test_only_running_migrations_count() -> None:
    ended = row("qmigrate", 1, endtime=5, status="OK")
    rows = [ended, row("vzmigrate", 2, vmid=8), row("hamigrate", 3, vmid=9), row("qmigrate", 4, vmid=9), row("vzdump", 5)]
    assert migration.migrating(FakeApi({"/cluster/tasks": rows})) == {8: "UPID:pve1:vzmigrate:2", 9: "UPID:pve1:qmigrate:4"}


def test_a_paused_vm_is_seen_as_paused_and_a_container_as_running() -> None:
    answers = {
        "/nodes/n1/qemu/100/status/current": {"status": "running", "qmpstatus": "paused"},
        "/nodes/n1/qemu/101/status/current": {"status": "stopped", "qmpstatus": "stopped"},
        "/nodes/n1/lxc/102/status/current": {"status": "running"},
        "/nodes/n1/qemu/103/status/current": ApiError(500, "Configuration file 'nodes/n1/qemu-server/103.conf' does not exist"),
    }
    api = FakeApi(answers)
    assert [migration.sighting(api, "n1", "qemu", vmid) for vmid in (100, 101, 103)] == ["paused", "stopped", ""]
    assert migration.sighting(api, "n1", "lxc", 102) == "running"
    with pytest.raises(ApiError):
        migration.sighting(FakeApi({"/nodes/n1/qemu/1/status/current": ApiError(403, "no")}), "n1", "qemu", 1)


@pytest.mark.parametrize("flavour", ["8", "9"])
def test_a_precheck_says_why_not(flavour: Flavour) -> None:
    world = small(flavour)
    api = InProcessApi(world)
    world.guests[101].lock = "backup"
    assert migration.precheck(api, MOVE).words == "PVE: VM is locked (backup)"
    world.guests[101].lock = ""
    world.guests[101].config["hostpci0"] = "0000:01:00.0"
    assert migration.precheck(api, MOVE).words == "uses PCI device hostpci0"
    world.storages["local-zfs"].nodes = ("pve1", "pve2")
    move = replace(MOVE, vmid=106)
    assert migration.precheck(api, move).words == "storage local-zfs is not available there"
    assert migration.precheck(api, replace(move, target="pve2")).words == ""
    assert "does not exist" in migration.precheck(api, replace(MOVE, vmid=107)).words
    assert migration.precheck(api, replace(MOVE, vmid=110, kind="lxc", source="pve2")).words == ""
    with pytest.raises(Unreachable):
        migration.precheck(FakeApi({MIGRATE: Unreachable("596")}), MOVE)


def test_a_target_outside_pves_list_is_refused_even_without_a_reason() -> None:
    answer = {"running": 1, "allowed_nodes": ["pve2"], "not_allowed_nodes": {}, "local_disks": [], "local_resources": []}
    assert migration.precheck(FakeApi({MIGRATE: answer}), MOVE).words == "PVE does not allow pve3"
    del answer["allowed_nodes"]
    assert migration.precheck(FakeApi({MIGRATE: answer}), MOVE).words == ""


@pytest.mark.parametrize("flavour", ["8", "9"])
def test_of_a_guest_under_ha_the_real_migration_is_found(flavour: Flavour) -> None:
    world = small(flavour)
    world.ha.add(Resource("vm:101"))
    world.clock.sleep(60)
    api = InProcessApi(world, "prs@pve!daemon")
    begun = world.clock.time()
    upid = migration.start(api, replace(MOVE, ha=True))
    assert ":hamigrate:" in upid
    assert migration.find_task(api, "pve1", 101, begun) == upid
    world.clock.sleep(60)
    real = migration.find_task(api, "pve1", 101, begun)
    assert ":qmigrate:101:root@pam:" in real
