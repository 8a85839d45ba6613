"""Logins through the service: refusals in the log, guesses ever slower, honest callers never behind them, disabled users out at once."""

from __future__ import annotations

import contextlib
import gzip
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from integration.hostile import SOON, api, crowd, exchange, request, secure, served_soon, under_way
from integration.web_house import FakeHelper, House, Person, house
from simcluster.scenes import small

JSON = "Content-Type: application/json"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, release: str) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("home"), small(start=time.time()), auth_delay=1.0, release=release) as found:
        found.start_web()
        yield found


def guess(home: House, source: str, user: str = "root@pam") -> int:
    """One wrong password from a loopback address; the status."""
    body = json.dumps({"username": user, "password": "wrong"}).encode()
    with secure(home, source) as sock:
        sock.sendall(request(home, "POST", api("/login"), JSON, f"Content-Length: {len(body)}", "Connection: close", body=body))
        return int(sock.recv(65536).split()[1])


def test_every_refused_login_is_one_line_and_guessing_gets_slower(home: House) -> None:
    answers = [guess(home, "127.0.0.66") for _ in range(8)]
    assert answers == [401] * 4 + [429] * 4
    assert guess(home, "127.0.0.67", "audit@pve") == 401
    lines = [line for line in home.log("web").splitlines() if re.search(r"authentication failure; rhost=127\.0\.0\.6[67] ", line)]
    assert len(lines) == 5
    assert all("rhost=127.0.0.66 user=root@pam msg=password" in line for line in lines[:4])
    assert "rhost=127.0.0.67 user=audit@pve" in lines[4]


def test_no_name_of_a_login_breaks_out_of_its_line(home: House) -> None:
    """Line breaks, colours, letters that run backwards: what fail2ban and people read is the address we saw, and plain text."""
    names = ["root@pam\nauthentication failure; rhost=10.0.0.1 user=x", "a\x1b[31m\x1b]0;t\x07@pve", "a\u202e\u2066@pve",
             "a\u2028b@pve", "x" * 64, "a\u0085rhost=10.0.0.1@pve", "%s%n{0}@pve"]  # fmt: skip
    before = Counter(home.log("web").splitlines())
    for number, name in enumerate(names):
        body = json.dumps({"username": name, "password": "wrong"}).encode()
        with secure(home, f"127.0.0.{100 + number}") as sock:
            sock.sendall(request(home, "POST", api("/login"), JSON, f"Content-Length: {len(body)}", "Connection: close", body=body))
            assert sock.recv(65536).split()[1] in (b"400", b"401")
    lines = list((Counter(home.log("web").splitlines()) - before).elements())
    assert 0 < len(lines) <= len(names)
    for line in lines:
        assert re.match(r"<4>authentication failure; rhost=127\.0\.0\.10[0-9] user=[!-~]{1,64} msg=password refused by Proxmox VE", line)
        assert line.isascii()
        assert line.isprintable()
        assert not re.search(r"rhost=10\.0\.0\.1\b", line)


