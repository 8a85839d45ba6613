"""The HTTPS face of the simulated cluster: what a client sees on the wire."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import requests
from proxmoxer import ProxmoxAPI

from simcluster.scenes import TOKEN_SECRET, small
from simcluster.simserver import SimServer

API = "/api2/json"


@pytest.fixture(scope="module")
def server() -> Iterator[SimServer]:
    """One server for all tests that change nothing for the others."""
    with SimServer(small(), speed=60.0, auth_delay=0.0) as running:
        yield running


def ask(server: SimServer, method: str, path: str, node: str = "pve1", **options: Any) -> requests.Response:
    """One request on a connection of its own."""
    url = f"https://{server.addresses[node]}:{server.port}{path}"
    return requests.request(method, url, **{"verify": server.ca_file, "timeout": 10, **options})


def session(server: SimServer, user: str = "root@pam") -> dict[str, str]:
    """Log in; gives the headers of a session."""
    answer = ask(server, "POST", f"{API}/access/ticket", data={"username": user, "password": server.logins[user]})
    data = answer.json()["data"]
    return {"Cookie": f"PVEAuthCookie={data['ticket']}", "CSRFPreventionToken": data["CSRFPreventionToken"]}


def proxmox(server: SimServer, user: str = "root@pam", node: str = "pve1") -> Any:
    """The library the product uses."""
    return ProxmoxAPI(server.addresses[node], port=server.port, user=user, password=server.logins[user], verify_ssl=server.ca_file)


def test_a_migration_over_the_wire(server: SimServer) -> None:
    """Start, follow and see it through proxmoxer, through another node than the guest's."""
    api = proxmox(server, node="pve3")
    upid = api.nodes("pve1").qemu(105).migrate.post(target="pve3", online=1)
    for _ in range(100):
        status = api.nodes("pve1").tasks(upid).status.get()
        if status["status"] == "stopped":
            break
        time.sleep(0.05)
    assert status["exitstatus"] == "OK"
    assert {row["vmid"]: row["node"] for row in api.cluster.resources.get(type="vm")}[105] == "pve3"
    assert api.nodes("pve1").tasks(upid).log.get(limit=0)[-1]["t"] == "TASK OK"


def test_an_api_token_needs_no_csrf_token(server: SimServer) -> None:
    """Neither on reading nor on changing; what PVE refuses then is the request itself."""
    headers = {"Authorization": f"PVEAPIToken=prs@pve!daemon={TOKEN_SECRET}"}
    assert ask(server, "GET", f"{API}/cluster/status", headers=headers).status_code == 200
    answer = ask(server, "POST", f"{API}/nodes/pve1/qemu/102/migrate", headers=headers, data={"target": "pve1"})
    assert (answer.status_code, answer.json()["errors"]) == (400, {"target": "target is local node."})


def test_errors_have_pves_shape(server: SimServer) -> None:
    """The message in the reason phrase and in the body with a line end, the connection closed."""
    answer = ask(server, "GET", f"{API}/nodes/pve1/qemu/999/config", headers=session(server))
    words = "Configuration file 'nodes/pve1/qemu-server/999.conf' does not exist"
    assert (answer.status_code, answer.reason, answer.headers["Connection"]) == (500, words, "close")
    assert answer.json() == {"data": None, "message": words + "\n"}


