"""Faults on demand: each one strikes when, where and as often as it was told, and undoes itself when asked to."""

from __future__ import annotations

from typing import Any

import pytest

from prs.errors import ApiError, LoginFailed, Unreachable
from simcluster import InProcessApi, SceneError, World
from simcluster.nouns import GiB
from simcluster.scenes import small

POST = "POST /nodes/{node}/qemu/{vmid}/migrate"


def broken(*faults: dict[str, Any]) -> World:
    """The small lab with faults."""
    world = small()
    for fault in faults:
        world.faults.add(fault)
    return world


def start(world: World, vmid: int = 102, target: str = "pve3") -> str:
    """Start a live migration; gives the UPID."""
    upid: str = InProcessApi(world).post(f"/nodes/{world.guests[vmid].node}/qemu/{vmid}/migrate", {"target": target, "online": 1})
    return upid


def test_a_task_fails_with_the_words_given() -> None:
    """In the log; its end is PVE's, the guest stays, and the next task is not concerned."""
    world = broken({"task": "qmigrate", "guest": 102, "do": "fail", "words": "storage exploded", "after": 4})
    first = start(world)
    world.clock.sleep(10)
    task = world.tasks.all[first]
    assert task.exitstatus == "migration problems"
    assert any(line.endswith("ERROR: online migrate failure - storage exploded") for line in task.log.lines(world.clock.time()))
    second = start(world)
    world.clock.sleep(60)
    assert (world.tasks.all[second].exitstatus, world.guests[102].node) == ("OK", "pve3")


def test_the_third_task_of_any_guest_can_be_the_one() -> None:
    """nth counts over all that match."""
    world = broken({"task": "qmigrate", "nth": 3, "do": "fail", "words": "no"})
    upids = [start(world, vmid) for vmid in (102, 103, 104, 105)]
    world.clock.sleep(300)
    assert [world.tasks.all[upid].exitstatus for upid in upids] == ["OK", "OK", "migration aborted", "OK"]


def test_a_hanging_task_can_be_cancelled_unless_it_is_deaf() -> None:
    """A day later it still runs; the deaf one goes on even then."""
    hang = {"task": "qmigrate", "do": "hang", "after": 5}
    world = broken({**hang, "guest": 102}, {**hang, "guest": 103, "deaf": True})
    upids = [start(world, 102), start(world, 103)]
    world.clock.sleep(86400)
    for upid in upids:
        assert world.tasks.all[upid].running
        InProcessApi(world).delete(f"/nodes/pve1/tasks/{upid}")
    assert [world.tasks.all[upid].exitstatus for upid in upids] == ["migration problems", None]
    assert world.guests[102].lock == ""


def test_migration_problems_although_the_guest_has_moved() -> None:
    """The words are in the log, the guest is on the target."""
    world = broken({"task": "qmigrate", "do": "problems", "words": "failed to remove local volume"})
    upid = start(world)
    world.clock.sleep(60)
    assert (world.tasks.all[upid].exitstatus, world.guests[102].node, world.migrations[102]) == ("migration problems", "pve3", 1)
    assert any("failed to remove local volume" in line for line in world.tasks.all[upid].log.lines(world.clock.time()))


def test_a_hamigrate_is_silently_ignored() -> None:
    """The task says OK, and nothing ever happens."""
    from simcluster.ha_rules import Resource

    world = broken({"task": "hamigrate", "guest": 102, "do": "ignore"})
    world.ha.add(Resource("vm:102"))
    upid = start(world)
    world.clock.sleep(600)
    assert (world.tasks.all[upid].exitstatus, world.guests[102].node, world.started[102]) == ("OK", "pve1", 0)


def test_an_answer_can_be_lost_before_or_after_the_task_started() -> None:
    """Both look the same to the caller, who waits 30 s; only one has started a migration."""
    answer = {"on": POST, "do": "answer", "status": 596, "words": "Connection timed out"}
    world = broken({**answer, "guest": 102}, {**answer, "guest": 103, "carry_out": True})
    for vmid in (102, 103):
        begun = world.clock.time()
        with pytest.raises(Unreachable, match="596 Connection timed out"):
            start(world, vmid)
        assert world.clock.time() - begun == 30.0
    assert dict(world.started) == {103: 1}


def test_an_answer_with_any_status_for_so_many_times() -> None:
    """Twice from the second on, then PVE is itself again."""
    world = broken({"on": "GET /cluster/*", "nth": 2, "times": 2, "do": "answer", "status": 500, "words": "got timeout"})
    api = InProcessApi(world)
    found: list[bool | str] = []
    for path in ("/cluster/resources", "/cluster/status", "/cluster/tasks", "/cluster/resources"):
        try:
            found.append(bool(api.get(path)) or path == "/cluster/tasks")
        except ApiError as error:
            found.append(error.message)
    assert found == [True, "got timeout", "got timeout", True]


def test_a_slow_answer_takes_its_time_and_a_very_slow_one_is_given_up() -> None:
    """The client gives up after its timeout; what it asked for is done later all the same."""
    world = broken({"on": "GET /version", "do": "slow", "seconds": 12}, {"on": POST, "do": "slow", "seconds": 50})
    begun = world.clock.time()
    InProcessApi(world).get("/version")
    assert world.clock.time() - begun == 12.0
    with pytest.raises(Unreachable, match="gave no answer to POST"):
        start(world)
    assert (world.clock.time() - begun, world.started[102]) == (47.0, 0)
    world.clock.sleep(20)
    assert world.started[102] == 1


