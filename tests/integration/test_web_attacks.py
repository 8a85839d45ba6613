"""Attacks on the web service, each tried against the real gunicorn over TLS and refused."""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest
import requests

from integration.hostile import api, request
from integration.web_house import PREFIX, House, Person, house
from simcluster.scenes import small


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, release: str) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("home"), small(start=time.time()), release=release) as found:
        found.configure("origins: https://pve.example.org\n")
        found.start_web()
        yield found


@pytest.fixture(scope="module")
def root(home: House) -> Person:
    return home.log_in("root@pam")


def ticket(person: Person) -> str:
    return person.headers["Authorization"].removeprefix("PVEAuthCookie=")


def bad_logins(home: House, root: Person) -> dict[str, tuple[dict[str, str], int, str]]:
    """Headers of a POST that must be refused, with status and code."""
    good, csrf = ticket(root), root.headers["CSRFPreventionToken"]
    forged = good[:-8] + ("AAAAAAA=" if not good.endswith("AAAAAAA=") else "BBBBBBB=")
    other = good.replace("root@pam", "audit@pve")
    old = re.sub(r":([0-9A-F]{8})::", f":{int(time.time()) - 8000:08X}::", good)
    half = f'PVE:!tfa!{{"totp"%3Atrue}}:{int(time.time()):08X}::' + base64.b64encode(b"x" * 256).decode()
    audit = home.log_in("audit@pve").headers["CSRFPreventionToken"]
    cookie = {"Cookie": f"PVEAuthCookie={good}"}
    header = {"Authorization": f"PVEAuthCookie={good}"}
    return {
        "no ticket": ({}, 401, "no_ticket"),
        "cookie only": ({**cookie, "CSRFPreventionToken": csrf}, 401, "no_ticket"),
        "bearer": ({"Authorization": f"Bearer {good}"}, 401, "no_ticket"),
        "forged": ({"Authorization": f"PVEAuthCookie={forged}", "CSRFPreventionToken": csrf}, 401, "ticket"),
        "another user's name": ({"Authorization": f"PVEAuthCookie={other}", "CSRFPreventionToken": csrf}, 401, "ticket"),
        "expired": ({"Authorization": f"PVEAuthCookie={old}", "CSRFPreventionToken": csrf}, 401, "ticket"),
        "half": ({"Authorization": f"PVEAuthCookie={half}", "CSRFPreventionToken": csrf}, 401, "half_ticket"),
        "garbage": ({"Authorization": "PVEAuthCookie=PVE:root@pam:'; DROP TABLE jobs"}, 401, "ticket"),
        "bad token": ({"Authorization": "PVEAPIToken=root@pam!full=00000000-0000-0000-0000-000000000000"}, 401, "ticket"),
        "token of another form": ({"Authorization": "PVEAPIToken=root@pam!full"}, 401, "ticket"),
        "no csrf": (header, 403, "csrf"),
        "csrf of another user": ({**header, "CSRFPreventionToken": audit}, 403, "csrf"),
        "csrf made up": ({**header, "CSRFPreventionToken": f"{int(time.time()):08X}:{'A' * 43}"}, 403, "csrf"),
        "csrf in the cookie": ({**header, "Cookie": f"CSRFPreventionToken={csrf}"}, 403, "csrf"),
        "csrf injected": ({**header, "CSRFPreventionToken": "x' OR 1"}, 403, "csrf"),
    }


def test_every_bad_login_is_refused(home: House, root: Person) -> None:
    for name, (headers, status, code) in bad_logins(home, root).items():
        visitor = Person(home.url, home.ca_file, headers)
        assert visitor.refused("POST", "/plans", {"kind": "balance"})[:2] == (status, code), name


def test_a_cookie_beside_a_good_header_changes_nothing(root: Person) -> None:
    assert root.call("GET", "/status", Cookie="PVEAuthCookie=PVE:root@pam:00000000::AAAA").status_code == 200


