"""What a web process that is no longer itself gets from the inbox: what PVE allows the caller whose ticket it has, and nothing else."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

from integration.hostile import SOON, served_soon, under_way
from integration.web_house import FakeHelper, House, Person, house
from prs.engine.drain.shared_holds import FOLDER
from prs.engine.journal.journal import Journal
from prs.helper import root as root_helper
from simcluster.scenes import small

SECRET = "3f0e7f1c-5b0c-4b57-a6b1-000000000007"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("home"), small(start=time.time())) as found:
        (found.pve / "nodes" / "pve2").mkdir()
        text = found.config.read_text()
        account = f"api_host: {found.address}:{found.server.port}\napi_token: prs@pve!daemon={SECRET}\n"
        found.config.write_text(text.replace("[balancing]", f"{account}[balancing]"))
        found.start_web()
        yield found


@pytest.fixture(scope="module")
def helper(home: House) -> Iterator[FakeHelper]:
    found = FakeHelper(home.helper, home.server.world, home.pve)
    found.start()
    yield found
    found.close()


def sent(home: House, line: bytes) -> Any:
    """The answer to a line."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(30)
        link.connect(str(home.inbox))
        link.sendall(line)
        link.shutdown(socket.SHUT_WR)
        answer = b""
        while part := link.recv(65536):
            answer += part
    return json.loads(answer)


def asked(home: House, action: str, who: Person | None = None, client: str = "192.0.2.7", **arguments: Any) -> Any:
    """The answer to a request with a person's headers."""
    headers = who.headers if who else {}
    message = {"action": action, "authorization": headers.get("Authorization", ""), "csrf": headers.get("CSRFPreventionToken", "")}
    return sent(home, json.dumps({**message, "client": client, "arguments": json.dumps(arguments)}).encode() + b"\n")


def refused(answer: Any) -> tuple[int, str]:
    return answer["refused"][0], answer["refused"][1]


@pytest.mark.parametrize("action", ["plan", "start", "steer", "undo", "release", "maintenance"])
def test_nothing_is_done_without_a_login_that_pve_accepts(home: House, helper: FakeHelper, action: str) -> None:
    arguments: dict[str, dict[str, Any]] = {
        "plan": {"kind": "balance"}, "start": {"plan": "0" * 12}, "steer": {"job": "0" * 12, "verb": "cancel"}, "undo": {"job": "0" * 12},
        "release": {"node": "pve1"}, "maintenance": {"node": "pve2", "enabled": True},
    }  # fmt: skip
    good = home.log_in("root@pam").headers
    forged = good["Authorization"][:-8] + "AAAAAAA="
    other = home.log_in("audit@pve").headers["CSRFPreventionToken"]
    for headers, expected in (
        ({}, (401, "no_ticket")),
        ({"Authorization": good["Authorization"]}, (403, "csrf")),
        ({"Authorization": good["Authorization"], "CSRFPreventionToken": other}, (403, "csrf")),
        ({"Authorization": forged, "CSRFPreventionToken": good["CSRFPreventionToken"]}, (401, "ticket")),
        ({"Authorization": "PVEAPIToken=prs@pve!daemon=00000000-0000-0000-0000-000000000000"}, (401, "ticket")),
    ):
        assert refused(asked(home, action, Person(home.url, home.ca_file, headers), **arguments[action])) == expected
    assert helper.asked == []
    with Journal(home.state / "journal.sqlite") as journal:
        assert journal.jobs() == []


def test_a_caller_gets_no_more_than_pve_allows_them(home: House) -> None:
    audit = home.log_in("audit@pve")
    assert refused(asked(home, "maintenance", audit, node="pve2", enabled=True)) == (403, "forbidden")
    root = home.log_in("root@pam")
    plan = asked(home, "plan", root, kind="balance")["value"]
    assert refused(asked(home, "start", home.log_in("nobody@pve"), plan=plan["id"])) == (404, "not_found")
    assert refused(asked(home, "start", root, plan=plan["id"])) == (503, "daemon")


@pytest.mark.parametrize("arguments", [
    {"kind": "balance", "policy": {"parallel_total": 1000}}, {"kind": "balance", "max_moves": -1}, {"kind": "drain", "node": "../pve1"}, {},
    {"kind": "balance", "user": "root@pam"},
])  # fmt: skip
def test_what_is_not_described_is_refused(home: House, arguments: dict[str, Any]) -> None:
    assert refused(asked(home, "plan", home.log_in("root@pam"), **arguments)) == (400, "invalid")


