"""The journal's file as one connection to SQLite: opened, brought to the newest schema, read, written in transactions, closed."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from prs.engine.journal.opening import create, look
from prs.errors import JournalError


class Database:
    """One connection to the journal file; each thread and process opens its own. Raises JournalError for anything SQLite refuses.

    As a context manager it is closed at the end; one that nobody needs any longer is closed, too.
    """

    def __init__(self, path: Path, *, writes: bool = True) -> None:
        """Open or create the journal at `path`, readable by its owner and group only.

        Without `writes` nothing is created or changed, for a user who may only read; `passing`: what it shows holds for this moment only.
        """
        self.path, self.writes, self.passing = path, writes, False
        try:
            if writes:
                self._db = create(path)
            else:
                self._db, self.passing = look(path)
            self._end = weakref.finalize(self, self._db.close)
            # The process's end closes it anyway, and would do so outside of the thread that it belongs to.
            self._end.atexit = False  # type: ignore[misc]  # typeshed gives the class no such slot
            self._db.row_factory = sqlite3.Row
        except (OSError, sqlite3.Error) as error:
            raise JournalError(f"the journal {path} cannot be opened: {error}") from error

    def close(self) -> None:
        """Close the connection."""
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """One transaction, all or nothing; a durable one survives a power cut, any survives the death of the process."""
        try:
            # A step must be on disk before its migration is requested; how far it is need not be.
            self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise JournalError(f"the journal {self.path} cannot be written: {error}") from error

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        """What a query gives; its values, or one mapping of names to them."""
        try:
            return self._db.execute(query, values[0] if values and isinstance(values[0], dict) else values).fetchall()
        except sqlite3.Error as error:
            raise JournalError(f"the journal {self.path} cannot be read: {error}") from error

    def note(self, name: str, value: str | None = None) -> str:
        """Read a small named fact ("" if unset), or set it when a value is given."""
        if value is not None:
            with self.transaction() as db:
                db.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, value))
            return value
        rows = self.rows("SELECT value FROM meta WHERE name = ?", name)
        return str(rows[0]["value"]) if rows else ""


def insert(db: sqlite3.Connection, table: str, values: dict[str, Any]) -> None:
    """Add a row; `values` by column."""
    db.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})", tuple(values.values()))
