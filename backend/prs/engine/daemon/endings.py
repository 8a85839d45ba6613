"""How jobs end that nobody goes on with: those that cannot be taken at all, and those of the schedule that the next run replaces."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

from prs.engine.execution.breaker import stopped, tripped
from prs.engine.journal.jobs import Job
from prs.engine.journal.journal import Journal
from prs.errors import PrsError

log = logging.getLogger(__name__)

REPLACED = "the next scheduled run has taken its place"


def unforeseen(error: Exception) -> str:
    """An error that nobody has thought of, with the place where it happened: enough for a report, on one line."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" in {Path(last[0].filename).name} line {last[0].lineno}" if last else ""
    return f"{type(error).__name__}{where}: {' '.join(str(error).split())[:200]}"


def give_up(journal: Journal, job: Job, error: PrsError, now: float) -> None:
    """End a job that cannot be taken at all, at `now` (Unix time); each migration that may be running says what to look at."""
    for step in job.steps:
        if step.active:
            words = f"cannot be followed: look for the guest on {step.source} and {step.target}"
            journal.update_step(job.id, step.seq, state="unknown", message=words, ended=now)
        elif step.open:
            journal.update_step(job.id, step.seq, state="skipped", message="not started", ended=now)
    journal.update_job(job.id, state="failed", message=str(error), ended=now)
    log.error("job %s failed: %s", job.id, error, extra={"job": job.id})


def resting(job: Job) -> bool:
    """True for a job of the schedule that has paused by itself, because its migrations failed alike, and has nothing under way.

    Nobody may be there to read that it waits, and what it planned is old by the next run; a cause that stays stops that one as early.
    """
    return job.origin == "schedule" and job.state == "paused" and not any(step.active for step in job.steps) and bool(stopped(job))


def give_way(journal: Journal, job: Job, now: float) -> None:
    """End a job that rests, at `now` (Unix time), with the cause that it paused for."""
    for step in job.steps:
        if step.open:
            journal.update_step(job.id, step.seq, state="skipped", message=f"not started: {REPLACED}", ended=now)
    journal.update_job(job.id, state="partial" if job.count("done") else "failed", message=f"{tripped(job)}; {REPLACED}", ended=now)
    log.warning("job %s was paused and is given up: %s", job.id, REPLACED, extra={"job": job.id})