def test_guesses_from_many_addresses_hold_up_no_caller_with_a_fresh_ticket(home: House) -> None:
    root, stop = home.log_in("root@pam"), threading.Event()

    def attack(source: str) -> None:
        while not stop.wait(0.5):
            with contextlib.suppress(OSError, IndexError):  # whoever guesses need not be answered
                guess(home, source)

    threads = [threading.Thread(target=attack, args=(f"127.0.0.{number // 2}",)) for number in range(140, 172)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(2)
        assert served_soon(root, "/status") < SOON
        # The ticket is renewed through the very call that the guesses use.
        ticket = root.headers["Authorization"].removeprefix("PVEAuthCookie=")
        assert home.anyone().post("/login", {"username": "root@pam", "password": ticket})["ticket"]
        assert home.log_in("audit@pve").get("/status")["user"] == "audit@pve"
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_page_that_opens_with_many_calls_at_once_is_let_in(home: House) -> None:
    root, answers = home.log_in("root@pam"), list[int]()

    def call() -> None:
        answers.append(root.call("GET", "/status").status_code)

    threads = [threading.Thread(target=call) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 12


def test_a_disabled_user_changes_nothing_from_that_moment_on(home: House) -> None:
    helper = FakeHelper(home.helper, home.server.world, home.pve)
    helper.start()
    enabled = home.server.world.access.users["root@pam"]
    try:
        home.start_daemon()
        root, audit = home.log_in("root@pam"), home.log_in("audit@pve")
        plan = root.post("/plans", {"kind": "drain", "node": "pve2", "containers": True})
        job = root.post("/jobs", {"plan": plan["id"]})["id"]
        assert root.get("/status")["user"] == "root@pam"
        home.server.world.access.users["root@pam"].enabled = False
        calls: dict[str, object] = {f"/jobs/{job}/pause": None, f"/jobs/{job}/cancel": {}, "/nodes/pve2/release": None, "/jobs": plan["id"]}
        calls |= {"/nodes/pve1/maintenance": {"enabled": True}, "/plans": {"kind": "balance"}, "/rounds": {"nodes": ["pve1"]}}

        def tried() -> None:
            """Each takes PVE a second to refuse."""
            for path, body in calls.items():
                assert root.refused("POST", path, body)[0] == 401, path
            assert root.refused("PUT", "/nodes/pve1/maintenance", {"state": "drained"})[0] == 401

        with under_way(tried):
            assert served_soon(audit, "/jobs?scope=node") < SOON
        assert not [asked for asked in helper.asked if asked.startswith(("enable", "disable", "free"))]
        assert audit.get("/status")["user"] == "audit@pve"
    finally:
        enabled.enabled = True
        home.stop("daemon")
        helper.close()
        home.helper.unlink()


def test_rights_that_are_taken_away_count_at_the_next_change(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    audit = home.log_in("audit@pve")
    assert audit.post("/plans", {"kind": "balance"})["lacking"]  # it may look, and is told what starting needs
    access = home.server.world.access
    left = [grant for grant in access.grants if grant.who not in ("audit@pve", "@audit")]
    monkeypatch.setattr(access, "grants", left)
    monkeypatch.setattr(access.users["audit@pve"], "groups", ())
    assert audit.refused("POST", "/plans", {"kind": "balance"})[:2] == (403, "forbidden")


def test_every_action_is_a_line_with_who_where_what_and_whether(home: House) -> None:
    before = Counter(home.log("web").splitlines())
    root, audit = home.log_in("root@pam"), home.log_in("audit@pve")
    plan = root.post("/plans", {"kind": "balance"})["id"]
    audit.refused("POST", "/nodes/pve1/maintenance", {"enabled": True})
    audit.refused("POST", "/jobs/0123456789ab/cancel", {})
    written = Counter(home.log("web").splitlines()) - before
    lines = sorted((line for line in written.elements() if " from 127." in line), reverse=True)
    assert len(lines) == 3, plan
    assert "plan by root@pam from 127.0.0.1: allowed" in lines[0]
    assert "caller=root@pam client=127.0.0.1 action=plan allowed=yes" in lines[0]
    assert "maintenance node pve1 by audit@pve from 127.0.0.1: refused with 403" in lines[1]
    assert "cancel job 0123456789ab by audit@pve" in lines[2]


def test_what_is_polled_is_packed_and_not_sent_twice(home: House) -> None:
    root: Person = home.log_in("root@pam")
    for path in ("/status", "/cluster", "/jobs"):
        first = root.call("GET", path)
        again = root.call("GET", path, **{"If-None-Match": first.headers["ETag"]})
        assert (first.status_code, again.status_code) == (200, 304), path
        assert again.content == b""
    head = [f"{name}: {value}" for name, value in root.headers.items()]
    plain = exchange(home, request(home, "GET", api("/cluster"), *head, "Connection: close"))
    packed = exchange(home, request(home, "GET", api("/cluster"), *head, "Accept-Encoding: gzip", "Connection: close"))
    assert b"content-encoding: gzip" in packed.lower()
    assert b"content-encoding" not in plain.lower()
    assert gzip.decompress(packed.partition(b"\r\n\r\n")[2]) == plain.partition(b"\r\n\r\n")[2]
    assert len(packed) < len(plain) / 3
    # Who asks for what is packed, again and again, and takes none of it: another client is served meanwhile.
    with crowd(home, 30, request(home, "GET", api("/cluster"), *head, "Accept-Encoding: gzip")):
        assert served_soon(home.log_in("audit@pve"), "/cluster") < SOON
