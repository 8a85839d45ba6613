"""Carries jobs out in the foreground for the command line, or follows the process that does and takes over when that has gone."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

from prs.engine.clock import SystemClock
from prs.engine.execution.breaker import stopped
from prs.engine.execution.executor import TICK, Executor
from prs.engine.journal.jobs import Job
from prs.engine.journal.journal import Journal
from prs.engine.journal.lock import ExecutorLock

Watch = Callable[[Job], None]
QUEUES = 86_400.0  # seconds in which a command that carries jobs out has come to its end, however much there is to copy
HEARD = 20.0  # seconds in which whoever carries a job out reacts to a request; one that does not is not waited for
LEFT = "the terminal was closed"


class Interrupts:
    """Counts Ctrl-C (and SIGTERM): the first stops starting migrations, the second cancels the running ones too, a third ends everything.

    `hung_up`: the terminal has gone (SIGHUP). Running migrations are then seen to their end, and the rest is left for `resume`.
    """

    def __init__(self, clock: SystemClock) -> None:
        self.count, self.hung_up, self._clock = 0, False, clock

    @property
    def any(self) -> bool:
        """True once nothing more is to be begun."""
        return self.count > 0 or self.hung_up

    def install(self) -> None:
        """Handle SIGINT, SIGTERM and SIGHUP from now on; under nohup(1), which ignores it, SIGHUP stays ignored."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self.hung_up = True
        else:
            self.count += 1
        self._clock.wake()

    def pass_on(self, journal: Journal, job_id: str) -> None:
        """Turn what was pressed so far into the job's request."""
        if self.count:
            journal.request(job_id, "cancel" if self.count == 1 else "abort")
        elif self.hung_up:
            journal.request(job_id, "pause")


def carry_out(executor: Executor, interrupts: Interrupts, watch: Watch) -> Job:
    """Execute the job in this process until it ends, or is left paused; the caller holds the lock.

    It is left when the terminal has gone, or when its migrations fail alike, so that who sits there can mend that.
    """
    journal, clock, job_id = executor.journal, executor.clock, executor.job_id
    while True:
        interrupts.pass_on(journal, job_id)
        ended = executor.tick()
        job = journal.job(job_id)
        resting = job.state == "paused" and not any(step.active for step in job.steps)
        gone = interrupts.hung_up and not interrupts.count
        left = resting and (gone or bool(stopped(job)))
        if left and gone:
            journal.update_job(job_id, message=f"{LEFT}: `resume {job_id}` goes on")
        watch(journal.job(job_id))
        if ended or left:
            return journal.job(job_id)
        clock.sleep(TICK)


def follow(journal: Journal, clock: SystemClock, job_id: str, interrupts: Interrupts, watch: Watch, lock: ExecutorLock) -> Job:
    """Watch a job that another process executes until it ends, or until nobody executes it any more: `lock` is then this process's.

    Like one that is carried out here it is left when its migrations fail alike. A signal that whoever holds the lock does not react to,
    a third one, and a closed terminal end the watching; the job stays as it is.
    """
    pressed, since = 0, clock.monotonic()
    while True:
        if interrupts.count != pressed:
            pressed, since = interrupts.count, clock.monotonic()
            interrupts.pass_on(journal, job_id)
        job = journal.job(job_id)
        watch(job)
        unheard = job.state not in ("cancelling", "cancelled") and clock.monotonic() - since > HEARD
        resting = job.state == "paused" and bool(stopped(job))
        if not job.open or resting or interrupts.hung_up or pressed > 2 or (pressed and unheard) or lock.take():
            return job
        clock.sleep(TICK)


def queue_up(lock: ExecutorLock, clock: SystemClock, interrupts: Interrupts) -> bool:
    """Wait while another command, which ends by itself, holds the lock; False when a signal ended the wait, or QUEUES seconds did."""
    began = clock.monotonic()
    while not lock.take() and not lock.holder.service:
        if interrupts.any or clock.monotonic() - began > QUEUES:
            return False
        clock.sleep(TICK)
    return True


def unfinished(journal: Journal) -> list[Job]:
    """Open jobs that an earlier process left behind and that run with the configured account, oldest first; not those left paused."""
    return [job for job in journal.jobs(only_open=True) if not job.credential and job.request != "pause"]
