"""What a carrier's own journal tells of Ceph's flag noout, for the day when somebody deletes the round's file."""

from __future__ import annotations

from prs.engine.journal.journal import Journal
from prs.engine.rolling.deeds import Asked
from prs.engine.rolling.stages import Round
from prs.pve.act import ceph
from prs.pve.api import Api

NOTE = "Ceph's flag noout was set by round"  # the journal's note with the round's id; "" while the flag is not ours


def remember(journal: Journal, one: Round, carried: bool) -> None:
    """Keep the note true to the file: this host has carried a round whose flag nobody has taken back yet. JournalError."""
    known = journal.note(NOTE)
    # A round of another id could not begin before the flag was taken back.
    wanted = one.id if one.flagged and (carried or known == one.id) else ""
    if wanted != known:
        journal.note(NOTE, wanted)


def take_back(api: Api, journal: Journal) -> str:
    """Clear the flag, as the file is gone that would tell of it; the round's id, "" where it was not set. PveError: it still is."""
    known, there = journal.note(NOTE), ceph.noout(api)
    if there:
        ceph.set_noout(api, False)
        Asked(api.user, "round", known).note("unset-noout", "")
    journal.note(NOTE, "")
    return known if there else ""
