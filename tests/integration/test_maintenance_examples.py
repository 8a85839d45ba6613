"""The examples of docs/maintenance.md run as they stand there against the real service, and a node's state is what was asked for."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml  # type: ignore[import-untyped]  # it comes with schemathesis
from jinja2 import Environment

from integration.web_house import PREFIX, House, Person, house
from simcluster.scenes import add_accounts, small

PAGE = (Path(__file__).parents[2] / "docs" / "maintenance.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL))
TOKEN = "root@pam!full"
RIDER = 105  # of pve1, bound to its hardware


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    world = small("9", start=time.time())
    world.guests[RIDER].config["hostpci0"] = "0000:01:00.0"
    add_accounts(world)
    with house(tmp_path_factory.mktemp("home"), world, speed=60.0) as found:
        found.fast = True
        found.config.write_text(found.config.read_text().replace("containers: 0", "containers: 1"))
        found.start_web()
        found.start_daemon()
        yield found


def ask(who: Person, node: str, **asked: Any) -> Any:
    """The node's state after it was asked for; a call that takes longer is waited for."""
    response = who._in_the_end(who.call("PUT", f"/nodes/{node}/maintenance", asked))
    assert response.status_code == 200, response.text
    return response.json()["data"]


def settled(home: House, who: Person, node: str, state: str, **asked: Any) -> Any:
    """The same once the node is as it shall be."""
    end = time.monotonic() + 120
    while (found := ask(who, node, state=state, **asked))["state"] != state:
        assert time.monotonic() < end, (found, home.log("daemon"))
        time.sleep(0.5)
    return found


def guests(home: House, node: str) -> list[int]:
    return [guest.vmid for guest in home.server.world.guests.values() if guest.node == node and not guest.template]


def by_curl(home: House, node: str, state: str) -> None:
    """Run the script of the page to its end."""
    script = re.sub(r"^API=.*$", f"API={home.url}{PREFIX}", BLOCKS["sh"], flags=re.MULTILINE)
    script = script.replace("/etc/pve/pve-root-ca.pem", home.ca_file)
    assert "pve1.example.com" not in script
    environment = {**os.environ, "PRS_TOKEN": f"{TOKEN}={home.server.logins[TOKEN]}", "NODE": node, "STATE": state, "PAUSE": "0.5"}
    done = subprocess.run(["bash", "-euc", script], env=environment, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, (done.stdout, done.stderr, home.log("daemon"))


def by_ansible(home: House, node: str, task: dict[str, Any]) -> list[dict[str, Any]]:
    """Do what ansible.builtin.uri does for the task, until it is content; the answers."""
    environment = Environment(autoescape=False)
    known = {"prs_api": f"{home.url}{PREFIX}", "node": node, "prs_token": f"{TOKEN}={home.server.logins[TOKEN]}"}
    call, done, end = task["ansible.builtin.uri"], environment.compile_expression(task["until"]), time.monotonic() + 120
    headers = {name: environment.from_string(value).render(known) for name, value in call["headers"].items()}
    answers = list[dict[str, Any]]()
    while not done(**{task["register"]: {"json": answers[-1] if answers else {}}}):
        assert time.monotonic() < end, (answers, home.log("daemon"))
        time.sleep(0.5 if answers else 0.0)
        response = requests.request(call["method"], environment.from_string(call["url"]).render(known), json=call["body"],
                                    headers=headers, verify=home.ca_file, timeout=90)  # fmt: skip
        assert response.status_code in call["status_code"], response.text
        answers.append(response.json())
    return answers


def test_a_node_is_emptied_with_curl_and_filled_with_ansible(home: House) -> None:
    """Each finds done what the other has done."""
    before, (empty, fill) = guests(home, "pve3"), yaml.safe_load(BLOCKS["yaml"])
    by_curl(home, "pve3", "drained")
    assert guests(home, "pve3") == []
    assert [answer["data"]["changed"] for answer in by_ansible(home, "pve3", empty) if "data" in answer][-1] is False
    assert by_ansible(home, "pve3", fill)[-1]["data"]["state"] == "released"
    assert guests(home, "pve3") == before
    by_curl(home, "pve3", "released")
    assert ask(home.log_in(TOKEN), "pve3", state="released")["changed"] is False


def test_a_guest_that_rides_along_is_off_until_the_release(home: House) -> None:
    who, rider = home.log_in("root@pam"), home.server.world.guests[RIDER]
    status, code, words = who.refused("PUT", "/nodes/pve1/maintenance", {"state": "drained"})
    assert (status, code) == (409, "infeasible")
    assert "105 (monitor): " in words
    first = ask(who, "pve1", state="drained", rides=[RIDER])
    assert (first["state"], first["changed"]) == ("draining", True)
    assert [ride["vmid"] for ride in first["job"]["rides"]] == [RIDER]
    again = ask(who, "pve1", state="drained", rides=[RIDER])
    assert (again["changed"], again["job"]["id"]) == (False, first["job"]["id"])
    found = settled(home, who, "pve1", "drained", rides=[RIDER])
    assert (guests(home, "pve1"), rider.status, found["job"]["id"]) == ([RIDER], "stopped", first["job"]["id"])
    assert settled(home, who, "pve1", "released")["message"] == "pve1 takes guests."
    assert (rider.status, rider.node) == ("running", "pve1")


def test_what_is_asked_has_to_make_sense_and_be_allowed(home: House) -> None:
    root, world = home.log_in("root@pam"), home.server.world
    world.started.clear()
    assert root.refused("PUT", "/nodes/pve9/maintenance", {"state": "drained"})[:2] == (404, "not_found")
    assert root.refused("PUT", "/nodes/pve1/maintenance", {"state": "empty"})[:2] == (400, "invalid")
    for asked in ({"state": "released", "rides": [RIDER]}, {"state": "drained", "kill_after": 60}):
        assert root.refused("PUT", "/nodes/pve1/maintenance", asked)[:2] == (400, "invalid")
    status, code, words = home.log_in("audit@pve").refused("PUT", "/nodes/pve2/maintenance", {"state": "drained"})
    assert (status, code) == (403, "forbidden"), words
    assert not world.started
