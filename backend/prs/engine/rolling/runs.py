"""Rolling maintenance in the journal: a rolling_run over nodes and how far it is with each; written before anything happens."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from prs.codec import from_json, to_json
from prs.engine.journal.journal import Journal
from prs.engine.journal.rows import UNREADABLE, read
from prs.engine.rolling.hooks import Hook
from prs.errors import JournalError, NotFound
from prs.model import Policy

log = logging.getLogger(__name__)

ACCOUNT = "account of the service"  # the journal's note with the name of the account that carries rounds out
AT_WORK = "rolling maintenance is carried out by"  # the journal's note with the signature of the process
RunState = Literal["running", "done", "failed", "cancelled"]
StopState = Literal["planned", "draining", "rebooting", "returning", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Stop:
    """One node: its drain's `job`, its way `back`, its `uptime` (s) before the reboot, when (Unix) that was `told`, and its `hooks`."""

    seq: int
    node: str
    state: StopState = "planned"
    job: str = ""
    back: str = ""
    uptime: float = 0.0
    told: float = 0.0
    message: str = ""
    hooks: tuple[Hook, ...] = ()


@dataclass(frozen=True, slots=True)
class RollingRun:
    """Several nodes, one after the other; times Unix seconds."""

    id: str
    user: str
    policy: Policy
    state: RunState
    created: float
    ended: float
    message: str
    stops: tuple[Stop, ...]


class RollingRuns:
    """The runs of a journal."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    def add(self, nodes: Sequence[str], policy: Policy, user: str, now: float) -> str:
        """Store a new rolling_run and give its id."""
        run_id = secrets.token_hex(6)
        with self.journal.transaction() as db:
            values = (run_id, user, json.dumps(to_json(policy)), now)
            db.execute("INSERT INTO tours (id, user, policy, state, created) VALUES (?, ?, ?, 'running', ?)", values)
            for seq, node in enumerate(nodes, 1):
                db.execute("INSERT INTO stops (tour, seq, node, state) VALUES (?, ?, ?, 'planned')", (run_id, seq, node))
        return run_id

    def get(self, run_id: str) -> RollingRun:
        """The rolling_run with its stops; NotFound, JournalError if its rows cannot be read."""
        found = self.journal.rows("SELECT * FROM tours WHERE id = ?", run_id)
        if not found:
            raise NotFound(f"there is no rolling maintenance {run_id}")
        stops = self.journal.rows("SELECT * FROM stops WHERE tour = ? ORDER BY seq", run_id)
        names = [item.name for item in fields(Stop)]
        try:
            values = [{name: row[name] for name in names} | {"hooks": json.loads(row["hooks"])} for row in stops]
            read_stops = tuple(from_json(Stop, row) for row in values)
        except UNREADABLE as error:
            raise JournalError(f"the nodes of rolling maintenance {run_id} cannot be read from the journal: {error}") from error
        return RollingRun(
            stops=read_stops,
            **{**{name: found[0][name] for name in ("id", "user", "state", "created", "ended", "message")},
               "policy": read(Policy, found[0]["policy"], f"rolling maintenance {run_id}")},
        )  # fmt: skip

    def latest(self) -> RollingRun | None:
        """The newest rolling_run; None if there is none, or if its rows cannot be read, which is told."""
        found = self.journal.rows("SELECT id FROM tours ORDER BY created DESC, rowid DESC LIMIT 1")
        try:
            return self.get(found[0]["id"]) if found else None
        except JournalError as error:
            log.error("%s; it is set aside", error)
            return None

    def stop(self, run_id: str, seq: int, **changes: Any) -> None:
        """Set fields of a stop."""
        changes |= {"hooks": json.dumps(to_json(changes["hooks"]))} if "hooks" in changes else {}
        columns = ", ".join(f"{name} = ?" for name in changes)
        with self.journal.transaction() as db:
            db.execute(f"UPDATE stops SET {columns} WHERE tour = ? AND seq = ?", (*changes.values(), run_id, seq))

    def note(self, run_id: str, words: str) -> None:
        """Set what a rolling_run waits for, "" for nothing."""
        with self.journal.transaction() as db:
            db.execute("UPDATE tours SET message = ? WHERE id = ?", (words, run_id))

    def end(self, run_id: str, state: RunState, message: str, now: float) -> None:
        """Record the end of a rolling_run."""
        with self.journal.transaction() as db:
            db.execute("UPDATE tours SET state = ?, message = ?, ended = ? WHERE id = ?", (state, message, now, run_id))
