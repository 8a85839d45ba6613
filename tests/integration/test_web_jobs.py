"""Jobs from the web, carried out by the real daemon: started, steered, refused, undone, and resumed after every crash."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from integration.web_house import FakeHelper, House, Person, house
from prs.engine.drain.shared_holds import FOLDER
from prs.engine.journal.journal import Journal
from simcluster.scenario import from_json
from simcluster.scenes import add_accounts, small
from simcluster.world import Flavour, World

OPEN = ("queued", "running", "paused", "cancelling")


@pytest.fixture
def home(ram: Path, flavour: Flavour) -> Iterator[House]:
    with house(ram / "home", small(flavour, start=time.time()), speed=20.0) as found:
        found.fast = True
        found.start_web()
        found.start_daemon()
        yield found


@pytest.fixture
def root(home: House) -> Person:
    return home.log_in("root@pam")


def ended(home: House, who: Person, job: str, seconds: float = 120.0) -> Any:
    """The job after it has reached its end."""
    home.wait(lambda: who.get(f"/jobs/{job}")["state"] not in OPEN, seconds)
    return who.get(f"/jobs/{job}")


def drain(who: Person, node: str, **more: Any) -> Any:
    """Plan and queue a drain; give the job."""
    plan = who.post("/plans", {"kind": "drain", "node": node, "containers": True})
    assert plan["feasible"], plan["blockers"]
    return who.post("/jobs", {"plan": plan["id"], **more})


def test_a_drain_and_its_undo(home: House, root: Person) -> None:
    world = home.server.world
    before = {vmid: guest.node for vmid, guest in world.guests.items()}
    job = drain(root, "pve2")
    assert job["state"] == "queued"
    credential = list((home.run / "credentials").iterdir())
    assert [path.stat().st_mode & 0o777 for path in credential] == [0o600]
    done = ended(home, root, job["id"])
    assert (done["state"], done["host"]) == ("done", "pve1")
    assert "the cluster shows no guest on it; " in done["message"]
    assert [guest.vmid for guest in world.guests.values() if guest.node == "pve2" and not guest.template] == []
    home.wait(lambda: not list((home.run / "credentials").iterdir()))
    # PVE has no figures of a guest that has just arrived: what it carried is known, when the way back is planned and when it starts.
    moved = {step["vmid"] for step in done["steps"]}

    def arrive() -> None:
        with world.clock.lock:
            for vmid in moved:
                world.guests[vmid].born = world.clock.now

    arrive()
    back = root.post(f"/jobs/{job['id']}/undo")
    assert (back["stays"], {move["vmid"] for move in back["moves"]}) == ([], moved)
    arrive()
    returned = ended(home, root, root.post("/jobs", {"plan": back["id"]})["id"])
    assert returned["state"] == "done", returned
    assert {vmid: guest.node for vmid, guest in world.guests.items()} == before


def test_unchanged_jobs_cost_a_poll_nothing_but_304(home: House, root: Person) -> None:
    job = ended(home, root, drain(root, "pve3")["id"])
    first = root.call("GET", f"/jobs/{job['id']}")
    again = root.call("GET", f"/jobs/{job['id']}", **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    home.server.world.requests.clear()
    root.call("GET", f"/jobs/{job['id']}")
    assert not home.server.world.requests  # and nobody asks PVE for it


def test_two_jobs_on_the_same_guests_do_not_run_together(home: House, root: Person) -> None:
    plan = root.post("/plans", {"kind": "drain", "node": "pve2", "containers": True})
    first = root.post("/jobs", {"plan": plan["id"]})
    status, code, words = root.refused("POST", "/jobs", {"plan": plan["id"]})
    assert (status, code) == (409, "conflict")
    assert first["id"] in words
    assert len(list((home.run / "credentials").iterdir())) == 1  # the second one's ticket was taken back


def test_a_plan_that_no_longer_holds_is_refused_with_what_changed(home: House, root: Person) -> None:
    plan = root.post("/plans", {"kind": "balance"})
    move, world = plan["moves"][0], home.server.world
    with world.clock.lock:
        world.guests[move["vmid"]].node = move["target"]
    status, code, words = root.refused("POST", "/jobs", {"plan": plan["id"]})
    assert (status, code) == (409, "drift")
    assert f"it is on {move['target']}, not on {move['source']}" in words


def test_only_some_moves_of_a_plan(home: House, root: Person) -> None:
    plan = root.post("/plans", {"kind": "balance"})
    chosen = plan["moves"][-1]["vmid"]
    job = ended(home, root, root.post("/jobs", {"plan": plan["id"], "moves": [chosen]})["id"])
    assert ([step["vmid"] for step in job["steps"]], job["state"]) == ([chosen], "done")
    assert root.refused("POST", "/jobs", {"plan": plan["id"], "moves": [999]})[0] == 400


def test_pause_resume_and_cancel(home: House, root: Person) -> None:
    home.server.world.clock.pace(5.0)  # the migrations that run shall not end while they are talked about
    job = drain(root, "pve1")
    path = f"/jobs/{job['id']}"
    assert root.refused("POST", f"{path}/resume")[:2] == (409, "state")
    root.post(f"{path}/pause")
    home.wait(lambda: root.get(path)["state"] == "paused", 30)
    root.post(f"{path}/resume")
    home.wait(lambda: root.get(path)["progress"]["running"] > 0, 60)
    home.server.world.clock.pace(0.05)  # also while this machine is busy
    assert root.post(f"{path}/cancel", {})["request"] == "cancel"
    assert root.refused("POST", f"{path}/pause")[:2] == (409, "state")
    assert root.post(f"{path}/cancel", {"abort": True})["request"] == "abort"
    home.server.world.clock.pace(5.0)
    done = ended(home, root, job["id"])
    assert done["state"] == "cancelled"
    assert root.refused("POST", f"{path}/cancel", {})[:2] == (409, "state")


def test_without_the_daemon_no_job_is_queued(home: House, root: Person) -> None:
    plan = root.post("/plans", {"kind": "balance"})
    home.stop("daemon")
    assert root.get("/status")["daemon"] is False
    assert root.refused("POST", "/jobs", {"plan": plan["id"]})[:2] == (503, "daemon")


def test_a_drain_with_maintenance_is_marked_so_for_the_daemon(home: House, root: Person) -> None:
    plan = root.post("/plans", {"kind": "drain", "node": "pve2", "containers": True})["id"]
    status, code, words = root.refused("POST", "/jobs", {"plan": plan, "maintenance": True})
    assert (status, code) == (409, "helper")
    assert "there is no helper" in words
    helper = FakeHelper(home.helper, home.server.world, home.pve)
    helper.start()
    job = root.post("/jobs", {"plan": plan, "maintenance": True})["id"]
    assert Journal(home.state / "journal.sqlite").maintenance(job)[0] != ""
    words = root.post("/nodes/pve2/maintenance", {"enabled": False})["message"]
    assert "take pve2 out of maintenance" in words
    assert helper.asked == ["disable pve2\n"]
    helper.close()


def test_a_drained_node_gets_nothing_until_it_is_released(home: House, root: Person) -> None:
    job = ended(home, root, drain(root, "pve3")["id"])
    assert job["state"] == "done"
    held = {node["name"]: node["held"] for node in root.get("/cluster")["nodes"]}
    assert (held["pve1"], held["pve3"]["job"], held["pve3"]["maintenance"]) == (None, job["id"], False)
    plan = root.post("/plans", {"kind": "balance", "goal": "level"})
    assert "pve3" not in {move["target"] for move in plan["moves"]}
    assert any("pve3 gets no guest: kept empty since its drain" in words for words in plan["warnings"])
    assert home.log_in("audit@pve").refused("POST", "/nodes/pve3/release")[:2] == (403, "forbidden")
    assert root.refused("POST", "/nodes/pve1/release")[0] == 404
    assert root.post("/nodes/pve3/release")["released"] is True
    plan = root.post("/plans", {"kind": "balance", "goal": "level"})
    assert "pve3" in {move["target"] for move in plan["moves"]}


def test_a_node_drained_on_another_host_is_shown_and_can_be_released_here(home: House, root: Person) -> None:
    """The hold is in the cluster's list only: it has a host, plans keep to it, and a release here takes it out of the list."""
    folder = home.pve / FOLDER
    folder.mkdir()
    (folder / "pve3.0123456789ab.held").write_text('{"host": "pve2", "since": 1700000000, "maintenance": false, "user": "root@pam"}')
    held = {node["name"]: node["held"] for node in root.get("/cluster")["nodes"]}
    assert held["pve3"] == {
        "node": "pve3", "job": "0123456789ab", "user": "root@pam", "since": 1700000000.0, "maintenance": False, "host": "pve2",
    }  # fmt: skip
    assert "pve3" not in {move["target"] for move in root.post("/plans", {"kind": "balance", "goal": "level"})["moves"]}
    assert home.log_in("audit@pve").refused("POST", "/nodes/pve3/release")[:2] == (403, "forbidden")
    words = root.post("/nodes/pve3/release")["message"]
    assert words == f"The other hosts could not be told, and keep pve3 empty until they are: there is no helper at {home.helper}."
    assert root.get("/cluster")["nodes"][2]["held"] is None
    (folder / "pve2.0123456789ab.held").write_text("")
    helper = FakeHelper(home.helper, home.server.world, home.pve)
    helper.start()
    assert root.post("/nodes/pve2/release") == {"node": "pve2", "released": True, "message": ""}
    assert list(folder.iterdir()) == []
    helper.close()


