"""The periodic run: when it is due, which daemon makes it, what becomes of its plan; and how it stands, for whoever asks."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import replace

from prs import audit
from prs.config.calendar import Calendar
from prs.config.load import Settings
from prs.engine.clock import SystemClock
from prs.engine.daemon.busy import Wait, busy, not_now
from prs.engine.daemon.endings import give_way, resting
from prs.engine.daemon.host import Host
from prs.engine.daemon.leader import leader
from prs.engine.daemon.suggested import Suggested
from prs.engine.drain.holds import Holds
from prs.engine.drain.keep_out import keep_out
from prs.engine.journal.automation import Automation, automation, tell_automation
from prs.engine.journal.journal import Journal
from prs.engine.loads.recorder import Recorder
from prs.engine.planning import make_plan
from prs.errors import JobConflict, JournalError, PrsError
from prs.model import Plan
from prs.planner.day.means import reading_of
from prs.pve.api import Api
from prs.pve.read.ha import ha_master
from prs.pve.read.quorum import member_nodes

log = logging.getLogger(__name__)

NEVER = "idle; the schedule names no moment that is still to come"
UNKNOWN = "settings of the cluster that can be read and have no mistakes"  # waited for
STANDING_BY = "standing by"  # begins the status of a daemon that does not lead
DAY = 86_400.0
HOT_AGAIN = 1800.0  # seconds between two runs that a node with hardly any free memory calls for
MISSED = 600.0  # seconds after the moment that a run was asked for in which a service that has just been started still makes it
LEFT = "left_run"  # the journal's note of the run that was asked for while another service led
RETRY = 300.0  # seconds until a scheduled run that could not be planned, or was not ours to plan, is looked at again
SAVES = 60.0  # a next run that has moved by less than these seconds is not written down anew

Say = Callable[..., None]  # what the service shows as its state; the level of the log may be given


class Schedule:
    """One daemon's runs by schedule; `say` shows the daemon's state, `outdated` tells whether other settings are to be read by now."""

    def __init__(
        self, host: Host, journal: Journal, clock: SystemClock, recorder: Recorder, holds: Holds, say: Say, outdated: Callable[[], bool],
    ) -> None:  # fmt: skip
        self._outdated = outdated
        self._host, self._journal, self._clock, self._recorder, self._holds, self._say = host, journal, clock, recorder, holds, say
        self._suggested = Suggested(host, journal, clock, holds)
        self.next_look = self._next_hot = 0.0  # of the monotonic clock
        self._told_why = False  # why nothing is planned although it is time
        self._begun = clock.time()
        self._counted: tuple[Calendar | None, float] = (None, 0.0)  # a calendar's event, and from when its times count here
        self._called, self._asked = False, 0.0  # something calls for a run before its time; the last run that somebody has asked for

    def put_off(self, until: float, hot: bool = False) -> None:
        """Look at nothing before this moment of the monotonic clock; with `hot` not at a node without free memory either."""
        self.next_look = until
        self._next_hot = max(self._next_hot, until if hot else 0.0)

    def leading(self, api: Api) -> tuple[bool, str]:
        """Whether this daemon leads, and why."""
        name, why = leader(self._host.name, ha_master(api), member_nodes(api), self._host.alive(self._clock.time()))
        self._recorder.told(name == self._host.name)
        self._told(leader=name, why=why)
        return name == self._host.name, why

    def busy(self, paused: bool = False) -> None:
        """A job is carried out, or paused: the next run waits for its end."""
        if not self._told_why:
            self._told(waiting="a paused job to be resumed or cancelled" if paused else "a job that is being carried out")

    def turn(self, settings: Settings) -> None:
        """Plan the periodic run when it is due and this daemon leads."""
        now = self._clock.time()
        self._suggested.turn(settings)
        if settings.endpoint is None:
            self._say(f"serving jobs of the web interface; no scheduled runs: {' '.join(settings.missing)}")
            lacks = "an account, which `proxmox-rebalancing-service setup` makes on any node" if settings.lacks_account else UNKNOWN
            self._told(leader="", why="", waiting=lacks, next_run=0.0, lacks_account=settings.lacks_account)
            return
        self._told(lacks_account=False)
        last = float(self._journal.note("last_run") or 0)
        asked = self._asked_for(settings, now, last)
        if settings.level == "off" and not asked:
            self._say("serving jobs of the web interface; automatic balancing is off")
            self._told(waiting="", next_run=0.0)
            return
        if settings.level == "off":
            settings = replace(settings, automation="on")  # for the one run that somebody has asked for
        due = now if asked or self._calls(settings, now, last) else self._due(settings, now, last)
        if due > now or self._clock.monotonic() < self.next_look:
            if not self._told_why or due > now:
                self._say(f"idle; next look at the cluster in {max(0.0, due - now) / 3600:.1f} h" if due < math.inf else NEVER)
                self._told(waiting="its time", next_run=max(due, now + self.next_look - self._clock.monotonic()) if due < math.inf else 0.0)
            return
        if not asked and (wait := not_now(settings, now)):
            self._waits(wait)
            return
        self.next_look, self._told_why = self._clock.monotonic() + RETRY, False
        try:
            if self._run(settings, now, asked):
                self._journal.note("last_run", str(now))
                self.next_look, self._called = 0.0, False
                self._told(waiting="its time", next_run=self._due(settings, now, now), last_run=now)
        except JournalError:
            raise
        except PrsError as error:
            self._told_why = True
            self._say(f"the scheduled run could not be planned, next try in {RETRY / 60:.0f} minutes: {error}", logging.ERROR)
            self._told(waiting=f"the next try, because this one could not be planned: {error}", next_run=now + RETRY)

    def _asked_for(self, settings: Settings, now: float, last: float) -> bool:
        """Whether somebody has asked for one run more, by now, and it is not another's, or was when this service was not there."""
        found = last < settings.run_at <= now < settings.run_at + DAY and self._begun < settings.run_at + MISSED
        found = found and self._journal.note(LEFT) != str(settings.run_at)
        if found and settings.run_at != self._asked:
            self._asked, self.next_look = settings.run_at, 0.0
        return found

    def _calls(self, settings: Settings, now: float, last: float) -> bool:
        """Whether a node that is nearly full, or one that has come back, calls for a run; it does until there was one."""
        back = self._recorder.returned
        if settings.on_return and not self._called and back > max(last, self._begun, now - DAY):
            log.info("a node has come back: this run does not wait for the schedule")
            self._called = True
        full = self._recorder.fullest
        if full > settings.policy.hot_over and abs(now - last) >= HOT_AGAIN and self._clock.monotonic() >= self._next_hot:
            self._next_hot = self._clock.monotonic() + HOT_AGAIN
            log.warning("a node uses %.0f%% of its memory, more than %.0f%%: this run does not wait for the schedule",
                        full * 100, settings.policy.hot * 100)
            self._called, self.next_look = True, 0.0
        return self._called

    def _due(self, settings: Settings, now: float, last: float) -> float:
        """When the next run is due, by its interval or its calendar; a time that nobody was there for is left out."""
        event = settings.calendar
        if event is None:
            return now if abs(now - last) >= settings.schedule else last + settings.schedule
        if self._counted[0] != event:
            note, text = (self._journal.note("awaited") or "0 ").split(" ", 1)
            self._counted = event, float(note) - 1 if text == event.text and now - float(note) < DAY else now
        due = event.next_after(max(self._counted[1], last if last <= now else 0.0))
        if due is None:
            return math.inf
        if due <= now and (note := f"{due} {event.text}") != self._journal.note("awaited"):
            self._journal.note("awaited", note)  # a service that is started again in between knows that it is due
        return due

    def _waits(self, wait: Wait) -> None:
        """It is due, and something stands against it."""
        words, until = wait
        self._told_why = True
        self._say(f"the scheduled run waits for {words}")
        self._told(waiting=words, next_run=until)

    def _run(self, settings: Settings, now: float, asked: bool) -> bool:
        """Plan and queue one run; False if another daemon leads, which is known before anything else is read, or it has to wait."""
        api = self._host.connect(settings.require_endpoint())
        leading, why = self.leading(api)
        if not leading:
            self._told_why, self._called = True, False
            self._counted = settings.calendar, now
            if asked:
                self._journal.note(LEFT, str(settings.run_at))  # whoever leads makes it; also when this one comes to lead later
            self._say(f"{STANDING_BY}: {why}")
            self._told(waiting="", next_run=0.0)
            return False
        if not asked and (wait := busy(api, settings, now)):
            self._waits(wait)
            return False
        held = self._holds.held()
        policy, memory, moved = self._recorder.learned(api, settings.policy), self._recorder.memory, self._journal.moved_since(now - DAY)
        policy = replace(policy, unattended=settings.level == "on")
        cluster, plan = make_plan(api, policy, now, None, lambda cluster: keep_out(cluster, held), self._holds.roster,
                                  lambda cluster: memory.forecast(cluster, now, moved))
        self._recorder.made(reading_of(cluster), cluster.nodes)
        if self._outdated():  # who has switched it off, or said what is to stay, meanwhile, must not see it begin all the same
            log.info("the settings were changed while the scheduled run was planned: it is looked at again with the new ones")
            self.next_look = 0.0
            return False
        log.info("scheduled run: %s", plan.summary)
        for warning in dict.fromkeys((*cluster.problems, *plan.warnings)):
            log.warning("%s", warning)
        self._take(settings, plan, api.user, now)
        return True

    def _take(self, settings: Settings, plan: Plan, user: str, now: float) -> None:
        """Start the plan, or keep it for somebody to decide."""
        result, job, kept = plan.summary, "", ""
        if plan.moves and settings.level == "suggest" and not plan.lacking:
            kept = self._journal.add_plan(plan, settings.policy, user)
            log.info("%s: nothing is migrated; the plan is %s", "dry run" if settings.dry_run else "only suggested", kept)
        elif plan.lacking:
            log.error("the scheduled run is not started: %s", plan.lacking)
            result = f"{result} Not started: {plan.lacking}"
        else:
            for rests in filter(resting, self._journal.jobs(only_open=True)):
                give_way(self._journal, rests, now)
        if plan.moves and settings.level != "suggest" and not plan.lacking:
            try:
                job = self._journal.add_job(self._journal.add_plan(plan, settings.policy, user), user, "schedule", now)
                audit.note(audit.Deed("start", user, "schedule", job))
            except JobConflict as error:
                log.warning("the scheduled run waits for its next turn: %s", error)
                result = f"{result} Not started: {error}"
        self._told(result=result, job=job, plan=kept, withdrawn="")

    def _told(self, **facts: object) -> None:
        """Write down what has changed of how things stand."""
        known = automation(self._journal)
        state: Automation = replace(known, **facts)  # type: ignore[arg-type]
        if abs(state.next_run - known.next_run) < SAVES:
            state = replace(state, next_run=known.next_run)
        tell_automation(self._journal, state)
