"""Rules over HTTP: with their sources, as far as the caller may see their guests, and mended alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from integration.web_house import House, house
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
        found.start_web()
        yield found


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
