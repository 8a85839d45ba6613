"""Carries jobs out in the foreground for the command line, or follows them where a daemon already does."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

from prs.engine.clock import SystemClock
from prs.engine.execution.executor import TICK, Executor
from prs.engine.journal.jobs import Job
from prs.engine.journal.journal import Journal

Watch = Callable[[Job], None]


class Interrupts:
    """Counts Ctrl-C (and SIGTERM): the first stops starting migrations, the second cancels the running ones too."""

    def __init__(self, clock: SystemClock) -> None:
        self.count, self._clock = 0, clock

    def install(self) -> None:
        """Handle SIGINT and SIGTERM from now on."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        self._clock.wake()

    def pass_on(self, journal: Journal, job_id: str) -> None:
        """Turn what was pressed so far into the job's request."""
        if self.count:
            journal.request(job_id, "cancel" if self.count == 1 else "abort")


def carry_out(executor: Executor, interrupts: Interrupts, watch: Watch) -> Job:
    """Execute the job in this process until it ends, calling `watch` after each round; the caller holds the ExecutorLock lock."""
    journal, clock, job_id = executor.journal, executor.clock, executor.job_id
    while True:
        interrupts.pass_on(journal, job_id)
        ended = executor.tick()
        watch(journal.job(job_id))
        if ended:
            return journal.job(job_id)
        clock.sleep(TICK)


def follow(journal: Journal, clock: SystemClock, job_id: str, interrupts: Interrupts, watch: Watch) -> Job:
    """Watch a job that the daemon executes until it ends."""
    while True:
        interrupts.pass_on(journal, job_id)
        job = journal.job(job_id)
        watch(job)
        if not job.open:
            return job
        clock.sleep(TICK)


def unfinished(journal: Journal) -> list[Job]:
    """Open jobs that an earlier process left behind and that run with the configured account, oldest first."""
    return [job for job in journal.jobs(only_open=True) if not job.credential]
