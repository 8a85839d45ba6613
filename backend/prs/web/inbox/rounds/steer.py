"""The cluster's round of rolling maintenance: shown as its file says, and paused, gone on with, stopped, or a node of it skipped."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from prs.codec import to_json
from prs.engine.rolling.shared_round import SharedRound
from prs.engine.rolling.stages import Round
from prs.engine.rolling.wishes import asked as steered
from prs.errors import HelperError, NotFound, RoundChanged, RoundUnknown
from prs.helper.client import shared_round
from prs.pve.api import Api
from prs.pve.read.permissions import REBOOT, holds
from prs.web.access.actions import require
from prs.web.access.auth import Caller
from prs.web.api.refusal import Refusal
from prs.web.inbox.desk import Desk
from prs.web.round_json import refused_verb, round_json

TRIES = 5  # to write a request, while the carrier writes as well
AGAIN = 0.2  # seconds between two of them


def round_view(pve: Path, helper: Path) -> dict[str, Any]:
    """The round as JSON, also one that has ended, under `round`: None where there was none; `problem` says why it cannot be read."""
    shared = shared_round(pve, helper)
    try:
        one = shared.read() if shared else None
    except RoundUnknown as error:
        return {"round": None, "problem": str(error)}
    return {"round": to_json(one) if one else None, "problem": ""}


def steer_round(desk: Desk, who: Caller, asked: dict[str, Any]) -> dict[str, Any]:
    """Write into the round's file what the caller wants, for whoever carries it; Refusal, PlanError where that is not possible."""
    shared, verb = shared_round(desk.pve, desk.helper), asked["verb"]
    for attempt in range(TRIES):
        one = _read(shared) if shared else None
        if shared is None or one is None or one.id != asked["round"]:
            raise NotFound("there is no such round of maintenance")
        require(refused_verb(who, one, verb) or (_powerless(desk.api(who), one) if verb == "resume" else ""))
        try:
            return round_json(shared.put(steered(one, verb, str(asked.get("node", "")), desk.now())), who, desk.now())
        except RoundChanged:
            time.sleep(AGAIN * (attempt + 1))
    raise HelperError("the round changes all the time and could not be written: try again")


def _powerless(api: Api, one: Round) -> str:
    """On which of the nodes that are still to reboot the caller may not do that, asked for each: a list of rights shows no NoAccess."""
    waiting = [turn.node for turn in one.turns if turn.step != "over"] if one.options.reboot else []
    return next((f"needs {REBOOT} on /nodes/{node}" for node in waiting if not holds(api, f"/nodes/{node}", REBOOT)), "")


def _read(shared: SharedRound) -> Round | None:
    try:
        return shared.read()
    except RoundUnknown as error:
        raise Refusal(503, "unavailable", str(error)) from None