@pytest.mark.parametrize("origin", [
    "https://evil.example", "null", "http://{host}:8006", "https://{host}", "https://{host}:8006.evil.example", "https://evil.example:8006",
    "https://{host}:1234", "https://pve.example.org.evil.example", "https://PVE1@evil.example:8006",
])  # fmt: skip
def test_pages_from_other_origins_are_refused(home: House, root: Person, origin: str) -> None:
    origin = origin.format(host=home.address)
    for method in ("GET", "POST", "OPTIONS"):
        response = root.call(method, "/jobs", {} if method == "POST" else None, Origin=origin)
        assert (response.status_code, response.json()["error"]["code"]) == (403, "origin")
        assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize("origin", ["https://{host}:8006", "https://{host}:{port}", "https://pve.example.org"])
def test_the_panel_is_let_in_and_reads_refusals_too(home: House, root: Person, origin: str) -> None:
    origin = origin.format(host=home.address, port=home.port)
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "csrfpreventiontoken"}
    preflight = home.anyone().call("OPTIONS", "/plans", **asked)
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == origin
    assert "csrfpreventiontoken" in preflight.headers["Access-Control-Allow-Headers"].lower()
    assert "Access-Control-Allow-Credentials" not in preflight.headers
    for response in (root.call("GET", "/status", Origin=origin), home.anyone().call("GET", "/status", Origin=origin)):
        assert response.headers["Access-Control-Allow-Origin"] == origin
        assert "Origin" in response.headers["Vary"]


@pytest.mark.parametrize(("host", "status"), [
    ("evil.example", 403), ("evil.example:8017", 403), ("pve1.evil.example", 403), ("{host}@evil.example", 400), ("a b", 400), ("", 400),
    ("{host}", 200), ("pve1", 200), ("PVE1:8017", 200), ("localhost", 200), ("[::1]:8017", 200), ("pve.example.org", 200),
])  # fmt: skip
def test_only_own_host_names_are_answered(home: House, root: Person, host: str, status: int) -> None:
    response = raw(home, f"GET {PREFIX}/healthz HTTP/1.1\r\nHost: {host.format(host=home.address)}\r\nConnection: close\r\n\r\n".encode())
    assert int(response.split()[1]) == status


def connect(home: House) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=home.ca_file)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context.wrap_socket(socket.create_connection((home.address, home.port), timeout=15), server_hostname=home.address)


def raw(home: House, data: bytes) -> bytes:
    """Send bytes as they are and give everything that comes back."""
    answer = b""
    with connect(home) as sock:
        sock.sendall(data)
        with suppress(OSError):
            while part := sock.recv(65536):
                answer += part
    return answer


def test_a_body_over_64_kib_is_refused_without_being_read(home: House, root: Person) -> None:
    head = f"POST {PREFIX}/plans HTTP/1.1\r\nHost: {home.address}\r\nContent-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n"
    answer = raw(home, head.encode() + b"{" * 1000)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "too_large"


def test_a_large_body_that_is_sent_whole_gets_its_answer(root: Person) -> None:
    response = root.call("POST", "/plans", {"kind": "balance", "filler": "x" * 300_000})
    assert response.status_code == 413


def test_a_body_in_chunks_is_refused(home: House, root: Person) -> None:
    headers = "".join(f"{name}: {value}\r\n" for name, value in root.headers.items())
    headers += "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    head = f"POST {PREFIX}/plans HTTP/1.1\r\nHost: {home.address}\r\n{headers}\r\n"
    assert raw(home, head.encode() + b"5\r\nhello\r\n").startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("data", [
    b"GET /api/v1/healthz HTTP/1.1\r\nHost: pve1\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\nhello",
    b"GET /api/v1/healthz HTTP/1.1\r\nHost: pve1\r\nX-Folded: a\r\n Content-Length: 5\r\n\r\nhello",
    b"GET /api/v1/healthz HTTP/1.1\r\nHost: pve1\r\nX: " + b"a" * 20_000,
    b"GET /api/v1/\x00healthz HTTP/1.1\r\nHost: pve1\r\nConnection: close\r\n\r\n",
    b"GET http://evil.example/api/v1/status HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    b"\x16\x03\x01 not a request\r\n\r\n",
])  # fmt: skip
def test_malformed_requests_get_no_data(home: House, data: bytes) -> None:
    answer = raw(home, data)
    assert not answer.startswith(b"HTTP/1.1 200")
    assert home.anyone().get("/healthz") == {"alive": True}


