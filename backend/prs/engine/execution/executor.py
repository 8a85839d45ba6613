"""Carries one job out, tick by tick: observe what runs, record it, start what may start, and say truthfully how it ended."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from prs.engine.clock import Clock
from prs.engine.drain.ha_maintenance import Maintenance, Switch
from prs.engine.drain.holds import Holds, released
from prs.engine.drain.release import forget, remember
from prs.engine.drain.way_back import home, left_out
from prs.engine.execution import emptiness
from prs.engine.execution.breaker import HELD_UP, stopped, tripped
from prs.engine.execution.outcome import job_outcome
from prs.engine.execution.record import Record
from prs.engine.execution.rides import Rides, troubles
from prs.engine.execution.sight import AGAIN, Sight
from prs.engine.execution.starter import GATE_INTERVAL, Starter
from prs.engine.execution.under_way import UnderWay
from prs.engine.journal.jobs import STEP_OPEN, Job
from prs.engine.journal.rides import drains_with_rides
from prs.engine.waits import Waits, at_most
from prs.errors import LoginFailed, PveError
from prs.planner.quantities import listed, span
from prs.pve.act.migration import Location
from prs.pve.api import Api
from prs.pve.read.snapshot import read_cluster

TICK = 2.0  # seconds between two looks at running migrations
PATIENCE = 900.0  # how long (s) PVE may be unreachable before the job gives up observing
LOGIN_PATIENCE = 60.0  # a refused login may be a key rotation; after this it is final
NEWCOMER_PATIENCE = 180.0  # how long a guest that came during a drain may take until it can be planned


class Executor:
    """One job and the account it runs with. All state that must survive is in the journal; the rest are waiting times.

    `switch` changes a node's HA maintenance mode, None where that cannot be done; `holds` are the nodes that are kept empty.
    """

    def __init__(self, api: Api, holds: Holds, clock: Clock, job_id: str, switch: Switch | None = None) -> None:
        self.api, self.journal, self.clock, self.job_id = api, holds.journal, clock, job_id
        self._holds, self._waits, self._record = holds, Waits(clock), Record(holds.journal, clock, job_id)
        self._maintenance = Maintenance(api, holds, self._waits, switch)
        self._sight = Sight(api, holds.roster, self._waits)
        self._under_way = UnderWay(api, self._record, self._waits)
        self._rides = Rides(api, holds.journal, clock, self._waits)
        self._starter = Starter(api, holds, clock, self._record, self._waits, self._maintenance)
        self._judged = frozenset[int]() if (job := self._record.read()).state == "queued" else _failed(job)
        self._opened = False  # the node of a way back was seen outside of HA maintenance mode
        self._last = ""  # what is waited for when all steps have ended: stays in the job's row until it is over
        self._looks_again = 0.0  # when guests that came during a drain are planned for again (monotonic)

    def tick(self) -> bool:
        """One round; True when the job has ended. JournalError passes through: without the journal nothing may go on."""
        job = self._begin(self._record.read())
        if not job.open:
            return True
        self._holds.sync()
        try:
            waiting = self._round(job)
            self._waits.forget("trouble")
            return self._conclude(waiting)
        except LoginFailed as error:
            return self._trouble(error, LOGIN_PATIENCE)
        except PveError as error:
            return self._trouble(error, PATIENCE)

    def _begin(self, job: Job) -> Job:
        if job.state == "queued":
            if home(job):
                remember(self._holds, home(job))
            if home(job) and not self.journal.maintenance(job.id)[0]:
                self._holds.release(home(job))
            self._record.job(state="running", started=self.clock.time(), message="")
            self._holds.sync(at_once=True)
            self._record.log(logging.INFO, f"job {job.id} by {job.user}: {len(job.steps)} migrations")
            return self._record.read()
        return job

    def _round(self, job: Job) -> str:
        """Observe and start; what the job as a whole waits for, in words that stay in its row as long as that is so."""
        places = self._sight.look(job)
        for step in job.steps:
            if step.active:
                self._under_way.follow(job, step, places)
        job = self._break(self._record.read())
        if job.request in ("cancel", "abort"):
            self._record.job(state="cancelling", message="")
            for step in job.steps:
                if step.state == "planned":
                    self._record.step(step, state="cancelled", message="cancelled before it started")
            return ""
        if job.request == "pause":
            self._record.job(state="paused", message=stopped(job) or HELD_UP)
            return ""
        waiting = self._maintenance.after(job, places)
        if self._sight.short:
            self._starter.waiting = at_most("guests are gone from PVE's list, which is looked at a second time", AGAIN)
        else:
            self._starter.look(job, self._sight.shown(places))
        if job.count(*STEP_OPEN):
            self._last = ""
        words = "; ".join(dict.fromkeys(filter(None, [self._starter.waiting, waiting, self._last])))
        self._record.job(state="running", message=words)
        return waiting

    def _break(self, job: Job) -> Job:
        """The job, paused when its migrations fail alike; going on with it is up to whoever mends the cause."""
        words = tripped(job, self._judged) if not job.request else ""
        if not words:
            return job
        self._judged = _failed(job)
        self._record.log(logging.WARNING, f"job {job.id} is paused: {words}")
        self.journal.request(job.id, "pause")
        return self._record.read()

    def _conclude(self, waiting: str) -> bool:
        job = self._record.read()
        if job.count(*STEP_OPEN) or waiting:
            return False
        places = self._sight.look(job)
        if job.kind == "drain" and not job.request and self._drains_more(job, places):
            return False
        if job.request == "pause" and (drains_with_rides(self.journal, home(job)) if home(job) else any(one.open for one in job.rides)):
            return False
        if words := self._ride(job, places):
            return self._wait(words)
        job, places = self._record.read(), self._sight.look(job) if job.plan.rides else places
        hidden = self._sight.hidden(job.node) if job.kind == "drain" else []
        state, words = job_outcome(job, places, hidden, self._sight.scope)
        drains = drains_with_rides(self.journal, home(job)) if home(job) else []
        off = [ride for drain in drains for ride in self.journal.job(drain).rides]
        state = "partial" if state == "done" and any(ride.ours for ride in off) else state
        if job.kind == "drain" and not self._sight.settled(state == "done"):
            return self._wait(at_most(f"{job.node} is looked at a second time", AGAIN))
        notes = [self.journal.note(released(job.id)), words, *troubles((*job.rides, *off))]
        if job.request in ("cancel", "abort") and state != "done" and job.kind == "drain":
            notes.append(self._maintenance.end(job))
            self._holds.release(job.node, job.id)
        else:
            notes += [self._maintenance.trouble(job, places), emptiness.ready_to_reboot(job, self._sight.scope) if state == "done" else ""]
        notes += [self._left(job), self._untold(job)]
        words = "; ".join(filter(None, notes))
        self._record.job(state=state, ended=self.clock.time(), message=words)
        moves = f"{job.count('done')} migrations done"
        self._record.log(logging.INFO if state == "done" else logging.WARNING, f"job {job.id} {state}: {words or moves}")
        return True

    def _ride(self, job: Job, places: Mapping[int, Location]) -> str:
        """Shut down who rides along once all others have left, start them again on a way back or after a cancel; what is waited for."""
        if job.kind == "drain" and not job.rides:
            return ""
        if job.kind == "drain":
            riding = {ride.vmid for ride in job.rides}
            others = bool(emptiness.still_there(job, places).keys() - riding or self._sight.hidden(job.node))
            ending = job.request in ("cancel", "abort")
            words = self._rides.start(job.id, places) if ending else self._rides.shut_down(job, places, others)
            changed = self._record.read().rides != job.rides  # then HA maintenance mode may have its turn first
            return words or (at_most(f"{job.node} is looked at a second time", AGAIN) if changed else "")
        drains = drains_with_rides(self.journal, home(job)) if home(job) else []
        if drains and not self._opened:
            if words := self._maintenance.before(job, read_cluster(self.api, self.clock.time(), history=0.0)):
                return words
            self._opened = True
        return "; ".join(filter(None, [self._rides.start(drain, places) for drain in drains]))

    def _left(self, job: Job) -> str:
        """What to tell at the end of a way back of guests that are not home: they stay known until they are."""
        node = home(job)
        if node and not left_out(job) and not drains_with_rides(self.journal, node):
            forget(self._holds, node)
        elif node:
            kept = "is still kept empty" if node in self._holds.own() else "gets guests again"
            return f"{node} {kept}; `release {node}` tries again to bring back what is left"
        return ""

    def _untold(self, job: Job) -> str:
        """What to tell at the end of a drain or a way back that the other hosts do not know of."""
        node = job.node or home(job)
        if node:
            self._holds.sync(at_once=True)
        why = self._holds.trouble(node)
        kept = "is kept empty" if node in self._holds.own() else "is released"
        return f"the other hosts could not be told that {node} {kept}: {why}" if why else ""

    def _drains_more(self, job: Job, places: Mapping[int, Location]) -> bool:
        """Take guests along that came during the drain, or whose migration has failed, to a target that they have not tried.

        True while that is possible (a new guest has no load for a while).
        """
        late, again = emptiness.newcomers(job, places), emptiness.failed_guests(self.api, job, places)
        if not late and not again:
            return False
        if self.clock.monotonic() < self._looks_again:
            return True
        self._looks_again = self.clock.monotonic() + GATE_INTERVAL
        switches = self.journal.maintenance(job.id)[0] in ("wanted", "asked")
        if moves := emptiness.moves_for(self.api, job, late | again, self._holds.held(), switches, self.clock.time()):
            self.journal.append_steps(job.id, moves)
            return True
        if not late or self._waits.lasted("newcomers", len(job.steps)) >= NEWCOMER_PATIENCE:
            return False
        names = listed([f"{vmid} ({places[vmid].name})" if places[vmid].name else str(vmid) for vmid in sorted(late)])
        still = f"{'is' if len(late) == 1 else 'are'} still on {job.node}"
        self._wait(at_most(f"no place is known yet for {names}, which {still}", NEWCOMER_PATIENCE))
        return True

    def _wait(self, words: str) -> bool:
        """Say what the job waits for at its end; False, for it has not ended."""
        self._last = words
        self._record.job(message=words)
        return False

    def _trouble(self, error: PveError, patience: float) -> bool:
        """PVE cannot be asked: its migrations go on, so wait; past `patience` say what is not known and end the job."""
        waited = self._waits.lasted("trouble", type(error).__name__)
        if waited < patience:
            self._record.job(message=f"waiting for PVE: {error}, at most {span(patience)}")
            return False
        for step in self._record.read().steps:
            if step.active:
                where = f"look for the guest on {step.source} and {step.target}"
                self._record.step(step, state="unknown", message=f"cannot be followed any more ({error}): {where}")
            elif step.open:
                self._record.step(step, state="skipped", message=f"not started: {error}")
        self._record.job(state="failed", ended=self.clock.time(), message=str(error))
        self._record.log(logging.ERROR, f"job {self.job_id} failed: {error}")
        return True


def _failed(job: Job) -> frozenset[int]:
    return frozenset(step.seq for step in job.steps if step.state == "failed")
