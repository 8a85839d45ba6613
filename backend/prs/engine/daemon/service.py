"""The daemon: takes jobs from the journal, plans scheduled runs, and can be stopped at any moment without losing either."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from prs.config.load import Settings
from prs.engine.clock import SystemClock
from prs.engine.daemon.endings import resting, unforeseen
from prs.engine.daemon.forgotten import Starts, forgotten
from prs.engine.daemon.host import Host
from prs.engine.daemon.notices import Notices
from prs.engine.daemon.schedule import RETRY, Schedule
from prs.engine.daemon.serving import Serving
from prs.engine.daemon.systemd import Notifier
from prs.engine.daemon.watchdog import Watchdog
from prs.engine.drain.holds import Holds
from prs.engine.execution.executor import TICK
from prs.engine.journal import credentials
from prs.engine.journal.journal import Journal
from prs.engine.journal.lock import other_at_work
from prs.engine.journal.requests import tell_requests
from prs.engine.journal.retention import counted, prune
from prs.engine.loads.memory import FILE, LoadMemory
from prs.engine.loads.recorder import Recorder
from prs.engine.rolling import noout
from prs.engine.rolling.carrier import Carrier
from prs.engine.rolling.runs import ACCOUNT, AT_WORK
from prs.errors import ConfigError, HelperError, JournalError, PveError
from prs.planner.problem.names import Ignored
from prs.pve.api import Api
from prs.pve.http import tally

log = logging.getLogger(__name__)

IDLE = 5.0  # seconds between two looks into the journal for a new job
PRUNE = 3600.0  # seconds between two looks for what may leave the journal
COUNTS = 60.0  # seconds between two notes of how often PVE was asked
TELLS = 180.0  # seconds between two signs of life for the other nodes, which count for 600


class Service:
    """One daemon. `stop` and `reload` only set flags, so signal handlers may call them."""

    def __init__(
        self, host: Host, settings: Settings, journal: Journal, clock: SystemClock, notifier: Notifier, written: object = None,
    ) -> None:  # fmt: skip
        """`written` is the host's sign of the settings from before they were read; None: nobody can have written them since."""
        self._host, self._settings, self._journal, self._clock, self._notifier = host, settings, journal, clock, notifier
        memory = LoadMemory(settings.state_dir / FILE)
        self._recorder = Recorder(memory, clock, self._connect, lambda api: self._schedule.leading(api), self._counted)
        self._holds = Holds(journal, clock, host.shared_holds)
        outdated: Callable[[], bool] = lambda: self._reloading or self._host.written() != self._written  # noqa: E731
        self._schedule = Schedule(host, journal, clock, self._recorder, self._holds, self._calm, outdated)
        self._carrier = Carrier(host.shared_round, self._holds, clock, host.name, self._connect, host.alive, host.switch, host.hook)
        self._notices = Notices(journal, clock, host.name, host.shared_round, host.notify)
        self._serving = Serving(host, settings, self._holds, clock, self._say)
        self._stopping = self._reloading = False
        self._starts = Starts(self._holds, clock)
        self._next_prune = self._next_count = self._next_start = 0.0
        self._status, self._unable, self._unread = "", False, ""
        self._turned = clock.monotonic()
        self._written = written or host.written()
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
                self._reloading = False  # a signal that comes from now on means once more
                self._reload()
            self._clock.sleep(self.turn())
        watchdog.stop()
        self._notifier.stopping()
        if self._told > 0:
            self._tell(alive=False)
        left = ", ".join(sorted(self._serving.jobs))
        log.info("stopped%s", f"; jobs {left} go on at the next start" if left else "")

    def turn(self) -> float:
        """Do what is due now and give the seconds until the next turn."""
        self._turned = self._clock.monotonic()
        if (written := self._host.written()) != self._written:
            self._written, without, pending = written, self._settings.endpoint is None, self._schedule.next_look
            self._reload()
            # Whoever has just made the account may want to look at a plan first, and write a policy; a reload by hand begins at once.
            self._schedule.put_off(self._clock.monotonic() + RETRY if without else pending, hot=without)
        if self._settings.endpoint is not None and self._turned - self._told >= TELLS:
            self._told = self._turned
            self._tell(alive=True)
        self._notices.stands(self._unable, self._settings)
        try:
            for job_id in self._carrier.turn():
                self._serving.give(job_id)
            self._serving.turn(self._settings)
            self._holds.sync()
            self._note_account()
            self._clear_noout()
            self._start_forgotten()
            self._prune()
            self._plan_ahead()
            if self._settings.endpoint is not None:
                self._recorder.turn(self._host.alive(self._clock.time()))
            self._count()
            self._notices.turn(self._settings)
        except JournalError as error:
            self._say(f"cannot work: {error}", logging.ERROR)
            return IDLE
        except Exception as error:  # noqa: BLE001 - the last resort: whatever it was, running jobs are not left alone for it
            self._say(f"something unforeseen failed, next try in {IDLE:.0f} seconds: {unforeseen(error)}", logging.ERROR)
            return IDLE
        return TICK if self._serving.jobs else IDLE

    def _prune(self) -> None:
        if self._clock.monotonic() < self._next_prune:
            return
        self._next_prune = self._clock.monotonic() + PRUNE
        gone = prune(self._journal, counted(self._journal, self._clock.time()), self._settings.keep_days, self._settings.keep_size)
        if gone:
            log.info("%d old jobs left the journal", gone)

    def _note_account(self) -> None:
        """Leave the account's name for those who ask what it may do."""
        endpoint = self._settings.endpoint
        name = "" if endpoint is None else f"{endpoint.user}!{endpoint.token_name}" if endpoint.token_name else endpoint.user
        if self._journal.note(ACCOUNT) != name:
            self._journal.note(ACCOUNT, name)

    def _clear_noout(self) -> None:
        """Take back the flag of a rolling run that has died, or could not do so itself."""
        if not self._journal.note(noout.NOTE) or other_at_work(self._journal.note(AT_WORK)) or self._settings.endpoint is None:
            return
        try:
            node = noout.take_back(self._connect(), self._journal)
            log.warning("Ceph's flag noout is taken back, which was set for the reboot of %s", node)
        except PveError as error:
            self._say(f"Ceph's flag noout is still set: {error}", logging.WARNING)

    def _start_forgotten(self) -> None:
        """Start guests that a drain has shut down and that are nobody's business any more."""
        if self._clock.monotonic() < self._next_start or self._settings.endpoint is None:
            return
        self._next_start = self._clock.monotonic() + IDLE
        if (drains := forgotten(self._holds, self._carrier.at)) and not other_at_work(self._journal.note(AT_WORK)):
            try:
                self._starts.turn(self._connect(), drains)
            except PveError as error:
                self._say(f"guests that were shut down cannot be started: {error}", logging.WARNING)

    def _count(self) -> None:
        if self._clock.monotonic() >= self._next_count:
            self._next_count = self._clock.monotonic() + COUNTS
            tell_requests(self._journal, tally.sent())

    def _plan_ahead(self) -> None:
        """Let the schedule go on where no job is at work; one of its own that rests does not hold it up."""
        jobs = [self._journal.job(job_id) for job_id in self._serving.jobs]
        if self._carrier.open or not all(map(resting, jobs)):
            self._schedule.busy(paused=bool(jobs) and all(job.state == "paused" for job in jobs))
            return
        self._schedule.turn(self._settings)
        for job in jobs:
            if not self._journal.job(job.id).open:
                self._serving.forget(job)

    def _calm(self, words: str, level: int = logging.INFO) -> None:
        """Report what the schedule does, unless a job that rests has said how things stand."""
        if not self._serving.jobs or level > logging.INFO:
            self._say(words, level)

    def _counted(self, nodes: Collection[str]) -> frozenset[str]:
        """Those of the nodes that take part in balancing."""
        ignored, held = Ignored(self._settings.policy.ignore_nodes), self._holds.held()
        return frozenset(name for name in nodes if name not in held and not ignored.has(name))

    def _connect(self) -> Api:
        return self._host.connect(self._settings.require_endpoint())

    def _tell(self, alive: bool) -> None:
        try:
            self._host.tell_alive(alive)
        except HelperError as error:
            log.debug("the other nodes are not told of this service: %s", error)

    def _reload(self) -> None:
        self._notifier.reloading()
        try:
            self._settings = self._host.load()
            self._unread = ""
            for warning in (*self._settings.mistakes, *self._settings.warnings):
                log.warning("%s", warning)
            log.info("configuration read again; running jobs keep the limits they started with")
        except ConfigError as error:
            for mistake in error.mistakes:
                log.error("%s", mistake)
            log.error("the old configuration stays in force")
        except OSError as error:  # also a look at a file fails below a pmxcfs that has died, until it is started again
            if self._unread != str(error):
                log.error("the configuration cannot be read, the old one stays in force until it can: %s", error)
            self._unread = str(error)
            self._written = object()  # nothing has this sign, so that it is read again though nobody writes it anew
        self._carrier.forget()
        self._schedule.put_off(0.0)
        self._notifier.ready(self._with_mistakes(self._status) if self._status else "")

    def _say(self, words: str, level: int = logging.INFO) -> None:
        """Report a new state once: in the log, and where systemctl status shows it."""
        self._unable = level >= logging.ERROR
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
