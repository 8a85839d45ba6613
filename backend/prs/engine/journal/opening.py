"""Opens the journal's file: to write it, or for a user who may only read it, whether or not somebody who writes has it open."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

from prs.engine.journal.schema import require_newest, upgrade


def create(path: Path) -> sqlite3.Connection:
    """Open or create it, with the newest schema; sqlite3.Error, OSError, JournalError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o640)
    _let_group_read(path)
    db = _connection(path.absolute().as_uri())
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA foreign_keys = ON")
        upgrade(db)
    except BaseException:
        db.close()
        raise
    return db


def look(path: Path) -> tuple[sqlite3.Connection, bool]:
    """A connection that changes nothing, and whether it is good for this moment only; sqlite3.Error, OSError, JournalError.

    The last writer that closes the file takes SQLite's -wal and -shm with it, and who may not write cannot make them (sqlite.org/wal.html,
    Read-Only Databases): then the file itself is all there is. Where there is no file, nothing has happened yet.
    """
    if not path.exists():
        empty = _connection(":memory:")
        upgrade(empty)
        return empty, True
    try:
        return _checked(_connection(f"{path.absolute().as_uri()}?mode=ro")), False
    except sqlite3.OperationalError:
        if path.with_name(f"{path.name}-wal").exists():
            raise
        return _checked(_connection(f"{path.absolute().as_uri()}?mode=ro&immutable=1")), True


def _let_group_read(path: Path) -> None:
    """Its group reads the journal, whatever the umask, and whatever the version that made it wanted; SQLite's new files follow its mode."""
    for file in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        with suppress(OSError):  # it is not there, or somebody else's
            mode = file.stat().st_mode & 0o777
            if not mode & 0o040:
                file.chmod(mode | 0o040)


def _checked(db: sqlite3.Connection) -> sqlite3.Connection:
    try:
        require_newest(db)
    except BaseException:
        db.close()
        raise
    return db


def _connection(name: str) -> sqlite3.Connection:
    # One thread works with a connection, but the one that finds it unused and closes it may be another.
    return sqlite3.connect(name, timeout=10, isolation_level=None, check_same_thread=False, uri=True)
