"""Carries one job out, tick by tick: observe what runs, record it, start what may start, and say truthfully how it ended."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from prs.engine.clock import Clock
from prs.engine.drain.ha_maintenance import HA_MOVING, Maintenance, Switch, moved
from prs.engine.drain.holds import Holds, released
from prs.engine.drain.keep_out import keep_out
from prs.engine.drain.way_back import home
from prs.engine.execution import emptiness
from prs.engine.execution.observe import CANCELLED, CANCELLED_BY_USER, advance, silent
from prs.engine.execution.outcome import job_outcome
from prs.engine.execution.preflight import SECOND_LOOK, Preflight
from prs.engine.execution.ready import startable
from prs.engine.journal.jobs import Job, Step
from prs.engine.waits import Waits
from prs.errors import ApiError, LoginFailed, PveError, Unreachable
from prs.model import Cluster
from prs.pve.act import migration
from prs.pve.act.migration import Location
from prs.pve.api import Api
from prs.pve.read.snapshot import read_cluster

log = logging.getLogger(__name__)

TICK = 2.0  # seconds between two looks at running migrations
GATE_INTERVAL = 10.0  # PVE's own figures are renewed every 10 s: reading them more often tells nothing new
PATIENCE = 900.0  # how long (s) PVE may be unreachable before the job gives up observing
LOGIN_PATIENCE = 60.0  # a refused login may be a key rotation; after this it is final
NEWCOMER_PATIENCE = 180.0  # how long a guest that came during a drain may take until it can be planned
CANCEL_PATIENCE = 300.0  # a task that has been told to stop ends within seconds (SIGKILL after 5 s), or never
STALL = 1800.0  # a migration without progress for this long is cancelled


class Executor:
    """One job and the account it runs with. All state that must survive is in the journal; the rest are waiting times.

    `switch` changes a node's HA maintenance mode, None where that cannot be done; `holds` are the nodes that are kept empty.
    """

    def __init__(self, api: Api, holds: Holds, clock: Clock, job_id: str, switch: Switch | None = None) -> None:
        self.api, self.journal, self.clock, self.job_id = api, holds.journal, clock, job_id
        self._holds, self._waits = holds, Waits(clock)
        self._maintenance = Maintenance(holds, self._waits, switch)
        self._aborted: set[str] = set()
        self._progress: dict[str, migration.Progress] = {}
        self._preflight = Preflight(api, self._waits, clock)
        self._gate_opens = 0.0
        self._looked, self._locked = frozenset[int](), frozenset[int]()  # seq of the steps looked at last, vmids locked then

    def tick(self) -> bool:
        """One round; True when the job has ended. JournalError passes through: without the journal nothing may go on."""
        job = self._begin(self.journal.job(self.job_id))
        if not job.open:
            return True
        self._holds.sync()
        try:
            self._round(job)
            self._waits.forget("trouble")
            return self._conclude()
        except LoginFailed as error:
            return self._trouble(error, LOGIN_PATIENCE)
        except PveError as error:
            return self._trouble(error, PATIENCE)

    def _begin(self, job: Job) -> Job:
        if job.state == "queued":
            if home(job) and not self.journal.maintenance(job.id)[0]:
                self._holds.release(home(job))
            self._job(state="running", started=self.clock.time(), message="")
            self._holds.sync(at_once=True)
            self._log(logging.INFO, f"job {job.id} by {job.user}: {len(job.steps)} migrations")
            return self.journal.job(job.id)
        return job

    def _round(self, job: Job) -> None:
        places = migration.locate_all(self.api)
        for step in job.steps:
            if step.active:
                self._advance(job, step, places)
        job = self.journal.job(self.job_id)
        if job.request in ("cancel", "abort"):
            self._job_state(job, "cancelling")
            for step in job.steps:
                if step.state == "planned":
                    self._step(step, state="cancelled", message="cancelled before it started")
        elif job.request == "pause":
            self._job_state(job, "paused")
        else:
            self._job_state(job, "running")
            self._start_ready(job)

    def _advance(self, job: Job, step: Step, places: Mapping[int, Location]) -> None:
        known, where = self.journal.known_upids(step.vmid), places.get(step.vmid)
        try:
            changes = advance(self.api, step, places, self._waits.lasted(("state", step.seq), step.state), known)
            if changes.get("state") == "failed" and where and _left(job, step, where.node):
                changes = {} if where.ha in HA_MOVING else moved(step, where.node)
            if step.state == "running" and not changes:
                changes = self._observe(step)
                self._watch(step, changes, job.request == "abort")
            self._waits.forget(("silent", step.seq))
        except (ApiError, Unreachable) as error:
            changes = silent(step, places.get(step.vmid), self._waits.lasted(("silent", step.seq)), error)
        if any(getattr(step, name) != value for name, value in changes.items()):
            self._step(step, **changes)

    def _observe(self, step: Step) -> dict[str, Any]:
        """How far a running migration is; nothing when its log may not be read (its state may all the same)."""
        try:
            seen = migration.progress(self.api, step.upid, step.memory, step.disk, self._progress.get(step.upid))
        except ApiError:
            return {}
        self._progress[step.upid] = seen
        return {"done": seen.done, "total": seen.total, "speed": seen.speed, "seconds_left": seen.seconds_left}

    def _watch(self, step: Step, changes: Mapping[str, Any], abort: bool) -> None:
        """Cancel a running migration when the user asked for it, or when nothing of it has moved for too long."""
        stalled = self._waits.lasted(("done", step.seq), changes.get("done", step.done)) > STALL
        if (abort or stalled) and step.upid not in self._aborted:
            self._aborted.add(step.upid)
            why = CANCELLED_BY_USER if abort else f"{CANCELLED}: no progress for {STALL / 60:.0f} minutes"
            self._step(step, message=why)
            migration.cancel(self.api, step.upid)
        elif step.upid in self._aborted and self._waits.lasted(("abort", step.seq)) > CANCEL_PATIENCE:
            self._step(step, state="unknown", message=f"{step.message}, but its task does not end: look at it on {step.source}")

    def _start_ready(self, job: Job) -> None:
        elsewhere = [step for other, step in self.journal.active_steps() if other != self.job_id]
        ready = startable(job.steps, elsewhere, job.policy, self._locked)
        # Steps that have to wait do not hold up others whose turn has just come.
        if not ready or (self.clock.monotonic() < self._gate_opens and self._looked.issuperset(step.seq for step in ready)):
            return
        cluster = read_cluster(self.api, self.clock.time(), job.policy.method, history=0.0)
        cluster = keep_out(cluster, self._holds.held(), job.node or home(job))
        self._locked = frozenset(guest.vmid for guest in cluster.guests if guest.lock)
        ready = startable(job.steps, elsewhere, job.policy, self._locked)
        self._looked = frozenset(step.seq for step in ready)
        words = self._ahead(job, cluster)
        if words:
            self._job(message=words)
        waiting = bool(words)
        for step in () if waiting else ready:
            waiting |= not self._start(self.journal.job(self.job_id), step, cluster, elsewhere)
        if waiting:
            self._gate_opens = self.clock.monotonic() + GATE_INTERVAL

    def _ahead(self, job: Job, cluster: Cluster) -> str:
        """What comes before any request of ours: quorum, HA maintenance mode and the HA manager's own moves; "" when all is ready."""
        if not cluster.quorate:
            return "waiting: the cluster has no quorum"
        words = self._maintenance.settle(job, cluster)
        if words:
            return words
        found, words = self._maintenance.follow(job, cluster)
        for step in job.steps:
            if step.seq in found:
                self._step(step, **found[step.seq])
        # What the manager has just moved must not be started by us on the strength of an older reading.
        return words or ("waiting: the HA manager has moved guests" if found else "")

    def _start(self, job: Job, step: Step, cluster: Cluster, elsewhere: list[Step]) -> bool:
        """Start one step if nothing speaks against it any more; False if it has to wait."""
        verdict = self._preflight.verdict(job, step, cluster, elsewhere)
        if verdict.state:
            if (verdict.state, verdict.words) != (step.state, step.message):
                self._step(step, state=verdict.state, message=verdict.words)
            return verdict.state != "planned"
        step = verdict.step
        changes: dict[str, Any] = {"running": step.running, "disk": step.disk, "total": step.total}
        changes |= {"posted": self.clock.time(), "attempts": step.attempts + 1}
        self._step(step, state="starting", message="", **changes)
        try:
            upid = migration.start(self.api, step.move)
        except ApiError as error:
            # A plain no starts nothing. What changed since the last reading (started, locked, no quorum) is seen at the next one.
            if error.status == 500 and self._waits.lasted(("refused", step.seq)) < SECOND_LOOK:
                self._step(step, state="planned", message=f"waiting: PVE: {error}", attempts=step.attempts)
                return False
            self._step(step, state="failed", message=str(error))
        except Unreachable as error:
            # PVE may have started it all the same: the next ticks look for its task before anything is sent again.
            self._step(step, message=f"no answer to the migrate request ({error}); looking for its task")
        else:
            self._step(step, state="running", upid=upid, started=self.clock.time())
        return True

    def _conclude(self) -> bool:
        job = self.journal.job(self.job_id)
        if job.count("planned", "starting", "running", "verifying"):
            return False
        places = migration.locate_all(self.api) if job.kind == "drain" else {}
        if job.kind == "drain" and not job.request and self._drains_more(job, places):
            return False
        state, words = job_outcome(job, places)
        notes = [self.journal.note(released(job.id)), words, self._maintenance.trouble(job)]
        if state == "cancelled" and job.kind == "drain":
            notes.append(self._maintenance.end(job))
            self._holds.release(job.node, job.id)
        notes.append(self._untold(job))
        words = "; ".join(filter(None, notes))
        self._job(state=state, ended=self.clock.time(), message=words)
        moves = f"{job.count('done')} migrations done"
        self._log(logging.INFO if state == "done" else logging.WARNING, f"job {job.id} {state}: {words or moves}")
        return True

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
        if self.clock.monotonic() < self._gate_opens:
            return True
        self._gate_opens = self.clock.monotonic() + GATE_INTERVAL
        if moves := emptiness.moves_for(self.api, job, late | again, self._holds.held(), self.clock.time()):
            self.journal.append_steps(job.id, moves)
            return True
        return bool(late) and self._waits.lasted("newcomers", len(job.steps)) < NEWCOMER_PATIENCE

    def _trouble(self, error: PveError, patience: float) -> bool:
        """PVE cannot be asked: its migrations go on, so wait; past `patience` say what is not known and end the job."""
        waited = self._waits.lasted("trouble", type(error).__name__)
        if waited < patience:
            self._job(message=f"waiting for PVE: {error}")
            return False
        for step in self.journal.job(self.job_id).steps:
            if step.active:
                where = f"look for the guest on {step.source} and {step.target}"
                self._step(step, state="unknown", message=f"cannot be followed any more ({error}): {where}")
            elif step.open:
                self._step(step, state="skipped", message=f"not started: {error}")
        self._job(state="failed", ended=self.clock.time(), message=str(error))
        self._log(logging.ERROR, f"job {self.job_id} failed: {error}")
        return True

    def _job_state(self, job: Job, state: str) -> None:
        if job.state != state or job.message.startswith("waiting"):
            self._job(state=state, message="")

    def _job(self, **changes: Any) -> None:
        current = self.journal.job(self.job_id)
        if any(getattr(current, name) != value for name, value in changes.items()):
            self.journal.update_job(self.job_id, **changes)

    def _step(self, step: Step, **changes: Any) -> None:
        state = changes.get("state", step.state)
        if state not in ("planned", "starting", "running", "verifying"):
            changes["ended"] = self.clock.time()
        self.journal.update_step(self.job_id, step.seq, **changes)
        if state == step.state and "message" not in changes:
            return
        level = logging.WARNING if state in ("failed", "unknown", "skipped") else logging.INFO
        words = f" ({changes['message']})" if changes.get("message") else ""
        self._log(level, f"{step.label} {step.source} → {step.target}: {state}{words}", step, changes.get("upid", step.upid))

    def _log(self, level: int, words: str, step: Step | None = None, upid: str = "") -> None:
        fields = {"job": self.job_id, "node": step.source if step else "", "vmid": step.vmid if step else "", "upid": upid}
        log.log(level, words, extra={key: value for key, value in fields.items() if value})


def _left(job: Job, step: Step, node: str) -> bool:
    """True when a guest has left the node to drain through the HA manager, for whatever other node that chose."""
    return job.kind == "drain" and step.ha and step.source == job.node and node not in (step.source, step.target)
