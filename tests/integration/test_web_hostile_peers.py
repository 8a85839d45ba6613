"""Peers that say nothing, drip, or answer what no version of ours does: the node that asks goes on, and names them."""

from __future__ import annotations

import json
import shutil
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from integration.hostile import SOON, served_soon
from integration.web_house import House, Person, house
from prs.web.api.examples import ANSWERS
from simcluster.scenes import add_accounts, from_json

BRIEF: dict[str, Any] = ANSWERS["jobs"]["jobs"][0]


def framed(body: object, status: int = 200, *headers: str) -> bytes:
    """An HTTP answer as a peer sends it; a body that is no bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Odd", "Content-Type: application/json", *(headers or (f"Content-Length: {len(data)}",))]
    return "\r\n".join([*lines, "", ""]).encode() + data


def listed(*jobs: object) -> dict[str, object]:
    """An answer with these jobs."""
    return {"data": {"jobs": list(jobs), "peers": []}}


LARGE = listed(*[BRIEF] * 20_000)
ODD: dict[str, bytes] = {
    "nothing": framed(b""), "no JSON": framed(b"<html>"), "half": framed(b'{"data": {"jobs": ['), "null": framed(None),
    "a list": framed([]),
    "no jobs": framed({"data": {"peers": []}}), "jobs null": framed({"data": {"jobs": None, "peers": []}}),
    "an empty job": framed(listed({})), "a word for a time": framed(listed({**BRIEF, "created": "yesterday"})),
    "no time": framed(listed({**BRIEF, "created": None})), "a number for a name": framed(listed({**BRIEF, "user": 7})),
    "more than we know": framed(listed({**BRIEF, "colour": "red"})),
    "not a number": framed(json.dumps(listed(BRIEF)).replace("1", "NaN", 1).encode()),
    "half a character": framed(listed({**BRIEF, "message": "\udc80"})),
    "a well": framed(b"[" * 100_000), "huge": framed(b'{"data": "' + b"x" * 9_000_000 + b'"}'),
    "wrong a thousand times": framed(listed(*[{}] * 60_000)),
    "more than a list holds": framed(LARGE), "another's job": framed(listed({**BRIEF, "host": "pve1"})),
    "a place elsewhere": framed(b"", 302, "Location: https://evil.example/", "Content-Length: 0"), "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a head without end": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000, "a thousand headers": framed(b"", 200, *["X: y"] * 1000),
    "continue for ever": b"HTTP/1.1 100 Continue\r\n\r\n" * 50_000, "bad chunks": framed(b"zz\r\n", 200, "Transfer-Encoding: chunked"),
    "less than promised": framed(b"{}", 200, "Content-Length: 5000"), "packed": framed(b"\x1f\x8b\x08", 200, "Content-Encoding: gzip"),
    "an error without words": framed({"error": {"code": 5, "message": None, "details": 1}}, 500),
}  # fmt: skip
CHUNKED = "Transfer-Encoding: chunked"
# What comes first, what comes again and again, and seconds between: as fast as it goes, whoever reads it gets to do nothing else.
ENDLESS: dict[str, tuple[bytes, bytes, float]] = {
    "drips": (framed(b'{"data": ', 200, "Content-Length: 100000"), b" ", 0.2),
    "continues": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, 0),
    "trailers": (framed(b"0\r\n", 200, CHUNKED), b"X: y\r\n" * 1000, 0),
    "small chunks": (framed(b"", 200, CHUNKED), b"1\r\n \r\n" * 1000, 0),
    "without a length": (framed(b"", 200, "X: y"), b" " * 10_000, 0),
}
SHAKES = (b"\x16\x03\x03\x40\x00", b"\x02", 0.2)  # a TLS record of 16 KiB, byte by byte
GOOD = "pve2"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, release: str) -> Iterator[House]:
    """A node with as many peers as there are odd answers and endless ones, and two more."""
    nodes = {f"pve{number}": {"memory": 64, "cpu": 16, "host": 2} for number in range(1, len(ODD) + len(ENDLESS) + 4)}
    world = add_accounts(from_json({"nodes": nodes, "guests": {}}, time.time()))
    with house(tmp_path_factory.mktemp("home"), world, release=release) as found:
        for node in nodes:  # what pmxcfs does: every node holds the certificate of every other
            folder = found.pve / "nodes" / node
            folder.mkdir(exist_ok=True)
            for name in ("pve-ssl.pem", "pve-ssl.key"):
                shutil.copy(found.pve / "local" / name, folder / name)
        yield found


@pytest.fixture
def root(home: House) -> Iterator[Person]:
    try:
        home.start_web()
        yield home.log_in("root@pam")
    finally:  # also when it does not come up
        home.stop("web")


class Says(socketserver.BaseRequestHandler):
    """Reads a request and answers with the bytes of its server, then goes on if that is its way."""

    server: Peer

    def handle(self) -> None:
        """One connection."""
        first, again, pause = self.server.says
        with suppress(OSError):
            self.request.recv(65536)
            self.request.sendall(first)
            while again:
                time.sleep(pause)
                self.request.sendall(again)
            socket.socket.shutdown(self.request, socket.SHUT_WR)
            while self.request.recv(65536):
                pass


class Peer(socketserver.ThreadingTCPServer):
    """A service of another node that shows the right certificate, if it comes to that."""

    allow_reuse_address = daemon_threads = True
    request_queue_size = 64

    def __init__(self, home: House, node: str, says: tuple[bytes, bytes, float]) -> None:
        self.says = says
        super().__init__((home.server.addresses[node], home.port), Says)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(home.pve / "local/pve-ssl.pem", home.pve / "local/pve-ssl.key")

    def finish_request(self, request: Any, client_address: Any) -> None:
        """TLS in the connection's own thread."""
        if self.says == SHAKES:
            super().finish_request(request, client_address)
            return
        with suppress(OSError), self._context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing."""


@contextmanager
def peers(home: House, answers: dict[str, bytes], endless: dict[str, tuple[bytes, bytes, float]] | None = None) -> Iterator[None]:
    """A service on each of these nodes, by its name; those of `endless` go on for ever."""
    with ExitStack() as stack:
        for node, says in {**{node: (answer, b"", 0.0) for node, answer in answers.items()}, **(endless or {})}.items():
            server = stack.enter_context(Peer(home, node, says))
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
            thread.start()
            stack.callback(server.shutdown)
        yield


@contextmanager
def silent_peers(home: House) -> Iterator[None]:
    """Ports on which connections are taken, by the system, and nobody ever says a word."""
    with ExitStack() as stack:
        for node in ("pve2", "pve3"):
            sock = stack.enter_context(closing(socket.socket()))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # other tests' peers have just left it
            sock.bind((home.server.addresses[node], home.port))
            sock.listen(512)
        yield


def test_odd_answers_are_dropped_with_the_peers_names_and_others_served_meanwhile(home: House, root: Person) -> None:
    """All at once, some without an end, beside one that answers as described."""
    odd = {f"pve{number}": answer for number, answer in enumerate(ODD.values(), 3)}
    endless = {f"pve{number}": says for number, says in enumerate([*ENDLESS.values(), SHAKES], len(ODD) + 3)}
    good = framed(listed({**BRIEF, "host": GOOD}))
    found: dict[str, Any] = {}
    with peers(home, {GOOD: good, **odd}, endless):
        asking = threading.Thread(target=lambda: found.update(root.get("/jobs")))
        asking.start()
        while asking.is_alive():  # it has an end
            assert served_soon(root) < SOON
            time.sleep(0.2)
    told = {peer["node"]: peer for peer in found["peers"]}
    assert [job["host"] for job in found["jobs"]] == [GOOD]
    assert told[GOOD]["reached"]
    for node, name in zip([*odd, *endless], [*ODD, *ENDLESS, "shakes hands for ever"], strict=True):
        assert told[node]["reached"] is False, name
        assert told[node]["message"].startswith(f"{node} ("), name
        assert len(told[node]["message"]) < 400, name
    drips, *_, shakes = endless
    assert "does not answer within" in told[drips]["message"]
    assert "does not answer within" in told[shakes]["message"]
    assert "Traceback" not in home.log("web")


def test_a_peer_gets_no_job_of_another_out_of_sight_and_takes_none_for_its_own(home: House, root: Person) -> None:
    """By jobs of its own that are always the newest, and by ids that it has seen in the others' lists."""
    job: dict[str, Any] = {**ANSWERS["job"], "host": "pve4"}
    theirs = [{**BRIEF, "id": f"{number:012x}", "host": "pve2", "created": time.time() - number} for number in range(3)]
    flood = [{**BRIEF, "id": f"{number:012x}", "host": "pve3", "created": 1e11 + number} for number in range(100, 300)]
    stolen = {**BRIEF, "id": theirs[0]["id"], "host": "pve4"}
    with peers(home, {"pve2": framed(listed(*theirs)), "pve3": framed(listed(*flood)), "pve4": framed(listed(stolen))}):
        found = root.get("/jobs?limit=20")
    assert [job["id"] for job in found["jobs"] if job["host"] == "pve2"] == [job["id"] for job in theirs]
    told = {peer["node"]: peer["message"] for peer in found["peers"]}
    assert told["pve3"] == ""
    assert told["pve4"].endswith("it has a job of the same id as pve2")
    assert told["pve2"].endswith("it has a job of the same id as pve4")  # nobody knows which of them tells the truth
    home.stop("web")
    home.start_web()  # which node does not answer is remembered for a while
    with peers(home, {"pve3": framed({"data": {**job, "host": "pve3"}}), "pve4": framed({"data": job})}):
        for method, place in (("GET", f"/jobs/{job['id']}"), ("POST", f"/jobs/{job['id']}/pause")):
            status, code, words = root.refused(method, place)
            assert (status, code) == (502, "pve")
            assert "pve3 (" in words
            assert words.endswith("it has a job of the same id as pve4")


def test_odd_answers_about_one_job_are_not_passed_on(home: House, root: Person) -> None:
    odd = [framed({"data": {"id": "0123456789ab"}}), framed({"data": None}), framed([]), framed("?", 404), framed({"error": "no"}, 403),
           framed(b"[" * 100_000), ODD["an error without words"]]  # fmt: skip
    with peers(home, {f"pve{number}": answer for number, answer in enumerate(odd, 2)}):
        assert root.refused("GET", "/jobs/0123456789ab")[0] == 404
        assert root.refused("POST", "/jobs/0123456789ab/cancel", {})[0] == 404


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
