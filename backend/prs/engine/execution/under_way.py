"""Follows the migrations of a job that are under way: what PVE says of each, how far it is, and when it has to be stopped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prs.engine.drain.ha_maintenance import HA_MOVING, moved
from prs.engine.execution.observe import CANCELLED, CANCELLED_BY_USER, SILENT, advance, silent
from prs.engine.execution.record import Record
from prs.engine.journal.jobs import Job, Step
from prs.engine.waits import Waits
from prs.errors import ApiError, Unreachable
from prs.pve.act import migration
from prs.pve.act.migration import Location
from prs.pve.api import Api

CANCEL_PATIENCE = 300.0  # a task that has been told to stop ends within seconds (SIGKILL after 5 s), or never
STALL = 1800.0  # a migration without progress for this long is cancelled


class UnderWay:
    """The active steps of one job."""

    def __init__(self, api: Api, record: Record, waits: Waits) -> None:
        self._api, self._record, self._waits = api, record, waits
        self._aborted: set[str] = set()
        self._progress: dict[str, migration.Progress] = {}

    def follow(self, job: Job, step: Step, places: Mapping[int, Location]) -> None:
        """Record how one active step stands."""
        known, where = self._record.journal.known_upids(step.vmid), places.get(step.vmid)
        try:
            changes = advance(self._api, step, places, self._waits.lasted(("state", step.seq), step.state), known)
            if changes.get("state") == "failed" and where and _left(job, step, where.node):
                changes = {} if where.ha in HA_MOVING else moved(step, where.node)
            if step.state == "running" and not changes:
                changes = self._observe(step)
                self._watch(step, changes, job.request == "abort")
            self._waits.forget(("silent", step.seq))
        except (ApiError, Unreachable) as error:
            changes = silent(step, places.get(step.vmid), self._waits.lasted(("silent", step.seq)), error)
        self._record.differing(step, **changes)

    def _observe(self, step: Step) -> dict[str, Any]:
        """How far a running migration is; nothing when its log may not be read (its state may all the same)."""
        try:
            seen = migration.progress(self._api, step.upid, step.memory, step.disk, self._progress.get(step.upid))
        except ApiError:
            return {}
        self._progress[step.upid] = seen
        heard = {"message": ""} if step.message.startswith(SILENT) else {}
        return {**heard, "done": seen.done, "total": seen.total, "speed": seen.speed, "seconds_left": seen.seconds_left}

    def _watch(self, step: Step, changes: Mapping[str, Any], abort: bool) -> None:
        """Cancel a running migration when the user asked for it, or when nothing of it has moved for too long."""
        stalled = self._waits.lasted(("done", step.seq), changes.get("done", step.done)) > STALL
        if (abort or stalled) and step.upid not in self._aborted:
            self._aborted.add(step.upid)
            why = CANCELLED_BY_USER if abort else f"{CANCELLED}: no progress for {STALL / 60:.0f} minutes"
            self._record.step(step, message=why)
            migration.cancel(self._api, step.upid)
        elif step.upid in self._aborted and self._waits.lasted(("abort", step.seq)) > CANCEL_PATIENCE:
            self._record.step(step, state="unknown", message=f"{step.message}, but its task does not end: look at it on {step.source}")


def _left(job: Job, step: Step, node: str) -> bool:
    """True when a guest has left the node to drain through the HA manager, for whatever other node that chose."""
    return job.kind == "drain" and step.ha and step.source == job.node and node not in (step.source, step.target)
