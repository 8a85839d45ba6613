"""Log lines in each surrounding, and no secret in any of them."""

from __future__ import annotations

import io
import logging
import os
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prs import logs
from unit.screen import Screen

TICKET = "PVE:root@pam:6B02B9EC::" + "Ab1+/" * 20 + "=="


def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.localtime", lambda seconds: __import__("time").gmtime(0))


def test_a_person_reads_times_and_words(monkeypatch: pytest.MonkeyPatch) -> None:
    utc(monkeypatch)
    screen = Screen()
    logs.set_up("info", screen)
    log = logging.getLogger("prs.test")
    log.debug("not shown")
    log.info("moving %s", "db\x1b[2J01", extra={"vmid": 102})
    log.warning("slow")
    log.error("failed")
    assert screen.text() == "00:00:00 moving db\\x1b[2J01\n00:00:00 warning: slow\n00:00:00 error: failed\n"


def test_a_supervisor_gets_priorities_and_fields() -> None:
    stream = Screen(tty=False)
    logs.set_up("debug", stream, daemon=True)
    log = logging.getLogger("prs.test")
    log.info("moving\nnow", extra={"node": "pve1", "vmid": 102, "upid": "", "job": None})
    log.critical("gone")
    assert stream.text() == "<6>moving now node=pve1 vmid=102\n<2>gone\n"


def test_each_line_of_a_traceback_has_the_priority() -> None:
    stream = Screen(tty=False)
    logs.set_up("info", stream, ["hunter2"], daemon=True)
    try:
        raise ValueError("bad hunter2")
    except ValueError:
        logging.getLogger("prs.test").exception("failed")
    lines = stream.text().splitlines()
    assert lines[0] == "<3>failed"
    assert lines[1] == "<3>Traceback (most recent call last):"
    assert lines[-1] == "<3>ValueError: bad [hidden]"
    assert all(line.startswith("<3>") for line in lines)


def test_setting_up_again_replaces_the_handler() -> None:
    first, second = Screen(tty=False), Screen(tty=False)
    logs.set_up("info", first, daemon=True)
    logs.set_up("warning", second, daemon=True)
    logging.getLogger("prs.test").info("not shown")
    logging.getLogger("prs.test").warning("shown")
    assert (first.text(), second.text()) == ("", "<4>shown\n")


def test_proxmoxer_does_not_log_its_requests() -> None:
    logs.set_up("debug", Screen(tty=False))
    assert not logging.getLogger("proxmoxer.core").isEnabledFor(logging.INFO)


@pytest.mark.parametrize(("daemon", "form"), [(True, "prefix"), (False, "person")])
def test_the_form_without_a_terminal_or_journal(daemon: bool, form: str) -> None:
    assert logs.form_of(io.StringIO(), {}, daemon) == form
    assert logs.form_of(Screen(tty=False), {"JOURNAL_STREAM": "1:2"}, daemon) == form
    assert logs.form_of(Screen(), {"JOURNAL_STREAM": "1:2"}, daemon) == "person"


def test_the_journal_is_known_by_its_stream(tmp_path: Path) -> None:
    with (tmp_path / "stderr").open("w") as stream:
        status = os.fstat(stream.fileno())
        environ = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        assert logs.form_of(stream, environ, daemon=False) == "journal"
        assert logs.form_of(stream, {"JOURNAL_STREAM": "0:0"}, daemon=True) == "prefix"


