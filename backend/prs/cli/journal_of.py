"""The journal as the verbs open it, and the nodes it says are kept empty."""

from __future__ import annotations

import logging
import os
import socket
from contextlib import suppress
from pathlib import Path

from prs.config.load import Settings
from prs.engine.clock import Clock, SystemClock
from prs.engine.drain.holds import Holds
from prs.engine.drain.keep_out import merged
from prs.engine.drain.shared_holds import SharedHolds
from prs.engine.journal.hold import Hold
from prs.engine.journal.jobs import Job
from prs.engine.journal.journal import Journal
from prs.engine.journal.ownership import become_owner
from prs.helper import client

log = logging.getLogger(__name__)

JOURNAL = "journal.sqlite"


def journal_of(settings: Settings) -> Journal:
    """Open the journal that the configuration names, as the user it belongs to; JournalError."""
    become_owner(settings.state_dir)
    return Journal(settings.state_dir / JOURNAL)


def open_jobs(settings: Settings) -> list[Job]:
    """The jobs that are not at their end, as far as the journal is there and may be read."""
    readable = os.access(settings.state_dir / JOURNAL, os.R_OK | os.W_OK)
    return journal_of(settings).jobs(only_open=True) if readable else []


def at_work(state_dir: Path) -> bool:
    """Whether the journal there has a job that is not at its end; looked up by a child, because root may not open the journal as root."""
    if not (state_dir / JOURNAL).exists():
        return False
    if (child := os.fork()) == 0:
        code = 2
        with suppress(BaseException):
            become_owner(state_dir)
            code = int(bool(Journal(state_dir / JOURNAL).jobs(only_open=True)))
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


def shared_holds_here() -> SharedHolds | None:
    """The cluster's list of nodes that are kept empty; None on a machine that is no node of it."""
    return client.shared_holds(client.PVE, socket.gethostname().split(".")[0], client.SOCKET)


def holds_of(journal: Journal, clock: Clock) -> Holds:
    """The nodes that are kept empty, by drains of this host and of others."""
    return Holds(journal, clock, shared_holds_here())


def held_of(settings: Settings) -> dict[str, Hold]:
    """The nodes that are kept empty: those in the cluster's list, and in the journal as far as it is there and may be read."""
    path = settings.state_dir / JOURNAL
    if os.access(path, os.R_OK | os.W_OK):
        return holds_of(journal_of(settings), SystemClock()).held()
    missing = os.access(settings.state_dir, os.X_OK) and not os.access(path, os.F_OK)  # nothing was ever drained here
    if os.access(settings.state_dir, os.F_OK) and not missing:
        log.warning("%s cannot be read: which nodes are kept empty after a drain is not known", path)
    shared_holds = shared_holds_here()
    return merged({}, shared_holds.read() or {} if shared_holds else {})
