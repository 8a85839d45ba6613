"""What the command does leaves a line in the system's log, and none on the terminal of whoever does it."""

from __future__ import annotations

import argparse
import io
import logging
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest

from prs import audit, logs
from prs.cli.call import Call, logged_in


class Kept(logging.Handler):
    """Keeps the records."""

    def __init__(self) -> None:
        super().__init__()
        self.records = list[logging.LogRecord]()

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    found = Kept()
    monkeypatch.setattr(logs, "audit_handler", lambda: found)
    # A test before this one may have set up the process's logs.
    monkeypatch.setattr(audit.log, "propagate", True)
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [one for one in root.handlers if not isinstance(one, logs.JournalHandler)])
    yield found
    audit.log.handlers.clear()
    audit.log.propagate = True


def test_an_action_is_a_line_with_who_what_and_where(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    out = io.StringIO()
    call = Call(argparse.Namespace(json=False), out, out, lambda endpoint: pytest.fail("connected"))
    call.note("drain", "0123456789ab", "pve1")
    call.note("release", node="pve1")
    first, second = kept.records
    assert first.getMessage() == f"drain job 0123456789ab node pve1 by {logged_in()} from local: allowed"
    fields = [getattr(first, name) for name in ("action", "job", "node", "client", "allowed")]
    assert fields == ["drain", "0123456789ab", "pve1", "local", "yes"]
    assert second.getMessage().startswith("release node pve1 by ")
    assert out.getvalue() + "".join(capsys.readouterr()) == ""


@pytest.mark.parametrize(("text", "uid"), [("0\n", 0), (f"{2**32 - 1}\n", os.getuid()), ("no number", os.getuid())])
def test_who_is_logged_in_counts_also_behind_sudo(tmp_path: Path, text: str, uid: int) -> None:
    own = tmp_path / "loginuid"
    own.write_text(text)
    assert logged_in(own) == pwd.getpwuid(uid).pw_name
    assert logged_in(tmp_path / "none") == pwd.getpwuid(os.getuid()).pw_name


def test_root_without_a_login_is_not_taken_for_the_user_whose_journal_it_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A timer or ssh without pam_loginuid; by then root's rights have been given up."""
    own = tmp_path / "loginuid"
    own.write_text(str(2**32 - 1))
    name = pwd.getpwuid(os.getuid()).pw_name
    monkeypatch.setattr("prs.cli.call.os.getuid", lambda: 65534)
    assert logged_in(own) == name


def test_a_user_without_a_name_is_a_number(tmp_path: Path) -> None:
    (tmp_path / "loginuid").write_text("3999999999")
    assert logged_in(tmp_path / "loginuid") == "user 3999999999"
