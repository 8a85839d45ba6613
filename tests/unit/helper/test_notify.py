"""Events become notifications of Proxmox VE's and lines of its log: the real helper and Perl, with stand-ins for PVE's modules."""

from __future__ import annotations

import json
import os
import pwd
import shlex
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import pveproxy
from prs.engine.daemon.notices import SEVERITIES, Notice
from prs.helper import notify, root_notify, root_request

ROOT = Path(__file__).parents[3]
JOB = "0123456789ab"


@pytest.fixture
def places(tmp_path: Path) -> root_notify.Places:
    """A helper whose Perl finds the stand-ins and the product's templates."""
    told = {"CLUSTER_LOG": tmp_path / "log", "NOTIFIED": tmp_path / "notified", "NOTIFY_TEMPLATES": ROOT / "packaging/notify"}
    words = " ".join(f"{name}={shlex.quote(str(value))}" for name, value in told.items())
    perl = tmp_path / "perl"
    perl.write_text(f'#!/bin/sh\n{words} exec {pveproxy.PERL} -I {pveproxy.HERE}/perl5 "$@"\n')
    perl.chmod(0o755)
    (tmp_path / "known").touch()
    (tmp_path / "nodes" / "pve1").mkdir(parents=True)
    return root_notify.Places(str(perl), tmp_path / "count", tmp_path / "known", tmp_path / "nodes")


def ask(line: bytes, places: root_notify.Places) -> str:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(line)
        ours.shutdown(socket.SHUT_WR)
        theirs.settimeout(1)
        return root_notify.serve(theirs, os.getuid(), places)


def test_an_event_is_a_notification_with_fields_and_a_line_of_the_log(tmp_path: Path, places: root_notify.Places) -> None:
    assert ask(f"tell yes partial {JOB} pve1 2 3\n".encode(), places) == "ok partial notified"
    host = socket.gethostname().split(".")[0]
    words = f"job {JOB}, the drain of pve1, is done only in part: 2 of 3 migrations"
    facts = {"event": "partial", "severity": "warning", "job": JOB, "node": "pve1"}
    assert json.loads((tmp_path / "notified").read_text()) == {
        "severity": "warning", "template": "rebalancing", "fields": {**facts, "type": "rebalancing", "hostname": host},
        "data": {**facts, "host": host, "words": f"J{words[1:]}", "hostname": "pve1", "fqdn": "pve1.example.org"},
    }  # fmt: skip
    assert (tmp_path / "log").read_text() == f"warning <prs> rebalancing: {words} (prs)\n"


@pytest.mark.parametrize("event", root_notify.EVENTS)
@pytest.mark.parametrize("about", [f"{JOB} pve1", f"{JOB} -", "- pve1", "- -"])
def test_each_event_has_words_whatever_is_told_of_it(event: str, about: str) -> None:
    job, node = about.split()
    made = root_notify.message(event, job, node, 1, 3)
    assert "{" not in str(made["words"])
    fields = made["fields"]
    assert isinstance(fields, dict)
    assert all(fields.values()), "a field is there or not, and never empty"


def test_both_sides_know_the_same_events() -> None:
    assert {event: severity for event, (severity, _) in root_notify.EVENTS.items()} == SEVERITIES


@pytest.mark.parametrize(("wanted", "known"), [("no", True), ("yes", False)])
def test_without_a_wish_or_on_an_old_release_it_is_logged(tmp_path: Path, places: root_notify.Places, wanted: str, known: bool) -> None:
    if not known:
        places.known.unlink()
    assert ask(f"tell {wanted} rolled - - 3 3\n".encode(), places) == "ok rolled logged"
    assert not (tmp_path / "notified").exists()
    assert (tmp_path / "log").read_text() == "info <prs> rebalancing: rolling maintenance is done: 3 of 3 nodes (prs)\n"


@pytest.mark.parametrize("line", [
    b"tell\n", b"tell yes mine - - 0 0\n", b"tell yes done - - 0\n", b"tell yes done - - 0 0", b"tell perhaps done - - 0 0\n",
    b"tell yes done 0123 - 0 0\n", b"tell yes done - ../pve1 0 0\n", b"tell yes done - - -1 0\n", b"tell yes done - - 1234567 0\n",
    b"tell yes done - - 0 0 and more\n", b"tell yes done - - 0 0\ntell yes done - - 0 0\n", b"tell yes done - p\xc3\xa9 0 0\n",
    b"tell yes done - " + b"a" * 200 + b" 0 0\n", b"tell yes done - call-0800-12345 0 0\n",
])  # fmt: skip
def test_the_helper_takes_no_free_text(tmp_path: Path, places: root_notify.Places, line: bytes) -> None:
    assert ask(line, places).startswith("refused: ")
    assert not (tmp_path / "log").exists()
    assert not places.turns.exists()


def test_so_many_an_hour_and_a_broken_count_begins_anew(tmp_path: Path, places: root_notify.Places) -> None:
    places.turns.write_text("no number")
    most = root_notify.MOST
    assert [root_request.turn(places.turns, 7, most) for _ in range(most + 2)] == [True] * most + [False] * 2
    assert root_request.turn(places.turns, 8, most)
    places.turns.unlink()
    places.turns.symlink_to(tmp_path / "elsewhere")
    assert ask(b"tell yes done - - 0 0\n", places).startswith("failed: ")
    assert not (tmp_path / "elsewhere").exists()


def test_a_target_that_fails_is_told_in_words(tmp_path: Path, places: root_notify.Places) -> None:
    """Here it is a template that is not there; the line of the log is written before."""
    perl = Path(places.perl)
    perl.write_text(perl.read_text().replace(str(ROOT / "packaging/notify"), str(tmp_path)))
    assert ask(b"tell yes unable - - 0 0\n", places).startswith("failed: could not find template rebalancing")
    assert "the service cannot work" in (tmp_path / "log").read_text()


def test_the_service_tells_the_program_and_waits_for_nothing(tmp_path: Path, places: root_notify.Places) -> None:
    """The helper as systemd starts it: the sender is gone before it answers. Without a helper nothing is said at all."""
    place = tmp_path / "helper.sock"
    notify.send(place, Notice("rolled"), True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen()
        sender = threading.Thread(target=notify.send, args=(place, Notice("unknown", JOB, "", 2, 9_999_999), True))
        sender.start()
        connection, _ = listener.accept()
        sender.join()
        run = f"import sys; sys.path.insert(0, {str(ROOT / 'backend')!r}); from prs.helper.root_notify import main; sys.exit(main())"
        options = ["--user", pwd.getpwuid(os.getuid()).pw_name, "--perl", places.perl]
        options += ["--turns", str(places.turns), "--known", str(places.known), "--nodes", str(places.nodes)]
        with connection:
            program = [sys.executable, "-I", "-c", run, *options]
            done = subprocess.run(program, stdin=connection.fileno(), capture_output=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads((tmp_path / "notified").read_text())["fields"]["event"] == "unknown"


def test_an_old_release_is_named_in_the_settings(tmp_path: Path) -> None:
    assert notify.missing(tmp_path).startswith("Proxmox VE on this node is older than 8.2.3 ")
    (tmp_path / "vzdump-body.txt.hbs").touch()
    assert notify.missing(tmp_path) == ""
