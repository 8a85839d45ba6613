"""Plans: made with the caller's rights, stored, shown again."""

from __future__ import annotations

from flask import Blueprint, Response

from prs.web.api.answers import answer
from prs.web.api.reflect import ref
from prs.web.context import Context
from prs.web.json_of import plan_json
from prs.web.routes.common import body, caller, carried
from prs.web.visible import visible_plan


def add(api: Blueprint, context: Context) -> None:
    """Register the calls."""

    @api.post("/plans")
    def make_plan_of_caller() -> Response:
        return carried(context, "plan", 201, **body({"oneOf": [ref("BalanceRequest"), ref("DrainRequest")]}))

    @api.get("/plans/<plan_id>")
    def show_plan(plan_id: str) -> Response:
        plan, user = visible_plan(context.journal, plan_id, caller())
        return answer(plan_json(plan_id, user, plan))
