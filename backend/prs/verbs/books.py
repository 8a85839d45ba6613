"""The journal as the verbs open it, and the nodes it says are kept empty."""

from __future__ import annotations

import logging
import os

from prs.config import Settings
from prs.engine.held import Held
from prs.engine.journal import Journal
from prs.engine.rights import become_owner

log = logging.getLogger(__name__)

JOURNAL = "journal.sqlite"


def journal_of(settings: Settings) -> Journal:
    """Open the journal that the configuration names, as the user it belongs to; JournalError."""
    become_owner(settings.state_dir)
    return Journal(settings.state_dir / JOURNAL)


def held_of(settings: Settings) -> dict[str, Held]:
    """The nodes that are kept empty, as far as the journal is there and may be read."""
    path = settings.state_dir / JOURNAL
    if os.access(path, os.R_OK | os.W_OK):
        return journal_of(settings).held()
    if os.access(settings.state_dir, os.F_OK):
        log.warning("%s cannot be read: which nodes are kept empty after a drain is not known", path)
    return {}
