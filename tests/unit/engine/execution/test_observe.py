"""After a request without an answer: nothing is sent again before it is certain that nothing runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prs.engine.drain.ha_maintenance import HA_MOVES
from prs.engine.execution.observe import ATTEMPTS, GIVES_UP, LOST, NODE_RETURNS, POST_SETTLES, SETTLES, SHOWS_UP, advance, silent
from prs.engine.journal.jobs import Step
from prs.errors import ApiError, Unreachable
from prs.pve.act.migration import Location
from unit.fakeapi import FakeApi

STEP = Step(1, 101, "web", "qemu", "pve1", "pve2", state="starting", posted=1_800_000_000.0, attempts=1)
UPID = "UPID:pve1:0000013B:00032F5A:6B49D201:qmigrate:101:root@pam:"


def changes(
    waited: float, *, node: str = "pve1", lock: str = "", online: bool = True, attempts: int = 1, tasks: tuple[str, ...] = ()
) -> dict[str, object]:
    """What becomes of the step when PVE shows these tasks and the guest there."""
    task = {"node": "pve1", "type": "qmigrate", "id": "101", "starttime": 1_800_000_001, "user": "root@pam"}
    rows = [{**task, "upid": upid} for upid in tasks]
    api = FakeApi({"/nodes/pve1/tasks": rows})
    where = Location(node, "running", lock, "", online, "qemu", "web", False)
    step = Step(1, 101, "web", "qemu", "pve1", "pve2", state="starting", posted=1_800_000_000.0, attempts=attempts)
    return advance(api, step, {101: where}, waited, frozenset())


def test_the_task_of_a_request_without_answer_is_found_and_followed() -> None:
    assert changes(0.0, tasks=(UPID,)) == {"state": "running", "upid": UPID}


def test_nothing_is_sent_again_until_what_pveproxy_started_must_have_shown_up() -> None:
    assert changes(0.0) == {}
    assert changes(POST_SETTLES - 1) == {}
    assert changes(POST_SETTLES + 1)["state"] == "planned"


@pytest.mark.parametrize("more", [{"lock": "migrate"}, {"online": False}])
def test_a_lock_or_a_node_that_is_down_keeps_it_waiting_and_never_sends_again(more: dict[str, object]) -> None:
    assert changes(POST_SETTLES + 1, **more) == {}  # type: ignore[arg-type]
    assert changes(NODE_RETURNS + 1, **more)["state"] == "unknown"  # type: ignore[arg-type]


def test_attempts_end() -> None:
    assert changes(POST_SETTLES + 1, attempts=ATTEMPTS)["state"] == "failed"


def test_a_guest_that_arrived_meanwhile_is_verified() -> None:
    assert changes(0.0, node="pve2") == {"state": "verifying", "message": "OK"}


def test_a_guest_that_is_gone_is_skipped_and_one_that_a_list_lacks_once_is_not() -> None:
    """The list is read again, and the nodes are asked themselves."""
    gone = ApiError(500, "'101.conf' does not exist")
    away: dict[str, object] = {f"/nodes/{node}/qemu/101/status/current": gone for node in ("pve1", "pve2")}
    asked: dict[str, object] = {"/nodes/pve1/tasks": [], "/cluster/resources": [{"type": "node", "node": "pve1"}], "/cluster/nextid": "101"}
    assert advance(FakeApi({**asked, **away}), STEP, {}, 0.0, frozenset())["state"] == "skipped"
    here = {"/nodes/pve1/qemu/101/status/current": {"status": "running"}}
    assert advance(FakeApi({**asked, **away, **here}), STEP, {}, 0.0, frozenset()) == {}


def verifying(more: dict[str, object], waited: float = 0.0) -> dict[str, object]:
    """What becomes of a step whose task has failed, when the list shows the guest at its source and the source denies knowing it."""
    step = Step(1, 101, "web", "qemu", "pve1", "pve2", state="verifying", message="migration problems", upid=UPID)
    gone = ApiError(500, "Configuration file 'nodes/pve1/qemu-server/101.conf' does not exist")
    answers: dict[str, object] = {"/nodes/pve1/qemu/101/status/current": gone, **more}
    where = Location("pve1", "running", "", "", True, "qemu", "web", False)
    return advance(FakeApi(answers), step, {101: where}, waited, frozenset())


def test_a_guest_that_its_node_denies_is_gone_only_when_its_number_is_free() -> None:
    """It may have left for another node since the list was made, or be hidden: PVE tells anybody whether a number is in use."""
    used: dict[str, object] = {"/cluster/nextid": ApiError(400, "Parameter verification failed.", {"vmid": "VM 101 already exists"})}
    assert verifying({"/cluster/nextid": "101"}) == {"state": "failed", "message": "the guest no longer exists"}
    assert verifying(used) == {}
    assert verifying(used, SHOWS_UP + 1)["state"] == "unknown"


def test_who_may_not_see_a_guest_learns_nothing_of_its_absence() -> None:
    """PVE looks at rights before it looks for the guest (pve-manager HTTPServer.pm): 403 is no sign of absence."""
    hidden: dict[str, object] = {"/nodes/pve1/qemu/101/status/current": ApiError(403, "Permission check failed (/vms/101, VM.Audit)")}
    with pytest.raises(ApiError):
        verifying(hidden)


@pytest.mark.parametrize("node", ["pve0", "pve3"])
def test_a_guest_on_a_third_node_is_never_taken_for_one_that_has_arrived(node: str) -> None:
    """Whatever its name is beside those of the two nodes; nothing is sent again meanwhile."""
    assert changes(0.0, node=node) == {}
    step = Step(1, 101, "web", "qemu", "pve1", "pve2", state="verifying", message="migration problems", upid=UPID)
    where = Location(node, "running", "", "", True, "qemu", "web", False)
    found = advance(FakeApi({}), step, {101: where}, 0.0, frozenset())
    assert found == {"state": "failed", "message": f"is on {node}, not on pve2: something else moved it"}


@pytest.mark.parametrize("ha", ["migrate", "relocate"])
def test_a_move_of_the_ha_manager_is_waited_for_an_hour(ha: str) -> None:
    step = Step(1, 101, "web", "qemu", "pve1", "pve2", state="verifying", message="OK", upid=UPID, ha=True)
    where = Location("pve1", "running", "", ha, True, "qemu", "web", False)
    assert advance(FakeApi({}), step, {101: where}, HA_MOVES - 1, frozenset()) == {}
    assert advance(FakeApi({}), step, {101: where}, HA_MOVES + 1, frozenset())["state"] == "failed"


DEAF = Unreachable("no route to host")


def unheard(waited: float, *, node: str = "pve2", status: str = "running", online: bool = True, running: bool = True) -> dict[str, object]:
    """What becomes of a step to be verified when the cluster shows its guest there and the target's API does not answer."""
    step = Step(1, 101, "web", "qemu", "pve1", "pve2", running=running, state="verifying", total=7)
    return silent(step, Location(node, status, "", "", online, "qemu", "web", False), waited, DEAF)