@pytest.mark.parametrize("path", [
    "/plans/..%2f..%2fetc%2fpasswd", "/plans/' OR 1=1 --", "/jobs/%00", "/jobs/0123456789AB", "/jobs/0123456789ab/..",
    "/jobs/../jobs/x", "/plans/" + "a" * 3000, "//status", "/jobs//0123456789ab", "/status/", "/./status",
    "/x/../status", "/status;a=b", "/STATUS",
    "/jobs/0123456789ab%0d%0aSet-Cookie:%20a=b", "/nosuch", "/jobs/0123456789ab?scope=node",
])  # fmt: skip
def test_paths_lead_nowhere_else(home: House, root: Person, path: str) -> None:
    """On Debian 12 two slashes were sent on to one, by http: whoever followed sent the ticket in clear."""
    answer = raw(home, request(home, "GET", api(path), f"Authorization: {root.headers['Authorization']}", "Connection: close"))
    assert answer.split()[1] in (b"400", b"404", b"405"), answer
    head = answer.partition(b"\r\n\r\n")[0].lower()
    assert b"\r\nset-cookie:" not in head
    assert b"\r\nlocation:" not in head


@pytest.mark.parametrize("node", ["pve1;reboot", "..%2f..", "--help", "pve1%0aenable%20pve2", "a" * 70, "pve9"])
def test_only_nodes_reach_the_root_helper(root: Person, node: str) -> None:
    assert root.refused("POST", f"/nodes/{node}/maintenance", {"enabled": True})[0] == 404


@pytest.mark.parametrize(("body", "content_type", "status"), [
    ("{", "application/json", 400), ("[]", "application/json", 400), ('{"kind": "balance", "x": 1}', "application/json", 400),
    ('{"kind": "drain"}', "application/json", 400), ('{"kind": "balance", "max_moves": true}', "application/json", 400),
    ('{"kind": "balance"}', "text/plain", 415), ('{"kind": "balance"}', "application/x-www-form-urlencoded", 415),
    ("[" * 30000, "application/json", 400), ('{"kind": "drain", "node": "pve1\\n"}', "application/json", 400),
    ('{"kind": "balance", "max_bytes": 1e400}', "application/json", 400), ('"\\ud800"', "application/json", 400),
])  # fmt: skip
def test_bodies_are_held_against_the_description(home: House, root: Person, body: str, content_type: str, status: int) -> None:
    headers = {**root.headers, "Content-Type": content_type}
    response = requests.post(f"{home.url}{PREFIX}/plans", data=body.encode(), headers=headers, verify=home.ca_file, timeout=20)
    assert response.status_code == status, response.text


@pytest.mark.parametrize("kind", ["silent", "half a header", "half a body", "half a handshake"])
def test_a_hundred_slow_connections_do_not_hold_up_the_next_client(home: House, root: Person, kind: str) -> None:
    half = {
        "half a header": f"GET {PREFIX}/status HTTP/1.1\r\nHost: {home.address}\r\nX-".encode(),
        "half a body": f"POST {PREFIX}/plans HTTP/1.1\r\nHost: {home.address}\r\nContent-Length: 50\r\n\r\n{{".encode(),
    }
    slow: list[socket.socket] = []
    try:
        for _ in range(100):
            sock: socket.socket = connect(home) if kind in half else socket.create_connection((home.address, home.port), timeout=5)
            sock.sendall(half.get(kind, b"\x16" if kind == "half a handshake" else b""))
            slow.append(sock)
        start = time.monotonic()
        for _ in range(5):
            assert root.call("GET", "/jobs?scope=node").status_code == 200
        assert time.monotonic() - start < 2.0
        time.sleep(0.1)
        for sock in slow[:3]:
            sock.settimeout(15)
            with suppress(ConnectionError, ssl.SSLError):
                assert sock.recv(100) == b""  # they are closed, not kept for ever
    finally:
        for sock in slow:
            sock.close()


def test_clients_that_drip_are_cut_off(home: House, root: Person) -> None:
    """One byte at a time keeps no connection past its patience, and holds no thread."""
    with closing(connect(home)) as sock:
        start, cut = time.monotonic(), False
        sock.sendall(f"GET {PREFIX}/status HTTP/1.1\r\nHost: {home.address}\r\nX: ".encode())
        while not cut and time.monotonic() - start < 20:
            time.sleep(0.5)
            try:
                sock.sendall(b"a")
            except OSError:
                cut = True
        assert cut
        assert time.monotonic() - start < 10


