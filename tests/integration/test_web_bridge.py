"""The unix socket behind pveproxy, spoken to as the plugin there does, and as it never would."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from integration.test_web_attacks import bad_logins
from integration.web_house import House, Person, at_once, house, plugin_request, spoken, through
from prs.web.server.held import EACH
from simcluster.scenes import small
from simcluster.world import World


@pytest.fixture(scope="module")
def world() -> World:
    return small(start=time.time())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, world: World) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("home"), world) as found:
        found.start_with_bridge()
        yield found


@pytest.fixture(scope="module")
def root(home: House) -> Person:
    return home.log_in("root@pam")


def refusal(answer: Any) -> tuple[int, str]:
    """(status, code) of an answer that refuses."""
    return answer["status"], answer["answer"]["error"]["code"]


def test_what_the_port_answers_comes_through_as_well(home: House, root: Person) -> None:
    found = through(home.socket, "GET", "/cluster", **root.headers)
    assert found["status"] == 200
    assert {node["name"] for node in found["answer"]["data"]["nodes"]} == {node["name"] for node in root.get("/cluster")["nodes"]}
    again = through(home.socket, "GET", "/cluster", **root.headers, **{"If-None-Match": found["headers"]["ETag"]})
    assert (again["status"], again["answer"]) == (304, None)


def test_a_plan_and_a_job_are_made_through_it_by_the_caller(home: House, root: Person) -> None:
    home.start_daemon()
    plan = through(home.socket, "POST", "/plans", {"kind": "drain", "node": "pve1"}, **root.headers)
    assert plan["status"] == 201, plan
    job = through(home.socket, "POST", "/jobs", {"plan": plan["answer"]["data"]["id"]}, **root.headers, **{"PRS-Client": "198.51.100.7"})
    assert job["status"] == 201, job
    assert root.get(f"/jobs/{job['answer']['data']['id']}")["user"] == "root@pam"
    assert "by root@pam from 198.51.100.7: allowed" in home.log("web")


def test_a_plan_that_takes_longer_than_a_call_may_comes_through(tmp_path: Path) -> None:
    """PVE takes 11 s for its list of guests, and no call through pveproxy more than 10 s."""
    with house(tmp_path, small(start=time.time())) as found:
        found.start_with_bridge()
        root, other = found.log_in("root@pam"), found.log_in("audit@pve")
        asked = {"kind": "drain", "node": "pve1"}
        found.server.world.faults.add({"on": "GET /cluster/resources", "do": "slow", "seconds": 11.0, "times": 0})
        told = at_once(found.socket, "POST", "/plans", asked, **root.headers)
        assert told["status"] == 202, told
        number = told["answer"]["data"]["later"]
        assert refusal(through(found.socket, "GET", f"/answers/{number}", **other.headers)) == (404, "not_found")
        while told["status"] == 202:
            assert told["answer"] == {"data": {"later": number}}
            told = at_once(found.socket, "GET", f"/answers/{number}", **root.headers)
        assert told["status"] == 201
        assert root.get(f"/plans/{told['answer']['data']['id']}")["node"] == "pve1"
        assert found.log("web").count("plan node pve1 by root@pam") == 1


def test_every_bad_login_is_refused_here_too(home: House, root: Person) -> None:
    for name, (headers, status, code) in bad_logins(home, root).items():
        if "Cookie" not in headers:
            assert refusal(through(home.socket, "POST", "/plans", {"kind": "balance"}, **headers)) == (status, code), name


def test_a_login_a_page_or_a_description_is_not_had_through_it(home: House) -> None:
    form = {"username": "root@pam", "password": "guess"}
    assert refusal(through(home.socket, "POST", "/login", form)) == (404, "not_found")
    for path in ("/realms", "/openapi.json", "/ca", "/nothing"):
        assert refusal(through(home.socket, "GET", path)) == (404, "not_found"), path
    assert json.loads(spoken(home.socket, b"GET / HTTP/1.0\r\n\r\n"))["data"]["status"] == 404


@pytest.mark.parametrize("header", ["Host: pve1", "Origin: https://pve1:8006", "Cookie: PVEAuthCookie=x", "X-Forwarded-For: 192.0.2.1",
                                    "X-Forwarded-Proto: https", "prs.bridge: 1", "REMOTE-ADDR: 192.0.2.1"])  # fmt: skip
def test_a_header_that_the_plugin_never_sends_is_not_answered(home: House, root: Person, header: str) -> None:
    name, value = header.split(": ")
    assert spoken(home.socket, plugin_request("GET", "/status", **root.headers, **{name: value})) == b""


@pytest.mark.parametrize("data", [b"\r\n\r\n", b"GET /\r\n\r\n", b"OPTIONS /api/v1/status HTTP/1.0\r\n\r\n",
                                  b"DELETE /api/v1/status HTTP/1.0\r\n\r\n", b"HEAD /api/v1/healthz HTTP/1.0\r\n\r\n",
                                  b"GET /api/v1/" + b"a" * 9000 + b" HTTP/1.0\r\n\r\n",
                                  b"GET /api/v1/status HTTP/1.0\r\nAuthorization: a\nb: c\r\n\r\n", b"\x16\x03\x01" * 50,
                                  b"GET /api/v1/jobs/\xc3\xa4 HTTP/1.0\r\n\r\n",
                                  b"POST /api/v1/plans HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"])  # fmt: skip
def test_what_is_not_a_request_of_the_plugin_is_not_answered(home: House, data: bytes) -> None:
    assert spoken(home.socket, data) == b""


@pytest.mark.parametrize("path", [
    "/jobs/../status", "/%2e%2e/%2e%2e/login", "//jobs", "/jobs//0123456789ab", "/jobs%2f..%2fplans", "/jobs/%c3%a4", "/jobs/%00",
    "/status/", "/answers/..", "/answers/0123456789abcdef0123456789abcdef", "/" + "a" * 4000,
])  # fmt: skip
def test_an_odd_path_is_no_path(home: House, root: Person, path: str) -> None:
    assert refusal(through(home.socket, "GET", path, **root.headers)) in ((404, "not_found"), (405, "method"))


def test_nothing_behind_a_request_is_read_as_another_one(home: House, root: Person) -> None:
    twice = plugin_request("GET", "/status", **root.headers) + plugin_request("GET", "/healthz")
    assert json.loads(spoken(home.socket, twice))["data"]["answer"]["data"]["user"] == "root@pam"


def test_a_body_that_is_too_large_is_refused(home: House, root: Person) -> None:
    body = {"kind": "drain", "node": "x" * 70_000}
    assert refusal(through(home.socket, "POST", "/plans", body, **root.headers)) == (413, "too_large")


def test_the_inner_status_is_the_services_own_whatever_is_sent(home: House, root: Person) -> None:
    lie = {"kind": "balance", "status": 200, "answer": {"data": {}}}
    assert refusal(through(home.socket, "POST", "/plans", lie, **root.headers)) == (400, "invalid")


def test_an_address_that_is_none_is_not_believed(home: House, root: Person) -> None:
    headers = {**root.headers, "PRS-Client": "198.51.100.7 allowed by nobody"}
    assert through(home.socket, "POST", "/plans", {"kind": "balance"}, **headers)["status"] == 201
    assert "allowed by nobody" not in home.log("web")


def speak_as(place: Path, user: int, told: Any) -> None:
    os.setgid(user)
    os.setuid(user)
    told.put(spoken(place, plugin_request("GET", "/healthz")))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can speak as somebody else")
def test_only_pveproxys_user_and_root_are_answered(tmp_path_factory: pytest.TempPathFactory, world: World) -> None:
    folder = Path("/tmp") / f"prs-bridge-{os.getpid()}"  # where another user can get at it
    folder.mkdir(mode=0o755)
    with house(folder / "home", world) as found:
        found.folder.chmod(0o755)
        found.start_with_bridge("www-data")
        told: Any = multiprocessing.Queue()
        answers = {}
        for name, user in (("www-data", 33), ("nobody", 65534)):
            other = multiprocessing.Process(target=speak_as, args=(found.socket, user, told))
            other.start()
            answers[name] = told.get(timeout=120)
            other.join()
    assert json.loads(answers["www-data"])["data"]["status"] == 200
    assert answers["nobody"] == b""


def at_the_same_time(count: int, call: Callable[[], Any]) -> list[Any]:
    """What each of so many calls gives."""
    with ThreadPoolExecutor(count) as pool:
        return [future.result() for future in [pool.submit(call) for _ in range(count)]]


@pytest.mark.parametrize("slow", ["GET /cluster/resources", "GET /access/permissions"], ids=["reading", "proof of who asks"])
def test_what_takes_longer_than_a_call_may_comes_through_when_it_only_reads_too(tmp_path: Path, slow: str) -> None:
    """PVE takes 11 s, and no call through pveproxy more than 10 s."""
    with house(tmp_path, small(start=time.time())) as found:
        root = found.log_in("root@pam")
        found.start_with_bridge()
        found.server.world.faults.add({"on": slow, "do": "slow", "seconds": 11.0, "times": 0})
        first = at_once(found.socket, "GET", "/cluster", **root.headers)
        assert first["status"] == 202, first
        place = f"/answers/{first['answer']['data']['later']}"
        told = first
        while told["status"] == 202:
            told = at_once(found.socket, "GET", place, **root.headers)
        assert told["answer"]["data"]["nodes"]
        # It is handed out once; who asks again is told so.
        assert refusal(through(found.socket, "GET", place, **root.headers)) == (404, "not_found")


def test_a_pve_that_hangs_holds_nobody_up_and_no_more_than_a_few_calls_of_a_user_go_on(tmp_path: Path) -> None:
    with house(tmp_path, small(start=time.time()), auth_delay=0.0) as found, socket.socket() as silent:
        silent.bind((found.address, 0))
        silent.listen()  # PVE's API hangs
        found.configure()
        found.config.write_text(found.config.read_text().replace(f":{found.server.port}", f":{silent.getsockname()[1]}"))
        root, other, told = found.log_in("root@pam"), found.log_in("audit@pve"), list[Any]()
        found.start_with_bridge()
        asks = threading.Thread(target=lambda: told.extend(
            at_the_same_time(EACH + 2, lambda: at_once(found.socket, "GET", "/status", **root.headers))))  # fmt: skip
        asks.start()
        assert through(found.socket, "GET", "/healthz")["status"] == 200
        assert told == []  # the others still wait
        asks.join()
        assert Counter(answer["status"] for answer in told) == {202: EACH, 504: 2}
        assert {answer["headers"]["Retry-After"] for answer in told if answer["status"] == 504} == {"5"}
        # One user's calls take nothing from another's, and what goes on for one is not told to another.
        assert at_once(found.socket, "GET", "/status", **other.headers)["status"] == 202
        number = next(answer["answer"]["data"]["later"] for answer in told if answer["status"] == 202)
        assert at_once(found.socket, "GET", f"/answers/{number}", **other.headers)["answer"] != {"data": {"later": number}}
        assert through(found.socket, "GET", "/healthz")["status"] == 200


def test_connections_that_say_nothing_leave_room_for_others(home: House, root: Person) -> None:
    with ExitStack() as stack:
        for _ in range(150):
            sock = stack.enter_context(socket.socket(socket.AF_UNIX))
            sock.connect(str(home.socket))  # and says nothing
        assert through(home.socket, "GET", "/status", **root.headers)["status"] == 200


def test_a_client_that_goes_away_is_no_line_in_the_log(home: House, root: Person) -> None:
    before = home.log("web")
    for _ in range(5):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(home.socket))
            sock.sendall(plugin_request("GET", "/cluster", **root.headers))
    assert through(home.socket, "GET", "/healthz")["status"] == 200
    assert home.log("web") == before


def test_a_reload_keeps_the_socket(home: House) -> None:
    home.processes["web"].send_signal(1)
    for _ in range(30):
        assert through(home.socket, "GET", "/healthz")["status"] == 200
        time.sleep(0.05)


def test_port_0_leaves_only_the_socket(tmp_path: Path, world: World) -> None:
    with house(tmp_path, world) as found:
        port, found.port = found.port, 0
        found.configure()
        found.start_with_bridge()
        root = found.log_in("root@pam")
        assert through(found.socket, "GET", "/status", **root.headers)["status"] == 200
        with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
            probe.connect((found.address, port))
        assert "nobody can reach" not in found.log("web")


def test_port_0_without_the_socket_says_that_nobody_can_reach_it(tmp_path: Path, world: World) -> None:
    with house(tmp_path, world) as found:
        found.port = 0
        found.configure()
        found._start("web", found.web_command())
        found.wait(lambda: "nobody can reach this service" in found.log("web"))
