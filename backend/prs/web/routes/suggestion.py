"""The plan that the leading node's service suggests: shown to auditors, applied or dismissed by whoever may."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from prs.engine.journal.automation import suggestion
from prs.errors import NotFound
from prs.web.access.actions import require
from prs.web.access.auth import Caller
from prs.web.api.answers import answer
from prs.web.api.openapi import PREFIX
from prs.web.api.reflect import ref
from prs.web.api.refusal import Refusal
from prs.web.context import Context
from prs.web.json_of import plan_json
from prs.web.routes.common import SCOPES, body, caller, carried, later, query


def add(api: Blueprint, context: Context) -> None:
    """Register the calls."""

    @api.get("/suggestion")
    def show_suggestion() -> Response:
        who, scope = caller(), query("scope", SCOPES)
        require(who.rights.refusal("Sys.Audit"))
        found = suggestion(context.journal)
        if found is None:
            return answer(*_by_leader(context, who, scope, "GET", "", "Plan"))
        plan, user = context.journal.plan(found.plan)
        return answer(plan_json(found.plan, user, plan))

    @api.post("/suggestion/apply")
    def apply_suggestion_of_caller() -> Response:
        return _act(context, "apply", 201, "Job")

    @api.post("/suggestion/dismiss")
    def dismiss_suggestion_of_caller() -> Response:
        return _act(context, "dismiss", 200, "Dismissed")


def _act(context: Context, verb: str, status: int, schema: str) -> Response:
    """Here where it waits here; else by the node that leads."""
    who, scope, given = caller(), query("scope", SCOPES), body(ref("SuggestionRequest"))
    if scope == "node" or suggestion(context.journal) is not None or not _leader_elsewhere(context):
        return carried(context, verb, status, **given)
    return answer(*later(context, who, lambda: _by_leader(context, who, scope, "POST", f"/{verb}", schema, given)))


def _leader_elsewhere(context: Context) -> str:
    """The node that leads, "" when that is this one or not known."""
    here = context.facts.balancing
    return here.state.leader if here and here.state.leader != context.site.node else ""


def _by_leader(
    context: Context, who: Caller, scope: str, method: str, path: str, schema: str, given: object = None,
) -> tuple[Any, int]:  # fmt: skip
    """The answer of the node that leads; NotFound where nothing is suggested, Refusal as it refuses."""
    leader = _leader_elsewhere(context) if scope == "cluster" else ""
    peers, _ = context.peers.others(who.login, context.api(who)) if leader else ((), "")
    first = [peer for peer in peers if peer.node == leader]
    for reply in context.peers.ask(first, who.login, method, f"{PREFIX}/suggestion{path}?scope=node", schema, given):
        if reply.error:
            raise Refusal(502, "pve", reply.error)
        if reply.refused:
            raise Refusal(reply.status, reply.refused["code"], reply.refused["message"], reply.refused["details"])
        return reply.data, reply.status
    raise NotFound("no plan is suggested")
