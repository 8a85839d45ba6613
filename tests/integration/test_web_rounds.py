"""The round of rolling maintenance over HTTP: told from the file that all nodes see, and steered by whoever may."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from integration.web_house import FakeHelper, House, Person, house
from prs.engine.drain.shared_holds import FOLDER
from prs.engine.rolling.stages import RoundOptions, begin, noted
from prs.helper.client import shared_round
from prs.model import Policy
from simcluster.access import Grant, User
from simcluster.scenes import small

ROUND = "0123456789ab"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    world = small(start=time.time())
    with house(tmp_path_factory.mktemp("home"), world) as found:
        helper = FakeHelper(found.helper, world, found.pve)
        helper.start()
        found.start_web()
        yield found
        helper.close()


@pytest.fixture
def under_way(home: House) -> House:
    """A round over three nodes that nobody carries, as this house has no daemon."""
    shared = shared_round(home.pve, home.helper)
    assert shared is not None
    shared.read()
    shared.put(begin(ROUND, "prs@pve!daemon", ("pve2", "pve3", "pve1"), Policy(), RoundOptions(), "pve3", time.time()))
    return home


def test_where_there_was_no_round_none_is_told(home: House) -> None:
    assert home.log_in("root@pam").get("/rounds") == {
        "round": None, "problem": "", "may": {"begin": {"allowed": True, "reason": ""}},
    }  # fmt: skip


def test_a_round_is_told_with_its_stages_and_what_may_be_asked(under_way: House) -> None:
    found = under_way.log_in("root@pam").get("/rounds")["round"]
    assert (found["id"], found["state"], found["holder"]) == (ROUND, "running", "pve3")
    assert [(turn["node"], turn["stage"], turn["may"]["skip"]["allowed"]) for turn in found["turns"]] == [
        ("pve2", "waiting", True), ("pve3", "waiting", True), ("pve1", "waiting", True),
    ]  # fmt: skip
    assert found["may"]["pause"]["allowed"]
    told = under_way.log_in("root@pam").get("/rounds")["may"]["begin"]
    assert told == {"allowed": False, "reason": "a round of maintenance is under way"}
    assert found["may"]["resume"] == {"allowed": False, "reason": "the round is not paused"}
    assert "policy" not in found


def test_a_round_that_cannot_be_read_is_named_under_the_toolbar_to_auditors(under_way: House) -> None:
    file, root, nobody = under_way.pve / FOLDER / "round.json", under_way.log_in("root@pam"), under_way.log_in("nobody@pve")
    whole = file.read_bytes()
    file.write_bytes(whole[:200])

    def warned(who: Person) -> bool:
        words = "cannot be understood, and nobody goes on with it until the file is removed"
        return any(words in one for one in who.get("/status")["warnings"])

    under_way.wait(lambda: warned(root))
    assert not warned(nobody)
    file.write_bytes(whole)
    under_way.wait(lambda: not warned(root))


def test_what_is_asked_stands_in_the_file_for_whoever_carries_it(under_way: House) -> None:
    root, shared = under_way.log_in("root@pam"), shared_round(under_way.pve, under_way.helper)
    assert root.post(f"/rounds/{ROUND}/pause")["state"] == "paused"
    assert root.refused("POST", f"/rounds/{ROUND}/pause") == (409, "plan", "the round is paused already")
    assert root.post(f"/rounds/{ROUND}/resume")["state"] == "running"
    skipped = root.post(f"/rounds/{ROUND}/skip", {"node": "pve3"})
    assert [turn["stage"] for turn in skipped["turns"]] == ["waiting", "skipped", "waiting"]
    assert root.refused("POST", f"/rounds/{ROUND}/skip", {"node": "pve3"})[2] == "pve3 has had its turn"
    assert root.refused("POST", f"/rounds/{ROUND}/skip", {"node": "pve9"})[2] == "pve9 is not part of the round"
    assert root.post(f"/rounds/{ROUND}/stop")["request"] == "stop"
    assert shared is not None
    one = shared.read()
    assert one is not None
    assert (one.request, [turn.ending for turn in one.turns]) == ("stop", ["", "skipped", ""])


def test_another_round_and_a_body_that_is_none_are_refused(under_way: House) -> None:
    root = under_way.log_in("root@pam")
    assert root.refused("POST", "/rounds/ba9876543210/stop")[:2] == (404, "not_found")
    assert root.refused("POST", "/rounds/x/stop")[:2] == (404, "not_found")
    assert root.refused("POST", f"/rounds/{ROUND}/skip", {})[:2] == (400, "invalid")


def test_auditors_see_the_round_and_only_who_may_reboot_goes_on_with_it(under_way: House) -> None:
    access = under_way.server.world.access
    access.roles["Modifier"] = frozenset({"Sys.Audit", "Sys.Modify"})
    access.grants.append(Grant("/", "pool@pve", "Modifier"))
    auditor, modifier, nobody = (under_way.log_in(f"{name}@pve") for name in ("audit", "pool", "nobody"))
    assert nobody.refused("GET", "/rounds")[0] == 403
    assert auditor.get("/rounds")["round"]["may"]["stop"] == {"allowed": False, "reason": "needs Sys.Modify on /"}
    assert auditor.refused("POST", f"/rounds/{ROUND}/stop") == (403, "forbidden", "Not allowed: needs Sys.Modify on /.")
    assert modifier.post(f"/rounds/{ROUND}/pause")["may"]["resume"]["reason"] == "needs Sys.PowerMgmt on /nodes/pve2"
    assert modifier.refused("POST", f"/rounds/{ROUND}/resume")[0] == 403
    access.grants += [Grant("/", "nobody@pve", "Administrator"), Grant("/nodes/pve3", "nobody@pve", "NoAccess")]
    stranger = under_way.log_in("nobody@pve")
    assert stranger.refused("POST", f"/rounds/{ROUND}/resume") == (403, "forbidden", "Not allowed: needs Sys.PowerMgmt on /nodes/pve3.")


def test_a_node_that_has_its_turn_is_nobody_elses_to_drain_or_release(under_way: House) -> None:
    """The round would find other guests than it has left, or reboot what somebody fills; a node that waits is still anybody's."""
    root, shared = under_way.log_in("root@pam"), shared_round(under_way.pve, under_way.helper)
    plans = {node: root.post("/plans", {"kind": "drain", "node": node, "containers": True})["id"] for node in ("pve2", "pve3")}
    assert shared is not None
    one = shared.read()
    assert one is not None
    shared.put(noted(one, step="drain", held=True))
    words = f"Not possible: pve2 has its turn in round {ROUND} of maintenance: wait until that is over, or stop the round."
    for state in ("drained", "released"):
        assert root.refused("PUT", "/nodes/pve2/maintenance", {"state": state}) == (409, "state", words)
    assert root.refused("POST", "/nodes/pve2/maintenance", {"enabled": False}) == (409, "state", words)
    assert root.refused("POST", "/jobs", {"plan": plans["pve2"]}) == (409, "state", words)
    assert root.refused("POST", "/jobs", {"plan": plans["pve3"]})[:2] == (503, "daemon"), "no round stands in its way"
    folder = under_way.pve / FOLDER
    (folder / f"pve2.{ROUND}.held").write_text('{"host": "pve1", "since": 1700000000, "maintenance": false, "user": "root@pam"}')
    try:
        under_way.wait(lambda: root.refused("POST", "/nodes/pve2/release")[0] != 404)
        assert root.refused("POST", "/nodes/pve2/release") == (409, "state", words)
    finally:
        (folder / f"pve2.{ROUND}.held").unlink()
    assert root.call("PUT", "/nodes/pve3/maintenance", {"state": "released"}).status_code in (200, 202)


