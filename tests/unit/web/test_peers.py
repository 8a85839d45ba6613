"""Another node's service through pveproxy, where its own port is closed."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from prs.endpoint import Endpoint
from prs.errors import ApiError, LoginFailed, PveError, Unreachable
from prs.web.access.login import Login
from prs.web.api.examples import ANSWERS
from prs.web.api.openapi import PREFIX
from prs.web.peers import AT_ONCE, Peer, Peers

JOBS: dict[str, Any] = {"jobs": [], "peers": []}
PEER = Peer("pve2", "127.0.0.1")
LOGIN = Login("root@pam", "PVE:root@pam:0::A", "csrf")


class Pve:
    """Writes down what it is asked and gives one answer."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.asked = answer, list[Any]()
        self.user, self.calls = "root@pam", 0

    def get(self, path: str, params: Any = None) -> Any:
        self.asked.append(("GET", path, params))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def post(self, path: str, params: Any = None) -> Any:
        self.asked.append(("POST", path, params))
        return self.answer

    delete = post

    def put(self, path: str, params: Any = None) -> Any:
        self.asked.append(("PUT", path, params))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def peers(pve: Pve, port: int = 0) -> Peers:
    return Peers(port, "pve1", Endpoint(hosts=("127.0.0.1",)), lambda: None, lambda login, seconds: pve)


@pytest.mark.parametrize("port", [0, 1], ids=["port 0", "a port where nobody listens"])
def test_pveproxy_passes_it_on(port: int) -> None:
    pve = Pve({"status": 200, "headers": {}, "answer": {"data": JOBS}})
    (reply,) = peers(pve, port).ask([PEER], LOGIN, "GET", "/api/v1/jobs?scope=node&limit=20", "Jobs")
    assert (reply.data, reply.error) == (JOBS, "")
    assert pve.asked == [("GET", "/prs/jobs", {"node": "pve2", "query": "scope=node&limit=20"})]


def test_a_change_has_its_body_inside() -> None:
    pve = Pve({"status": 409, "headers": {}, "answer": {"error": {"code": "state", "message": "it has ended", "details": []}}})
    (reply,) = peers(pve).ask([PEER], LOGIN, "POST", "/api/v1/jobs/1/cancel?scope=node", "Job", {"abort": True})
    assert (reply.status, reply.refused["code"]) == (409, "state")
    assert pve.asked == [("POST", "/prs/jobs/1/cancel", {"node": "pve2", "query": "scope=node", "body": '{"abort":true}'})]


def test_a_node_is_set_as_it_shall_be_by_the_same_call() -> None:
    state = {"node": "pve3", "state": "released", "changed": False, "job": None, "message": ""}
    pve = Pve({"status": 200, "headers": {}, "answer": {"data": state}})
    (reply,) = peers(pve).ask([PEER], LOGIN, "PUT", "/api/v1/nodes/pve3/maintenance?scope=node", "NodeState", {"state": "released"})
    assert (reply.data, reply.error) == (state, "")
    assert [asked[:2] for asked in pve.asked] == [("PUT", "/prs/nodes/pve3/maintenance")]


@pytest.mark.parametrize("host", ["pve2", "pve3"])
def test_a_node_speaks_only_for_its_own_job_also_where_it_tells_how_a_node_is(host: str) -> None:
    state = {**ANSWERS["node_state"], "job": {**ANSWERS["job"], "host": host}}
    pve = Pve({"status": 200, "headers": {}, "answer": {"data": state}})
    (reply,) = peers(pve).ask([PEER], LOGIN, "PUT", "/api/v1/nodes/pve3/maintenance?scope=node", "NodeState", {"state": "drained"})
    assert bool(reply.data) == (host == "pve2")
    assert ("speaks for another node" in reply.error) == (host == "pve3")


@pytest.mark.parametrize("nodes", [256, 257])
def test_loads_of_more_nodes_than_a_cluster_has_are_dropped(nodes: int) -> None:
    """What is made one grows with nodes times steps: 10 000 without a figure take a second, and 4 MiB hold twelve times as many."""
    rows = [{"node": f"n{number}", "memory": [], "cpu": []} for number in range(nodes)]
    loads = {"start": 0.0, "step": 1800.0, "readings": [9], "spread": {"memory": [None], "cpu": [None]}, "nodes": rows, "peers": []}
    pve = Pve({"status": 200, "headers": {}, "answer": {"data": loads}})
    (reply,) = peers(pve).ask([PEER], LOGIN, "GET", "/api/v1/loads?scope=node&days=31", "Loads")
    assert bool(reply.data) == (nodes == 256)
    assert ("at most 256 items" in reply.error) == (nodes > 256)


