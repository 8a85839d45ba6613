"""Placements: where guests to be should go, or where one that exists would be better, with the caller's rights; nothing is stored."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, Response

from prs.codec import from_json, to_json
from prs.engine.placing import make_placement
from prs.model import NewGuest
from prs.web.access.actions import refusals, require
from prs.web.access.auth import Caller
from prs.web.api.answers import answer
from prs.web.api.reflect import ref
from prs.web.api.refusal import Refusal
from prs.web.context import Context
from prs.web.routes.common import body, caller, restriction


def add(api: Blueprint, context: Context) -> None:
    """Register the call."""

    @api.post("/placements")
    def make_placement_of_caller() -> Response:
        asked = body(ref("PlacementRequest"))
        if ("guests" in asked) == ("vmid" in asked):
            raise Refusal(400, "invalid", "The request is not as described.", ["guests, vmid: exactly one of them is expected"])
        require(refusals(caller().rights)["plan"])
        return answer(context.run(placement_for_caller, caller(), asked))


def placement_for_caller(context: Context, who: Caller, asked: dict[str, Any]) -> dict[str, Any]:
    """Rank the nodes as asked, and give the answer as JSON."""
    policy = replace(context.settings.policy, method=asked.get("method", context.settings.policy.method))
    guests = [_guest(one, f"guests[{number}]") for number, one in enumerate(asked.get("guests", ()))]
    restrict = restriction(who.rights, context.holds.held())
    _, found = make_placement(context.api(who), policy, context.now(), guests or int(asked["vmid"]), restrict, context.holds.roster)
    return {**to_json(found), "feasible": found.feasible}


def _guest(one: dict[str, Any], where: str) -> NewGuest:
    """A guest of the request; whole numbers may be written as 8.0 in JSON."""
    whole: dict[str, Any] = {name: int(one[name]) for name in ("memory", "cores", "like") if name in one}
    disks = [{**disk, "size": int(disk["size"])} for disk in one.get("disks", ())]
    return from_json(NewGuest, {**one, **whole, "disks": disks}, where)
