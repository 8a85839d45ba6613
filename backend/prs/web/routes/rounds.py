"""The cluster's round of rolling maintenance, as every node's file says it: shown to auditors, steered by whoever may."""

from __future__ import annotations

from flask import Blueprint, Response

from prs.web.access.actions import require
from prs.web.api.answers import tagged
from prs.web.api.reflect import ref
from prs.web.api.refusal import Refusal
from prs.web.api.schemas import ID
from prs.web.api.validate import mistakes
from prs.web.context import Context
from prs.web.round_json import round_json
from prs.web.routes.common import body, caller, carried


def add(api: Blueprint, context: Context) -> None:
    """Register the calls."""

    @api.get("/rounds")
    def show_round() -> Response:
        who = caller()
        require(who.rights.refusal("Sys.Audit"))
        one, problem = context.round()
        return tagged({"round": round_json(one, who, context.now()) if one else None, "problem": problem})

    @api.post("/rounds/<round_id>/skip")
    def skip_node_of_round(round_id: str) -> Response:
        _known(round_id)
        return carried(context, "round", round=round_id, verb="skip", **body(ref("SkipRequest")))

    @api.post("/rounds/<round_id>/pause", defaults={"verb": "pause"})
    @api.post("/rounds/<round_id>/resume", defaults={"verb": "resume"})
    @api.post("/rounds/<round_id>/stop", defaults={"verb": "stop"})
    def steer_round_of_caller(round_id: str, verb: str) -> Response:
        _known(round_id)
        return carried(context, "round", round=round_id, verb=verb)


def _known(round_id: str) -> None:
    if mistakes(ID, round_id):
        raise Refusal(404, "not_found", "there is no such round of maintenance")