def test_an_empty_node_can_be_kept_empty(home: House, root: Person) -> None:
    world = home.server.world
    with world.clock.lock:
        for guest in world.guests.values():
            if guest.node == "pve3":
                guest.node = "pve2"
    plan = root.post("/plans", {"kind": "drain", "node": "pve3"})
    assert (plan["feasible"], plan["moves"]) == (True, [])
    assert ended(home, root, root.post("/jobs", {"plan": plan["id"]})["id"])["state"] == "done"


def twenty(flavour: Flavour) -> World:
    """Twenty-two small guests, twenty of them on one node."""
    guests = {str(100 + n): {"name": f"vm{n}", "node": "pve1" if n < 20 else "pve2", "memory": 1, "max": 2} for n in range(22)}
    nodes = {f"pve{n}": {"memory": 64, "cpu": 16, "host": 2} for n in (1, 2, 3)}
    return add_accounts(from_json({"flavour": flavour, "nodes": nodes, "guests": guests}, time.time()))


def moved(who: Person, job: str, least: int) -> bool:
    """True once the job has moved that many guests."""
    return bool(who.get(f"/jobs/{job}")["progress"]["done"] >= least)


def kill_web(home: House) -> None:
    home.stop("web", 9)
    home.start_web()


def kill_daemon(home: House) -> None:
    home.stop("daemon", 9)
    home.start_daemon()


