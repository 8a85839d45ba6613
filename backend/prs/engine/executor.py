"""Carries one job out, tick by tick: observe what runs, record it, start what may start, and say truthfully how it ended."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from prs.engine import drained, gate
from prs.engine.advance import CANCELLED, CANCELLED_BY_USER, HA_MOVING, advance, silent
from prs.engine.back import home
from prs.engine.clock import Clock
from prs.engine.ending import ending
from prs.engine.held import keep_out
from prs.engine.jobs import Job, Step
from prs.engine.journal import Journal
from prs.engine.maintenance import Maintenance, Switch, moved
from prs.engine.waits import Waits
from prs.errors import ApiError, LoginFailed, PveError, Unreachable
from prs.model import Cluster, Guest
from prs.pve import migration
from prs.pve.api import Api
from prs.pve.migration import Where
from prs.pve.snapshot import read_cluster

log = logging.getLogger(__name__)

TICK = 2.0  # seconds between two looks at running migrations
GATE_INTERVAL = 10.0  # PVE's own figures are renewed every 10 s: reading them more often tells nothing new
PATIENCE = 900.0  # how long (s) PVE may be unreachable before the job gives up observing
LOGIN_PATIENCE = 60.0  # a refused login may be a key rotation; after this it is final
LOCK_PATIENCE = 1800.0  # how long a step waits for a lock, such as a backup's
SECOND_LOOK = 60.0  # an objection to a step must last this long: figures of one 10 s sample jump
FIGURES_LAG = 30.0  # a node's memory in use shows an arrived guest only after its next report
STRANGER_PATIENCE = 180.0  # how long a guest that came during a drain may take until it can be planned
CANCEL_PATIENCE = 300.0  # a task that has been told to stop ends within seconds (SIGKILL after 5 s), or never
STALL = 1800.0  # a migration without progress for this long is cancelled


class Executor:
    """One job and the account it runs with. All state that must survive is in the journal; the rest are waiting times.

    `switch` changes a node's HA maintenance mode, None where that cannot be done.
    """

    def __init__(self, api: Api, journal: Journal, clock: Clock, job_id: str, switch: Switch | None = None) -> None:
        self.api, self.journal, self.clock, self.job_id = api, journal, clock, job_id
        self._waits = Waits(clock)
        self._maintenance = Maintenance(journal, self._waits, switch)
        self._aborted: set[str] = set()
        self._progress: dict[str, migration.Progress] = {}
        self._gate_opens = 0.0

    def tick(self) -> bool:
        """One round; True when the job has ended. JournalError passes through: without the journal nothing may go on."""
        job = self._begin(self.journal.job(self.job_id))
        if not job.open:
            return True
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
                self.journal.release(home(job))
            self._job(state="running", started=self.clock.time(), message="")
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

    def _advance(self, job: Job, step: Step, places: Mapping[int, Where]) -> None:
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
        ready = gate.startable(job.steps, elsewhere, job.policy)
        if not ready or self.clock.monotonic() < self._gate_opens:
            return
        cluster = read_cluster(self.api, self.clock.time(), job.policy.method, history=0.0)
        cluster = keep_out(cluster, self.journal.held(), job.node or home(job))
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
        guest = next((guest for guest in cluster.guests if guest.vmid == step.vmid), None)
        verdict = self._verdict(job, step, guest, cluster, elsewhere)
        if verdict is not None:
            state, words = verdict
            if (state, words) != (step.state, step.message):
                self._step(step, state=state, message=words)
            return state != "planned"
        if guest is not None and guest.running != step.running:
            step = replace(step, running=guest.running)  # started or stopped since it was planned
        changes = {"running": step.running, "posted": self.clock.time(), "attempts": step.attempts + 1}
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

    def _verdict(self, job: Job, step: Step, guest: Guest | None, cluster: Cluster, elsewhere: list[Step]) -> tuple[str, str] | None:
        """None when the step may start, else its new state and why: wait (planned) or give up (skipped)."""
        if guest is None:
            return "skipped", "the guest no longer exists"
        if step.ha and guest.node == step.target:
            return ("planned", "waiting: the HA manager moves it") if guest.ha in HA_MOVING else ("done", "the HA manager has moved it")
        if guest.node != step.source:
            return "skipped", f"is already on {guest.node}: something else moved it"
        if held := _held(guest, cluster):
            return self._wait(step, held, LOCK_PATIENCE)
        others = [other for other in job.steps if other.active] + elsewhere
        earlier = [other for other in job.steps[: step.seq - 1] if other.state == "planned"]
        words = gate.objection(cluster, step, [*others, *earlier], self._arrived(job), job.policy, job.node)
        if words:
            return self._wait(step, words, float("inf") if others else SECOND_LOOK)
        words = migration.precheck(self.api, step.move)
        return self._wait(step, words, SECOND_LOOK) if words else None

    def _wait(self, step: Step, words: str, patience: float) -> tuple[str, str]:
        if self._waits.lasted(("held", step.seq)) < patience:
            return "planned", f"waiting: {words}"
        return "skipped", words

    def _arrived(self, job: Job) -> list[Step]:
        """Steps that ended so recently that the target's own figures do not show the guest yet."""
        return [step for step in job.steps if step.state == "done" and abs(self.clock.time() - step.ended) < FIGURES_LAG]

    def _conclude(self) -> bool:
        job = self.journal.job(self.job_id)
        if job.count("planned", "starting", "running", "verifying"):
            return False
        places = migration.locate_all(self.api) if job.kind == "drain" else {}
        if job.kind == "drain" and not job.request and (late := drained.strangers(job, places)) and self._drains_strangers(job, late):
            return False
        state, words = ending(job, places)
        notes = [words, self._maintenance.trouble(job)]
        if state == "cancelled" and job.kind == "drain":
            notes.append(self._maintenance.end(job))
            self.journal.release(job.node, job.id)
        words = "; ".join(filter(None, notes))
        self._job(state=state, ended=self.clock.time(), message=words)
        moves = f"{job.count('done')} migrations done"
        self._log(logging.INFO if state == "done" else logging.WARNING, f"job {job.id} {state}: {words or moves}")
        return True

    def _drains_strangers(self, job: Job, late: set[int]) -> bool:
        """Take guests that came during the drain along; True while that is possible (a new guest has no load for a while)."""
        if self.clock.monotonic() < self._gate_opens:
            return True
        self._gate_opens = self.clock.monotonic() + GATE_INTERVAL
        if moves := drained.moves_for_strangers(self.api, job, late, self.journal.held(), self.clock.time()):
            self.journal.append_steps(job.id, moves)
            return True
        return self._waits.lasted("strangers", len(job.steps)) < STRANGER_PATIENCE

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


def _held(guest: Guest, cluster: Cluster) -> str:
    """What passes by itself and is waited for, in words."""
    if guest.lock:
        return f"locked ({guest.lock})"
    return "a migration of it that is not ours is running" if guest.vmid in cluster.migrating else ""


def _left(job: Job, step: Step, node: str) -> bool:
    """True when a guest has left the node to drain through the HA manager, for whatever other node that chose."""
    return job.kind == "drain" and step.ha and step.source == job.node and node not in (step.source, step.target)