LATER = {"status": 202, "headers": {}, "answer": {"data": {"later": "0123456789abcdef" * 2}}}


def test_an_answer_that_comes_later_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prs.web.peers.AGAIN", 0.0)
    end = {"status": 409, "answer": {"error": {"code": "state", "message": "it has ended", "details": []}}}
    pve, waits, get = Pve(LATER), [LATER, end], Pve.get

    def waiting(self: Pve, path: str, params: Any = None) -> Any:
        self.answer = waits.pop(0)
        return get(self, path, params)

    monkeypatch.setattr(Pve, "get", waiting)
    (reply,) = peers(pve).ask([PEER], LOGIN, "POST", "/api/v1/jobs/1/undo?scope=node", "Plan")
    assert (reply.status, reply.refused["code"]) == (409, "state")
    assert pve.asked[1:] == [("GET", f"/prs/answers/{'0123456789abcdef' * 2}", {"node": "pve2"})] * 2


def test_an_answer_that_never_comes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prs.web.peers.AGAIN", 0.0)
    monkeypatch.setattr("prs.web.peers.LONGEST", 0.05)
    (reply,) = peers(Pve(LATER)).ask([PEER], LOGIN, "POST", "/api/v1/jobs/1/undo?scope=node", "Plan")
    assert "is not done within" in reply.error


@pytest.mark.parametrize("number", ["", "../access/ticket", "0" * 31, 7, None])
def test_a_peer_does_not_choose_what_is_asked(number: object) -> None:
    pve = Pve({"status": 202, "answer": {"data": {"later": number}}})
    (reply,) = peers(pve).ask([PEER], LOGIN, "POST", "/api/v1/jobs/1/undo?scope=node", "Plan")
    assert "gives no usable answer" in reply.error
    assert len(pve.asked) == 1


def test_who_only_looks_waits_for_no_later_answer() -> None:
    pve = Pve(LATER)
    (reply,) = peers(pve).ask([PEER], LOGIN, "GET", "/api/v1/jobs?scope=node", "Jobs")
    assert "does not answer within 4 seconds" in reply.error
    assert len(pve.asked) == 1


def test_who_only_looks_waits_four_seconds_for_a_node_that_pveproxy_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    now, given = [0.0], []
    monkeypatch.setattr("prs.web.peers.time.monotonic", lambda: now[0])

    def connect(login: Login, seconds: float) -> Pve:
        given.append(seconds)
        now[0] += seconds
        return Pve(Unreachable(f"127.0.0.1:8006 did not answer within {seconds:g} seconds"))

    asked = Peers(0, "pve1", Endpoint(hosts=("127.0.0.1",)), lambda: None, connect)
    (reply,) = asked.ask([PEER], LOGIN, "GET", "/api/v1/jobs?scope=node", "Jobs")
    assert (given, reply.error) == ([4.0], "pve2 (127.0.0.1): does not answer within 4 seconds")


@pytest.mark.parametrize(("answer", "words"), [
    (ApiError(501, "Method 'GET /prs/jobs' not implemented"), "is the bridge package installed there"),
    (ApiError(503, "the rebalancing service on this node does not answer"), "does not answer"),
    ({"version": "9.2"}, "gives no usable answer"), (None, "gives no usable answer"), ({"status": "200"}, "gives no usable answer"),
    ({"status": 200}, "answers otherwise than this version knows"), ({"status": 200, "answer": {"data": 7}}, "answers otherwise"),
])  # fmt: skip
def test_what_is_no_answer_of_the_service_is_told(answer: Any, words: str) -> None:
    (reply,) = peers(Pve(answer)).ask([PEER], LOGIN, "GET", "/api/v1/jobs?scope=node", "Jobs")
    assert words in reply.error
    assert reply.data is None


def test_a_refused_connection_stays_the_reason_where_there_is_no_bridge() -> None:
    (reply,) = peers(Pve(ApiError(501, "not implemented")), port=1).ask([PEER], LOGIN, "GET", "/api/v1/jobs?scope=node", "Jobs")
    assert "refuses the connection" in reply.error


@pytest.mark.parametrize("status", [10**40, -1, 0, True, 302, 204])
def test_a_status_that_is_none_is_not_passed_on(status: int) -> None:
    """What pveproxy passes on is in the body, where a hostile node may write any number."""
    answer = {"error": {"code": "state", "message": "no", "details": []}}
    (reply,) = peers(Pve({"status": status, "headers": {}, "answer": answer})).ask([PEER], LOGIN, "POST", "/api/v1/jobs/1/cancel", "Job")
    assert (reply.refused, bool(reply.error)) == (None, True)


