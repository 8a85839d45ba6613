"""How a job whose steps have all ended has ended as a whole, in truth and in words. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from prs.engine.execution import emptiness
from prs.engine.journal.jobs import Job, JobState
from prs.model import CUT_OFF_LOCK, unlocking
from prs.pve.act.migration import Location


def job_outcome(job: Job, places: Mapping[int, Location], hidden: Collection[int] = (), scope: str = "") -> tuple[JobState, str]:
    """The final state and what there is to say; a drain is done when the cluster shows its node empty, however each guest left it.

    `hidden` and `scope` as for the verdict on the node.
    """
    moved, asked = job.count("done"), len(job.final)
    empty, words = emptiness.verdict(job, places, hidden, scope) if job.kind == "drain" else (moved == asked, "")
    empty &= all(ride.state != "failed" for ride in job.rides)
    state: JobState = "partial" if moved else "failed"
    if empty and not job.count("unknown"):
        state = "done"
    elif job.request in ("cancel", "abort"):
        state = "cancelled"
    count = f"{moved} of {asked} migrations done" if moved < asked else ""
    return state, "; ".join(filter(None, [count, words, *_tries(job), *_locked(job, places)]))


def _locked(job: Job, places: Mapping[int, Location]) -> list[str]:
    """Guests that a migration which was cut off has left locked: what PVE itself will not undo."""
    left = [(step, places[step.vmid]) for step in job.final if step.state in ("failed", "unknown") and step.vmid in places]
    return [
        f"{step.label} is locked (migrate) on {where.node}: {unlocking(where.kind, step.vmid, where.node)}"
        for step, where in left if where.lock == CUT_OFF_LOCK
    ]  # fmt: skip


def _tries(job: Job) -> list[str]:
    """What became of guests whose migration failed and that were then sent elsewhere."""
    found = []
    for step in job.final:
        failed = [other.target for other in job.steps if other.vmid == step.vmid and other.seq < step.seq and other.state == "failed"]
        if failed:
            how = f"went to {step.target}" if step.state == "done" else f"did not get to {step.target} either,"
            found.append(f"{step.label} {how} after its migration to {' and '.join(failed)} had failed")
    return found
