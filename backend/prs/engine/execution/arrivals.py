"""What open jobs are still moving, counted as arrived: a plan beside them must not count on figures in flight. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from prs.engine.drain.way_back import known_load
from prs.engine.journal.jobs import Job, Step
from prs.model import Cluster, Guest


def arrived(cluster: Cluster, jobs: Sequence[Job], drained: str = "") -> Cluster:
    """The cluster as it will be when the open jobs have ended: their guests are on their targets, and stay there.

    A guest on its way to node `drained`, which the plan at hand is about, is left where it is.
    """
    moving = {step.vmid: (step, job) for job in jobs for step in job.steps if job.open and step.open and step.target != drained}
    guests = tuple(_arrived(guest, *moving[guest.vmid]) if guest.vmid in moving else guest for guest in cluster.guests)
    told = []
    for job in jobs:
        if count := sum(step.vmid in moving and moving[step.vmid][1] is job for step in job.steps if step.open):
            whose = "guest counts" if count == 1 else "guests count"
            told.append(f"job {job.id} is under way: {count} of its {whose} as arrived, and nothing of this plan moves them again")
    return replace(cluster, guests=guests, problems=(*cluster.problems, *told))


def _arrived(guest: Guest, step: Step, job: Job) -> Guest:
    found = replace(known_load(guest, step), blockers=(*guest.blockers, f"is moved by job {job.id}, which is under way"))
    return replace(found, node=step.target) if guest.node == step.source else found