@pytest.mark.parametrize("word", [float("nan"), float("inf"), "\udc80"], ids=["NaN", "Infinity", "half a character"])
def test_what_no_browser_can_read_is_not_passed_on(word: object) -> None:
    error = {"error": {"code": "state", "message": word, "details": []}}
    (reply,) = peers(Pve({"status": 409, "headers": {}, "answer": error})).ask([PEER], LOGIN, "GET", "/api/v1/jobs/1", "Job")
    assert "gives no usable answer" in reply.error


@pytest.mark.parametrize(("method", "error", "asked_again"), [
    ("GET", Unreachable("no route to host"), False),
    ("GET", ApiError(501, "Method 'GET /prs/jobs' not implemented"), False),
    ("GET", ApiError(500, "the service does not answer"), False),
    ("GET", LoginFailed("expired"), True),
    ("GET", ApiError(403, "Permission check failed"), True),
    ("PUT", ApiError(400, "Parameter verification failed."), True),
    ("PUT", ApiError(413, "the body is larger than 64 KiB"), True),
    ("PUT", Unreachable("no answer within 60 seconds"), True),
])  # fmt: skip
def test_no_caller_keeps_a_node_from_being_asked_by_others(method: str, error: PveError, asked_again: bool) -> None:
    """Anybody with a login could have hidden the jobs of another node from all others, by a body that pveproxy does not take."""
    pve = Pve(error)
    several = peers(pve)
    nobody = Login("nobody@pve", "PVE:nobody@pve:0::A", "csrf")
    (reply,) = several.ask([PEER], nobody, method, "/api/v1/nodes/pve3/maintenance", "NodeState", {})
    assert reply.error
    pve.answer, pve.asked = {"status": 200, "headers": {}, "answer": {"data": JOBS}}, []
    (reply,) = several.ask([PEER], LOGIN, "GET", "/api/v1/jobs?scope=node", "Jobs")
    assert (bool(reply.data), len(pve.asked)) == (asked_again, int(asked_again))


def test_a_body_is_passed_on_no_larger_than_it_came() -> None:
    """pveproxy takes 64 KiB of it, as this service does."""
    pve = Pve({"status": 409, "headers": {}, "answer": {"error": {"code": "state", "message": "it has ended", "details": []}}})
    body = {"state": "drained", "relax": ["\u00fc" * 256] * 100, "rides": [*range(1, 2000)]}
    came = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    peers(pve).ask([PEER], LOGIN, "PUT", "/api/v1/nodes/pve3/maintenance?scope=node", "NodeState", body)
    assert pve.asked[0][2]["body"] == came


def test_one_who_asks_without_end_holds_up_nobody_else() -> None:
    """Thirty questions of one user to eight nodes each: another user's are asked behind two of them, not behind all."""
    asked, go = list[str](), threading.Event()

    class Waits(Pve):
        def get(self, path: str, params: Any = None) -> Any:
            asked.append(self.user)
            assert go.wait(120)
            return super().get(path, params)

    def pve_of(login: Login, seconds: float) -> Any:
        found = Waits({"status": 200, "answer": {"data": JOBS}})
        found.user = login.user
        return found

    found = Peers(0, "pve1", Endpoint(hosts=("127.0.0.1",)), lambda: None, pve_of)
    nodes = [Peer(f"pve{number}", "127.0.0.1") for number in range(2, 2 + AT_ONCE)]

    def ask(user: str) -> None:
        replies = found.ask(nodes, replace(LOGIN, user=user), "GET", f"{PREFIX}/jobs?scope=node", "Jobs")
        assert [reply.data for reply in replies] == [JOBS] * len(nodes)

    def queued(calls: int) -> None:
        end = time.monotonic() + 120
        while found._pool._work_queue.qsize() < calls:
            assert time.monotonic() < end
            time.sleep(0.01)

    with ThreadPoolExecutor(31) as pool:
        running = [pool.submit(ask, "low@pve") for _ in range(30)]
        queued(AT_ONCE)  # and as many are being asked
        time.sleep(0.2)  # whatever else gets in the queue
        running.append(pool.submit(ask, "root@pam"))
        queued(2 * AT_ONCE)
        go.set()
        for one in running:
            one.result()
    assert asked.count("low@pve") == 30 * AT_ONCE
    assert [place for place, user in enumerate(asked) if user == "root@pam"][-1] < 4 * AT_ONCE
