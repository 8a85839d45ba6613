"""Whether a node that is to go down is empty in this minute: a guest may have come while gates were waited for."""

from __future__ import annotations

from collections.abc import Collection

from prs.pve.act.migration import locate_all, sighting
from prs.pve.api import Api
from prs.pve.roster import Roster, listed, scope, unproven


def not_empty(api: Api, roster: Roster | None, node: str, but: Collection[int] = ()) -> str:
    """Why the node is not to be rebooted, "" when it is proven empty; guests in `but` may be there, off by its own word. PveError."""
    places = locate_all(api)
    known = listed(roster, {vmid: where.node for vmid, where in places.items()})
    if scope(api.user, known):
        return f"{node} is not rebooted: {unproven(api.user)}"
    here = {vmid: where for vmid, where in places.items() if where.node == node and not where.template}
    # The cluster's list may be 10 s old.
    off = {vmid for vmid in but if vmid in here and sighting(api, node, here[vmid].kind, vmid) == "stopped"}
    left = {vmid: where.name for vmid, where in here.items() if vmid not in off}
    seen = {vmid for vmid, where in places.items() if where.node_online}  # who is shown on a node that is not there is not
    left |= {vmid: "hidden" for vmid, at in (known or {}).items() if at == node and vmid not in seen}
    if not left:
        return ""
    names = ", ".join(f"{vmid} ({name})" if name else str(vmid) for vmid, name in sorted(left.items()))
    return f"{node} is not rebooted: {names} {'is' if len(left) == 1 else 'are'} on it again"
