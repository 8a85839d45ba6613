"""Whether a node is empty, and what to do about guests that are still, or newly, on it when the planned steps have ended."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from prs.engine.drain.ha_maintenance import HA_MOVING
from prs.engine.drain.keep_out import keep_out
from prs.engine.execution.observe import CANCELLED, good
from prs.engine.journal.hold import Hold
from prs.engine.journal.jobs import Job, Step
from prs.engine.planning import PlanRequest, make_plan
from prs.errors import ApiError, PlanError
from prs.model import Cluster, Move
from prs.pve.act import migration
from prs.pve.act.migration import Location
from prs.pve.api import Api

RETRIES = 2  # a guest whose migration fails gets another target this often
TRIED = "a migration there has failed"
INTERRUPTED = "interrupted by signal"  # how a migration ends that somebody has cancelled (qemu-server, pve-common RESTEnvironment.pm)
CUT_OFF = "unexpected status"  # PVE's word for a task that was killed or went down with its node
TRIES = 2  # a guest whose step was skipped, because meanwhile its target was full or closed, gets another target this often in all


def still_there(job: Job, places: Mapping[int, Location]) -> dict[int, Location]:
    """The guests that keep the job's node from being as empty as was asked, by vmid; templates run nowhere and may stay."""
    here = {vmid: where for vmid, where in sorted(places.items()) if where.node == job.node and not where.template}
    off = {ride.vmid for ride in job.rides if ride.state in ("stopped", "skipped")}
    return {vmid: where for vmid, where in here.items() if where.status != "stopped" or (job.plan.stopped and vmid not in off)}


def verdict(job: Job, places: Mapping[int, Location], hidden: Collection[int] = (), scope: str = "") -> tuple[bool, str]:
    """Whether the cluster shows the node empty, and that in words.

    `hidden` are guests of the node that the caller may not see, `scope` says how far it sees ("" = everything).
    """
    if hidden:
        count = f"{len(hidden)} {'guest is' if len(hidden) == 1 else 'guests are'}"
        others = f"all others{'' if job.plan.stopped else ' that ran'} have left it"
        rest = verdict(job, places)[1] if still_there(job, places) else others
        return False, f"{count} still on {job.node} by the cluster's own list, hidden from {job.user}; {rest}"
    here = still_there(job, places)
    if here:
        # A node that has died tells no names any more.
        names = ", ".join(f"{vmid} ({where.name})" if where.name else str(vmid) for vmid, where in here.items())
        return False, f"{len(here)} {'guest is' if len(here) == 1 else 'guests are'} still on {job.node}: {names}"
    templates = sum(where.node == job.node and where.template for where in places.values())
    but = f" but for {templates} {'template' if templates == 1 else 'templates'}" if templates else ""
    rides = sorted(ride.vmid for ride in job.rides if ride.vmid in places and places[ride.vmid].node == job.node)
    if rides:
        but = f"{but} and {_shut_down(rides)}" if but else f" but for {_shut_down(rides)}"
    templates += len(rides)
    words = f"{job.node} is empty{but}: the cluster shows no {'other ' if templates else ''}guest on it"
    if not job.plan.stopped:
        words = f"no running guest is left on {job.node}, as the cluster shows"
    return True, words + (f", {scope}" if scope else "")


def _shut_down(vmids: list[int]) -> str:
    names = ", ".join(map(str, vmids))
    return f"{names}, which {'is' if len(vmids) == 1 else 'are'} shut down until then" if vmids else ""


def ready_to_reboot(job: Job, scope: str) -> str:
    """What the sight of an empty node means to whoever wants to reboot it; "" for a job that is no drain."""
    if job.kind != "drain":
        return ""
    if scope:
        return f"before a reboot make sure that no guest is hidden from {job.user}"
    return f"no {'' if job.plan.stopped else 'running '}guest stands against a reboot now"


def newcomers(job: Job, places: Mapping[int, Location]) -> set[int]:
    """The guests on the node that the job has not tried to move, or was kept from moving by something that may have changed."""
    tried = {step.vmid for step in job.steps if step.state != "skipped"} | {stay.vmid for stay in job.plan.blockers}
    tried |= {ride.vmid for ride in job.rides}
    skipped = [step.vmid for step in job.steps if step.state == "skipped"]
    return {vmid for vmid in still_there(job, places) if vmid not in tried and skipped.count(vmid) < TRIES}


def failed_guests(api: Api, job: Job, places: Mapping[int, Location]) -> set[int]:
    """The guests on the node whose migration has certainly failed: they may try another target."""
    here, last = still_there(job, places), {step.vmid: step for step in job.steps}
    calm = [vmid for vmid, where in here.items() if where.node_online and not where.lock and where.ha not in HA_MOVING]
    return {vmid for vmid in calm if vmid in last and len(_in_vain(job, vmid)) <= RETRIES and _failed(api, last[vmid])}


def _in_vain(job: Job, vmid: int) -> list[Step]:
    return [step for step in job.steps if step.vmid == vmid and step.state == "failed"]


def _failed(api: Api, step: Step) -> bool:
    """True when the step's own task has ended with an error of its own: nobody cancelled it, and it was not cut off."""
    if step.state != "failed" or not step.upid or ":hamigrate:" in step.upid:
        return False  # never sent, or refused by the HA manager
    if INTERRUPTED in step.message and not step.message.startswith(CANCELLED):
        return False
    try:
        task = migration.task(api, step.upid)
    except ApiError:
        return False
    return not (task.running or task.gone or good(task.exitstatus) or task.exitstatus == CUT_OFF)


def moves_for(
    api: Api, job: Job, wanted: set[int], held: Mapping[str, Hold], maintenance: bool, now: float
) -> tuple[Move, ...]:
    """Moves for these guests, each to a target it has not tried, and for others that make room; () if they cannot leave, or not yet.

    `maintenance`: the job may still switch HA maintenance mode.
    """
    tried = {vmid: tuple((step.target, TRIED) for step in _in_vain(job, vmid)) for vmid in wanted}

    def restrict(cluster: Cluster) -> Cluster:
        guests = (replace(guest, refused=(*guest.refused, *tried.get(guest.vmid, ()))) for guest in cluster.guests)
        return keep_out(replace(cluster, guests=tuple(guests)), held, job.node)

    try:
        # A guest that cannot leave must not keep the others from it.
        _, plan = make_plan(api, job.policy, now, PlanRequest(job.node, job.plan.stopped, leave=True, maintenance=maintenance), restrict)
    except PlanError:
        return ()
    if plan.lacking:
        return ()
    known = {step.vmid for step in job.steps} - wanted
    return tuple(move for move in plan.moves if move.vmid not in known)