def test_the_journal_gets_fields(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, dict[str, Any]]] = []
    package, module = types.ModuleType("systemd"), types.ModuleType("systemd.journal")
    module.send = lambda text, **fields: sent.append((text, fields))  # type: ignore[attr-defined]
    package.journal = module  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "systemd", package)
    monkeypatch.setitem(sys.modules, "systemd.journal", module)
    with (tmp_path / "stderr").open("w") as stream:
        status = os.fstat(stream.fileno())
        logs.set_up("info", stream, ["hunter2"], True, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
        fields = {"node": "pve1", "vmid": 102, "upid": "UPID:hunter2", "job": "7"}
        logging.getLogger("prs.test").warning("with %s", "hunter2", extra=fields)
    text, found = sent[0]
    assert text == "with [hidden]"
    assert {name: found[name] for name in ("PRIORITY", "NODE", "VMID", "UPID", "JOB", "LOGGER")} == {
        "PRIORITY": "4", "NODE": "pve1", "VMID": "102", "UPID": "UPID:[hidden]", "JOB": "7", "LOGGER": "prs.test",
    }  # fmt: skip
    assert "hunter2" not in str(found)


def test_without_python3_systemd_the_journal_gets_prefixed_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "systemd", None)
    stream = Screen(tty=False)
    handler = logs.handler_for(stream, "journal")
    handler.handle(logging.LogRecord("prs", logging.INFO, "x.py", 1, "text", None, None))
    assert stream.text() == "<6>text\n"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Authorization: PVEAPIToken=prs@pve!service=0123-4567", "Authorization: PVEAPIToken=prs@pve!service=[hidden]"),
        (f"cookie {TICKET} end", "cookie PVE:root@pam:6B02B9EC::[hidden] end"),
        ("CSRFPreventionToken: 6B02B9EC:abcDEF/+x", "CSRFPreventionToken: [hidden]"),
        ("{'username': 'root@pam', 'password': 'FooBar'}", "{'username': 'root@pam', 'password': '[hidden]'}"),
        ("username=root%40pam&password=Foo%20Bar&x=1", "username=root%40pam&password=[hidden]&x=1"),
        ("https://root:FooBar@pve1:8006/", "https://root:[hidden]@pve1:8006/"),
        ("UPID:pve1:0000013B:00032F5A:6B02B9EC:qmigrate:104:root@pam:", "UPID:pve1:0000013B:00032F5A:6B02B9EC:qmigrate:104:root@pam:"),
        ("the password was refused", "the password was refused"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, redacted: str) -> None:
    assert logs.Redactor().redact(text) == redacted


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=4, max_size=30), st.sampled_from(["%s", "a %s b", "%r"]))
@example("a+b c/d=é", "%s")
def test_a_known_secret_is_in_no_record(secret: str, form: str) -> None:
    if secret in logs.HIDDEN or secret in "a  b" or secret in "Exception":
        return
    redactor = logs.Redactor([secret])
    record = logging.LogRecord("prs", logging.INFO, "x.py", 1, form, (secret,) if form != "%r" else ((secret,),), None)
    assert redactor.filter(record)
    assert form == "%r" or secret not in record.getMessage()
    assert record.args is None


def test_a_secret_is_hidden_in_its_url_encoded_forms_too() -> None:
    redactor = logs.Redactor(["a+b c/d=é"])
    assert redactor.redact("x a%2Bb%20c%2Fd%3D%C3%A9 y a%2Bb+c%2Fd%3D%C3%A9") == "x [hidden] y [hidden]"


@pytest.mark.parametrize(
    ("secret", "text", "redacted"),
    [
        ("node", "the nodes of node-3: node01 and mynode", "the nodes of node-3: node01 and mynode"),
        ("node", "password is node, node: node", "password is [hidden], [hidden]: [hidden]"),
        ("pass!", "login?p=pass!&x=1 pass!word", "login?p=[hidden]&x=1 [hidden]word"),
        ("0123456789abcdef", "x0123456789abcdefx", "x[hidden]x"),
        ("abc", "abc", "abc"),
    ],
)
def test_a_short_secret_is_hidden_where_it_stands_alone(secret: str, text: str, redacted: str) -> None:
    assert logs.Redactor([secret]).redact(text) == redacted


def test_a_secret_learned_later_is_hidden_from_then_on() -> None:
    redactor = logs.Redactor(["longer secret", ""])
    redactor.add("secret")
    assert redactor.redact("a longer secret and a secret") == "a [hidden] and a [hidden]"


def test_arguments_that_do_not_fit_are_told_without_them() -> None:
    record = logging.LogRecord("prs", logging.INFO, "x.py", 1, "%d guests", ("hunter2",), None)
    assert logs.Redactor().filter(record)
    assert record.getMessage() == "%d guests (its arguments do not fit)"


@pytest.mark.parametrize(("level", "number"), [(1, 7), (10, 7), (20, 6), (25, 6), (30, 4), (40, 3), (50, 2), (99, 2)])
def test_priorities(level: int, number: int) -> None:
    assert logs.priority(level) == number
