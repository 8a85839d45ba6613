"""Whether a node is empty, and what to do about guests that are still, or newly, on it when the planned steps have ended."""

from __future__ import annotations

from collections.abc import Mapping

from prs.engine.held import Held, keep_out
from prs.engine.jobs import Job
from prs.engine.planning import Wish, make_plan
from prs.errors import PlanError
from prs.model import Move
from prs.pve.api import Api
from prs.pve.migration import Where

TRIES = 2  # a guest whose step was skipped, because meanwhile its target was full or closed, gets another target this often in all


def still_there(job: Job, places: Mapping[int, Where]) -> dict[int, Where]:
    """The guests that keep the job's node from being as empty as was asked, by vmid; templates run nowhere and may stay."""
    here = {vmid: where for vmid, where in sorted(places.items()) if where.node == job.node and not where.template}
    return {vmid: where for vmid, where in here.items() if job.plan.stopped or where.status != "stopped"}


def verdict(job: Job, places: Mapping[int, Where]) -> tuple[bool, str]:
    """Whether the cluster shows the node empty, and that in words."""
    here = still_there(job, places)
    if here:
        # A node that has died tells no names any more.
        names = ", ".join(f"{vmid} ({where.name})" if where.name else str(vmid) for vmid, where in here.items())
        return False, f"{len(here)} {'guest is' if len(here) == 1 else 'guests are'} still on {job.node}: {names}"
    if job.plan.stopped:
        return True, f"{job.node} is empty: the cluster shows no guest on it"
    return True, f"no running guest is left on {job.node}, as the cluster shows"


def strangers(job: Job, places: Mapping[int, Where]) -> set[int]:
    """The guests on the node that the job has not tried to move, or was kept from moving by something that may have changed."""
    tried = {step.vmid for step in job.steps if step.state != "skipped"} | {stay.vmid for stay in job.plan.blockers}
    skipped = [step.vmid for step in job.steps if step.state == "skipped"]
    return {vmid for vmid in still_there(job, places) if vmid not in tried and skipped.count(vmid) < TRIES}


def moves_for_strangers(api: Api, job: Job, wanted: set[int], held: Mapping[str, Held], now: float) -> tuple[Move, ...]:
    """Moves for these guests, and for others that make room for them; () if they cannot leave, or not yet."""
    try:
        _, plan = make_plan(api, job.policy, now, Wish(job.node, job.plan.stopped), lambda cluster: keep_out(cluster, held, job.node))
    except PlanError:
        return ()
    known = {step.vmid for step in job.steps} - wanted
    return tuple(move for move in plan.moves if move.vmid not in known)
