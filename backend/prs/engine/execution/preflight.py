"""Whether a step may start now: what is asked of a fresh snapshot and of PVE right before each migration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from prs.engine.clock import Clock
from prs.engine.drain.ha_maintenance import HA_MOVES, HA_MOVING, MOVES_IT
from prs.engine.execution import ready
from prs.engine.journal.jobs import Job, Step
from prs.engine.waits import Waits, at_most
from prs.errors import ApiError, Unreachable
from prs.model import LOCK_PATIENCE, Cluster, Guest, Volume
from prs.pve.act import migration
from prs.pve.api import Api
from prs.pve.read.candidates import inspect_move
from prs.pve.read.node_facts import NodeFacts
from prs.pve.read.on_storages import sized

CROWDED = 3600.0  # how long (s) the migrations of other jobs may stand in a step's way
SECOND_LOOK = 60.0  # an objection to a step must last this long: figures of one 10 s sample jump
FIGURES_LAG = 30.0  # a node's memory in use shows an arrived guest only after its next report
WITH_OURS = "as long as migrations of this job get on, which may change that"
LOCKED, HELD, MOVING = "locked", "held", "moving"  # what a step waits for; each kind has its own patience


@dataclass(frozen=True, slots=True)
class PreflightResult:
    """The step as it would be started; `state` is "" when it may, else what becomes of it: wait (planned) or its end, and why."""

    step: Step
    state: str = ""
    words: str = ""
    connections: bool = False  # both nodes can carry those of a firewalled VM over


class Preflight:
    """Judges the steps of one job; how long each has been held up is remembered in `waits`."""

    def __init__(self, api: Api, waits: Waits, clock: Clock) -> None:
        self._api, self._waits, self._clock = api, waits, clock

    def verdict(self, job: Job, step: Step, cluster: Cluster, elsewhere: Sequence[Step]) -> PreflightResult:
        """Ask everything that can stand against the step; `elsewhere` are the active steps of other jobs."""
        guest = next((guest for guest in cluster.guests if guest.vmid == step.vmid), None)
        if guest is None:
            return self._missing(step)
        arrives = step.ha and guest.node == step.target
        if arrives and guest.ha not in HA_MOVING:
            return PreflightResult(step, "done", "the HA manager has moved it")
        if guest.node != step.source and not arrives:
            return PreflightResult(step, "skipped", f"is already on {guest.node}: something else moved it")
        if partner := _partner(job, step, cluster):
            return PreflightResult(step, "planned", at_most(f"the HA manager moves it together with {partner}", HA_MOVES))
        if guest.ha in HA_MOVING:
            waited = self._waits.lasted((MOVING, step.seq))
            if waited < HA_MOVES:
                return PreflightResult(step, "planned", MOVES_IT)
            return PreflightResult(step, "skipped", f"the HA manager has been moving it for {waited / 60:.0f} minutes")
        if guest.lock:
            return self._locked(step, guest)
        if guest.vmid in cluster.migrating:
            return self._wait(step, "a migration of it that is not ours is running", LOCKED, LOCK_PATIENCE)
        # Started or stopped since it was planned: PVE's request has to tell which.
        return self._allowed(job, replace(step, running=guest.running), cluster, elsewhere)

    def _missing(self, step: Step) -> PreflightResult:
        """A guest that the list lacks is looked for again before anything is concluded."""
        words = "PVE's list does not show the guest, which its node has"
        try:
            if migration.gone(self._api, step.move):
                return PreflightResult(step, "skipped", "the guest no longer exists")
        except (ApiError, Unreachable) as error:
            words = f"the cluster does not show the guest, and its nodes cannot be asked: {error}"
        return self._wait(step, words, HELD, SECOND_LOOK)

    def _locked(self, step: Step, guest: Guest) -> PreflightResult:
        words = f"locked ({guest.lock})"
        if self._waits.lasted((HELD, step.seq), LOCKED) < LOCK_PATIENCE:
            return PreflightResult(step, "planned", at_most(words, LOCK_PATIENCE))
        return PreflightResult(step, "failed", f"{words} for more than {LOCK_PATIENCE / 60:.0f} minutes; it is still on {step.source}")

    def _allowed(self, job: Job, step: Step, cluster: Cluster, elsewhere: Sequence[Step]) -> PreflightResult:
        """Our own limits first, because they cost no call, then PVE's own precondition call, then what that does not look at."""
        own = [other for other in job.steps if other.active]
        ahead = [*own, *elsewhere, *(other for other in job.steps[: step.seq - 1] if other.state == "planned")]
        arrived = [other for other in job.steps if other.state == "done" and abs(self._clock.time() - other.ended) < FIGURES_LAG]
        # What is under way may make room: each migration of our own has a limit of its own.
        patience = float("inf") if own else CROWDED if elsewhere else SECOND_LOOK
        words = ready.objection(cluster, step, ahead, arrived, job.policy, job.node)
        if words:
            return self._wait(step, words, HELD, patience)
        answer = migration.precheck(self._api, step.move)
        if answer.words:
            return self._wait(step, answer.words, HELD, SECOND_LOOK)
        volumes = sized(NodeFacts(self._api), step.source, answer.volumes) if not step.disk else ()
        replicated = any(one.vmid == step.vmid and one.target == step.target for one in cluster.replications)  # only what changed travels
        if volumes and not replicated:
            # Disks that the plan knew nothing of: the guest could not be examined then, or got them since.
            size = sum(volume.size for volume in volumes)
            step = replace(step, disk=size, total=step.memory + size)
            cluster = _laden(cluster, step, volumes)
        words = ready.objection(inspect_move(self._api, cluster, step.move), step, ahead, arrived, job.policy, job.node)
        if words:
            return self._wait(step, words, HELD, patience)
        carried = step.running and answer.connections and migration.carries_connections(self._api, step.target)
        return PreflightResult(step, connections=carried)

    def _wait(self, step: Step, words: str, kind: str, patience: float) -> PreflightResult:
        if self._waits.lasted((HELD, step.seq), kind) < patience:
            limited = at_most(words, patience) if patience < float("inf") else f"waiting: {words}, {WITH_OURS}"
            return PreflightResult(step, "planned", limited)
        return PreflightResult(step, "skipped", words)


def _partner(job: Job, step: Step, cluster: Cluster) -> str:
    """A guest under way with which the HA manager moves the step's guest, because a rule of PVE 9 keeps them together; "" for none."""
    rules = [rule for rule in cluster.rules if rule.kind == "together" and rule.source == "HA rule" and step.vmid in rule.guests]
    bound = {vmid for rule in rules for vmid in rule.guests}
    mates = (one for one in job.steps if one.active and one.ha and one.target == step.target and one.vmid in bound)
    return next((one.label for one in mates), "") if step.ha else ""


def _laden(cluster: Cluster, step: Step, volumes: tuple[Volume, ...]) -> Cluster:
    """The cluster with the disks that travel with the step's guest."""
    guests = {guest.vmid: guest for guest in cluster.guests}
    guest = guests[step.vmid]
    guests[step.vmid] = replace(guest, disk=guest.disk or step.disk, volumes=volumes)
    return replace(cluster, guests=tuple(guests.values()))
