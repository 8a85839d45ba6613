"""The end of a drain: what there is to bring back to a node that is kept empty, and letting it have guests again."""

from __future__ import annotations

from dataclasses import replace

from prs.engine.drain.ha_maintenance import Switch
from prs.engine.drain.holds import Holds
from prs.engine.drain.keep_out import keep_out
from prs.engine.drain.way_back import home, joined, opened, plan_back, way_back
from prs.engine.journal.hold import Hold
from prs.engine.journal.jobs import Job
from prs.errors import PlanError
from prs.model import Cluster, Plan, Policy
from prs.pve.api import Api
from prs.pve.read.candidates import inspect_guests
from prs.pve.read.permissions import audits, lacking_to_move, movable, permissions
from prs.pve.read.snapshot import read_cluster
from prs.pve.roster import with_hidden

LEFT = "left by the release of"  # begins the name of the note that says since when (Unix seconds) guests of a node's drains are elsewhere


def remember(holds: Holds, node: str) -> None:
    """Note, at the start of a way back, from when on the drains of the node count: until all their guests are home."""
    if (held := holds.own().get(node)) is not None:
        holds.journal.note(f"{LEFT} {node}", repr(_since(holds, held)))


def forget(holds: Holds, node: str) -> None:
    """All guests of the node's drains are home, or are not to come home."""
    holds.journal.note(f"{LEFT} {node}", "")


def left_by_release(holds: Holds, node: str) -> Hold | None:
    """The drain of which an ended way back has left guests elsewhere, as the hold that it was; None where none are left."""
    since = _noted(holds, node)
    drains = holds.journal.drains(node, since) if since else []
    return Hold(node, drains[-1].id, drains[-1].user, since) if drains else None


def _since(holds: Holds, held: Hold) -> float:
    return min(held.since, _noted(holds, held.node) or held.since)


def _noted(holds: Holds, node: str) -> float:
    """Since when guests of the node's drains are elsewhere by the journal's note; 0 where there is none that can be read."""
    try:
        return float(holds.journal.note(f"{LEFT} {node}") or 0.0)
    except ValueError:
        return 0.0


def plan_release(api: Api, holds: Holds, held: Hold, now: float) -> tuple[Cluster, Plan, Policy]:
    """The plan that returns every guest of the node's drains that nobody else has moved since.

    PlanError while a drain goes on, or when the drain is in another host's journal.
    """
    journal = holds.journal
    if held.node not in holds.own() and held != left_by_release(holds, held.node):
        where = f"only {held.host}, which has drained it" if held.host else "only the host that has drained it"
        raise PlanError(
            f"{where} ({held.drain}), knows which guests to bring back to {held.node}: run `release {held.node}` there, "
            f"or `release {held.node} --stay` here to let it have guests again without that"
        )
    drains = journal.drains(held.node, _since(holds, held))
    under_way = [job.id for job in drains if job.open] + [job.id for job in journal.jobs(only_open=True) if home(job) == held.node]
    if under_way:
        raise PlanError(f"job {under_way[0]} is still at work on {held.node}: wait for it or cancel it")
    return plan_home(api, holds, joined(drains), now)


def plan_home(api: Api, holds: Holds, job: Job, now: float) -> tuple[Cluster, Plan, Policy]:
    """The plan that returns to the job's node every guest that the job has moved and nobody else since. PlanError, PveError."""
    policy = way_back(job.policy, job.steps)
    cluster = with_hidden(read_cluster(api, now, policy.method, counts=policy.memory), holds.roster, api.user)
    rights = permissions(api)
    cluster = movable(keep_out(cluster, holds.held(), job.node), api.user, rights)
    if not cluster.quorate:
        raise PlanError("the cluster has no quorum: nothing can be migrated until a majority of its nodes is online")
    there = {guest.vmid for guest in cluster.guests}
    moved = sorted({step.vmid for step in job.steps if step.state == "done"} & there)
    cluster = inspect_guests(api, cluster, moved, asks=not audits(rights))
    plan = plan_back(opened(cluster, job.node), policy, job, now)
    words = lacking_to_move(api.user, rights, plan.moves)
    return cluster, replace(plan, lacking=words, warnings=(*plan.warnings, words)) if words else plan, policy


def release_node(holds: Holds, held: Hold, switch: Switch, exists: bool = True) -> str:
    """Let the node have guests again and bring none back; what to tell about other hosts that do not know of it yet.

    HelperError, with the node still held, if its HA mode cannot be changed; a node that no longer exists has none.
    """
    if held.maintenance and exists:
        switch(held.node, False)
    holds.release(held.node)
    forget(holds, held.node)
    why = holds.trouble(held.node)
    return f"the other hosts could not be told, and keep {held.node} empty until they are: {why}" if why else ""
