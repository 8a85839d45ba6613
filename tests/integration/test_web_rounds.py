"""The round of rolling maintenance over HTTP: told from the file that all nodes see, and steered by whoever may."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from integration.web_house import FakeHelper, House, house
from prs.engine.rolling.stages import RoundOptions, begin
from prs.helper.client import shared_round
from prs.model import Policy
from simcluster.access import Grant
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