def test_a_flag_of_the_last_round_is_taken_back_before_another_begins(under_way: House) -> None:
    root, shared = under_way.log_in("root@pam"), shared_round(under_way.pve, under_way.helper)
    assert shared is not None
    one = shared.read()
    assert one is not None
    shared.put(replace(noted(one, step="over", noout=True, ending="failed"), state="failed", ended=time.time()))
    assert "Ceph's flag noout is still set by the last round of maintenance, and is taken back first." in root.post(
        "/rounds/preview", {"nodes": ["pve2"], "reboot": False, "containers": True}
    )["problems"]  # fmt: skip


def test_a_drain_asked_for_as_a_state_shuts_no_guest_down_that_the_caller_may_not(home: House) -> None:
    access, rider = home.server.world.access, home.server.world.guests[105]
    access.roles["Mover"] = frozenset({"Sys.Audit", "VM.Audit", "VM.Migrate", "Datastore.Audit"})
    access.add(User("mover@pve", "mover-secret"), ("/", "Mover"))
    rider.config["hostpci0"] = "0000:01:00.0"
    asked = {"state": "drained", "rides": [105], "containers": True, "maintenance": False}
    status, code, words = home.log_in("mover@pve").refused("PUT", f"/nodes/{rider.node}/maintenance", asked)
    assert (status, code) == (403, "forbidden")
    assert "needs VM.PowerMgmt on /vms/105" in words
    assert not home.server.world.started
