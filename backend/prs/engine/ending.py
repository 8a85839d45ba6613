"""How a job whose steps have all ended has ended as a whole, in truth and in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from prs.engine import drained
from prs.engine.jobs import Job, JobState
from prs.pve.migration import Where


def ending(job: Job, places: Mapping[int, Where]) -> tuple[JobState, str]:
    """The final state and what there is to say; a drain is done when the cluster shows its node empty, however each guest left it."""
    again = {step.vmid: step.seq for step in job.steps}
    # A step that was given up for another one of the same guest is no migration of its own.
    steps = [step for step in job.steps if step.state != "skipped" or again[step.vmid] == step.seq]
    moved, asked = job.count("done"), len(steps)
    empty, words = drained.verdict(job, places) if job.kind == "drain" else (moved == asked, "")
    state: JobState = "partial" if moved else "failed"
    if empty and not job.count("unknown"):
        state = "done"
    elif job.request in ("cancel", "abort"):
        state = "cancelled"
    count = f"{moved} of {asked} migrations done" if moved < asked else ""
    return state, "; ".join(filter(None, [count, words]))
