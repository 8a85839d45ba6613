"""A round of rolling maintenance chosen, looked at beforehand and begun over HTTP."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from integration.web_house import FakeHelper, House, house
from prs.engine.rolling.stages import Round
from prs.helper.client import SIGNS, shared_round
from simcluster.access import Grant, User
from simcluster.scenes import small

NODES = ["pve3", "pve2", "pve1"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The small lab; somebody who may do all that a round does, and a list of all guests as pmxcfs has it."""
    world = small(start=time.time())
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


def test_nodes_that_may_be_down_at_one_time_are_shown_together(home: House) -> None:
    """Only with a node that has three votes is the third node of three enough for a quorum; a node that cannot be emptied stays apart."""
    root, nodes = home.log_in("root@pam"), home.server.world.nodes
    request = {"nodes": ["pve2", "pve3"], "containers": True, "at_once": 3}
    alone = root.post("/rounds/preview", request)
    assert {turn["node"]: (turn["together"], turn["apart"]) for turn in alone["turns"]} == {
        "pve2": ([], ""), "pve3": ([], "Without pve2, pve3 only 1 of 3 votes are left, too few for a quorum."),
    }  # fmt: skip
    nodes["pve1"].votes, nodes["pve1"].memory = 3, 4 * nodes["pve1"].memory
    try:
        both = root.post("/rounds/preview", request)
        one = root.post("/rounds/preview", {**request, "containers": False})
    finally:
        nodes["pve1"].votes, nodes["pve1"].memory = 1, nodes["pve1"].memory // 4
    assert {turn["node"]: turn["together"] for turn in both["turns"]} == {"pve2": ["pve3"], "pve3": ["pve2"]}
    assert [round(found["seconds"] - sum(turn["seconds"] for turn in found["turns"])) for found in (alone, both)] == [600, 300]
    assert not any(turn["together"] for turn in one["turns"])
    assert {turn["node"]: turn["apart"][:24] for turn in one["turns"]}["pve3"] == "Not together with pve2: "
    assert root.refused("POST", "/rounds/preview", {**request, "at_once": 0})[:2] == (400, "invalid")


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


