"""What the root helper does for a caller: a node gets guests again, and HA maintenance mode."""

from __future__ import annotations

from functools import partial
from typing import Any

from prs.engine.drain.release import release_node
from prs.helper.client import set_maintenance
from prs.pve.read.quorum import member_nodes
from prs.web.access.actions import require
from prs.web.access.auth import Caller
from prs.web.api.refusal import Refusal
from prs.web.inbox.desk import Desk


def release(desk: Desk, who: Caller, asked: dict[str, Any]) -> dict[str, Any]:
    """Let a drained node have guests again without bringing any back."""
    node = asked["node"]
    held = desk.holds.held().get(node)
    if held is None:
        raise Refusal(404, "not_found", "this node is not kept empty by a drain")
    require("" if who.owns(held.user) else who.rights.refusal("Sys.Modify"))
    require(who.rights.refusal("Sys.Console") if held.maintenance else "")
    untold = release_node(desk.holds, held, partial(set_maintenance, desk.helper))
    return {"node": node, "released": True, "message": f"{untold[0].upper()}{untold[1:]}." if untold else ""}


def maintenance(desk: Desk, who: Caller, asked: dict[str, Any]) -> dict[str, Any]:
    """Switch the HA maintenance mode of a node."""
    node, enabled = asked["node"], bool(asked["enabled"])
    require(who.rights.refusal("Sys.Console"))
    if node not in {found.name for found in member_nodes(desk.api(who))}:
        raise Refusal(404, "not_found", f"there is no node {node}")
    set_maintenance(desk.helper, node, enabled)
    words = f"put {node} into" if enabled else f"take {node} out of"
    return {"node": node, "enabled": enabled, "message": f"The HA manager will {words} maintenance within about 20 seconds."}