def test_a_node_dies_in_mid_migration_and_comes_back() -> None:
    """Five seconds after the task began, for ten minutes."""
    world = broken({"task": "qmigrate", "guest": 102, "after": 5, "do": "kill", "with": {"node": "pve3"}, "for": 600})
    upid = start(world)
    world.clock.sleep(20)
    assert (world.tasks.all[upid].exitstatus, world.nodes["pve3"].alive) == ("migration problems", False)
    world.clock.sleep(600)
    assert world.nodes["pve3"].alive


def test_a_node_dies_just_when_it_is_asked() -> None:
    """A request can be the trigger: the migrate request is answered by 595."""
    world = broken({"on": POST, "guest": 107, "do": "kill", "with": {"node": "pve2"}})
    with pytest.raises(Unreachable, match="No route to host"):
        start(world, 107)


@pytest.mark.parametrize(
    ("fault", "during", "after"),
    [
        ({"do": "lock", "guest": 102, "word": "backup"}, "backup", ""),
        ({"do": "quorum_lost"}, False, True),
        ({"do": "api", "node": "pve2", "state": "down"}, "down", "up"),
        ({"do": "disable", "user": "prs@pve"}, False, True),
        ({"do": "stop", "guest": 102}, "stopped", "running"),
    ],
)
def test_what_lasts_for_a_while_ends(fault: dict[str, Any], during: object, after: object) -> None:
    """From second 60 to second 160."""
    world = broken({"at": 60, "for": 100, **fault})

    def look() -> object:
        return {
            "lock": world.guests[102].lock, "quorum_lost": world.quorate, "api": world.nodes["pve2"].api,
            "disable": world.access.users["prs@pve"].enabled, "stop": world.guests[102].status,
        }[fault["do"]]  # fmt: skip

    seen = [look()]
    for _ in range(2):
        world.clock.sleep(101)
        seen.append(look())
    assert seen == [after, during, after]


def test_guests_change_by_other_hands() -> None:
    """Deleted, created, stopped, started, loaded, moved, their migration cancelled."""
    world = broken(
        {"at": 10, "do": "vanish", "guest": 103},
        {"at": 10, "do": "appear", "guest": 120, "entry": {"name": "new", "node": "pve1", "memory": 2}},
        {"at": 10, "do": "start", "guest": 113},
        {"at": 10, "do": "load", "guest": 104, "memory": 11, "cpu": 2},
        {"at": 10, "do": "move", "guest": 105, "target": "pve2"},
        {"task": "qmigrate", "guest": 106, "do": "cancel", "after": 6},
        {"at": 10, "do": "move", "guest": 106, "target": "pve2"},
    )
    world.clock.sleep(120)
    rows = {row["vmid"]: row for row in InProcessApi(world).get("/cluster/resources", {"type": "vm"})}
    assert 103 not in rows
    assert (rows[120]["status"], rows[120]["node"]) == ("running", "pve1")
    assert (rows[113]["status"], rows[104]["mem"]) == ("running", 11 * GiB)
    assert (world.guests[105].node, world.guests[106].node, world.started[106]) == ("pve2", "pve1", 1)
    assert {task.user for task in world.tasks.all.values()} == {"admin@pam"}


@pytest.mark.parametrize("do", ["vanish", "stop"])
def test_a_guest_that_goes_during_its_migration_ends_it(do: str) -> None:
    """The task aborts, nothing arrives on the target."""
    world = broken({"task": "qmigrate", "guest": 101, "after": 8, "do": do})
    used = world.memory_used("pve3")
    upid = start(world, 101)
    world.clock.sleep(60)
    assert world.tasks.all[upid].exitstatus == "migration problems"
    assert (world.memory_used("pve3"), world.migrations[101], 101 in world.guests) == (used, 0, do == "stop")


def test_credentials_end() -> None:
    """An expired ticket stops whoever has nothing else; a disabled user stops everybody, tokens too."""
    world = broken({"at": 60, "do": "expire"}, {"at": 120, "do": "disable", "user": "prs@pve"})
    browser = InProcessApi(world, "prs@pve", ticket_only=True)
    service, token = InProcessApi(world, "prs@pve"), InProcessApi(world, "prs@pve!daemon")
    for api in (browser, service, token):
        assert api.get("/version")
    world.clock.sleep(70)
    with pytest.raises(LoginFailed):
        browser.get("/version")
    assert service.get("/version")
    world.clock.sleep(60)
    for api in (service, token):
        with pytest.raises(LoginFailed):
            api.get("/version")


def test_a_ticket_is_renewed_by_use_and_dies_of_neglect() -> None:
    """Asked every half hour it lives for a day; left alone for more than two hours it is refused."""
    world = small()
    api = InProcessApi(world, "prs@pve", ticket_only=True)
    for _ in range(48):
        world.clock.sleep(1800)
        api.get("/version")
    world.clock.sleep(7300)
    with pytest.raises(LoginFailed):
        api.get("/version")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"do": "kill", "node": "pve1"}, "exactly one of at, on, task"),
        ({"at": 1, "task": "qmigrate", "do": "kill", "node": "pve1"}, "exactly one of at, on, task"),
        ({"at": 1, "do": "explode"}, "unknown do; allowed are api"),
        ({"at": 1, "do": "hang"}, "unknown do"),
        ({"at": 1, "do": "kill"}, r"missing \['node'\]"),
        ({"at": 1, "do": "kill", "node": "pve1", "colour": "red"}, r"unknown \['colour'\]"),
        ({"at": 1, "do": "vanish", "guest": 102, "for": 10}, "vanish cannot be undone"),
    ],
)
def test_a_fault_written_wrongly_is_refused(fault: dict[str, Any], words: str) -> None:
    """At once, not when its time comes."""
    with pytest.raises(SceneError, match=words):
        small().faults.add(fault)
