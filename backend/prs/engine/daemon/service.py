"""The daemon: takes jobs from the journal, plans scheduled runs, and can be stopped at any moment without losing either."""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from pathlib import Path

from prs import audit
from prs.config.load import Settings
from prs.engine.clock import SystemClock
from prs.engine.daemon.host import Host
from prs.engine.daemon.leader import leads
from prs.engine.daemon.systemd import Notifier
from prs.engine.daemon.watchdog import Watchdog
from prs.engine.drain.holds import Holds
from prs.engine.drain.keep_out import keep_out
from prs.engine.execution.executor import TICK, Executor
from prs.engine.journal import credentials
from prs.engine.journal.jobs import Job
from prs.engine.journal.journal import Journal
from prs.engine.journal.retention import prune
from prs.engine.loads.memory import FILE, LoadMemory
from prs.engine.loads.recorder import Recorder
from prs.engine.planning import make_plan
from prs.errors import ConfigError, CredentialError, HelperError, JobConflict, JournalError, PrsError
from prs.planner.day.means import reading_of
from prs.pve.api import Api, Renewed
from prs.pve.read.ha import ha_master
from prs.pve.read.quorum import member_nodes

log = logging.getLogger(__name__)

IDLE = 5.0  # seconds between two looks into the journal for a new job
STANDING_BY = "standing by"  # begins the status of a daemon that does not lead
PRUNE = 3600.0  # seconds between two looks for what may leave the journal
TELLS = 180.0  # seconds between two signs of life for the other nodes, which count for 600
STRIKES = 5  # times in a row that a job may fail for a reason nobody has thought of before it is ended
DAY = 86_400.0
HOT_AGAIN = 1800.0  # seconds between two runs that a node with hardly any free memory calls for
RETRY = 300.0  # seconds until a scheduled run that could not be planned, or was not ours to plan, is looked at again


