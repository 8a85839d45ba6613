"""The open jobs of this host while the daemon runs: each has its executor, with its user's ticket or the configured account."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable

from prs.config.load import Settings
from prs.engine.clock import SystemClock
from prs.engine.daemon.endings import give_up, unforeseen
from prs.engine.daemon.host import Host
from prs.engine.drain.holds import Holds
from prs.engine.execution.executor import Executor
from prs.engine.journal import credentials
from prs.engine.journal.jobs import Job
from prs.errors import CredentialError, JournalError, PrsError
from prs.pve.api import Api, Renewed

log = logging.getLogger(__name__)

STRIKES = 5  # times in a row that a job may fail for a reason nobody has thought of before it is ended


class Serving:
    """Takes jobs from the journal. `say` tells how the job at hand stands."""

    def __init__(self, host: Host, settings: Settings, holds: Holds, clock: SystemClock, say: Callable[[str], None]) -> None:
        self._host, self._settings, self._holds, self._journal, self._clock, self._say = host, settings, holds, holds.journal, clock, say
        self._executors: dict[str, Executor] = {}
        self._strikes: Counter[str] = Counter()  # job -> failures in a row
        self._taken: set[str] = set()  # jobs whose taking was told
        self._unkept: set[str] = set()  # jobs whose renewed ticket could not be kept, which was told

    @property
    def jobs(self) -> list[str]:
        """The jobs at hand, by id."""
        return list(self._executors)

    def turn(self, settings: Settings) -> None:
        """Let every open job go on; one that fails does not keep the others from it. JournalError."""
        self._settings = settings
        for job in self._journal.jobs(only_open=True):
            self._safely(job)

    def give(self, job_id: str) -> None:
        """Another host goes on with the job."""
        self._executors.pop(job_id, None)

    def forget(self, job: Job) -> None:
        """The job has ended, and its login goes."""
        self._executors.pop(job.id, None)
        self._taken.discard(job.id)
        self._unkept.discard(job.id)
        if job.credential:
            credentials.delete(self._settings.credentials_dir, job.credential)

    def _safely(self, job: Job) -> None:
        """Serve one job; whatever nobody has thought of is named and does not keep the other jobs from going on."""
        try:
            self._serve(job)
            self._strikes.pop(job.id, None)
        except JournalError:
            raise
        except Exception as error:  # noqa: BLE001 - the other jobs go on
            self._strikes[job.id] += 1
            self._executors.pop(job.id, None)
            words = unforeseen(error)
            log.error("job %s: %s (failure %d of %d)", job.id, words, self._strikes[job.id], STRIKES, extra={"job": job.id})
            if self._strikes[job.id] >= STRIKES:
                self._end(job, PrsError(f"given up after {STRIKES} unforeseen failures: {words}"))

    def _serve(self, job: Job) -> None:
        try:
            if job.id not in self._executors:
                resumed = " (resumed)" if job.state != "queued" else ""
                if job.id not in self._taken:
                    log.info("taking job %s of %s%s", job.id, job.user, resumed, extra={"job": job.id})
                self._taken.add(job.id)
                self._executors[job.id] = Executor(self._account(job), self._holds, self._clock, job.id, self._host.switch)
            ended = self._executors[job.id].tick()
            # Only now: while the journal cannot be written, this and that would be told in turn, for ever.
            done = f"{job.count('done')} of {len(job.final)} migrations done"
            self._say(f"job {job.id} is paused: {done}; {job.message}" if job.state == "paused" else f"job {job.id}: {done}")
            if not ended:
                self._keep_ticket(job, self._executors[job.id].api)
        except JournalError:
            raise
        except PrsError as error:
            self._end(job, error)
            return
        if ended:
            self.forget(job)

    def _keep_ticket(self, job: Job, api: Api) -> None:
        """Keep a renewed ticket for a restart; where it cannot be kept, as in a memory that is full, the job goes on all the same."""
        if not job.credential or not isinstance(api, Renewed):
            return
        try:
            credentials.renew(self._settings.credentials_dir, job.credential, *api.ticket())
            self._unkept.discard(job.id)
        except CredentialError as error:
            if job.id not in self._unkept:
                log.warning("job %s would have no login after a restart: %s", job.id, error, extra={"job": job.id})
            self._unkept.add(job.id)

    def _end(self, job: Job, error: PrsError) -> None:
        give_up(self._journal, job, error, self._clock.time())
        self.forget(job)

    def _account(self, job: Job) -> Api:
        """A job from the web runs with its user's own ticket, every other with the configured account."""
        if job.credential:
            return self._host.connect(credentials.open(self._settings.credentials_dir, job.credential))
        if job.origin == "web":
            raise CredentialError("a job from the web interface has no login of its user: start it again")
        return self._host.connect(self._settings.require_endpoint())
