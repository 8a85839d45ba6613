"""The nodes that a round of rolling maintenance could take, in the order in which that is best, and which of them need a reboot."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from prs.errors import PveError
from prs.model import Node
from prs.pve.api import quote
from prs.pve.kernels import Kernels, kernels
from prs.pve.read.ha import ha_master
from prs.pve.read.tolerant import listed
from prs.web.access.auth import Caller
from prs.web.context import Context

AT_ONCE = 8  # nodes that are asked; each opens its list of packages, which takes it about a second


def round_nodes(context: Context, who: Caller) -> list[dict[str, Any]]:
    """Each node as `RoundNode` of the API description: fewest guests first, the HA manager's node and this one last. PveError."""
    cluster, held = context.cluster(who), context.facts.held
    master = ha_master(context.api(who))
    guests = Counter(guest.node for guest in cluster.guests if not guest.template) + Counter(dict(cluster.hidden))
    with ThreadPoolExecutor(AT_ONCE, "kernels") as pool:
        found = list(pool.map(lambda node: _kernels(context, who, node), cluster.nodes))
    return sorted((
        {"node": node.name, "online": node.online, "running": told.running, "newest": told.newest, "reboot": told.reboot,
         "problem": told.problem, "guests": guests[node.name], "master": node.name == master,
         "here": node.name == context.site.node, "held": node.name in held}
        for node, told in zip(cluster.nodes, found, strict=True)
    ), key=lambda one: (one["here"], one["master"], one["guests"], one["node"]))  # fmt: skip


def _kernels(context: Context, who: Caller, node: Node) -> Kernels:
    if not node.online:
        return Kernels(problem=f"{node.name} is offline")
    try:
        return kernels(listed(context.api(who), f"/nodes/{quote(node.name)}/apt/versions"))
    except PveError as error:
        return Kernels(problem=str(error))