def unforeseen(error: Exception) -> str:
    """An error that nobody has thought of, with the place where it happened: enough for a report, on one line."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" in {Path(last[0].filename).name} line {last[0].lineno}" if last else ""
    return f"{type(error).__name__}{where}: {' '.join(str(error).split())[:200]}"


class Service:
    """One daemon. `stop` and `reload` only set flags, so signal handlers may call them."""

    def __init__(self, host: Host, settings: Settings, journal: Journal, clock: SystemClock, notifier: Notifier) -> None:
        self._host, self._settings, self._journal, self._clock, self._notifier = host, settings, journal, clock, notifier
        memory = LoadMemory(settings.state_dir / FILE)
        self._recorder = Recorder(memory, clock, self._connect, self._leading)
        self._holds = Holds(journal, clock, host.shared_holds)
        self._executors: dict[str, Executor] = {}
        self._strikes: Counter[str] = Counter()  # job -> failures in a row
        self._taken: set[str] = set()  # jobs whose taking was told
        self._stopping = self._reloading = False
        self._next_look = self._next_prune = self._next_hot = 0.0
        self._status = ""
        self._turned = clock.monotonic()
        self._written = host.written()
        self._told = -TELLS

    def idle(self) -> float:
        """Seconds since the loop last came round."""
        return self._clock.monotonic() - self._turned

    def stop(self) -> None:
        """Start nothing more and return from run(); PVE goes on with running migrations, the next start follows them up."""
        self._stopping = True
        self._clock.wake()

    def reload(self) -> None:
        """Read the configuration again at the next turn."""
        self._reloading = True
        self._clock.wake()

    def run(self) -> None:
        """Work until stopped."""
        credentials.sweep(self._settings.credentials_dir, {job.credential for job in self._journal.jobs(only_open=True)})
        watchdog = Watchdog(self._notifier, self.idle)
        watchdog.start()
        self._notifier.ready("starting")
        while not self._stopping:
            if self._reloading:
                self._reload()
            self._clock.sleep(self.turn())
        watchdog.stop()
        self._notifier.stopping()
        if self._told > 0:
            self._tell(alive=False)
        left = ", ".join(sorted(self._executors))
        log.info("stopped%s", f"; jobs {left} go on at the next start" if left else "")

    def turn(self) -> float:
        """Do what is due now and give the seconds until the next turn."""
        self._turned = self._clock.monotonic()
        if (written := self._host.written()) != self._written:
            self._written, without, pending = written, self._settings.endpoint is None, self._next_look
            self._reload()
            # Whoever has just made the account may want to look at a plan first, and write a policy; a reload by hand begins at once.
            self._next_look = self._clock.monotonic() + RETRY if without else pending
            self._next_hot = max(self._next_hot, self._next_look if without else 0.0)
        if self._settings.endpoint is not None and self._turned - self._told >= TELLS:
            self._told = self._turned
            self._tell(alive=True)
        try:
            for job in self._journal.jobs(only_open=True):
                self._safely(job)
            self._holds.sync()
            self._prune()
            if not self._executors:
                self._schedule()
            if self._settings.endpoint is not None:
                self._recorder.turn()
        except JournalError as error:
            self._say(f"cannot work: {error}", logging.ERROR)
            return IDLE
        except Exception as error:  # noqa: BLE001 - the last resort: whatever it was, running jobs are not left alone for it
            self._say(f"something unforeseen failed, next try in {IDLE:.0f} seconds: {unforeseen(error)}", logging.ERROR)
            return IDLE
        return TICK if self._executors else IDLE

    def _prune(self) -> None:
        if self._clock.monotonic() < self._next_prune:
            return
        self._next_prune = self._clock.monotonic() + PRUNE
        gone = prune(self._journal, self._clock.time(), self._settings.keep_days, self._settings.keep_size)
        if gone:
            log.info("%d old jobs left the journal", gone)

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
            api = self._executors[job.id].api
            if job.credential and not ended and isinstance(api, Renewed):
                credentials.renew(self._settings.credentials_dir, job.credential, *api.ticket())
        except JournalError:
            raise
        except PrsError as error:
            self._end(job, error)
            return
        if ended:
            self._forget(job)

    def _end(self, job: Job, error: PrsError) -> None:
        self._give_up(job, error)
        self._forget(job)

    def _forget(self, job: Job) -> None:
        self._executors.pop(job.id, None)
        self._taken.discard(job.id)
        if job.credential:
            credentials.delete(self._settings.credentials_dir, job.credential)

    def _account(self, job: Job) -> Api:
        """A job from the web runs with its user's own ticket, every other with the configured account."""
        if job.credential:
            return self._host.connect(credentials.open(self._settings.credentials_dir, job.credential))
        if job.origin == "web":
            raise CredentialError("a job from the web interface has no login of its user: start it again")
        return self._host.connect(self._settings.require_endpoint())

    def _give_up(self, job: Job, error: PrsError) -> None:
        """The job cannot be taken at all: end it, and say of each migration that may be running what to look at."""
        for step in job.steps:
            if step.active:
                words = f"cannot be followed: look for the guest on {step.source} and {step.target}"
                self._journal.update_step(job.id, step.seq, state="unknown", message=words, ended=self._clock.time())
            elif step.open:
                self._journal.update_step(job.id, step.seq, state="skipped", message="not started", ended=self._clock.time())
        self._journal.update_job(job.id, state="failed", message=str(error), ended=self._clock.time())
        log.error("job %s failed: %s", job.id, error, extra={"job": job.id})

    def _schedule(self) -> None:
        """Plan the periodic run when it is due and this daemon leads."""
        settings, now = self._settings, self._clock.time()
        if settings.endpoint is None:
            self._say(f"serving jobs of the web interface; no scheduled runs: {' '.join(settings.missing)}")
            return
        last = float(self._journal.note("last_run") or 0)
        if self._recorder.fullest > settings.policy.hot_over and abs(now - last) >= HOT_AGAIN and self._clock.monotonic() >= self._next_hot:
            self._next_hot = self._clock.monotonic() + HOT_AGAIN
            log.warning("a node uses %.0f%% of its memory, more than %.0f%%: this run does not wait for the schedule",
                        self._recorder.fullest * 100, settings.policy.hot * 100)
            last = self._next_look = 0.0
        if abs(now - last) < settings.schedule or self._clock.monotonic() < self._next_look:
            if not self._status.startswith(STANDING_BY) or abs(now - last) < settings.schedule:
                self._say(f"idle; next look at the cluster in {max(0.0, last + settings.schedule - now) / 3600:.1f} h")
            return
        self._next_look = self._clock.monotonic() + RETRY
        try:
            if self._plan_run(settings, now):
                self._journal.note("last_run", str(now))
                self._next_look = 0.0
        except JournalError:
            raise
        except PrsError as error:
            self._say(f"the scheduled run could not be planned, next try in {RETRY / 60:.0f} minutes: {error}", logging.ERROR)

    def _plan_run(self, settings: Settings, now: float) -> bool:
        """Plan and queue one run; False if another daemon leads, which is known before anything else is read."""
        api = self._connect()
        leading, why = self._leading(api)
        if not leading:
            self._say(f"{STANDING_BY}: {why}")
            return False
        held = self._holds.held()
        memory, moved = self._recorder.memory, self._journal.moved_since(now - DAY)
        cluster, plan = make_plan(api, settings.policy, now, None, lambda cluster: keep_out(cluster, held), self._holds.roster,
                                  lambda cluster: memory.forecast(cluster, now, moved))
        self._recorder.made(reading_of(cluster))
        log.info("scheduled run: %s", plan.summary)
        for warning in dict.fromkeys((*cluster.problems, *plan.warnings)):
            log.warning("%s", warning)
        if plan.moves and settings.dry_run:
            log.info("dry run: nothing is migrated")
        elif plan.lacking:
            log.error("the scheduled run is not started: %s", plan.lacking)
        elif plan.moves:
            plan_id = self._journal.add_plan(plan, settings.policy, api.user)
            try:
                audit.note(audit.Deed("start", api.user, "schedule", self._journal.add_job(plan_id, api.user, "schedule", now)))
            except JobConflict as error:
                log.warning("the scheduled run waits for its next turn: %s", error)
        return True

    def _connect(self) -> Api:
        return self._host.connect(self._settings.require_endpoint())

    def _leading(self, api: Api) -> tuple[bool, str]:
        """Whether this daemon leads, and why."""
        leading, why = leads(self._host.name, ha_master(api), member_nodes(api), self._host.alive(self._clock.time()))
        self._recorder.told(leading)
        return leading, why

    def _tell(self, alive: bool) -> None:
        try:
            self._host.tell_alive(alive)
        except HelperError as error:
            log.debug("the other nodes are not told of this service: %s", error)

    def _reload(self) -> None:
        self._reloading = False
        self._notifier.reloading()
        try:
            self._settings = self._host.load()
            for warning in (*self._settings.mistakes, *self._settings.warnings):
                log.warning("%s", warning)
            log.info("configuration read again; running jobs keep the limits they started with")
        except ConfigError as error:
            for mistake in error.mistakes:
                log.error("%s", mistake)
            log.error("the old configuration stays in force")
        self._next_look = 0.0
        self._notifier.ready(self._with_mistakes(self._status) if self._status else "")

    def _say(self, words: str, level: int = logging.INFO) -> None:
        """Report a new state once: in the log, and where systemctl status shows it."""
        if words == self._status:
            return
        kind, old = words.split(":")[0].split(";")[0], self._status.split(":")[0].split(";")[0]
        self._status = words
        self._notifier.status(self._with_mistakes(words))
        if kind != old:
            log.log(level, "%s", words)

    def _with_mistakes(self, words: str) -> str:
        """The status with what is wrong in the settings, which the last good ones stand in for."""
        return f"{words}; the settings have mistakes: {' '.join(self._settings.mistakes)}" if self._settings.mistakes else words
