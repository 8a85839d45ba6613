"""Which daemon schedules: with one on every node, exactly one may start balancing runs by itself."""

from __future__ import annotations

from collections.abc import Collection

from prs.model import Node


def leader(me: str, master: str, nodes: tuple[Node, ...], alive: Collection[str] = ()) -> tuple[str, str]:
    """The host whose daemon schedules ("" where none can), as host `me` sees it, and why, in words.

    `master` is the HA manager's current master, "" when HA is idle; then the online node with the lowest corosync id leads.
    `alive` are the nodes whose service is known to be able to schedule: only they come into question; empty where nobody tells.
    A host that is not a node of the cluster always leads: whoever set it up there did so on purpose.
    """
    able = {me, *alive} if alive else {node.name for node in nodes}
    if me not in {node.name for node in nodes}:
        return me, f"{me} is not a node of the cluster"
    if master in able:
        return master, f"{master} is the HA manager's master"
    online = sorted((node.id, node.name) for node in nodes if node.online and node.name in able)
    first = online[0][1] if online else ""
    among = " among those whose service is alive" if alive else ""
    return first, f"{first or 'no node'} is the online node with the lowest id{among}"
