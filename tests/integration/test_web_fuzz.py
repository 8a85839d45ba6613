"""Broken HTTP by a grammar, over raw TLS: nobody dies, nothing answers 500, the log stays quiet. `make fuzz` goes on longer."""

from __future__ import annotations

import json
import os
import random
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from integration.hostile import SOON, api, request, secure, served_soon
from integration.web_house import House, Person, house
from simcluster.scenes import small

MESSAGES = int(os.environ.get("PRS_FUZZ", "150"))
SEED = int(os.environ.get("PRS_FUZZ_SEED", "14"))
METHODS = ("GET", "POST", "HEAD", "OPTIONS", "PUT", "get", "G T", "", "\0", "TRACE", "CONNECT", "PRI", "X" * 300)
TARGETS = (
    "/api/v1/healthz",
    "/api/v1/status",
    "/api/v1/login",
    "/api/v1/plans",
    "/",
    "*",
    "",
    "//",
    "/../..",
    "/%00",
    "/%zz",
    "http://evil/",
    "/ui/..%2f",
    "/\xff\xfe",
    "/" + "a" * 9000,
    "/api/v1/jobs/0123456789ab/cancel",
    "?",
    "/#",
    "/api/v1/jobs?limit=\u0663",
)
VERSIONS = ("HTTP/1.1", "HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1.1 x", "http/1.1", "HTTP/11", "", "HTTP/1.1\t")
NAMES = (
    "Host",
    "Content-Length",
    "Transfer-Encoding",
    "Connection",
    "Expect",
    "Content-Type",
    "Authorization",
    "Origin",
    "Cookie",
    "X\0Y",
    "",
    "Script_Name",
    "Upgrade",
    "Range",
    "If-None-Match",
    "Accept-Encoding",
    "CSRFPreventionToken",
    " Host",
    "Host ",
    "\xe9",
)
VALUES = (
    "pve1",
    "5",
    "-5",
    "+5",
    "5_0",
    "0x5",
    "99999999999999999999",
    "65537",
    "chunked",
    "gzip, chunked",
    "identity",
    "close",
    "keep-alive, Upgrade",
    "100-continue",
    "application/json",
    "PVEAuthCookie=x",
    "PVEAuthCookie=PVE:root@pam:00000000::AAAA",
    "https://evil",
    "bytes=0-",
    "\0",
    "\xff",
    "a\r b",
    "",
    "x" * 9000,
    "gzip;q=0",
    "\u212a",
)
BODIES = (
    b"",
    b"{}",
    b"[]",
    b"hello",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"0\r\n\r\nGET /api/v1/healthz HTTP/1.1\r\nHost: pve1\r\n\r\n",
    b"\xff" * 100,
    b"{" * 5000,
)
ENDS = ("\r\n", "\n", "\r", "\r\n ", "\r\r\n")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, release: str) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("home"), small(start=time.time()), release=release) as found:
        found.start_web()
        yield found


def message(chance: random.Random) -> bytes:
    """A request that is wrong in some of its parts; every third one is only bytes of it."""
    end = ENDS[0] if chance.random() < 0.7 else chance.choice(ENDS)
    method = chance.choice(METHODS[:2] if chance.random() < 0.6 else METHODS)
    lines = [f"{method} {chance.choice(TARGETS)} {chance.choice(VERSIONS[:1] * 8 + VERSIONS)}"]
    lines += [] if chance.random() < 0.2 else ["Host: pve1"]
    lines += [f"{chance.choice(NAMES)}{chance.choice((': ', ':', ' : ', ''))}{chance.choice(VALUES)}" for _ in range(chance.randrange(6))]
    body = chance.choice(BODIES)
    if chance.random() < 0.5:
        lines.append(f"Content-Length: {len(body)}")
    data = bytearray((end.join(lines) + 2 * end).encode("utf-8", "replace") + body)
    if chance.random() < 0.3:
        data = data[: chance.randrange(len(data) + 1)]
    if data and chance.random() < 0.3:
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


def answer_to(home: House, data: bytes) -> bytes:
    """All that comes back after the client has said that it will send no more."""
    answer = b""
    with suppress(OSError), secure(home) as sock:
        sock.settimeout(8)
        sock.sendall(data)
        socket.socket.shutdown(sock, socket.SHUT_WR)
        while part := sock.recv(65536):
            answer += part
    return answer


def test_broken_http_gets_refusals_and_breaks_nothing(home: House) -> None:
    chance, root = random.Random(SEED), home.log_in("root@pam")
    worker = children(home)
    for number in range(MESSAGES):
        data = message(chance)
        answer = answer_to(home, data)
        if answer:
            status = int(answer.split(b" ", 2)[1])
            assert status < 500 or status in (501, 505), (number, data, answer)
            assert b"Traceback" not in answer, (number, data, answer)
            head, _, body = answer.partition(b"\r\n\r\n")
            if data.startswith(b"HEAD ") and body.startswith(b"HTTP/1.1 "):  # its answer has no body: this is that to what came behind it
                head, _, body = body.partition(b"\r\n\r\n")
                status = int(head.split(b" ", 2)[1])
            assert status < 400 or b"\r\nContent-Type: application/json\r\n" in head, (number, data, answer)
            assert status < 400 or not body or set(first(body)["error"]) == {"code", "message", "details"}, (number, data, answer)
        if number % 50 == 0:
            assert served_soon(root) < SOON
    assert children(home) == worker, "the worker died"
    assert "Traceback" not in home.log("web")
    assert len(home.log("web").splitlines()) < 20 + MESSAGES
    check_whole(root)


def test_an_answer_to_head_has_no_body_also_where_it_is_a_refusal(home: House) -> None:
    """So that nobody takes the answer to the next request for it; found by chance."""
    answer = answer_to(home, request(home, "HEAD", api("/status")) + request(home, "GET", api("/healthz"), "Content-Length : 5"))
    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")] == [b"", b"401", b"400"], answer
    assert set(first(answer.rpartition(b"\r\n\r\n")[2])["error"]) == {"code", "message", "details"}
    assert answer.count(b'"error"') == 1


def first(body: bytes) -> dict[str, dict[str, object]]:
    """The JSON that an answer begins with: a message may hold two requests, whose answers come behind one another."""
    found: dict[str, dict[str, object]] = json.JSONDecoder().raw_decode(body.decode())[0]
    return found


def check_whole(root: Person) -> None:
    """The service still does its work."""
    assert root.get("/status")["user"] == "root@pam"
    assert root.post("/plans", {"kind": "balance"})["kind"] == "balance"


def children(home: House) -> str:
    """The worker's process id."""
    master = home.processes["web"].pid
    return Path(f"/proc/{master}/task/{master}/children").read_text().strip()
