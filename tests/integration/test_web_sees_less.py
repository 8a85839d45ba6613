"""Whoever sees less is told less: no call names a guest, or shows a job, that Proxmox VE or the service hides from its caller."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from drive import vmlist
from integration.web_house import FakeHelper, House, Person, house
from prs.engine.drain.shared_holds import FOLDER
from prs.engine.journal.lock import SERVICE, ExecutorLock
from simcluster.access import Grant, User
from simcluster.scenes import small

HIDDEN, NAME = 103, "payroll"
# Sees all nodes and, as far as the list of rights tells, all guests; one is hidden by NoAccess, which the list does not tell.
MOVER, POOL = "mover@pve", "pool@pve"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A node where nobody carries jobs out, so that they stay as they are."""
    world = small(start=time.time())
    world.guests[HIDDEN].name = NAME
    world.access.add(User(MOVER, "mover-secret"), ("/nodes", "PVEAuditor"), ("/vms", "PVEVMAdmin"), (f"/vms/{HIDDEN}", "NoAccess"))
    world.access.grants.append(Grant("/nodes", POOL, "PVEAuditor"))
    with house(tmp_path_factory.mktemp("home"), world) as found:
        for node in world.nodes:
            (found.pve / "nodes" / node).mkdir(exist_ok=True)
        (found.pve / FOLDER).mkdir()
        helper = FakeHelper(found.helper, world, found.pve)
        helper.start()
        (found.pve / ".vmlist").write_text(vmlist(world))
        found.start_web()
        with ExecutorLock(found.state, SERVICE) as lock:
            assert lock.taken
            yield found
        helper.close()


def test_guests_that_are_hidden_are_counted_with_their_node(home: House) -> None:
    """So that no node is called empty in whose place somebody sees nothing."""
    where = home.server.world.guests[HIDDEN].node
    told = {user: {node["name"]: node["hidden"] for node in home.log_in(user).get("/cluster")["nodes"]} for user in ("root@pam", MOVER)}
    assert told == {"root@pam": dict.fromkeys(told[MOVER], 0), MOVER: {**dict.fromkeys(told[MOVER], 0), where: 1}}


def drained(who: Person, state: str = "drained") -> Any:
    response = who._in_the_end(who.call("PUT", "/nodes/pve1/maintenance", {"state": state}))
    return response.json().get("data") or response.json()


@pytest.mark.parametrize("user", [MOVER, POOL])
def test_no_call_names_what_is_hidden(home: House, user: str) -> None:
    root, who, world = home.log_in("root@pam"), home.log_in(user), home.server.world
    seen = {guest["vmid"] for guest in who.get("/cluster")["guests"]}
    hidden = {vmid: guest.name for vmid, guest in world.guests.items() if vmid not in seen}
    assert HIDDEN in hidden
    job, plan = drained(root)["job"]["id"], root.post("/plans", {"kind": "balance"})["id"]
    calls: list[tuple[str, str, Any]] = [("GET", path, None) for path in (
        "/status", "/cluster", "/jobs", f"/jobs/{job}", f"/plans/{plan}", "/rules", "/suggestion", "/policy", "/rounds", "/rounds/nodes",
        "/loads", "/metrics",
    )]  # fmt: skip
    calls += [
        ("POST", "/placements", {"vmid": HIDDEN}), ("POST", "/placements", {"guests": [{"memory": 2**30, "like": HIDDEN}]}),
        ("POST", "/placements", {"guests": [{"memory": 2**30}]}), ("POST", "/plans", {"kind": "balance"}),
        ("POST", "/plans", {"kind": "balance", "goal": "mend"}), ("POST", "/plans", {"kind": "drain", "node": "pve1"}),
        ("POST", "/plans", {"kind": "drain", "node": "pve1", "rides": [HIDDEN]}), ("POST", "/rounds/preview", {"nodes": ["pve1", "pve2"]}),
        ("POST", "/rounds", {"nodes": ["pve1"], "rides": [HIDDEN]}), ("POST", "/jobs", {"plan": plan}), ("POST", f"/jobs/{job}/cancel", {}),
        ("PUT", "/nodes/pve1/maintenance", {"state": "drained"}), ("PUT", "/nodes/pve1/maintenance", {"state": "released"}),
        ("POST", "/nodes/pve1/release", None),
    ]  # fmt: skip
    for method, path, body in calls:
        response = who._in_the_end(who.call(method, path, body))
        told = [name for vmid, name in hidden.items() if re.search(rf'\b{re.escape(name)}\b|"vmid": {vmid}\b', response.text)]
        assert not told, f"{method} {path} {body} tells {user} of {told}: {response.text[:2000]}"
        assert response.status_code != 500, response.text


def test_the_state_of_a_node_shows_no_job_of_anybody_else(home: House) -> None:
    root, mover = home.log_in("root@pam"), home.log_in(MOVER)
    job = drained(root)["job"]
    assert NAME in str(job)
    assert mover.refused("GET", f"/jobs/{job['id']}")[0] == 404
    found = drained(mover)
    assert (found["state"], found["changed"], found["job"]) == ("draining", False, None)
    assert found["message"] == f"job {job['id']} of another user is at work on pve1."
