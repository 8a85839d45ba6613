"""Audit lines in Proxmox VE's cluster log: the real helper and Debian's Perl, with a stand-in for PVE's module that writes a file."""

from __future__ import annotations

import logging
import os
import pwd
import shlex
import socket
import subprocess
import time
from pathlib import Path

import pytest

import pveproxy
from prs import audit
from prs.audit import Deed
from prs.helper import root
from prs.helper.cluster_log import request, tell_cluster
from unit.helper.test_root import PROGRAM


@pytest.fixture
def places(tmp_path: Path) -> root.Places:
    """A helper whose Perl finds the stand-in."""
    perl = tmp_path / "perl"
    perl.write_text(f'#!/bin/sh\nCLUSTER_LOG={shlex.quote(str(tmp_path / "log"))} exec {pveproxy.PERL} -I {pveproxy.HERE}/perl5 "$@"\n')
    perl.chmod(0o755)
    return root.Places(tmp_path, "false", tmp_path, perl=str(perl), turns=tmp_path / "turns")


def ask(line: bytes, places: root.Places) -> str:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(line)
        ours.shutdown(socket.SHUT_WR)
        theirs.settimeout(1)
        return root.serve(theirs, os.getuid(), places)


def record(deed: Deed) -> logging.LogRecord:
    """What `audit.note` logs."""
    kept = list[logging.LogRecord]()
    handler = logging.Handler()
    handler.emit = kept.append  # type: ignore[method-assign,assignment]
    audit.log.addHandler(handler)
    try:
        audit.note(deed)
    finally:
        audit.log.removeHandler(handler)
    return kept[0]


@pytest.mark.parametrize(("deed", "words"), [
    (Deed("start", "root@pam", "192.0.2.7", "0123456789ab"),
     "<root@pam> rebalancing: start job 0123456789ab by root@pam from 192.0.2.7: allowed"),
    (Deed("maintenance", "a@pve!t", "fe80::1%eth0", node="pve1", refused="refused with 403"),
     "<a@pve!t> rebalancing: maintenance node pve1 by a@pve!t from local: refused"),
    (Deed("release", "j\u00f6rg@ad", "::1", node="pve1"), "<j?rg@ad> rebalancing: release node pve1 by j?rg@ad from ::1: allowed"),
    (Deed("setup --remove", "root", "local", node="pve1"), "<root> rebalancing: setup-remove node pve1 by root from local: allowed"),
    (Deed("start", "prs@pve!node", "schedule", "0123456789ab"),
     "<prs@pve!node> rebalancing: start job 0123456789ab by prs@pve!node from schedule: allowed"),
    (Deed("hook-before-reboot", "ops@pve", "round", "0123456789ab", "pve2"),
     "<ops@pve> rebalancing: hook-before-reboot job 0123456789ab node pve2 by ops@pve from round: allowed"),
    (Deed("cancel", "x\u202e\x1b[31m\n@pve", "1.2.3.4\nrelease by root", "../../etc", "a b"),
     "<x??[31m?@pve> rebalancing: cancel by x??[31m?@pve from local: allowed"),
    (Deed("pause", "%s%n\"'$(id)@pve", "1.2.3.4"), "<%s%n\"'$(id)@pve> rebalancing: pause by %s%n\"'$(id)@pve from 1.2.3.4: allowed"),
])  # fmt: skip
def test_a_deed_is_one_line_of_plain_characters(tmp_path: Path, places: root.Places, deed: Deed, words: str) -> None:
    assert ask(request(record(deed)), places) == root.LOGGED
    assert (tmp_path / "log").read_text() == f"notice {words} (prs)\n"


@pytest.mark.parametrize("action", ["plan", "place", "undo"])
def test_what_only_proposes_stays_out(action: str) -> None:
    assert request(record(Deed(action, "root@pam", "192.0.2.7"))) == b""