@contextmanager
def frozen(number: int) -> Iterator[None]:
    """A process that does nothing meanwhile, and keeps its locks."""
    os.kill(number, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(number, signal.SIGCONT)


def written(home: House) -> Round | None:
    """The round as its file says it."""
    shared = shared_round(home.pve, home.helper)
    assert shared is not None
    return shared.read()


def test_nobody_begins_what_they_may_not_do_themselves(home: House) -> None:
    """The round would do it for them with the service's account; the inbox asks PVE anew for each node and guest."""
    access = home.server.world.access
    kept = list(access.grants)
    carer = home.log_in("carer@pve")
    try:
        for grants, request, words in (
            ([Grant("/nodes/pve2", "carer@pve", "NoAccess")], {}, "needs Sys.PowerMgmt on /nodes/pve2"),
            ([Grant("/nodes/pve2", "carer@pve", "PVEAuditor")], {}, "needs Sys.PowerMgmt on /nodes/pve2"),
            ([Grant("/vms/105", "carer@pve", "PVEAuditor")], {}, "needs VM.Migrate on /vms"),
            ([Grant("/vms/105", "carer@pve", "NoAccess")], {}, "of the guests of pve1 cannot be seen"),
            ([Grant("/vms/101", "carer@pve", "PRS")], {"rides": [101]}, "needs VM.PowerMgmt on /vms/101"),
        ):
            access.grants[:] = [*kept, *grants]
            status, code, told = carer.refused("POST", "/rounds", {"nodes": ["pve2"], **request})
            assert (status, code) == (403, "forbidden")
            assert words in told
        access.grants[:] = kept
        access.grants[:] = [*kept, Grant("/nodes/pve2", "carer@pve", "NoAccess")]
        assert carer.refused("POST", "/rounds", {"nodes": ["pve2"], "reboot": False})[:2] == (503, "daemon")
        assert home.log_in("pool@pve").refused("POST", "/rounds", {"nodes": ["pve2"]})[:2] == (403, "forbidden")
        assert home.log_in("audit@pve").refused("POST", "/rounds", {"nodes": ["pve2"]})[:2] == (403, "forbidden")
    finally:
        access.grants[:] = kept
    assert written(home) is None


def with_daemon(home: House) -> None:
    """Let the service run from now on, with an account, as after `setup`."""
    if "daemon" in home.processes:
        return
    account = f"api_token: prs@pve!daemon={home.server.logins['prs@pve!daemon']}\n"
    text = home.config.read_text().replace("[proxmox]\n", f"[proxmox]\napi_host: {home.address}:{home.server.port}\n{account}")
    home.config.write_text(text.replace("[service]\n", "[service]\ndaemon: 1\nautomation: off\n"))
    home._start("daemon", home.as_on_node())
    home.wait(lambda: home.log_in("root@pam").get("/status")["daemon"])


def test_a_round_that_was_begun_is_carried_out_by_the_service(home: House) -> None:
    """Its account may not reboot nodes, which it says before any guest has moved."""
    world = home.server.world
    carer, before = home.log_in("carer@pve"), {vmid: guest.node for vmid, guest in world.guests.items()}
    with_daemon(home)
    assert carer.refused("POST", "/rounds", {"nodes": ["pve2", "pve1"]}) == (
        409, "state", "No service of another node is there to carry the round while pve1 reboots.",
    )  # fmt: skip
    (home.pve / SIGNS).mkdir(exist_ok=True)
    (home.pve / SIGNS / "pve2").touch()
    request = {"nodes": ["pve2", "pve1"], "containers": True, "relax": ["*"], "maintenance": False}
    words = "prs@pve!daemon may not reboot pve2: it needs Sys.PowerMgmt on /nodes/pve2 (setup --reboot grants it)"
    home.wait(lambda: f"{words}." in carer.post("/rounds/preview", request)["problems"])
    assert carer.refused("POST", "/rounds", request) == (409, "state", f"{words}.")
    roster = home.pve / ".vmlist"
    roster.rename(home.pve / "away")
    root, hidden = home.log_in("root@pam"), "nothing proves that no guest is hidden from prs@pve!daemon"
    assert [told for told in root.post("/rounds/preview", request)["problems"] if told.startswith(f"pve2 is not rebooted: {hidden}")]
    assert not [told for told in root.post("/rounds/preview", {**request, "reboot": False})["problems"] if hidden in told]
    (home.pve / "away").rename(roster)
    world.access.grants.append(Grant("/access", "carer@pve", "NoAccess"))  # who does not see what others may do begins all the same
    response = carer.call("POST", "/rounds", request)
    assert carer._in_the_end(response).status_code == 201, response.text
    assert home.log_in("audit@pve").refused("POST", "/rounds", {"nodes": ["pve2"]})[:2] == (403, "forbidden")
    one = written(home)
    assert one is not None
    assert (one.user, [turn.node for turn in one.turns], one.options.reboot, one.options.maintenance) == (
        "carer@pve", ["pve2", "pve1"], True, False,
    )  # fmt: skip
    assert (one.policy.containers, one.policy.relax) == (True, ("*",))
    home.wait(lambda: (written(home) or one).state == "failed")
    assert carer.get("/rounds")["round"]["message"] == f"pve2: {words}"
    assert {vmid: guest.node for vmid, guest in world.guests.items()} == before
    log = home.log("web")
    assert f"begin-round job {one.id} of pve2, pve1 by carer@pve from" in log
    assert "begin-round pve2 by audit@pve from" in log


def test_there_is_one_round_at_a_time(home: House) -> None:
    """Of two that begin at once one is refused; what a first one does is up to the daemon, which the test has asked to rest."""
    carer, request = home.log_in("carer@pve"), {"nodes": ["pve3"], "reboot": False, "containers": True}
    with_daemon(home)
    with frozen(home.processes["daemon"].pid):
        first = carer.post("/rounds", request)
        assert carer.refused("POST", "/rounds", request) == (
            409, "conflict", f"Rolling maintenance is under way already: round {first['id']} of carer@pve, carried by pve1.",
        )  # fmt: skip
        assert carer.post("/rounds/preview", request)["problems"] == [
            f"Rolling maintenance is under way already: round {first['id']} of carer@pve, carried by pve1."
        ]
        assert carer.get("/rounds")["may"]["begin"]["reason"] == "a round of maintenance is under way"
        assert carer.post(f"/rounds/{first['id']}/stop")["request"] == "stop"
    home.wait(lambda: (one := written(home)) is not None and one.state == "stopped")
