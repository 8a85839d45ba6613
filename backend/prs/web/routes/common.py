"""What several routes need: the proven caller, the body, and the inbox asked in the caller's name."""

from __future__ import annotations

from typing import Any

from flask import Response, g, request

from prs import audit
from prs.errors import PrsError
from prs.web.access.auth import Caller
from prs.web.access.client import BRIDGE
from prs.web.api.answers import answer
from prs.web.api.parse import parse
from prs.web.api.reflect import Schema
from prs.web.api.refusal import Refusal, refusal
from prs.web.api.validate import mistakes
from prs.web.context import Context
from prs.web.inbox.message import Told
from prs.web.later import PATIENCE, PATIENCE_BRIDGE, Answer, Work

SCOPES = ("cluster", "node")  # whether the other nodes are asked too


def caller() -> Caller:
    """Who asks; proven before the route was entered."""
    found: Caller = g.caller
    return found


def patience() -> float:
    """How many seconds this call may wait for what it asks for, see prs.web.later."""
    return PATIENCE_BRIDGE if BRIDGE in request.environ else PATIENCE


def later(context: Context, who: Caller, work: Work) -> Answer:
    """What the work gives, or where the caller may ask for it."""
    return context.later.begin(who.name, who.login.user, work, patience())


def carried(context: Context, action: str, status: int = 200, **arguments: Any) -> Response:
    """What the inbox gives for an action of the caller's, or where to ask for it; Refusal. The inbox asks PVE for the rights anew."""
    who, client = caller(), request.remote_addr or ""
    g.carried = True  # the audit line is written there, or else below
    return answer(*later(context, who, lambda: (_asked(context, action, who, client, arguments), status)))


def _asked(context: Context, action: str, who: Caller, client: str, arguments: dict[str, Any]) -> Any:
    """What the inbox gives; a line about what did not get that far. The request may have been answered long ago."""
    why = "failed"
    try:
        found = context.ask(action, who, client, **arguments)
        why = ""
        return found
    except Told:
        why = ""
        raise
    except PrsError as error:
        why = f"refused with {refusal(error).status}"
        raise
    finally:
        if why:
            verb, job, one, node = (str(arguments.get(part, "")) for part in ("verb", "job", "round", "node"))
            audit.note(audit.Deed(audit.named(action, verb), who.name, client, job or one, node, why))


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