def test_the_extjs_envelope(server: SimServer) -> None:
    """200 whatever happened, except for a refused ticket."""
    answer = ask(server, "GET", "/api2/extjs/cluster/status", headers=session(server, "pool@pve"))
    assert (answer.status_code, answer.json()["success"], str(answer.json()["status"])) == (200, 0, "403")
    assert ask(server, "GET", "/api2/extjs/cluster/status").status_code == 401
    assert ask(server, "GET", "/api2/extjs/nodes/pve1/tasks", headers=session(server, "root@pam")).json()["total"] >= 0


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "No ticket"),
        ({"Cookie": "__Host-PVEAuthCookie=x"}, "No ticket"),
        ({"Authorization": "Bearer x"}, "No ticket"),
        ({"Authorization": "PVEAPIToken: prs@pve!daemon=x"}, "No ticket"),
        ({"Authorization": "PVEAPIToken=prs@pve!daemon=x"}, "Authentication failed!"),
        ({"Authorization": "PVEAPIToken=prs@pve!nosuch=x"}, "Authentication failed!"),
        ({"Cookie": "PVEAuthCookie=garbage"}, "Authentication failed!"),
        ({"Cookie": "PVEAuthCookie=garbage", "Authorization": f"PVEAPIToken=prs@pve!daemon={TOKEN_SECRET}"}, "Authentication failed!"),
    ],
)
def test_a_refused_ticket_has_no_body(server: SimServer, headers: dict[str, str], reason: str) -> None:
    """Only the reason phrase tells; a bad cookie is not made good by a token."""
    answer = ask(server, "GET", f"{API}/version", headers=headers)
    assert (answer.status_code, answer.reason, answer.content, answer.headers["Connection"]) == (401, reason, b"", "close")


def test_a_ticket_is_accepted_in_its_forms(server: SimServer) -> None:
    """Raw or encoded, as a cookie among others or in the Authorization header; on every node."""
    ticket = session(server)["Cookie"].partition("=")[2]
    encoded = quote(ticket, safe="")
    for headers in (
        {"Cookie": f"PVEAuthCookie={ticket}"}, {"Cookie": f"a=b; PVEAuthCookie={encoded}; c=d"},
        {"Authorization": f"PVEAuthCookie={encoded}"},
    ):  # fmt: skip
        assert ask(server, "GET", f"{API}/version", node="pve2", headers=headers).status_code == 200


def test_changes_need_the_csrf_token_of_the_same_user(server: SimServer) -> None:
    """Missing, wrong and foreign ones are refused."""
    headers = session(server)
    foreign = session(server, "pool@pve")["CSRFPreventionToken"]
    for token in ("", "6AFD86C0:x", foreign):
        answer = ask(
            server, "POST", f"{API}/nodes/pve1/qemu/102/migrate", headers={**headers, "CSRFPreventionToken": token}, data={"target": "pve1"}
        )
        assert (answer.status_code, answer.reason) == (401, "Permission denied - invalid csrf token")
    answer = ask(server, "POST", f"{API}/nodes/pve1/qemu/102/migrate", headers=headers, data={"target": "pve1"})
    assert answer.status_code == 400


def test_a_failed_login_has_a_body_and_says_nothing(server: SimServer) -> None:
    """Unlike a refused ticket."""
    answer = ask(server, "POST", f"{API}/access/ticket", data={"username": "root@pam", "password": "wrong"})
    assert (answer.status_code, answer.json()) == (401, {"data": None, "message": "authentication failure\n"})


def test_json_bodies_and_real_booleans(server: SimServer) -> None:
    """A form's `true` is refused, JSON's is fine."""
    headers, path = session(server), f"{API}/nodes/pve1/qemu/102/migrate"
    answer = ask(server, "POST", path, headers=headers, data={"target": "pve9", "online": "true"})
    assert answer.json()["errors"] == {"online": "type check ('boolean') failed - got 'true'"}
    answer = ask(server, "POST", path, headers=headers, json={"target": "pve9", "online": True})
    assert (answer.status_code, answer.reason) == (500, "no such cluster node 'pve9'")


def test_other_methods_and_unknown_paths_are_not_implemented(server: SimServer) -> None:
    """No CORS, before any authentication."""
    answer = ask(server, "OPTIONS", f"{API}/version")
    assert (answer.status_code, answer.reason, answer.content) == (501, "method 'OPTIONS' not available", b"")
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    answer = ask(server, "GET", f"{API}/nosuch", headers=session(server))
    assert (answer.status_code, answer.reason) == (501, "Method 'GET /nosuch' not implemented")