@pytest.mark.parametrize("line", [
    b"", b"\n", b"{}\n", b"[1]\n", b"{\n" * 10, b"[" * 100_000 + b"\n", b'{"action": "facts"}', b'{"action": 7}\n', b"\xff\xfe\n",
    b'{"action": "plan", "arguments": "nothing"}\n', b'{"action": "jobs", "arguments": "{}"}\n', b'{"action": "facts", "more": 1}\n',
    b'{"action": "__import__", "arguments": "{}"}\n', b'{"action": "plan", "arguments": "[]"}\n',
], ids=range(14))  # fmt: skip
def test_broken_requests_are_refused(home: House, line: bytes) -> None:
    assert refused(sent(home, line)) == (400, "invalid")


def test_a_request_without_end_is_not_read_to_its_end(home: House) -> None:
    with pytest.raises(ConnectionError):
        sent(home, b"x" * 4_000_000 + b"\n")


def test_requests_that_do_not_come_hold_up_no_other(home: House) -> None:
    """Of the sixteen that systemd lets through at once."""
    root = home.log_in("root@pam")
    with ExitStack() as stack:
        for line in [b"", b'{"action": '] * 6:
            link = stack.enter_context(socket.socket(socket.AF_UNIX))
            link.connect(str(home.inbox))
            link.sendall(line)
        assert asked(home, "settings")["value"]["web"]["port"] == home.port
        assert served_soon(root, "/jobs?scope=node") < SOON
        assert root.post("/plans", {"kind": "balance"})["id"]


def test_holds_without_end_fill_nothing_and_hold_up_nobody(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service's user that is no longer itself, and several of root's helpers that write at once."""
    nodes, held, opened, true_open = ("pve1", "pve2"), home.pve / FOLDER, list[str](), os.open
    places = root_helper.Places(home.pve / "nodes", "false", held)

    def note(path: Any, *arguments: Any) -> int:
        opened.extend([os.fspath(path)] if str(path).endswith(".tmp") else [])
        return true_open(path, *arguments)

    def fill(first: int) -> None:
        for number in range(first, first + 60):
            node, host = nodes[number % 2], nodes[number // 2 % 2]
            ours, theirs = socket.socketpair()
            with ours, theirs:
                ours.sendall(f"hold {node} {number:012x} 1700000000 0 {host} root@pam\n".encode())
                answer = root_helper.serve(theirs, os.getuid(), places)
            assert answer.startswith("ok hold "), answer

    monkeypatch.setattr(os, "open", note)
    with under_way(*(partial(fill, first) for first in range(0, 240, 60))):
        assert served_soon(home.log_in("root@pam"), "/cluster") < SOON
    assert len(opened) == len(set(opened)) == 240, "two drafts of one name"
    assert len(list(held.iterdir())) <= len(nodes) ** 2
    for path in held.iterdir():
        assert json.loads(path.read_text())["user"] == "root@pam"
        path.unlink()


def test_what_the_web_is_told_holds_no_secret(home: House) -> None:
    told = json.dumps([asked(home, "settings"), asked(home, "facts")])
    assert SECRET not in told
    assert "PRIVATE KEY" not in told
    assert asked(home, "settings")["value"]["web"]["port"] == home.port


def test_an_audit_line_names_who_where_and_whether_and_nothing_a_client_made_up(home: House, helper: FakeHelper) -> None:
    audit = home.log_in("audit@pve")
    asked(home, "maintenance", audit, client="192.0.2.9\nrelease by root@pam from 10.0.0.1: allowed", node="pve2", enabled=True)
    home.wait(lambda: "192.0.2.9" in home.log("web"))
    (line,) = [line for line in home.log("web").splitlines() if "192.0.2.9" in line]
    assert "maintenance node pve2 by audit@pve from 192.0.2.9" in line
    assert "refused with 403" in line
    assert "allowed by" not in home.log("web")
    home.wait(lambda: any("192.0.2.9" in line for line in helper.logged))
    (line,) = [line for line in helper.logged if "192.0.2.9" in line]
    assert line.startswith("log maintenance - pve2 192.0.2.9")
    assert line.endswith(" no audit@pve\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_another_user_gets_nothing(home: House) -> None:
    home.inbox.chmod(0o666)
    for path in home.inbox.parents:
        if path.stat().st_uid == os.getuid() and path != path.parent:
            path.chmod(path.stat().st_mode | 0o011)
    code = (
        "import os, socket, sys\nos.setgid(65534); os.setuid(65534)\nlink = socket.socket(socket.AF_UNIX); link.connect(sys.argv[1])\n"
        """link.sendall(b'{"action": "settings"}\\n'); link.shutdown(1); print(link.recv(1000).decode())"""
    )
    done = subprocess.run([sys.executable, "-c", code, str(home.inbox)], capture_output=True, text=True, check=True)
    assert refused(json.loads(done.stdout)) == (403, "forbidden")
