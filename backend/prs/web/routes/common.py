"""What several routes need: the proven caller, the body, and the inbox asked in the caller's name."""

from __future__ import annotations

from typing import Any

from flask import g, request

from prs.web.access.auth import Caller
from prs.web.api.parse import parse
from prs.web.api.reflect import Schema
from prs.web.api.refusal import Refusal
from prs.web.api.validate import mistakes
from prs.web.context import Context
from prs.web.inbox.message import Told


def caller() -> Caller:
    """Who asks; proven before the route was entered."""
    found: Caller = g.caller
    return found


def carried(context: Context, action: str, **arguments: Any) -> Any:
    """What the inbox gives for an action of the caller's; Refusal. It asks PVE for the rights anew, and writes the audit line."""
    try:
        found = context.ask(action, caller(), request.remote_addr or "", **arguments)
    except Told:
        g.carried = True
        raise
    g.carried = True
    return found


def body(schema: Schema) -> dict[str, Any]:
    """The JSON body if it is as described; else Refusal 415 or 400 with everything that is wrong."""
    if request.mimetype != "application/json":
        raise Refusal(415, "content_type", "The body must be application/json.")
    try:
        value = parse(request.get_data(cache=False))
    except ValueError:
        raise Refusal(400, "invalid", "The body is not JSON in UTF-8.") from None
    wrong = mistakes(schema, value)
    if wrong:
        raise Refusal(400, "invalid", "The request is not as described.", wrong[:20])
    found: dict[str, Any] = value
    return found


def query(name: str, allowed: tuple[str, ...]) -> str:
    """A query parameter with one of the allowed values; the first one when it is not given."""
    given = request.args.getlist(name)
    if not given:
        return allowed[0]
    if len(given) > 1 or given[0] not in allowed:
        raise Refusal(400, "invalid", "The request is not as described.", [f"{name}: one of {', '.join(allowed)} is expected"])
    return given[0]


def number(name: str, default: int, low: int, high: int) -> int:
    """A query parameter that is a whole number."""
    given = request.args.getlist(name) or [str(default)]
    if len(given) > 1 or not given[0].isascii() or not given[0].isdigit() or len(given[0]) > 9 or not low <= int(given[0]) <= high:
        raise Refusal(400, "invalid", "The request is not as described.", [f"{name}: a whole number from {low} to {high} is expected"])
    return int(given[0])
