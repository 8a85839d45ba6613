"""Ceph's flag noout for as long as a node is away: set before its reboot, taken back afterwards, whoever has died in between."""

from __future__ import annotations

from collections.abc import Callable

from prs.engine.clock import Clock
from prs.engine.journal.journal import Journal
from prs.engine.rolling.deeds import REFUSED, Asked
from prs.engine.rolling.stages import Round
from prs.errors import ApiError, PveError
from prs.pve.act import ceph
from prs.pve.api import Api

NOTE = "Ceph's flag noout was set for"  # the journal's note with the node's name; "" while the flag is not ours
ROUND = "Ceph's flag noout was set by round"  # the same of a round of the services, with its id: somebody may delete the round's file
AGAIN = 10.0  # seconds between two tries to take it back
TRIES = 30  # after which it is left to the service, or to the next command


def put_on(api: Api, journal: Journal, node: str, say: Callable[[str], None]) -> None:
    """Set the flag if the node holds data of Ceph and nobody has set it before; where PVE refuses, say what that means. PveError."""
    if not ceph.has_osds(api, node) or ceph.noout(api):
        return
    # Before it happens: a process that dies in between leaves word that the flag may be ours.
    journal.note(NOTE, node)
    try:
        ceph.set_noout(api, True)
        _asked(api).note("set-noout", node)
    except ApiError as error:
        _asked(api).note("set-noout", node, REFUSED)
        journal.note(NOTE, "")
        say(f"Ceph's flag noout is not set ({error}): if {node} stays away for long, Ceph copies its data elsewhere.")


def take_back(api: Api, journal: Journal) -> str:
    """Clear the flag if it is ours, and give the node that it was set for ("" for none). PveError: it is still set."""
    node = journal.note(NOTE)
    if node:
        ceph.set_noout(api, False)
        _asked(api).note("unset-noout", node)
        journal.note(NOTE, "")
    return node


def surely_taken_back(api: Api, journal: Journal, clock: Clock) -> str:
    """Take it back, trying for some minutes; a sentence where that did not succeed, else ""."""
    words = ""
    for attempt in range(TRIES):
        try:
            take_back(api, journal)
        except PveError as error:
            words = f"Ceph's flag noout is still set ({error}); the service takes it back, or: ceph osd unset noout"
        else:
            return ""
        if attempt + 1 < TRIES:
            clock.sleep(AGAIN)
    return words


def remember(journal: Journal, one: Round, carried: bool) -> None:
    """Keep the note true to the file: this host has carried a round whose flag nobody has taken back yet. JournalError."""
    known = journal.note(ROUND)
    # A round of another id could not begin before the flag was taken back.
    wanted = one.id if one.flagged and (carried or known == one.id) else ""
    if wanted != known:
        journal.note(ROUND, wanted)


def take_back_orphan(api: Api, journal: Journal) -> str:
    """Clear the flag, as the file is gone that would tell of it; the round's id, "" where it was not set. PveError: it still is."""
    known, there = journal.note(ROUND), ceph.noout(api)
    if there:
        ceph.set_noout(api, False)
        Asked(api.user, "round", known).note("unset-noout", "")
    journal.note(ROUND, "")
    return known if there else ""


def _asked(api: Api) -> Asked:
    return Asked(api.user, "local", "")
