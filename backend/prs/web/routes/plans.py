"""Plans: made with the caller's rights, stored, shown again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, Response

from prs.engine.drain.keep_out import keep_out
from prs.engine.planning import PlanRequest, make_plan
from prs.model import Cluster, Plan, Policy
from prs.planner.objective.headroom import headroom
from prs.web.access.actions import refusals, require
from prs.web.access.auth import Caller
from prs.web.api.answers import answer
from prs.web.api.reflect import ref
from prs.web.context import Context
from prs.web.routes.common import body, caller
from prs.web.routes.json_of import options, plan_json
from prs.web.visible import visible_plan

_LIMITS = ("method", "containers", "max_moves", "max_bytes")


def add(api: Blueprint, context: Context) -> None:
    """Register the calls."""

    @api.post("/plans")
    def make_plan_of_caller() -> Response:
        asked = body({"oneOf": [ref("BalanceRequest"), ref("DrainRequest")]})
        require(refusals(caller().rights)["plan_drain" if asked["kind"] == "drain" else "plan"])
        return answer(context.run(plan_for_caller, caller(), asked), 201)

    @api.get("/plans/<plan_id>")
    def show_plan(plan_id: str) -> Response:
        plan, user = visible_plan(context, plan_id, caller())
        return answer(plan_json(plan_id, user, plan))


def plan_for_caller(context: Context, who: Caller, asked: dict[str, Any]) -> dict[str, Any]:
    """Plan as asked, keep the plan, and give it as JSON."""
    policy = asked_policy(context.settings.policy, asked)
    node, goal = asked.get("node", ""), asked.get("goal", "spread")
    request = PlanRequest(node, asked.get("stopped", True), goal, asked.get("leave", False), context.site.helper.exists())
    held = context.holds.held()
    def beside(cluster: Cluster) -> Cluster:
        return keep_out(cluster, held, node)

    cluster, plan = make_plan(context.api(who), policy, context.now(), request, beside, context.holds.roster)
    chosen: dict[str, object] = {name: getattr(policy, name) for name in _LIMITS if getattr(policy, name) is not None}
    chosen["stopped" if request.drain else "goal"] = request.stopped if request.drain else request.goal
    plan = complete(plan, cluster, chosen)
    return plan_json(context.journal.add_plan(plan, policy, who.name), who.name, plan)


def asked_policy(policy: Policy, asked: dict[str, Any]) -> Policy:
    """The administrator's policy with what the caller chose."""
    whole: Any = {name: int(asked[name]) for name in ("max_moves", "max_bytes") if name in asked}
    chosen: Any = {name: asked[name] for name in ("method", "containers") if name in asked}
    return replace(policy, **chosen, **whole, relax=tuple(asked.get("relax", ())))


def complete(plan: Plan, cluster: Cluster, chosen: dict[str, object]) -> Plan:
    """The plan with what a person wants to see beside it: each move's cpu, kinds, options, and whether one more node may be lost."""
    guests = {guest.vmid: guest for guest in cluster.guests}
    return replace(
        plan,
        moves=tuple(replace(move, cpu=guests[move.vmid].cpu) for move in plan.moves),
        stays=tuple(replace(stay, kind=guests[stay.vmid].kind) for stay in plan.stays),
        blockers=tuple(replace(stay, kind=guests[stay.vmid].kind) for stay in plan.blockers),
        options=plan.options or options(chosen),
        headroom=plan.headroom or headroom(cluster, plan),
    )
