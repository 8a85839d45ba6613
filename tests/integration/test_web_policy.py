"""The cluster-wide policy over HTTP and by the command: through inbox and root's helper into the file that every node reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration.web_house import BACKEND, TESTS, FakeHelper, House, Person, house
from simcluster.scenes import small


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("home"), small(start=time.time())) as found:
        helper = FakeHelper(found.helper, found.server.world, found.pve)
        helper.start()
        found.start_web()
        yield found
        helper.close()


@pytest.fixture
def policy(home: House) -> Path:
    path = home.pve / "proxmox-rebalancing-service" / "policy.conf"
    path.parent.mkdir(exist_ok=True)
    path.write_text("# ours\n[balancing]\nspread: 7\ncontainers: 1\n")
    return path


def option(found: Any, name: str) -> dict[str, Any]:
    return next(one for one in found["options"] if one["name"] == name)


def put(who: Person, digest: str, **change: Any) -> Any:
    response = who.call("PUT", "/policy", {"digest": digest, **change})
    assert response.status_code == 200, response.text
    return response.json()["data"]


def test_it_is_read_changed_and_in_force(home: House, policy: Path) -> None:
    """What a node's own file decides is told: this house's prs.conf says containers: 0."""
    root = home.log_in("root@pam")
    found = root.get("/policy")
    assert option(found, "balancing.spread")["policy"] == "7"
    over = option(found, "balancing.containers")
    assert (over["policy"], over["value"], over["overruled"], over["source"]) == ("1", "0", True, f"{home.config} line 4")
    found = put(root, found["digest"], set={"balancing.spread": "8", "pool.db.keep": "apart"}, unset=["balancing.containers"])
    assert policy.read_text() == "# ours\n[balancing]\nspread: 8\n\n[pool db]\nkeep: apart\n"
    assert (option(found, "balancing.spread")["value"], found["mistakes"]) == ("8", [])
    assert {**root.get("/policy"), "now": 0} == {**found, "now": 0}
    line = "policy balancing.containers: 1 -> not set; balancing.spread: 7 -> 8; pool.db.keep: not set -> apart by root@pam"
    assert home.log("web").count(line) == 1


def test_who_may_not_is_refused(home: House, policy: Path) -> None:
    audit, nobody = home.log_in("audit@pve"), home.log_in("nobody@pve")
    found = audit.get("/policy")
    assert found["may"]["write"] == {"allowed": False, "reason": "needs Sys.Modify on /"}
    before = policy.read_bytes()
    assert audit.refused("PUT", "/policy", {"digest": found["digest"], "set": {"balancing.spread": "9"}})[:2] == (403, "forbidden")
    assert nobody.refused("GET", "/policy")[:2] == (403, "forbidden")
    root = home.log_in("root@pam")
    assert root.refused("PUT", "/policy", {"digest": found["digest"], "set": {}}, CSRFPreventionToken="")[:2] == (403, "csrf")
    assert policy.read_bytes() == before


def test_two_at_once_and_mistakes(home: House, policy: Path) -> None:
    root = home.log_in("root@pam")
    digest = root.get("/policy")["digest"]
    status, code, words = root.refused("PUT", "/policy", {"digest": digest, "set": {"balancing.spread": "x", "web.port": "1"}})
    assert (status, code) == (400, "policy")
    assert "balancing.spread: [balancing] spread = 'x'" in words
    assert "web.port: [web] port is each node's own" in words
    put(root, digest, set={"balancing.spread": "9"})
    assert root.refused("PUT", "/policy", {"digest": digest, "set": {"balancing.spread": "10"}})[:2] == (409, "changed")
    assert "spread: 9" in policy.read_text()
    policy.write_text("[balancing]\nspread: x\nhot: 90\n")
    found = root.get("/policy")
    assert any("spread = 'x'" in one for one in found["mistakes"])
    assert put(root, found["digest"], set={"balancing.spread": "6"})["mistakes"] == []
    policy.write_text("[balancing]\nspraed: 7\n[blancing]\nhot: 9\n")
    for name, left in (("balancing.spraed", ["blancing"]), ("blancing", [])):
        found = root.get("/policy")
        assert name in [one["name"] for one in found["wrong"] if one["removable"]]
        assert [one["name"] for one in put(root, found["digest"], unset=[name])["wrong"]] == left
    assert policy.read_text() == "[balancing]\n"


def test_the_status_tells_auditors_how_automatic_balancing_stands(home: House, policy: Path) -> None:
    """What the policy says counts at once, without a restart of the web."""
    root = home.log_in("root@pam")
    put(root, root.get("/policy")["digest"], set={"service.automation": "suggest", "balancing.max_moves": "3"})
    home.wait(lambda: root.get("/status")["balancing"]["level"] == "suggest")  # what is known of the node is remembered for 5 s
    found = root.get("/status?scope=node")
    standing = found["balancing"]
    assert (standing["host"], standing["max_moves"], standing["spread"], found["defaults"]["spread"]) == (home.node, 3, 0.07, 0.07)
    assert standing["state"]["last_run"] == 0
    assert home.log_in("nobody@pve").get("/status")["balancing"] is None


def test_the_account_is_made_by_whoever_may_and_only_once(home: House) -> None:
    auditor, root, access = home.log_in("audit@pve"), home.log_in("root@pam"), home.server.world.access
    for node in home.server.world.nodes:  # as pmxcfs has one for each
        (home.pve / "nodes" / node).mkdir(exist_ok=True)
    (home.pve / "priv").mkdir(exist_ok=True)
    shown = auditor.get("/account")
    assert (shown["token"], shown["may"]["make"]["reason"]) == ("prs@pve!cluster", "needs Permissions.Modify on /")
    assert {"VM.Audit", "VM.Migrate", "Sys.Audit", "Datastore.Audit"} <= set(shown["privileges"])
    assert auditor.refused("POST", "/account")[:2] == (403, "forbidden")
    assert "prs@pve!cluster" not in access.tokens
    made = root.post("/account")
    assert made["changes"][0] == "created API token prs@pve!cluster"
    assert made["changes"][-1] == "gave the account to all nodes"
    text = (home.pve / "priv" / "proxmox-rebalancing-service" / "account.conf").read_text()
    secret = access.tokens["prs@pve!cluster"].secret
    assert f"api_token: prs@pve!cluster={secret}" in text
    assert secret not in str(made) + home.log("web")
    assert root.refused("POST", "/account")[:2] == (409, "state")
    assert "account by root@pam" in home.log("web")


def command(home: House, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{BACKEND}:{TESTS}"}
    called = [sys.executable, *home.as_on_node(), "config", *words]
    return subprocess.run(called, env=environment, capture_output=True, text=True, check=False)


def test_the_command_changes_the_same_file(home: House, policy: Path) -> None:
    done = command(home, "set", "balancing.containers", "0", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["changes"] == [{"name": "balancing.containers", "before": "1", "after": "0"}]
    assert told["digest"] == home.log_in("root@pam").get("/policy")["digest"]
    assert told["notes"] == [f"on this node balancing.containers stays 0: {home.config} line 4 goes over the policy"]
    done = command(home, "unset", "balancing.spread", "balancing.containers")
    assert done.stdout.startswith("balancing.spread: 7 -> not set\nbalancing.containers: 0 -> not set\n")
    assert policy.read_text() == "# ours\n[balancing]\n"
    policy.write_text("# ours\n[balancing]\nspread: 7\nhot: 90\n")
    wrong = command(home, "unset", "balancing")
    assert (wrong.returncode, "balancing: is a whole section: spread: 7; hot: 90" in wrong.stderr) == (2, True)
    assert ("config unset SECTION --section" in wrong.stderr, "hot: 90" in policy.read_text()) == (True, True)
    done = command(home, "unset", "balancing", "--section")
    assert done.stdout.startswith("balancing.spread: 7 -> not set\nbalancing.hot: 90 -> not set\n")
    assert command(home, "set", "balancing.spread", "5", "--section").returncode == 2
    late = command(home, "set", "balancing.spread", "5", "--digest", told["digest"])
    assert (late.returncode, "another version by now" in late.stderr) == (1, True)
    policy.write_text("[balancing]\nspraed: 7\n")
    wrong = command(home, "set", "balancing.spread", "5")
    assert (wrong.returncode, "config unset balancing.spraed: takes line 2 out of the policy" in wrong.stderr) == (2, True)
    assert command(home, "unset", "balancing.spraed").returncode == 0
    wrong = command(home, "set", "balancing.spread", "x")
    assert (wrong.returncode, "balancing.spread: [balancing] spread = 'x'" in wrong.stderr) == (2, True)
