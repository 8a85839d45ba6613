"""Turns a plan that was shown into a queued job, if it still holds and the caller may do it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from prs.engine.drain.keep_out import keep_out
from prs.engine.drain.way_back import home, opened, settled
from prs.engine.journal import credentials
from prs.engine.journal.jobs import Job
from prs.engine.journal.rides import drains_with_rides
from prs.errors import PrsError
from prs.model import Move, Plan, Policy
from prs.planner.ha_choice import taken_back
from prs.planner.plan import check_plan
from prs.planner.problem.riding import riding
from prs.pve.read.snapshot import read_cluster
from prs.web.access.actions import require
from prs.web.access.auth import Caller
from prs.web.api.refusal import Refusal
from prs.web.inbox.desk import Desk
from prs.web.inbox.nodes import not_in_round
from prs.web.json_of import job_json
from prs.web.visible import visible_plan


def start_job(desk: Desk, who: Caller, asked: dict[str, Any]) -> dict[str, Any]:
    """Queue the job and give it; Refusal 403, 409 or 503 with what stands against it."""
    plan, _ = visible_plan(desk.journal, asked["plan"], who)
    if plan.supposed:
        raise Refusal(409, "supposed", "This plan is for a cluster as it might become: it cannot be carried out.")
    policy = desk.journal.plan_policy(asked["plan"])
    node = filled(plan, policy)
    not_in_round(desk, node or plan.node)
    off = off_for(desk, node) if node else []
    moves = chosen_moves(plan, asked.get("moves"), bool(off))
    _check_rights(who, moves)
    _check_power(who, [ride.vmid for ride in plan.rides] or off)
    node = _maintenance(desk, who, plan, policy, bool(asked.get("maintenance")))
    if not desk.daemon():
        raise Refusal(503, "daemon", "The service that carries jobs out is not running here: systemctl start proxmox-rebalancing-service.")
    # Before the look at the cluster: that a guest is being migrated already says less than by whom.
    desk.journal.refuse_overlap({move.vmid for move in moves})
    _check_drift(desk, who, plan, moves, policy, node)
    job_id = _queue(desk, who, asked["plan"], None if moves == plan.moves else moves, node)
    return job_json(desk.journal.job(job_id), who, desk.node)


def off_for(desk: Desk, node: str) -> list[int]:
    """The guests that drains of the node have shut down, which a way back starts again."""
    drains = drains_with_rides(desk.journal, node)
    return sorted({ride.vmid for drain in drains for ride in desk.journal.job(drain).rides if ride.ours})


def chosen_moves(plan: Plan, vmids: Collection[int] | None, starts: bool = False) -> tuple[Move, ...]:
    """The moves of the chosen guests (all without a choice), in the plan's order; `starts`: guests are to be started, too."""
    moves = plan.moves if vmids is None else tuple(move for move in plan.moves if move.vmid in vmids)
    strangers = sorted(set(vmids or ()) - {move.vmid for move in plan.moves})
    if strangers:
        details = [f"moves: the plan does not move guest {int(vmid)}" for vmid in strangers]
        raise Refusal(400, "invalid", "The request is not as described.", details)
    # A drain of a node that is empty already still keeps it empty from now on.
    if not moves and not starts and not (plan.kind == "drain" and plan.feasible):
        details = [f"{stay.vmid} ({stay.name}): {stay.reason}" for stay in plan.blockers]
        raise Refusal(409, "empty", plan.summary or "The plan moves nothing.", details)
    return moves


def filled(plan: Plan, policy: Policy) -> str:
    """The drained node that the plan fills again, "" for every plan but a way back."""
    return home(Job("", plan.kind, "queued", plan, policy))


def _maintenance(desk: Desk, who: Caller, plan: Plan, policy: Policy, asked: bool) -> str:
    """The node whose HA maintenance mode the job may switch: on for a drain that asks for it, off for the way back from such a one."""
    if asked and plan.kind != "drain":
        raise Refusal(400, "invalid", "The request is not as described.", ["maintenance: only a drain can switch it on"])
    held = desk.holds.own().get(filled(plan, policy))
    node = plan.node if asked else held.node if held and held.maintenance else ""
    if node:
        require(who.rights.refusal("Sys.Console"))
        if not desk.helper.exists():
            raise Refusal(409, "helper", f"HA maintenance mode cannot be switched here: there is no helper at {desk.helper}")
    return node


def _check_rights(who: Caller, moves: tuple[Move, ...]) -> None:
    denied = sorted({move.vmid for move in moves if not who.rights.may_migrate(move.vmid)})
    if denied:
        details = [f"needs VM.Migrate on /vms/{vmid}" for vmid in denied]
        raise Refusal(403, "forbidden", "The plan moves guests that you may not migrate.", details)


def _check_power(who: Caller, vmids: Collection[int]) -> None:
    denied = [vmid for vmid in vmids if not who.rights.may("VM.PowerMgmt", f"/vms/{vmid}")]
    if denied:
        details = [f"needs VM.PowerMgmt on /vms/{vmid}" for vmid in denied]
        raise Refusal(403, "forbidden", "The plan shuts guests down, or starts them, that you may not switch.", details)


def _check_drift(desk: Desk, who: Caller, plan: Plan, moves: tuple[Move, ...], policy: Policy, maintenance: str) -> None:
    """Hold the moves against a fresh reading; a selection is judged by its steps alone, not by whether it empties the node."""
    back = filled(plan, policy)
    cluster = riding(read_cluster(desk.api(who), desk.now(), plan.method, counts=policy.memory), policy, plan.node)[0]
    cluster = settled(opened(keep_out(cluster, desk.holds.held(), back or plan.node), back), moves)
    if not cluster.quorate:
        raise Refusal(409, "drift", "The cluster has no quorum: nothing can be migrated.")
    theirs = {} if maintenance or plan.kind != "drain" else taken_back(cluster, plan.node)
    if back_again := [f"{move.vmid} ({move.name}): {theirs[move.vmid].name}" for move in moves if move.vmid in theirs]:
        raise Refusal(409, "maintenance", "The HA manager would take guests back at once: choose HA maintenance mode too.", back_again)
    whole = moves == plan.moves
    judged = replace(plan, moves=moves) if whole else replace(plan, kind="balance", moves=moves)
    changed = check_plan(cluster, replace(policy, max_moves=None, max_bytes=None), judged)
    if changed:
        raise Refusal(409, "drift", "The cluster has changed since the plan was made: plan again.", changed[:50])


def _queue(desk: Desk, who: Caller, plan_id: str, moves: tuple[Move, ...] | None, maintenance: str) -> str:
    """Ticket first, row second: the daemon must find both; a ticket without a row is taken back at once."""
    directory = desk.settings.credentials_dir
    name = credentials.save(directory, replace(who.endpoint, renew=True))
    try:
        return desk.journal.add_job(plan_id, who.name, "web", desk.now(), moves, name, maintenance)
    except PrsError:
        credentials.delete(directory, name)
        raise