@pytest.mark.parametrize("line", [
    b"log\n", b"log start - - local yes root@pam x\n", b"log start - - local yes root@pam", b"log Start - - local yes root@pam\n",
    b"log start 0123 - local yes root@pam\n", b"log start - ../pve1 local yes root@pam\n", b"log start - - evil.example yes root@pam\n",
    b"log start - - local perhaps root@pam\n", b"log start - - local yes \n", b"log start - - local yes root\x1b@pam\n",
    b"log start - - local yes " + b"a" * 256 + b"\n", b"log start - - local yes a\nlog start - - local yes b\n",
])  # fmt: skip
def test_the_helper_takes_no_free_text(tmp_path: Path, places: root.Places, line: bytes) -> None:
    assert ask(line, places).startswith("refused: ")
    assert not (tmp_path / "log").exists()


def test_the_name_is_plain_also_when_the_sender_has_become_hostile(tmp_path: Path, places: root.Places) -> None:
    assert ask(b"log start - - local yes \xe2\x80\xae\xff\xc2\x9b31m@pve\n", places) == root.LOGGED
    assert (tmp_path / "log").read_text().isascii()


def test_so_many_lines_a_minute_and_refusals_leave_room_for_the_rest(tmp_path: Path) -> None:
    turns = tmp_path / "turns"
    refused = [root._turn(turns, 7, True) for _ in range(root.REFUSALS + 5)]
    assert refused == [0] * root.REFUSALS + [-1] * 5
    allowed = [root._turn(turns, 7, False) for _ in range(root.LINES)]
    assert allowed == [0] * (root.LINES - root.REFUSALS) + [-1] * root.REFUSALS
    assert root._turn(turns, 8, False) == 5 + root.REFUSALS, "the first line of the next minute tells"
    assert root._turn(turns, 8, False) == 0
    assert len(turns.read_bytes()) < 30
    assert turns.stat().st_mode & 0o777 == 0o600


def test_a_minute_that_is_full_says_so_and_a_broken_count_begins_anew(tmp_path: Path, places: root.Places) -> None:
    places.turns.write_text("no number")
    assert ask(b"log start - - local yes a@pve\n", places) == root.LOGGED
    for _ in range(root.LINES):
        root._turn(places.turns, int(time.time() // 60), False)
    later = {ask(b"log start - - local yes a@pve\n", places) for _ in range(3)}  # the minute may turn meanwhile
    assert "refused: the cluster log has had enough of this minute" in later
    places.turns.unlink()
    places.turns.symlink_to(tmp_path / "elsewhere")
    assert ask(b"log start - - local yes a@pve\n", places).startswith("failed: ")
    assert not (tmp_path / "elsewhere").exists()


def test_a_machine_without_the_module_fails_in_words(tmp_path: Path) -> None:
    answer = ask(b"log start - - local yes a@pve\n", root.Places(tmp_path, "false", tmp_path, turns=tmp_path / "turns"))
    assert answer.startswith("failed: Can't locate PVE/SafeSyslog.pm")


def test_noting_a_deed_reaches_the_program_and_waits_for_nothing(tmp_path: Path, places: root.Places) -> None:
    """The helper as systemd starts it: the sender is gone before it answers. Without a helper nothing is said at all."""
    place = tmp_path / "helper.sock"
    tell_cluster(place)
    tell_cluster(place)  # once is enough
    audit.note(Deed("pause", "root@pam", "192.0.2.7", "0123456789ab"))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen()
        audit.note(Deed("cancel", "root@pam", "192.0.2.7", "0123456789ab"))
        listener.settimeout(5)
        connection, _ = listener.accept()
        with connection:
            user = pwd.getpwuid(os.getuid()).pw_name
            program = [*PROGRAM, "--user", user, "--perl", places.perl, "--turns", str(places.turns)]
            done = subprocess.run(program, stdin=connection.fileno(), capture_output=True, timeout=20, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        listener.settimeout(0.05)
        with pytest.raises(TimeoutError):
            listener.accept()
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert "cancel job 0123456789ab by root@pam from 192.0.2.7: allowed" in line