def kill_both(home: House) -> None:
    home.stop("daemon", 9)
    home.stop("web", 9)
    home.start_web()
    home.start_daemon()


def test_crashes_in_the_middle_of_a_drain_lose_nothing(ram: Path, flavour: Flavour) -> None:
    world = twenty(flavour)
    with house(ram / "home", world, speed=20.0) as home:
        home.fast = True
        home.start_web()
        home.start_daemon()
        root = home.log_in("root@pam")
        job = drain(root, "pve1")
        assert len(job["steps"]) == 20
        for least, crash in enumerate((kill_web, kill_daemon, kill_both, kill_daemon)):
            home.wait(partial(moved, root, job["id"], 3 * least + 2), 120)
            crash(home)
        done = ended(home, root, job["id"], 240)
        assert (done["state"], done["progress"]["done"]) == ("done", 20), done["message"]
        assert not [guest for guest in world.guests.values() if guest.node == "pve1"]
        assert {vmid: world.started[vmid] for vmid in range(100, 120)} == dict.fromkeys(range(100, 120), 1)


def test_the_ticket_of_a_job_is_gone_when_it_has_ended(home: House, root: Person) -> None:
    """The stored ticket is the caller's own; what the job does is logged by PVE under the caller's name."""
    job = ended(home, root, drain(root, "pve3")["id"])
    assert all(step["upid"].endswith(":root@pam:") for step in job["steps"])
    home.wait(lambda: os.listdir(home.run / "credentials") == [])
    assert Journal(home.state / "journal.sqlite").job(job["id"]).credential
