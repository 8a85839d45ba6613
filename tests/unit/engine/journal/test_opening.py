"""The journal for a user who may only read it: open beside a writer, after one, and where there never was one."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from prs.engine.journal.journal import Journal
from prs.errors import JournalError

READ = """
import os, sys
from pathlib import Path
from prs.engine.journal.journal import Journal
os.setgid(65534); os.setuid(65534)
journal = Journal(Path(sys.argv[1]), writes=False)
print(journal.note("seen"), journal.passing, flush=True)
try:
    journal.note("seen", "changed")
except Exception as error:
    print(error)
"""


def read(path: Path) -> list[str]:
    """What another user sees of the journal: the note, whether that is passing, and what becomes of an attempt to write."""
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True, env=environ)
    return done.stdout.splitlines()


@pytest.fixture
def place(ram: Path) -> Path:
    """Where any user may look, but not write."""
    for path in (ram, *ram.parents):
        if path.stat().st_uid == os.getuid() and path != path.parent and len(path.parts) > 2:
            path.chmod(path.stat().st_mode | 0o055)
    return ram / "journal.sqlite"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_another_user_reads_what_is_there_and_changes_nothing(place: Path) -> None:
    with Journal(place) as journal:
        os.chown(place, 0, 65534)
        for number in range(3):
            journal.note("seen", str(number))
            for suffix in ("-wal", "-shm"):
                os.chown(f"{place}{suffix}", 0, 65534)
            assert read(place) == [f"{number} False", f"the journal {place} cannot be written: attempt to write a readonly database"]
    assert not Path(f"{place}-wal").exists()
    assert read(place) == ["2 True", f"the journal {place} cannot be written: attempt to write a readonly database"]


def test_where_nothing_was_ever_written_nothing_has_happened(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite", writes=False)
    assert (journal.jobs(), journal.passing) == ([], True)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_read_is_no_empty_journal(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be opened"):
        Journal(tmp_path, writes=False)


def test_an_older_schema_is_left_to_the_service(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    Journal(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 3")
    db.close()
    with pytest.raises(JournalError, match="the service upgrades it at its start"):
        Journal(path, writes=False)


def test_its_group_reads_it_whatever_the_umask_and_whoever_made_it(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        with Journal(tmp_path / "journal.sqlite") as journal:
            journal.note("x", "y")
            assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o640}
            for path in tmp_path.iterdir():
                path.chmod(0o600)  # as versions before two users left them
            Journal(tmp_path / "journal.sqlite").close()
            assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o640}
    finally:
        os.umask(before)