def test_of_a_target_that_does_not_answer_the_clusters_word_counts_after_a_while() -> None:
    assert unheard(SHOWS_UP - 1) == {}
    done = {"state": "done", "done": 7, "seconds_left": 0.0, "message": "the cluster shows it running on pve2, whose API does not answer"}
    assert unheard(SHOWS_UP + 1) == done
    assert unheard(SHOWS_UP + 1, status="stopped", running=False)["state"] == "done"
    for other in ({"status": "stopped"}, {"status": "paused"}, {"status": ""}, {"online": False}, {"running": False}):
        assert unheard(SHOWS_UP + 1, **other)["state"] == "unknown", other


@pytest.mark.parametrize("node", ["pve0", "pve1", "pve3"])
def test_a_guest_that_has_not_reached_a_target_is_never_called_done_by_the_clusters_word(node: str) -> None:
    assert unheard(SHOWS_UP + 1, node=node)["message"] == "no word from pve1, given up after 15 minutes: no route to host"
    assert unheard(GIVES_UP + 1, node=node)["state"] == "unknown"
    assert unheard(NODE_RETURNS - 1, node=node, online=False).keys() == {"message", "speed", "seconds_left"}
    assert unheard(NODE_RETURNS + 1, node=node, online=False)["state"] == "unknown"


def test_a_task_that_cannot_be_read_is_verified_where_the_guest_is() -> None:
    step, where = replace(STEP, state="running"), Location("pve2", "running", "", "", True, "qemu", "web", False)
    assert silent(step, where, 0.0, DEAF) == {"state": "verifying", "message": LOST}


@pytest.mark.parametrize(("told", "patience"), [("OK", SHOWS_UP), ("WARNINGS: 1", SHOWS_UP), ("migration problems", SETTLES)])
def test_a_guest_that_has_arrived_gets_its_moment_to_boot(told: str, patience: float) -> None:
    """Longer where its task has ended well; one that runs, or is not to run, is done at once."""

    def arrived(status: str, waited: float, running: bool = True, ha: str = "") -> dict[str, object]:
        step = Step(1, 101, "web", "qemu", "pve1", "pve2", running=running, state="verifying", message=told, upid=UPID, total=7)
        api = FakeApi({"/nodes/pve2/qemu/101/status/current": {"status": status}})
        return advance(api, step, {101: Location("pve2", status, "", ha, True, "qemu", "web", False)}, waited, frozenset())

    assert arrived("running", 0.0)["state"] == arrived("stopped", 0.0, running=False)["state"] == "done"
    for status, ha in (("stopped", ""), ("running", "migrate")):
        assert arrived(status, patience - 1, ha=ha) == {}
        assert arrived(status, patience + 1, ha=ha)["state"] == "done"
    assert arrived("stopped", patience + 1)["message"] == "moved, but it is stopped on pve2"
