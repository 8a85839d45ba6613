"""A round of rolling maintenance chosen, looked at beforehand and begun over HTTP, on PVE 8 and 9."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from integration.web_house import FakeHelper, House, house
from simcluster.access import Grant, User
from simcluster.scenes import small
from simcluster.world import Flavour

NODES = ["pve3", "pve2", "pve1"]


@pytest.fixture(scope="module", params=["8", "9"], ids=["PVE 8", "PVE 9"])
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The small lab; somebody who may do all that a round does, and a list of all guests as pmxcfs has it."""
    flavour: Flavour = request.param
    world = small(flavour, start=time.time())
    world.access.roles["Carer"] = frozenset({
        "Sys.Audit", "Sys.Modify", "Sys.PowerMgmt", "Sys.Console", "VM.Audit", "VM.Migrate", "VM.PowerMgmt", "Datastore.Audit",
    })  # fmt: skip
    world.access.add(User("carer@pve", "carer-secret"), ("/", "Carer"))
    with house(tmp_path_factory.mktemp("home"), world) as found:
        helper = FakeHelper(found.helper, world, found.pve)
        helper.start()
        ids = {vmid: {"node": guest.node, "type": guest.kind, "version": 1} for vmid, guest in world.guests.items()}
        (found.pve / ".vmlist").write_text(json.dumps({"version": 1, "ids": ids}))
        found.start_web()
        yield found
        helper.close()


def test_the_nodes_are_told_with_their_kernels_in_the_order_that_is_best(home: House) -> None:
    nodes = home.server.world.nodes
    nodes["pve2"].kernel_installed = "6.17.2-1-pve"
    found = home.log_in("carer@pve").get("/rounds/nodes")["nodes"]
    assert [(one["node"], one["reboot"], one["here"]) for one in found] == [
        ("pve3", "not-needed", False), ("pve2", "needed", False), ("pve1", "not-needed", True),
    ]  # fmt: skip
    assert (found[1]["running"], found[1]["newest"], found[1]["problem"]) == ("6.14.8-2-pve", "6.17.2-1-pve", "")
    here = [sum(guest.node == one["node"] and not guest.template for guest in home.server.world.guests.values()) for one in found]
    assert [one["guests"] for one in found] == here
    assert home.log_in("nobody@pve").refused("GET", "/rounds/nodes")[0] == 403


def test_a_preview_tells_of_each_node_its_drain_and_its_gates(home: House) -> None:
    found = home.log_in("carer@pve").post("/rounds/preview", {"nodes": NODES, "containers": True})
    assert {turn["node"] for turn in found["turns"]} == set(NODES)
    for turn in found["turns"]:
        assert [gate["name"] for gate in turn["gates"]][:3] == ["quorum", "nodes", "HA"]
        assert turn["summary"]
        assert turn["possible"] == (not turn["blockers"])
    drains = sum(turn["seconds"] for turn in found["turns"])
    assert found["seconds"] == pytest.approx(drains + 3 * 300)
    assert found["hooks"] == []
    assert "The service that carries jobs out is not running here: systemctl start proxmox-rebalancing-service." in found["problems"]
    assert not found["possible"]


def test_nodes_that_cannot_be_emptied_are_named_first(home: House) -> None:
    """Containers that may not be restarted keep their nodes; a node that is not there is a mistake."""
    root = home.log_in("root@pam")
    found = root.post("/rounds/preview", {"nodes": NODES, "containers": False, "reboot": False})
    stuck = [turn["node"] for turn in found["turns"] if not turn["possible"]]
    assert stuck
    assert [turn["node"] for turn in found["turns"]][: len(stuck)] == stuck
    assert all(stay["vmid"] and stay["reason"] for turn in found["turns"] for stay in turn["blockers"])
    assert root.refused("POST", "/rounds/preview", {"nodes": ["pve9"]})[:2] == (409, "plan")
    assert root.refused("POST", "/rounds/preview", {"nodes": ["pve1", "pve1"]})[:2] == (400, "invalid")
    assert root.refused("POST", "/rounds/preview", {"nodes": []})[:2] == (400, "invalid")
    assert root.refused("POST", "/rounds/preview", {"nodes": ["pve1"], "kill_after": 60})[:2] == (400, "invalid")
    assert root.refused("POST", "/rounds/preview", {"nodes": ["pve1"], "rides": [4711]})[:2] == (409, "plan")


def test_a_guest_that_may_be_shut_down_stands_in_nobodys_way(home: House) -> None:
    root = home.log_in("root@pam")
    before = root.post("/rounds/preview", {"nodes": NODES, "containers": False})["turns"][0]
    rides = [stay["vmid"] for stay in before["blockers"]]
    after = root.post("/rounds/preview", {"nodes": [before["node"]], "containers": False, "rides": rides})["turns"][0]
    assert (after["blockers"], [stay["vmid"] for stay in after["rides"]]) == ([], rides)


def test_what_the_caller_lacks_is_said_beforehand(home: House) -> None:
    """Also rights that a deeper role takes away, which PVE's list of the caller's rights does not show."""
    access = home.server.world.access
    kept = list(access.grants)
    try:
        carer = home.log_in("carer@pve")
        assert home.log_in("audit@pve").get("/rounds")["may"]["begin"] == {"allowed": False, "reason": "needs Sys.Modify on /"}
        access.grants.append(Grant("/nodes/pve2", "carer@pve", "NoAccess"))
        problems = carer.post("/rounds/preview", {"nodes": NODES, "rides": [101]})["problems"]
        assert "needs Sys.PowerMgmt on /nodes/pve2" in problems
        assert not any("/nodes/pve1" in words or "PowerMgmt on /vms" in words for words in problems)
        access.grants.append(Grant("/vms/101", "carer@pve", "PVEAuditor"))
        problems = carer.post("/rounds/preview", {"nodes": NODES, "rides": [101]})["problems"]
        assert "needs VM.Migrate on /vms, with propagation, and on every guest" in problems
        assert "needs VM.PowerMgmt on /vms/101" in problems
    finally:
        access.grants[:] = kept
