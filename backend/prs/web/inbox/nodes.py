"""What the root helper does for a caller: a node gets guests again, and HA maintenance mode."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

from prs.engine.drain.release import release_node
from prs.engine.rolling.others import in_turn
from prs.errors import RoundUnknown
from prs.helper.client import set_maintenance, shared_round
from prs.pve.read.quorum import member_nodes
from prs.web.access.actions import require
from prs.web.access.auth import Caller
from prs.web.api.refusal import Refusal
from prs.web.inbox.desk import Desk


def not_in_round(desk: Desk, node: str) -> None:
    """Refusal 409 while a round of maintenance has its turn with the node: it moves its guests, and would reboot what others fill."""
    shared = shared_round(desk.pve, desk.helper)
    with suppress(RoundUnknown):  # nobody carries such a round, so it stands in nobody's way
        if words := in_turn(shared.read() if shared else None, node):
            raise Refusal(409, "state", f"Not possible: {words}.")


def release(desk: Desk, who: Caller, asked: dict[str, Any]) -> dict[str, Any]:
    """Let a drained node have guests again without bringing any back."""
    node = asked["node"]
    held = desk.holds.held().get(node)
    if held is None:
        raise Refusal(404, "not_found", "this node is not kept empty by a drain")
    require("" if who.owns(held.user) else who.rights.refusal("Sys.Modify"))
    require(who.rights.refusal("Sys.Console") if held.maintenance else "")
    not_in_round(desk, node)
    untold = release_node(desk.holds, held, partial(set_maintenance, desk.helper))
    return {"node": node, "released": True, "message": f"{untold[0].upper()}{untold[1:]}." if untold else ""}


def maintenance(desk: Desk, who: Caller, asked: dict[str, Any]) -> dict[str, Any]:
    """Switch the HA maintenance mode of a node."""
    node, enabled = asked["node"], bool(asked["enabled"])
    require(who.rights.refusal("Sys.Console"))
    if node not in {found.name for found in member_nodes(desk.api(who))}:
        raise Refusal(404, "not_found", f"there is no node {node}")
    not_in_round(desk, node)
    set_maintenance(desk.helper, node, enabled)
    words = f"put {node} into" if enabled else f"take {node} out of"
    return {"node": node, "enabled": enabled, "message": f"The HA manager will {words} maintenance within about 20 seconds."}
