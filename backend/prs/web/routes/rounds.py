"""The cluster's round of rolling maintenance, as every node's file says it: shown to auditors, begun and steered by who may."""

from __future__ import annotations

from flask import Blueprint, Response

from prs.web.access.actions import require
from prs.web.api.answers import answer, tagged
from prs.web.api.reflect import ref
from prs.web.api.refusal import Refusal
from prs.web.api.validate import mistakes
from prs.web.api.values import ID
from prs.web.context import Context
from prs.web.json_of import right
from prs.web.round_json import refused_begin, round_json
from prs.web.routes.common import body, caller, carried, later
from prs.web.routes.round_nodes import KnownKernels, round_nodes


def add(api: Blueprint, context: Context) -> None:
    """Register the calls."""
    known = KnownKernels()

    @api.get("/rounds")
    def show_round() -> Response:
        who = caller()
        require(who.rights.refusal("Sys.Audit"))
        one, problem = context.round(who)
        words = refused_begin(who) or problem or ("a round of maintenance is under way" if one and one.open else "")
        told = round_json(one, who, context.now()) if one else None
        return tagged({"round": told, "problem": problem, "may": {"begin": right(words)}})

    @api.get("/rounds/nodes")
    def show_nodes() -> Response:
        who = caller()
        require(who.rights.refusal("Sys.Audit"))
        return answer(*later(context, who, lambda: ({"nodes": round_nodes(context, who, known)}, 200)))

    @api.post("/rounds")
    def begin_round_of_caller() -> Response:
        return carried(context, "begin-round", 201, **body(ref("RoundRequest")))

    @api.post("/rounds/preview")
    def preview_round_of_caller() -> Response:
        return carried(context, "preview-round", **body(ref("RoundRequest")))

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
