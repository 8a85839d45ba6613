"""Everything that has knocked the web service over once, each time with another client that has to be served meanwhile."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from full_journal import fill
from integration.hostile import SOON, SlowReader, api, crowd, exchange, plain, request, secure, served_soon, under_way
from integration.web_house import BACKEND, House, Person, house
from prs.engine.drain.shared_holds import FOLDER
from prs.engine.journal.journal import Journal
from prs.engine.journal.retention import prune
from simcluster.scenes import small

JSON = "Content-Type: application/json"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, release: str) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("home")
    pages = folder / "www"
    pages.mkdir()
    (pages / "large.js").write_bytes(b"// line of a large script\n" * 90_000)
    with house(folder / "node", small(start=time.time()), release=release) as found:
        found.start_web("--pages", str(pages))
        yield found


@pytest.fixture(scope="module")
def root(home: House) -> Person:
    return home.log_in("root@pam")


SLOW_BODIES = {
    "a body that does not come": ("Content-Length: 60000",),
    "22 digits": ("Content-Length: 0000000000000000060000",),
    "22 digits, all large": ("Content-Length: 9999999999999999999999",),
    "a sign": ("Content-Length: +60000",),
    "an underscore": ("Content-Length: 60_000",),
    "digits of another alphabet": ("Content-Length: \u0666\u0660",),
    "two lengths": ("Content-Length: 60000", "Content-Length: 60000"),
    "a list": ("Content-Length: 60000, 60000",),
    "chunks": ("Transfer-Encoding: chunked",),
    "chunks in disguise": ("Transfer-Encoding: xchunked",),
    "packed chunks": ("Transfer-Encoding: gzip, chunked",),
    "an encoding that is none": ("Transfer-Encoding: identity", "Content-Length: 60000"),
    "two encodings": ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
    "an empty length": ("Content-Length: ",),
    "hexadecimal": ("Content-Length: 0xea60",),
    "a length behind a tab": ("Content-Length:\t+60000",),
    "an underscore in the name": ("Content-Length: 60000", "Content_Length: 0", "Transfer-Encoding: chunked"),
    "both": ("Content-Length: 60000", "Transfer-Encoding: chunked"),
    "a blank before the colon": ("Content-Length : 60000",),
    "a folded line": ("X-Folded: a\r\n Content-Length: 60000",),
    "a bare newline": ("X: a\nContent-Length: 60000",),
}


@pytest.mark.parametrize("headers", SLOW_BODIES.values(), ids=SLOW_BODIES)
def test_slow_bodies_in_any_disguise_hold_up_nobody(home: House, root: Person, headers: tuple[str, ...]) -> None:
    with crowd(home, 30, request(home, "POST", api("/login"), JSON, *headers)):
        assert served_soon(root, "/jobs?scope=node") < SOON


@pytest.mark.parametrize("headers", [SLOW_BODIES[name] for name in list(SLOW_BODIES)[1:]], ids=list(SLOW_BODIES)[1:])
def test_a_length_that_two_readers_may_take_differently_is_refused_at_once(home: House, headers: tuple[str, ...]) -> None:
    start = time.monotonic()
    answer = exchange(home, request(home, "POST", api("/login"), JSON, *headers))
    assert answer == b"" or answer.split()[1] in (b"400", b"413", b"501"), answer
    assert time.monotonic() - start < 3


def test_slow_requests_behind_a_good_one_in_one_packet_hold_up_nobody(home: House, root: Person) -> None:
    behind = request(home, "POST", api("/login"), JSON, "Content-Length: 60000")
    with crowd(home, 30, request(home, "GET", api("/healthz")) + behind):
        assert served_soon(root, "/jobs?scope=node") < SOON


def test_chunks_with_extensions_and_trailers_are_refused_and_nothing_behind_them_is_a_request(home: House) -> None:
    body = b'5;a="\r\n"\r\nhello\r\n0;x\r\nContent-Length: 5\r\n\r\n' + request(home, "GET", api("/healthz"))
    answer = exchange(home, request(home, "POST", api("/login"), JSON, "Transfer-Encoding: chunked", body=body))
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.split()[1] in (b"400", b"413", b"501"), answer


NO_REQUEST = {
    "HTTP/0.9": b"GET /api/v1/healthz\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a tunnel": b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: pve1\r\n\r\n",
    "an absolute address": b"GET https://evil.example/api/v1/healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    "an absolute address beside our host": b"GET https://evil.example/api/v1/healthz HTTP/1.1\r\nHost: pve1\r\nConnection: close\r\n\r\n",
    "an absolute address of ours": b"GET https://pve1/api/v1/healthz HTTP/1.1\r\nHost: pve1\r\nConnection: close\r\n\r\n",
    "two slashes": b"GET //api/v1/healthz HTTP/1.1\r\nHost: pve1\r\nConnection: close\r\n\r\n",
    "a fragment": b"GET /api/v1/healthz#x HTTP/1.1\r\nHost: pve1\r\nConnection: close\r\n\r\n",
    "no colon": b"GET /api/v1/healthz HTTP/1.1\r\nHost: pve1\r\nAuthorization\r\nConnection: close\r\n\r\n",
    "NUL in a value": b"GET /api/v1/healthz HTTP/1.1\r\nHost: pve1\r\nX: a\0b\r\nConnection: close\r\n\r\n",
    "a return in a value": b"GET /api/v1/healthz HTTP/1.1\r\nHost: pve1\r\nX: a\rContent-Length: 5\r\nConnection: close\r\n\r\n",
    "two hosts": b"GET /api/v1/healthz HTTP/1.1\r\nHost: pve1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    "a huge header": b"GET /api/v1/healthz HTTP/1.1\r\nHost: pve1\r\nX: " + b"a" * 70_000 + b"\r\nConnection: close\r\n\r\n",
    "many headers": b"GET /api/v1/healthz HTTP/1.1\r\nHost: pve1\r\n" + b"X: a\r\n" * 200 + b"Connection: close\r\n\r\n",
    "a huge path": b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: pve1\r\nConnection: close\r\n\r\n",
}


@pytest.mark.parametrize("data", NO_REQUEST.values(), ids=NO_REQUEST)
def test_what_is_no_request_of_ours_is_not_answered_as_one(home: House, data: bytes) -> None:
    start = time.monotonic()
    answer = exchange(home, data)
    assert not answer.startswith(b"HTTP/1.1 2"), answer
    assert not answer or json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["message"], answer
    assert b'"alive"' not in answer
    assert time.monotonic() - start < 12


@pytest.mark.parametrize("target", [b"/?\xee", b"/api/v1/jobs?lim\xeet=\xd9\xa3", b"/api/v1/\xee?\xff", b"/api/v1/jobs?%ee=%ff"])
def test_an_address_that_is_no_text_is_refused_in_one_line_at_most(home: House, target: bytes) -> None:
    """Found by chance: Flask's own reader of a query failed, in the midst of the refusal, with twenty lines in the log."""
    before = len(home.log("web").splitlines())
    answer = exchange(home, b"POST " + target + b" HTTP/1.1\r\nHost: pve1\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
    assert answer.split()[1] in (b"400", b"401", b"405"), answer
    assert len(home.log("web").splitlines()) <= before + 1


def test_an_upgrade_is_not_made(home: House) -> None:
    for protocol in ("h2c", "websocket", "TLS/1.0"):
        with secure(home) as sock:
            sock.sendall(request(home, "GET", api("/healthz"), f"Upgrade: {protocol}", "Connection: Upgrade"))
            answer = sock.recv(65536)
        assert answer.split()[1] in (b"200", b"400"), answer
        assert b"\r\nupgrade:" not in answer.lower()


COSTLY: dict[str, dict[str, object]] = {
    "things that cannot be sorted": {"plan": "0123456789ab", "moves": [{str(number): 1} for number in range(5000)]},
    "nothing, often": {"plan": "0123456789ab", "moves": [None] * 13_000},
    "rules without a name": {"kind": "drain", "node": "pve1", "relax": [{} for _ in range(20_000)]},
    "unknown names": {str(number): 0 for number in range(6000)},
}


@pytest.mark.parametrize("body", COSTLY.values(), ids=COSTLY)
def test_bodies_that_are_costly_to_judge_hold_up_nobody(home: House, root: Person, body: dict[str, object]) -> None:
    head = [f"{name}: {value}" for name, value in root.headers.items()]
    place, data = api("/plans" if "kind" in body else "/jobs"), json.dumps(body, separators=(",", ":")).encode()
    assert len(data) < 65_536
    with crowd(home, 3, request(home, "POST", place, JSON, *head, f"Content-Length: {len(data)}", body=data)) as sent:
        assert served_soon(root, "/jobs?scope=node") < SOON
        for sock in sent:
            assert sock.recv(65536).split()[1] == b"400"


@pytest.mark.parametrize("method", ["POST", "GET", "PUT", "DELETE"])
def test_bytes_behind_a_request_with_a_body_are_never_a_request(home: House, method: str) -> None:
    body = b'{"username": "a@pve", "password": "x"}'
    first = request(home, method, api("/login"), JSON, f"Content-Length: {len(body)}", body=body)
    answer = exchange(home, first + request(home, "GET", api("/healthz")))
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"alive" not in answer
    assert b"\r\nconnection: close\r\n" in answer.lower()


def test_slow_readers_of_a_large_file_hold_up_nobody_and_are_cut_off(home: House, root: Person) -> None:
    readers = [SlowReader(home, "/ui/large.js", 4500) for _ in range(40)]
    for reader in readers:
        reader.start()
    end = time.monotonic() + 45
    while time.monotonic() < end and not all(reader.taken for reader in readers):
        assert served_soon(root, "/jobs?scope=node") < SOON
        time.sleep(0.5)
    for reader in readers:
        reader.stop.set()
    assert all(reader.taken for reader in readers), "some would have been fed for ever"


def test_a_reader_that_is_only_slow_gets_the_whole_file(home: House) -> None:
    """Two hundred kilobytes a second: a poor line, but an honest one."""
    size, answer = 90_000 * 26, 0
    with secure(home, buffer=32 * 1024) as sock:
        sock.sendall(request(home, "GET", "/ui/large.js", "Connection: close"))
        while part := sock.recv(20_000):
            answer += len(part)
            time.sleep(len(part) / 200_000)
    assert answer > size


def test_one_client_cannot_take_all_places(home: House, root: Person) -> None:
    """Six hundred silent connections from one address: the oldest make room, everybody is served, those with a right to stay are kept."""
    with secure(home, "127.0.0.77") as kept:
        for _ in range(2):
            kept.sendall(request(home, "GET", api("/healthz")))
            assert b"alive" in kept.recv(65536)
        with crowd(home, 600, b"", "127.0.0.77", tls=False) as found:
            assert served_soon(root) < SOON
            with secure(home, "127.0.0.77") as own:  # also for the address that does it
                own.sendall(request(home, "GET", api("/healthz")))
                assert b"alive" in own.recv(65536)
            assert closed(found[0])
            kept.sendall(request(home, "GET", api("/healthz")))
            assert b"alive" in kept.recv(65536)


def closed(sock: socket.socket) -> bool:
    """True when the other side has closed the connection already."""
    sock.settimeout(0.5)
    with suppress(ConnectionError):
        try:
            return sock.recv(100) == b""
        except TimeoutError:
            return False
    return True


def test_a_kept_connection_that_says_nothing_is_closed(home: House) -> None:
    with secure(home) as sock:
        sock.sendall(request(home, "GET", api("/healthz")))
        start = time.monotonic()
        while sock.recv(65536):
            pass
        assert 5 < time.monotonic() - start < 25


def test_a_storm_of_connections_leaves_nothing_behind(home: House, root: Person) -> None:
    for _ in range(300):
        plain(home).close()
    assert served_soon(root) < SOON
    process = Path(f"/proc/{home.processes['web'].pid}/task/{home.processes['web'].pid}/children")
    worker = process.read_text().split()[0]

    def settled() -> bool:
        return len(list(Path(f"/proc/{worker}/fd").iterdir())) < 60

    home.wait(settled, 25)


def test_bodies_with_half_characters_are_refused_without_a_traceback(home: House, root: Person) -> None:
    before = home.log("web")
    odd = ['{"username": "a@pve", "password": "\\udc80"}', '{"username": "\\udc80@pve", "password": "x"}',
           '{"username": "a", "realm": "\\ud800", "password": "x"}', '{"username": "a@pve", "password": "x", "challenge": "\\udfff"}',
           '{"username": "a\\u0000@pve", "password": "\\u0000"}', '"\\udc80"', '{"\\udc80": 1}']  # fmt: skip
    for body in odd:
        raw = request(home, "POST", api("/login"), JSON, f"Content-Length: {len(body)}", body=body.encode())
        answer = exchange(home, raw)
        assert answer.split()[1] in (b"400", b"401", b"429"), (body, answer)
    assert served_soon(root) < SOON
    for header in ("\udc80", "PVEAuthCookie=\udcff", "PVE\u00e9"):
        answer = exchange(home, b"GET /api/v1/status HTTP/1.1\r\nHost: pve1\r\nAuthorization: "
                          + header.encode("utf-8", "surrogateescape") + b"\r\nConnection: close\r\n\r\n")  # fmt: skip
        assert answer.split()[1] in (b"400", b"401"), answer
    written = home.log("web")[len(before) :]
    assert "Traceback" not in written
    assert len(written.splitlines()) <= len(odd)


def test_no_client_makes_the_log_grow_beyond_a_bounded_rate(home: House, root: Person) -> None:
    """A thousand requests of every wrong kind within seconds: fewer lines than requests, and at most some hundred."""
    before, sent = len(home.log("web").splitlines()), 0
    wrong = [b"\x00\xff\n\n\r\n\r\n", b"GET\r\n\r\n", request(home, "BREW", api("/healthz"), "Connection: close"),
             request(home, "POST", api("/login"), JSON, "Content-Length: 1", "Connection: close", body=b"{")]  # fmt: skip

    def attack() -> None:
        nonlocal sent
        for number in range(125):
            exchange(home, wrong[number % len(wrong)], 5)
            sent += 1

    threads = [threading.Thread(target=attack) for _ in range(4)]
    for thread in threads:
        thread.start()
    soon = served_soon(root)
    for thread in threads:
        thread.join()
    assert soon < SOON
    assert len(home.log("web").splitlines()) - before < min(sent, 200)


def test_ten_thousand_jobs_and_plans_hold_up_nobody_nor_does_their_leaving(home: House, root: Person) -> None:
    with Journal(home.state / "journal.sqlite") as journal:
        fill(journal, 10_000)
        for path in ("/status", "/jobs?scope=node", "/metrics"):
            assert served_soon(root, path) < SOON, path
        assert len(root.get("/jobs?scope=node&limit=200")["jobs"]) == 200

        def pruned() -> None:
            with Journal(home.state / "journal.sqlite") as other:
                assert prune(other, time.time(), 1.0, 2**30) > 8000

        with under_way(pruned):
            for path in ("/status", "/jobs?scope=node"):
                assert served_soon(root, path) < SOON, path
        prune(journal, time.time() + 1e6, 1.0, 2**30)
        assert root.get("/jobs?scope=node")["jobs"] == []


def test_dry_runs_of_a_round_hold_up_nobody_and_one_caller_gets_three_places(home: House, root: Person) -> None:
    """Of a large cluster one takes minutes: here five are asked for at once, and anew as each ends, until the others have been served."""
    over, answers = threading.Event(), Counter[str]()
    body = {"nodes": ["pve1", "pve2", "pve3"], "containers": True}

    def attack() -> None:
        auditor = home.log_in("audit@pve")
        while not over.is_set():
            answer = auditor._in_the_end(auditor.call("POST", "/rounds/preview", body))
            told = answer.json()
            answers["turns" if answer.status_code == 200 else told["error"]["message"]] += 1
            over.wait(0.3 if answer.status_code == 429 else 0)

    with under_way(*[attack] * 5):
        try:
            home.wait(lambda: len(answers) > 1, 120)
            for path in ("/healthz", "/status", "/jobs?scope=node", "/cluster"):
                assert served_soon(root, path) < SOON, path
            assert root.post("/plans", {"kind": "balance"})["kind"] == "balance"
        finally:
            over.set()
    assert set(answers) == {"turns", "Other plans are being made: try again in 5 seconds."}


HELPER = f"import sys; sys.path.insert(0, {str(BACKEND)!r}); from prs.helper.root import main; sys.exit(main())"


def test_two_of_roots_helpers_that_write_a_hold_of_one_node_at_once_leave_one(home: House, root: Person, tmp_path: Path) -> None:
    """As systemd starts them, one for each connection: the last one's hold stands, nobody is told of a failure, no draft is left."""
    held, me = home.pve / FOLDER, pwd.getpwuid(os.getuid()).pw_name
    places = {"user": me, "nodes": home.pve / "nodes", "held": held, "turns": tmp_path / "turns", "lock": tmp_path / "lock"}
    command = [sys.executable, "-I", "-c", HELPER, *(f"--{name}={place}" for name, place in places.items())]

    def race(turn: int) -> None:
        with ExitStack() as stack:
            ends = [stack.enter_context(end) for _ in range(2) for end in socket.socketpair()]
            ours, theirs = ends[::2], ends[1::2]
            helper = [*command, f"--writes={tmp_path / str(turn)}"]
            running = [stack.enter_context(subprocess.Popen(helper, stdin=end.fileno(), stderr=subprocess.PIPE)) for end in theirs]
            names = [f"{2 * turn + number:012x}" for number in range(2)]
            for end, name in zip(ours, names, strict=True):
                end.sendall(f"hold pve1 {name} 1700000000 0 pve1 root@pam\n".encode())
            assert [end.recv(500) for end in ours] == [f"ok hold pve1.{name}.held\n".encode() for name in names]
            assert [process.communicate()[1] for process in running] == [b"", b""]
        (left,) = held.iterdir()
        assert left.name in {f"pve1.{name}.held" for name in names}
        assert json.loads(left.read_text())["user"] == "root@pam"

    def races() -> None:
        for turn in range(25):
            race(turn)

    with under_way(races):
        for path in ("/cluster", "/status"):
            assert served_soon(root, path) < SOON, path
    shutil.rmtree(held)
