"""A node as it shall be, drained or released: by this host, or by the one whose drain keeps it empty."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from prs.web.access.auth import Caller
from prs.web.api.answers import answer
from prs.web.api.openapi import PREFIX
from prs.web.api.reflect import ref
from prs.web.api.refusal import Refusal
from prs.web.api.validate import mistakes
from prs.web.api.values import NODE
from prs.web.context import Context
from prs.web.routes.common import SCOPES, body, caller, carried, later, query


def add(api: Blueprint, context: Context) -> None:
    """Register the call."""

    @api.put("/nodes/<node>/maintenance")
    def set_state_of_node(node: str) -> Response:
        if mistakes(NODE, node):
            raise Refusal(404, "not_found", "there is no such node")
        who, asked, scope = caller(), body(ref("NodeStateRequest")), query("scope", SCOPES)
        held = context.facts.held.get(node)
        if scope == "cluster" and held is not None and held.host not in ("", context.site.node):
            host = held.host
            return answer(*later(context, who, lambda: _there(context, who, host, node, asked)))
        return carried(context, "node_state", node=node, **asked)


def _there(context: Context, who: Caller, host: str, node: str, asked: dict[str, Any]) -> tuple[Any, int]:
    """The answer of the host whose drain it is: its journal knows the job, and which guests come back."""
    peers, trouble = context.peers.others(who.login, context.api(who))
    found = [peer for peer in peers if peer.node == host]
    if not found:
        raise Refusal(502, "pve", trouble or f"{node} is kept empty by a drain of {host}, which cannot be asked")
    reply = context.peers.ask(found, who.login, "PUT", f"{PREFIX}/nodes/{node}/maintenance?scope=node", "NodeState", asked)[0]
    if reply.error:
        raise Refusal(502, "pve", reply.error)
    if reply.refused:
        raise Refusal(reply.status, reply.refused["code"], reply.refused["message"], reply.refused["details"])
    return reply.data, reply.status