def test_realms_are_told_without_login(server: SimServer) -> None:
    """The login window needs them."""
    assert [row["realm"] for row in ask(server, "GET", f"{API}/access/domains").json()["data"]] == ["pam", "pve"]


def test_the_total_stands_beside_a_page(server: SimServer) -> None:
    """Lists of tasks and logs."""
    assert "total" in ask(server, "GET", f"{API}/nodes/pve1/tasks", headers=session(server)).json()


def test_a_connection_ends_after_a_hundred_requests(server: SimServer) -> None:
    """The hundredth answer says so."""
    with requests.Session() as one:
        url, options = f"{server.url}{API}/version", {"headers": session(server), "verify": server.ca_file, "timeout": 10}
        said = [one.get(url, **options).headers.get("Connection") for _ in range(101)]
    assert (said[98], said[99], said[100]) == (None, "close", None)


def test_every_401_is_delayed() -> None:
    """By three seconds unless the test wants less; nothing else is."""
    with SimServer(small(), auth_delay=2.0) as server:
        begun = time.monotonic()
        ask(server, "GET", f"{API}/access/domains")
        first = time.monotonic() - begun
        ask(server, "GET", f"{API}/version")
        assert first < 2.0 <= time.monotonic() - begun - first


def test_nodes_die_hang_and_come_back() -> None:
    """A dead node's address refuses connections and others say 595; a hanging one accepts and says nothing."""
    world = small()
    with SimServer(world, speed=100.0, auth_delay=0.0) as server:
        headers = session(server)
        with world.clock.lock:
            world.life.kill("pve2")
            world.nodes["pve3"].api = "hangs"
        time.sleep(0.2)
        with pytest.raises(requests.ConnectionError):
            ask(server, "GET", f"{API}/version", node="pve2", headers=headers)
        with pytest.raises(requests.ReadTimeout):
            ask(server, "GET", f"{API}/version", node="pve3", headers=headers, timeout=0.3)
        answer = ask(server, "GET", f"{API}/nodes/pve2/status", headers=headers)
        assert (answer.status_code, answer.reason, answer.content) == (595, "No route to host", b"")
        answer = ask(server, "GET", f"{API}/nodes/pve3/status", headers=headers)
        assert (answer.status_code, answer.content) == (596, b"")
        with world.clock.lock:
            world.life.revive("pve2")
        time.sleep(0.2)
        assert ask(server, "GET", f"{API}/version", node="pve2", headers=headers).status_code == 200


def test_a_fault_answers_over_the_wire_too() -> None:
    """The POST did start the task, the caller sees 596; slow answers block nobody else."""
    world = small()
    path = "/nodes/{node}/qemu/{vmid}/migrate"
    world.faults.add({"on": f"POST {path}", "do": "answer", "status": 596, "words": "Connection timed out", "carry_out": True})
    world.faults.add({"on": "GET /cluster/status", "do": "slow", "seconds": 40})
    with SimServer(world, speed=100.0, auth_delay=0.0) as server:
        headers, begun = session(server), time.monotonic()
        answer = ask(server, "POST", f"{API}/nodes/pve1/qemu/102/migrate", headers=headers, data={"target": "pve3", "online": 1})
        assert (answer.status_code, time.monotonic() - begun > 0.29) == (596, True)
        assert world.started[102] == 1
        ask(server, "GET", f"{API}/cluster/status", headers=headers)
        assert time.monotonic() - begun > 0.69


def test_time_runs_at_the_speed_given() -> None:
    """The world's clock is tied to the wall while the server runs, and virtual again afterwards."""
    world = small()
    with SimServer(world, speed=600.0, auth_delay=0.0):
        before = world.clock.time()
        world.clock.sleep(60.0)
        assert 60.0 <= world.clock.time() - before < 600.0
    stopped = world.clock.time()
    time.sleep(0.02)
    assert world.clock.time() == stopped
