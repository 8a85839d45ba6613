"""Peers that say nothing, drip, or answer what no version of ours does: the node that asks goes on, and names them."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from integration.hostile import SOON, served_soon
from integration.web_house import House, Person, house
from prs.web.api.examples import ANSWERS
from simcluster.scenes import small


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("home"), small(start=time.time())) as found:
        for node in ("pve2", "pve3"):  # what pmxcfs does: every node holds the certificate of every other
            folder = found.pve / "nodes" / node
            folder.mkdir()
            for name in ("pve-ssl.pem", "pve-ssl.key"):
                shutil.copy(found.pve / "local" / name, folder / name)
        yield found


@pytest.fixture
def root(home: House) -> Iterator[Person]:
    home.start_web()
    yield home.log_in("root@pam")
    home.stop("web")


class Odd(BaseHTTPRequestHandler):
    """Answers every call with the bytes of the day."""

    protocol_version = "HTTP/1.1"
    body, status, drip = b"", 200, False

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.body) + (100_000 if self.drip else 0)))
        self.end_headers()
        self.wfile.write(self.body)
        while self.drip:
            time.sleep(0.2)
            self.wfile.write(b" ")
            self.wfile.flush()

    do_POST = do_GET

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def odd_peer(home: House, body: object, status: int = 200, drip: bool = False) -> Iterator[None]:
    """A service on pve2 that shows the right certificate."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler = type("Today", (Odd,), {"body": data, "status": status, "drip": drip})
    server = ThreadingHTTPServer((home.server.addresses["pve2"], home.port), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(home.pve / "local/pve-ssl.pem", home.pve / "local/pve-ssl.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def silent_peers(home: House) -> Iterator[None]:
    """Ports on which connections are taken, by the system, and nobody ever says a word."""
    with ExitStack() as stack:
        for node in ("pve2", "pve3"):
            sock = stack.enter_context(closing(socket.socket()))
            sock.bind((home.server.addresses[node], home.port))
            sock.listen(512)
        yield


BRIEF: dict[str, Any] = ANSWERS["jobs"]["jobs"][0]
ODD: dict[str, object] = {
    "nothing": b"", "no JSON": b"<html>", "half": b'{"data": {"jobs": [', "null": None, "a list": [], "no jobs": {"data": {"peers": []}},
    "jobs null": {"data": {"jobs": None, "peers": []}}, "an empty job": {"data": {"jobs": [{}], "peers": []}},
    "a word for a time": {"data": {"jobs": [{**BRIEF, "created": "yesterday"}], "peers": []}},
    "no time": {"data": {"jobs": [{**BRIEF, "created": None}], "peers": []}},
    "a number for a name": {"data": {"jobs": [{**BRIEF, "user": 7}], "peers": []}},
    "more than we know": {"data": {"jobs": [{**BRIEF, "colour": "red"}], "peers": []}},
    "not a number": json.dumps({"data": {"jobs": [BRIEF], "peers": []}}).replace("1", "NaN", 1).encode(),
    "half a character": json.dumps({"data": {"jobs": [{**BRIEF, "message": "\udc80"}], "peers": []}}).encode(),
    "a well": b"[" * 100_000, "huge": b'{"data": "' + b"x" * 9_000_000 + b'"}',
}  # fmt: skip


@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
def test_an_odd_answer_is_dropped_with_the_peers_name(home: House, root: Person, body: object) -> None:
    with odd_peer(home, body):
        found = root.get("/jobs")
    peers = {peer["node"]: peer for peer in found["peers"]}
    assert found["jobs"] == []
    assert peers["pve2"]["reached"] is False
    assert peers["pve2"]["message"].startswith("pve2 (")
    assert "Traceback" not in home.log("web")


@pytest.mark.parametrize(("status", "body"), [
    (200, {"data": {"id": "0123456789ab"}}), (200, {"data": None}), (200, []), (404, "?"), (403, {"error": "no"}), (200, b"[" * 100_000),
    (500, {"error": {"code": 5, "message": None, "details": 1}}),
])  # fmt: skip
def test_an_odd_answer_about_one_job_is_not_passed_on(home: House, root: Person, status: int, body: object) -> None:
    with odd_peer(home, body, status):
        assert root.refused("GET", "/jobs/0123456789ab")[0] == 404
        assert root.refused("POST", "/jobs/0123456789ab/cancel", {})[0] == 404


def test_a_peer_that_answers_as_described_is_heard(home: House, root: Person) -> None:
    with odd_peer(home, {"data": {"jobs": [{**BRIEF, "host": "pve2"}], "peers": []}}):
        found = root.get("/jobs")
    assert [job["id"] for job in found["jobs"]] == [BRIEF["id"]]


def test_a_peer_does_not_speak_for_another(home: House, root: Person) -> None:
    with odd_peer(home, {"data": {"jobs": [{**BRIEF, "host": "pve1"}], "peers": []}}):
        assert root.get("/jobs")["jobs"] == []


def test_a_peer_that_drips_is_given_up(home: House, root: Person) -> None:
    with odd_peer(home, b'{"data": ', drip=True):
        start = time.monotonic()
        peers = {peer["node"]: peer for peer in root.get("/jobs")["peers"]}
        assert time.monotonic() - start < 12
    assert "does not answer within" in peers["pve2"]["message"]


def test_sixteen_browsers_while_peers_are_silent(home: House, root: Person) -> None:
    """Each gets its answer, others are served meanwhile, the process grows no threads, and silent peers are asked again only later."""
    answers: list[int] = []

    def browse() -> None:
        for _ in range(3):
            answers.append(root.call("GET", "/jobs").status_code)

    with silent_peers(home):
        threads = [threading.Thread(target=browse) for _ in range(16)]
        for thread in threads:
            thread.start()
        for _ in range(6):
            assert served_soon(root, "/jobs?scope=node") < SOON
            assert tasks(home) < 20
            time.sleep(0.3)
        for thread in threads:
            thread.join()
        assert answers == [200] * 48
        assert served_soon(root, "/jobs") < SOON
        peers = {peer["node"]: peer for peer in root.get("/jobs")["peers"]}
        assert not peers["pve2"]["reached"]
        assert "does not answer within" in peers["pve2"]["message"]
    assert "Traceback" not in home.log("web")


def tasks(home: House) -> int:
    """Threads of all processes of the web service."""
    master = home.processes["web"].pid
    total = 0
    for pid in [str(master), *Path(f"/proc/{master}/task/{master}/children").read_text().split()]:
        with suppress(FileNotFoundError):
            total += len(list(Path(f"/proc/{pid}/task").iterdir()))
    return total
