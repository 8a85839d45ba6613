"""The history of loads, from all nodes that remember a part of it; for auditors."""

from __future__ import annotations

import sqlite3
from typing import Any

from flask import Blueprint, Response

from prs.engine.loads.history import DAYS, LoadHistory
from prs.engine.loads.memory import FILE
from prs.model import HALF_HOUR
from prs.web.access.actions import require
from prs.web.access.auth import Caller
from prs.web.api.answers import tagged
from prs.web.api.openapi import PREFIX
from prs.web.context import Context
from prs.web.load_history import course, merged, span
from prs.web.routes.common import SCOPES, caller, number, query


def add(api: Blueprint, context: Context) -> None:
    """Register the call."""

    @api.get("/loads")
    def loads() -> Response:
        who, days, scope = caller(), number("days", 1, 1, DAYS), query("scope", SCOPES)
        require(who.rights.refusal("Sys.Audit"))
        return tagged(_told(context, who, days, scope))


def _told(context: Context, who: Caller, days: int, scope: str) -> dict[str, Any]:
    start, step, count = span(days, context.now())
    asked, slots = [], {}
    try:
        slots = LoadHistory(context.settings.state_dir / FILE).since(round(start / HALF_HOUR))
    except (sqlite3.Error, OSError) as error:
        asked.append(_peer(context.site.node, f"the history of loads cannot be read: {error}"))
    found = course(slots, start, step, count)
    if scope == "node":
        return {**found, "peers": asked}
    peers, trouble = context.peers.others(who.login, context.api(who))
    replies = context.peers.ask(peers, who.login, "GET", f"{PREFIX}/loads?scope=node&days={days}", "Loads")
    for reply in replies:
        refused = f"{reply.peer.node} ({reply.peer.address}): refuses to show its loads (status {reply.status})"
        words = reply.error or ("" if reply.data else refused)
        asked += [_peer(reply.peer.node, words)] + [one for one in (reply.data or {"peers": ()})["peers"] if one["message"]]
    asked += [_peer("", trouble)] if trouble else []
    return {**merged(found, [reply.data for reply in replies if reply.data]), "peers": asked}


def _peer(node: str, message: str) -> dict[str, Any]:
    return {"node": node, "reached": not message, "message": message}
