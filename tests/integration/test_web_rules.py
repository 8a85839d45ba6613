"""Rules over HTTP: with their sources, as far as the caller may see their guests, and mended alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from integration.web_house import FakeHelper, House, house
from simcluster.access import Grant
from simcluster.scenes import small


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    world = small(start=time.time())
    for vmid in (102, 103):
        world.guests[vmid].tags = ("plb_anti_affinity_two",)
    with house(tmp_path_factory.mktemp("home"), world) as found:
        path = found.pve / "proxmox-rebalancing-service" / "policy.conf"
        path.parent.mkdir(exist_ok=True)
        path.write_text("[balancing]\nignore_vms: 200-299\n")
        helper = FakeHelper(found.helper, found.server.world, found.pve)
        helper.start()
        found.start_web()
        yield found
        helper.close()


def of(found: Any, name: str) -> dict[str, Any]:
    return next(one for one in found["rules"] if one["name"] == name)


def test_a_broken_rule_is_told_and_mended_and_nothing_else_moves(home: House) -> None:
    root = home.log_in("root@pam")
    found = root.get("/rules")
    rule = of(found, "plb_anti_affinity_two")
    assert (rule["state"], rule["source"], [one["vmid"] for one in rule["guests"]]) == ("broken", "tag", [102, 103])
    assert found["may"]["mend"]["allowed"]
    plan = root.post("/plans", {"kind": "balance", "goal": "mend"})
    assert [move["vmid"] in (102, 103) for move in plan["moves"]] == [True]
    assert ["goal", "mend"] in plan["options"]


def test_a_policy_that_was_written_since_counts(home: House) -> None:
    (home.pve / "proxmox-rebalancing-service" / "policy.conf").write_text("[domains]\nrack1: pve1,pve2\n")
    assert of(home.log_in("root@pam").get("/rules"), "rack1")["kind"] == "domain"


def test_guests_that_the_caller_may_not_see_are_not_named(home: House) -> None:
    """An auditor of nodes sees loads, and of guests only those of pool web."""
    world = home.server.world
    world.access.grants.append(Grant("/nodes", "pool@pve", "PVEAuditor"))
    found = home.log_in("pool@pve").get("/rules")
    seen = {guest["vmid"] for rule in found["rules"] for guest in rule["guests"]}
    assert 102 in seen
    assert seen <= {vmid for vmid, guest in world.guests.items() if guest.pool == "web"}
    assert home.log_in("nobody@pve").refused("GET", "/rules")[:2] == (403, "forbidden")


def test_how_guests_may_be_moved_is_set_in_the_policy(home: House) -> None:
    root = home.log_in("root@pam")
    change = {"digest": root.get("/policy")["digest"], "set": {"guests.104": "drains", "guests.105": "ask"}}
    response = root.call("PUT", "/policy", change)
    assert response.status_code == 200, response.text
    found = {one["vmid"]: (one["mode"], one["source"]) for one in root.get("/rules")["guests"]}
    assert (found[104], found[105], found[101]) == (("drains", "guests"), ("ask", "guests"), ("automatic", ""))
    assert home.log("web").count("policy guests.104: not set -> drains; guests.105: not set -> ask by root@pam") == 1
    wrong = root.refused("PUT", "/policy", {"digest": root.get("/policy")["digest"], "set": {"guests.104": "maybe", "guests.db": "ask"}})
    assert wrong[0] == 400
    assert "guests.db" in wrong[2]
    assert "automatic, ask, drains or never" in wrong[2]
    assert not home.log_in("audit@pve").get("/rules")["may"]["write"]["allowed"]
