"""Ranks the nodes for guests to be, or for one that exists, with the caller's rights; nothing is stored."""

from __future__ import annotations

from typing import Any

from prs.codec import from_json, to_json
from prs.engine.placing import make_placement
from prs.model import NewGuest
from prs.web.access.actions import refusals, require
from prs.web.access.auth import Caller
from prs.web.api.refusal import Refusal
from prs.web.inbox.desk import Desk
from prs.web.inbox.plans import restriction


def make_placement_of_caller(desk: Desk, who: Caller, asked: dict[str, Any]) -> dict[str, Any]:
    """Rank the nodes as asked, and give the answer as JSON."""
    if ("guests" in asked) == ("vmid" in asked):
        raise Refusal(400, "invalid", "The request is not as described.", ["guests, vmid: exactly one of them is expected"])
    require(refusals(who.rights)["plan"])
    policy = desk.settings.policy.levelling(asked.get("method", desk.settings.policy.asked))
    guests = [_guest(one, f"guests[{number}]") for number, one in enumerate(asked.get("guests", ()))]
    restrict = restriction(who.rights, desk.holds.held())
    _, found = make_placement(desk.api(who), policy, desk.now(), guests or int(asked["vmid"]), restrict, desk.holds.roster)
    return {**to_json(found), "feasible": found.feasible}


def _guest(one: dict[str, Any], where: str) -> NewGuest:
    """A guest of the request; whole numbers may be written as 8.0 in JSON."""
    whole: dict[str, Any] = {name: int(one[name]) for name in ("memory", "cores", "like") if name in one}
    disks = [{**disk, "size": int(disk["size"])} for disk in one.get("disks", ())]
    return from_json(NewGuest, {**one, **whole, "disks": disks}, where)
