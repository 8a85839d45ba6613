"""The nodes that are kept empty, whoever drained them: this host's journal, kept in step with the cluster's list."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import replace

from prs.engine.clock import Clock
from prs.engine.drain.keep_out import merged
from prs.engine.drain.shared_holds import SharedHolds
from prs.engine.journal.hold import Hold, HoldKey
from prs.engine.journal.journal import Journal
from prs.errors import HelperError
from prs.pve.roster import Roster, roster_in

log = logging.getLogger(__name__)

LOOK = 10.0  # seconds between two looks at the list
RETRY = 60.0  # seconds until the helper is asked again after it has failed
PATIENCE = 20.0  # seconds after which no further hold is asked for: the helper may take 40 for one, and the daemon has other work


class Holds:
    """The journal is the truth about this host's drains and the list tells the others; a release may come from any host.

    A hold that is in the journal as posted and no longer in the list was released elsewhere. Without `shared_holds` (a machine that is no
    node of the cluster) there is only the journal.
    """

    def __init__(
        self, journal: Journal, clock: Clock, shared_holds: SharedHolds | None = None, roster: Roster | None = None
    ) -> None:
        """`roster` is the cluster's own list of guests; without it that of the node on which `shared_holds` are."""
        self.journal, self._clock, self._shared_holds = journal, clock, shared_holds
        self.roster = roster or (roster_in(shared_holds.directory.parent) if shared_holds else None)
        self._next = 0.0
        self._failed: dict[str, str] = {}  # node -> why the list is not in step with the journal
        self._put: dict[HoldKey, Hold] = {}  # what was put up last: a text that this host may not read is not written again and again

    def own(self) -> dict[str, Hold]:
        """The holds of this host's drains that were not released elsewhere, by node."""
        return self._look()[0]

    def held(self) -> dict[str, Hold]:
        """All nodes that are kept empty, by name."""
        own, told = self._look()
        return merged(own, told or {}, self._ended())

    def _look(self) -> tuple[dict[str, Hold], dict[HoldKey, Hold] | None]:
        rows, posted, told = self._read()
        return {node: one for node, one in rows.items() if told is None or one.key in told or one.key not in posted}, told

    def _read(self) -> tuple[dict[str, Hold], set[HoldKey], dict[HoldKey, Hold] | None]:
        """The journal's holds, those that are posted, and the list; the journal first, so that what it calls posted was in the list."""
        host = self._shared_holds.host if self._shared_holds else ""
        posted = {(row["node"], row["job"]) for row in self.journal.rows("SELECT node, job FROM held WHERE posted = 1")}
        rows = {node: replace(one, host=host) for node, one in self.journal.held().items()}
        return rows, posted, self._shared_holds.read() if self._shared_holds else None

    def _ended(self) -> list[HoldKey]:
        return [(row["node"], row["job"]) for row in self.journal.rows("SELECT node, job FROM ended_holds ORDER BY node, job")]

    def release(self, node: str, job_id: str = "") -> None:
        """Let the node get guests again, whoever has drained it; with `job_id` only what that job holds. `trouble` tells what failed."""
        others = [] if job_id else [job for held, job in self._read()[2] or {} if held == node]
        self.journal.release(node, job_id, others)
        self.sync(at_once=True)

    def trouble(self, node: str) -> str:
        """Why the other hosts could not be told of the last change of this node's hold, "" when they were."""
        return self._failed.get(node, "")

    def sync(self, at_once: bool = False) -> None:
        """Bring the list in step with the journal, and the journal with what was released elsewhere; every LOOK seconds or at once."""
        began = self._clock.monotonic()
        if self._shared_holds is None or (not at_once and began < self._next):
            return
        before, self._failed = self._failed, {}
        rows, posted, told = self._read()
        shown = told or {}
        for key in self._ended() if told is not None else []:  # without a list, /etc/pve may be away for a moment
            if key not in shown or self._ask(self._shared_holds.take, shown[key], began):
                self._forget(key)
        for one in rows.values():
            seen = shown.get(one.key)
            if seen is None and one.key in posted:
                if told is not None:
                    self._released_elsewhere(one)
            elif seen == replace(one, since=float(int(one.since))) or (seen is not None and self._put.get(one.key) == one):
                self._posted(one, posted)
            elif self._ask(self._shared_holds.put, one, began):
                self._put[one.key] = one
                self._posted(one, posted)
        for node, words in self._failed.items():
            if before.get(node) != words:
                log.warning("the other hosts could not be told of %s: %s", node, words)
        self._next = self._clock.monotonic() + (RETRY if self._failed else LOOK)

    def _ask(self, ask: Callable[[Hold], None], one: Hold, began: float) -> bool:
        try:
            if self._clock.monotonic() - began > PATIENCE:
                raise HelperError("the helper takes too long")
            ask(one)
        except HelperError as error:
            self._failed[one.node] = str(error)
            return False
        return True

    def _forget(self, key: HoldKey) -> None:
        with self.journal.transaction() as db:
            db.execute("DELETE FROM ended_holds WHERE node = ? AND job = ?", key)

    def _posted(self, one: Hold, already: Collection[HoldKey]) -> None:
        """Note that the hold is in the list; one that was released meanwhile has to leave it again."""
        if one.key in already:
            return
        with self.journal.transaction() as db:
            if db.execute("UPDATE held SET posted = 1 WHERE node = ? AND job = ?", one.key).rowcount == 0:
                db.execute("INSERT OR IGNORE INTO ended_holds VALUES (?, ?)", one.key)

    def _released_elsewhere(self, one: Hold) -> None:
        """Take over what somebody did on another host; a drain that still goes on has lost its purpose."""
        self.journal.release(one.node, one.job)
        log.warning("%s was released on another host: it gets guests again", one.node)
        for job in self.journal.drains(one.node, one.since):
            if job.open and self.journal.request(job.id, "cancel"):
                self.journal.note(released(job.id), f"{one.node} was released on another host")


def released(job_id: str) -> str:
    """The name of the journal's note that says why a drain was cancelled by no user."""
    return f"released {job_id}"