def test_clients_that_do_not_read_their_answer_hold_nothing(home: House, root: Person) -> None:
    slow = []
    try:
        for _ in range(40):
            plain = socket.socket()
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            plain.connect((home.address, home.port))
            sock = ssl._create_unverified_context().wrap_socket(plain)
            sock.sendall(f"GET {PREFIX}/openapi.json HTTP/1.1\r\nHost: {home.address}\r\n\r\n".encode())
            slow.append(sock)
        start = time.monotonic()
        assert root.call("GET", "/jobs?scope=node").status_code == 200
        assert time.monotonic() - start < 7
    finally:
        for sock in slow:
            sock.close()


def test_answers_carry_security_headers_and_nothing_about_the_server(root: Person) -> None:
    headers = root.call("GET", "/status").headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "Set-Cookie" not in headers
    assert not re.search(r"\d", headers.get("Server", ""))


def test_old_tls_is_refused(home: House) -> None:
    context = ssl._create_unverified_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    place, words = (home.address, home.port), "alert protocol version"
    with socket.create_connection(place, timeout=5) as sock, pytest.raises(ssl.SSLError, match=words):
        context.wrap_socket(sock)


def test_healthz_says_nothing_but_alive(home: House) -> None:
    response = home.anyone().call("GET", "/healthz")
    assert response.json() == {"data": {"alive": True}}


def test_no_ticket_reaches_the_log_or_a_file(home: House, root: Person) -> None:
    """Also not a malformed header that holds one, which the HTTP server itself complains about."""
    secret = ticket(root)
    raw(home, f"GET {PREFIX}/status HTTP/1.1\r\nHost: {home.address}\r\nAuthorization PVEAuthCookie={secret}\r\n\r\n".encode())
    raw(home, f"GET /{secret} HTTP/9.9\r\nHost: {home.address}\r\n\r\n".encode())
    root.call("GET", f"/jobs/{secret}")
    tail = secret.rpartition("::")[2][:40]
    written = home.log("web")
    assert "Traceback" not in written
    assert tail not in written
    for path in home.folder.rglob("*"):
        assert not path.is_file() or tail.encode() not in path.read_bytes(), path


def test_bad_tickets_are_limited_per_client_and_hold_up_nobody_else(tmp_path_factory: pytest.TempPathFactory, release: str) -> None:
    """With PVE's 3 seconds for every refusal: ten forged tickets at once, and a good caller from the same address is served meanwhile."""
    with house(tmp_path_factory.mktemp("slow"), small(start=time.time()), auth_delay=3.0, release=release) as found:
        found.start_web()
        root = found.log_in("root@pam")
        root.get("/status")
        good, answers, refused = ticket(root), list[int](), list[int]()

        def attack(number: int) -> None:
            forged = good[:-10] + f"{number:08d}AA"[:8] + "A="
            visitor = Person(found.url, found.ca_file, {"Authorization": f"PVEAuthCookie={forged}"})
            answers.append(visitor.call("GET", "/status").status_code)
            refused.extend([number] if answers[-1] == 401 else [])

        threads = [threading.Thread(target=attack, args=(number,)) for number in range(10)]
        start = time.monotonic()
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        assert root.call("GET", "/jobs?scope=node").status_code == 200
        assert time.monotonic() - start < 2
        for thread in threads:
            thread.join()
        assert sorted(set(answers)) == [401, 429]
        assert answers.count(401) == 2
        # What was refused once is refused from memory, without PVE's delay.
        answers.clear()
        start = time.monotonic()
        attack(refused[0])
        assert (answers, time.monotonic() - start < 1) == ([401], True)


def test_keep_alive_serves_many_requests_over_one_connection(home: House, root: Person) -> None:
    with closing(http.client.HTTPSConnection(home.address, home.port, context=ssl._create_unverified_context(), timeout=10)) as connection:
        for _ in range(50):
            connection.request("GET", f"{PREFIX}/healthz")
            assert connection.getresponse().read() == b'{"data": {"alive": true}}'
