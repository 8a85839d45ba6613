"""Turns a plan that was shown into a queued job, if it still holds and the caller may do it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from prs.engine import credentials
from prs.errors import HelperError, PrsError
from prs.ha_client import set_maintenance
from prs.model import Move, Plan, Policy
from prs.planner.plan import check_plan
from prs.pve.snapshot import read_cluster
from prs.web.actions import require, visible_plan
from prs.web.auth import Caller
from prs.web.context import Context
from prs.web.refusal import Refusal


def start_job(context: Context, who: Caller, asked: dict[str, Any]) -> str:
    """Queue the job and give its id; Refusal 403, 409 or 503 with what stands against it."""
    plan, _ = visible_plan(context, asked["plan"], who)
    moves = chosen_moves(plan, asked.get("moves"))
    _check_rights(who, moves)
    maintenance = bool(asked.get("maintenance"))
    if maintenance and plan.kind != "drain":
        raise Refusal(400, "invalid", "The request is not as described.", ["maintenance: only a drain can switch it on"])
    require(who.rights.refusal("Sys.Console") if maintenance else "")
    if not context.daemon():
        raise Refusal(503, "daemon", "The service that carries jobs out is not running here: systemctl start proxmox-rebalancing-service.")
    _check_drift(context, who, plan, moves, context.journal.plan_policy(asked["plan"]))
    if maintenance:
        set_maintenance(context.around.helper, plan.node, True)
    try:
        return _queue(context, who, asked["plan"], plan, moves)
    except PrsError:
        if maintenance:
            _take_back(context, plan.node)
        raise


def chosen_moves(plan: Plan, vmids: Collection[int] | None) -> tuple[Move, ...]:
    """The moves of the chosen guests (all without a choice), in the plan's order."""
    moves = plan.moves if vmids is None else tuple(move for move in plan.moves if move.vmid in vmids)
    strangers = sorted(set(vmids or ()) - {move.vmid for move in plan.moves})
    if strangers:
        details = [f"moves: the plan does not move guest {int(vmid)}" for vmid in strangers]
        raise Refusal(400, "invalid", "The request is not as described.", details)
    if not moves:
        details = [f"{stay.vmid} ({stay.name}): {stay.reason}" for stay in plan.blockers]
        raise Refusal(409, "empty", plan.summary or "The plan moves nothing.", details)
    return moves


def _check_rights(who: Caller, moves: tuple[Move, ...]) -> None:
    denied = sorted({move.vmid for move in moves if not who.rights.may_migrate(move.vmid)})
    if denied:
        details = [f"needs VM.Migrate on /vms/{vmid}" for vmid in denied]
        raise Refusal(403, "forbidden", "The plan moves guests that you may not migrate.", details)


def _check_drift(context: Context, who: Caller, plan: Plan, moves: tuple[Move, ...], policy: Policy) -> None:
    """Hold the moves against a fresh reading; a selection is judged by its steps alone, not by whether it empties the node."""
    cluster = read_cluster(context.api(who), context.now(), plan.method)
    if not cluster.quorate:
        raise Refusal(409, "drift", "The cluster has no quorum: nothing can be migrated.")
    whole = moves == plan.moves
    judged = replace(plan, moves=moves) if whole else replace(plan, kind="balance", moves=moves)
    changed = check_plan(cluster, replace(policy, max_moves=None, max_bytes=None), judged)
    if changed:
        raise Refusal(409, "drift", "The cluster has changed since the plan was made: plan again.", changed[:50])


def _queue(context: Context, who: Caller, plan_id: str, plan: Plan, moves: tuple[Move, ...]) -> str:
    """Ticket first, row second: the daemon must find both; a ticket without a row is taken back at once."""
    directory = context.settings.credentials_dir
    name = credentials.save(directory, replace(who.endpoint, renew=True))
    try:
        return context.journal.add_job(plan_id, who.name, "web", context.now(), None if moves == plan.moves else moves, name)
    except PrsError:
        credentials.delete(directory, name)
        raise


def _take_back(context: Context, node: str) -> None:
    try:
        set_maintenance(context.around.helper, node, False)
    except HelperError as error:
        raise Refusal(409, "helper", f"The job was not queued, and {node} may stay in maintenance mode: {error}") from None
