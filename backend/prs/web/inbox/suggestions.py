"""Applies or dismisses the plan that the service of this node suggests, for a caller who may."""

from __future__ import annotations

from typing import Any

from prs.engine.journal.automation import automation, dismiss, suggestion
from prs.web.access.actions import require
from prs.web.access.auth import Caller
from prs.web.api.refusal import Refusal
from prs.web.inbox.desk import Desk
from prs.web.inbox.start import start_job


def apply_suggestion(desk: Desk, who: Caller, asked: dict[str, Any]) -> dict[str, Any]:
    """Start the suggested plan as any plan that was shown is started, and give the job; Refusal 403, 409 or 503."""
    _waits(desk, asked["plan"])
    return start_job(desk, who, {"plan": asked["plan"]})


def dismiss_suggestion(desk: Desk, who: Caller, asked: dict[str, Any]) -> dict[str, Any]:
    """Take the suggestion away; Refusal 403, or 409 when it waits no longer."""
    require(who.rights.refusal("Sys.Modify"))
    _waits(desk, asked["plan"])
    if not dismiss(desk.journal, asked["plan"], f"dismissed by {who.name}"):
        raise _gone(desk)
    return {"plan": asked["plan"], "dismissed": True}


def _waits(desk: Desk, plan: str) -> None:
    """Refuse what is no suggestion (any more): what was shown may have been replaced meanwhile."""
    found = suggestion(desk.journal)
    if found is None or found.plan != plan:
        raise _gone(desk)


def _gone(desk: Desk) -> Refusal:
    why = automation(desk.journal).withdrawn
    return Refusal(409, "gone", "This plan is not suggested any more.", [why] if why else [])
