"""What several routes need: the proven caller, the body, and guests marked with the caller's rights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from flask import g, request

from prs.engine.drain.keep_out import keep_out
from prs.engine.journal.hold import Hold
from prs.model import Cluster, Guest
from prs.web.access.auth import Caller
from prs.web.access.rights import Rights
from prs.web.api.parse import parse
from prs.web.api.reflect import Schema
from prs.web.api.refusal import Refusal
from prs.web.api.validate import mistakes


def caller() -> Caller:
    """Who asks; proven before the route was entered."""
    found: Caller = g.caller
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


def restriction(rights: Rights, held: Mapping[str, Hold], but: str = "") -> Callable[[Cluster], Cluster]:
    """Marks the guests that the caller has no right to migrate, and the nodes that are kept empty, except `but`."""

    def mark(guest: Guest) -> Guest:
        if rights.may_migrate(guest.vmid):
            return guest
        return replace(guest, blockers=(*guest.blockers, f"you have no right to migrate it (VM.Migrate on /vms/{guest.vmid})"))

    def restrict(cluster: Cluster) -> Cluster:
        return keep_out(replace(cluster, guests=tuple(mark(guest) for guest in cluster.guests)), held, but)

    return restrict
