"""Starts the steps of a job whose turn has come: one fresh reading of the cluster, then every objection, then the request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prs.engine.clock import Clock
from prs.engine.drain.ha_maintenance import Maintenance
from prs.engine.drain.holds import Holds
from prs.engine.drain.keep_out import keep_out
from prs.engine.drain.way_back import home
from prs.engine.execution.preflight import SECOND_LOOK, Preflight
from prs.engine.execution.ready import concerned, startable
from prs.engine.execution.record import Record
from prs.engine.journal.jobs import Job, Step
from prs.engine.waits import Waits, at_most
from prs.errors import ApiError, Unreachable
from prs.model import Cluster
from prs.planner.quantities import span
from prs.pve.act import migration
from prs.pve.act.migration import Location
from prs.pve.api import Api
from prs.pve.read.snapshot import read_cluster

PATIENCE = 900.0  # seconds without quorum, or with a list that comes back short, after which a job begins nothing more
# Each of them is seen to its end, and cancelled when nothing of it moves any more (UnderWay).
OTHERS = "waiting: migrations of other jobs come first, each of them as long as it gets on"
GATE_INTERVAL = 10.0  # PVE's own figures are renewed every 10 s: reading them more often tells nothing new


class Starter:
    """The planned steps of one job. `waiting` says in words why none of them may start, "" when nothing holds all of them up."""

    def __init__(self, api: Api, holds: Holds, clock: Clock, record: Record, waits: Waits, maintenance: Maintenance) -> None:
        self._api, self._holds, self._clock, self._record, self._waits = api, holds, clock, record, waits
        self._maintenance = maintenance
        self._preflight = Preflight(api, waits, clock)
        self.waiting = ""
        self._opens = 0.0
        self._looked, self._locked = frozenset[int](), frozenset[int]()  # seq of the steps looked at last, vmids locked then

    def look(self, job: Job, places: Mapping[int, Location]) -> None:
        """Start what may start; what has to wait says why in its row."""
        for seq, changes in self._maintenance.follow(job, places).items():
            self._record.differing(job.steps[seq - 1], **changes)
        job = self._record.read()
        elsewhere = [step for other, step in self._record.journal.active_steps() if other != job.id]
        ready = startable(job.steps, elsewhere, job.policy, self._aside)
        if not ready:
            self._waits.forget("ahead")
            self.waiting = OTHERS if elsewhere and _idle(job) else ""
        # Steps that have to wait do not hold up others whose turn has just come.
        if not ready or (self._clock.monotonic() < self._opens and self._looked.issuperset(step.seq for step in ready)):
            return
        policy, ends = job.policy, concerned(ready, [*job.steps, *elsewhere])
        cluster = read_cluster(self._api, self._clock.time(), policy.method, history=0.0, counts=policy.memory, among=ends)
        cluster = keep_out(cluster, self._holds.held(), job.node or home(job))
        self._locked = frozenset(guest.vmid for guest in cluster.guests if guest.lock)
        self._maintenance.see(job, cluster)
        # Of steps that have come up only now the nodes were not asked: their turn is the next look.
        ready = [step for step in startable(job.steps, elsewhere, job.policy, self._aside) if {step.source, step.target} <= ends]
        self._looked = frozenset(step.seq for step in ready)
        self.waiting = self._ahead(job, cluster, places)
        left = {step.seq for step in self._record.read().steps if step.open}
        waits = [self.waiting or not self._start(self._record.read(), step, cluster, elsewhere) for step in ready if step.seq in left]
        if any(waits):
            self._opens = self._clock.monotonic() + GATE_INTERVAL

    def _ahead(self, job: Job, cluster: Cluster, places: Mapping[int, Location]) -> str:
        """What comes before any request of ours: a complete reading, quorum, the end of HA maintenance mode; "" when all is ready."""
        words = "" if cluster.quorate else "the cluster has no quorum"
        if places.keys() - {guest.vmid for guest in cluster.guests}:
            words = "PVE's list came back without some guests"
        if not words:
            self._waits.forget("ahead")
            return self._maintenance.before(job, cluster)
        if self._waits.lasted("ahead") < PATIENCE:
            return at_most(words, PATIENCE)
        for step in job.steps:
            if step.state == "planned":
                self._record.step(step, state="skipped", message=f"not started, because for {span(PATIENCE)} {words}")
        return ""

    @property
    def _aside(self) -> frozenset[int]:
        """Guests that take nobody's turn: they are locked, or leave by the HA manager's own doing."""
        return self._locked | self._maintenance.theirs

    def _start(self, job: Job, step: Step, cluster: Cluster, elsewhere: list[Step]) -> bool:
        """Start one step if nothing speaks against it any more; False if it has to wait."""
        if self._maintenance.leaves(step):
            return False
        verdict = self._preflight.verdict(job, step, cluster, elsewhere)
        if verdict.state:
            self._record.differing(step, state=verdict.state, message=verdict.words)
            return verdict.state != "planned"
        step = verdict.step
        changes: dict[str, Any] = {"running": step.running, "disk": step.disk, "total": step.total}
        changes |= {"posted": self._clock.time(), "attempts": step.attempts + 1}
        self._record.step(step, state="starting", message="", **changes)
        try:
            upid = migration.start(self._api, step.move, verdict.connections)
        except ApiError as error:
            # A plain no starts nothing. What changed since the last reading (started, locked, no quorum) is seen at the next one.
            if error.status == 500 and self._waits.lasted(("refused", step.seq)) < SECOND_LOOK:
                self._record.step(step, state="planned", message=at_most(f"PVE: {error}", SECOND_LOOK), attempts=step.attempts)
                return False
            self._record.step(step, state="failed", message=str(error))
        except Unreachable as error:
            # PVE may have started it all the same: the next ticks look for its task before anything is sent again.
            self._record.step(step, message=f"no answer to the migrate request ({error}); looking for its task")
        else:
            self._record.step(step, state="running", upid=upid, started=self._clock.time())
        return True


def _idle(job: Job) -> bool:
    """True when steps are left and none of them is under way."""
    return job.count("planned") > 0 and not any(step.active for step in job.steps)
