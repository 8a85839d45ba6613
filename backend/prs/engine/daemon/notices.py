"""What the administrator is told of: jobs and rounds that have ended, a plan that is suggested, and a service that cannot work.

It is found in the journal, and not told by whoever brings it about: so it is told also when that was another process, or one that died.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from prs.config.load import Settings
from prs.engine.clock import Clock
from prs.engine.journal.automation import suggestion
from prs.engine.journal.jobs import Job
from prs.engine.journal.journal import Journal
from prs.engine.rolling.riders import ORIGIN
from prs.engine.rolling.runs import RollingRun, RollingRuns
from prs.engine.rolling.shared_round import SharedRound
from prs.engine.rolling.stages import Round
from prs.errors import JournalError, RoundUnknown

Event = Literal["suggested", "done", "drained", "partial", "failed", "unknown", "rolled", "stopped", "unable"]
SEVERITIES: dict[Event, str] = {
    "suggested": "notice", "done": "info", "drained": "info", "partial": "warning", "failed": "error", "unknown": "error", "rolled": "info",
    "stopped": "error", "unable": "error",
}  # fmt: skip
LEVELS = ("info", "notice", "warning", "error", "off")  # of the option `notify`; nothing is as grave as the last
EVERY = 10.0  # seconds between two looks
AGAIN = 6 * 3600.0  # seconds between two suggestions that are told: while a node is nearly full there is a new one every half hour
PATIENCE = 900.0  # seconds that the service has to be unable to work
NOTE = "notices"  # of the journal: until when all was told, and the last suggestion that was, and when


@dataclass(frozen=True, slots=True)
class Notice:
    """One event. `count` of `total` are migrations that are done; of `unknown` guests, of `rolled` and `stopped` nodes."""

    event: Event
    job: str = ""
    node: str = ""
    count: int = 0
    total: int = 0


Send = Callable[[Notice, bool], None]  # and whether it is more than a line of the log


def of_job(job: Job) -> Iterator[Notice]:
    """What to tell of a job that has ended. Whoever cancels one knows; a round tells of itself."""
    done, total = job.count("done"), len(job.final)
    if job.state == "done" and job.origin != ORIGIN:
        yield Notice("drained" if job.kind == "drain" else "done", job.id, job.node, done, total)
    elif job.state == "partial" or job.state == "failed":
        yield Notice(job.state, job.id, job.node, done, total)
    if lost := job.count("unknown"):
        yield Notice("unknown", job.id, job.node, lost, total)


def of_round(one: Round | RollingRun) -> Iterator[Notice]:
    """What to tell of rolling maintenance that has ended, carried by the services or by a command; who stops one knows."""
    over: list[tuple[str, str]]
    if isinstance(one, Round):
        over = [(turn.node, turn.ending or "done") for turn in one.turns if turn.step == "over"]
        total = len(one.turns)
    else:
        over, total = [(stop.node, stop.state) for stop in one.stops], len(one.stops)
    done = sum(how == "done" for _, how in over)
    if one.state == "done":
        yield Notice("rolled", count=done, total=total)
    elif one.state == "failed":
        yield Notice("stopped", node=next((node for node, how in over if how == "failed"), ""), count=done, total=total)


class Notices:
    """Those of one daemon, on host `host`."""

    def __init__(self, journal: Journal, clock: Clock, host: str, shared: SharedRound | None, send: Send) -> None:
        self._journal, self._clock, self._host, self._shared, self._send = journal, clock, host, shared, send
        self._next, self._unable, self._told = 0.0, 0.0, False

    def stands(self, unable: bool, settings: Settings) -> None:
        """The service can, or cannot, work; told once it could not for PATIENCE. Needs no journal."""
        now = self._clock.monotonic()
        if not unable:
            self._unable, self._told = 0.0, False
            return
        self._unable = self._unable or now
        if not self._told and now - self._unable >= PATIENCE:
            self._told = True
            self._tell(Notice("unable"), settings)

    def turn(self, settings: Settings) -> None:
        """Tell of what has come since the last look; JournalError."""
        if self._clock.monotonic() < self._next:
            return
        self._next = self._clock.monotonic() + EVERY
        since, plan, told = self._known()
        found = sorted(self._ended(since), key=lambda one: one[0])
        waits = suggestion(self._journal)
        news = [notice for _, notices in found for notice in notices]
        if waits and waits.plan != plan and abs(waits.created - told) >= AGAIN:
            plan, told = waits.plan, waits.created
            news.append(Notice("suggested", count=waits.moves))
        # Before it is told: a service that dies in between must not write to somebody again and again.
        note = json.dumps([max([since, *(ended for ended, _ in found)]), plan, told])
        if note != self._journal.note(NOTE):
            self._journal.note(NOTE, note)
        for notice in news:
            self._tell(notice, settings)

    def _tell(self, notice: Notice, settings: Settings) -> None:
        self._send(notice, LEVELS.index(SEVERITIES[notice.event]) >= LEVELS.index(settings.notify))

    def _known(self) -> tuple[float, str, float]:
        """Until when (Unix) all was told, the last suggestion that was, and when; what was there before the first look is nobody's news."""
        now = self._clock.time()
        try:
            since, plan, told = json.loads(self._journal.note(NOTE) or "")
            return min(float(since), now), str(plan), float(told)
        except (ValueError, TypeError):
            return now, "", 0.0

    def _ended(self, since: float) -> Iterator[tuple[float, list[Notice]]]:
        """What has ended since then, with the moment."""
        for row in self._journal.rows("SELECT id FROM jobs WHERE typeof(ended) = 'real' AND ended > ? ORDER BY ended LIMIT 100", since):
            try:
                job = self._journal.job(row["id"])
            except JournalError:
                continue  # its row cannot be read: it is set aside, which is logged
            yield job.ended, list(of_job(job))
        runs = RollingRuns(self._journal)
        for row in self._journal.rows("SELECT id FROM tours WHERE typeof(ended) = 'real' AND ended > ? ORDER BY ended LIMIT 10", since):
            try:
                run = runs.get(row["id"])
            except JournalError:
                continue
            yield run.ended, list(of_round(run))
        try:
            one = self._shared.read() if self._shared else None
        except RoundUnknown:
            one = None
        if one and not one.open and one.holder == self._host and one.ended > since:
            yield one.ended, list(of_round(one))
