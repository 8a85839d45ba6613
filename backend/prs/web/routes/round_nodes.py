"""The nodes that a round of rolling maintenance could take, in the order in which that is best, and which of them need a reboot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from prs.errors import PveError
from prs.model import Node
from prs.pve.api import quote
from prs.pve.kernels import Kernels, kernels
from prs.pve.read.ha import ha_master
from prs.pve.read.tolerant import listed
from prs.web.access.auth import Caller
from prs.web.access.single_flight import SingleFlight
from prs.web.cache import Cache
from prs.web.context import Context

AT_ONCE = 8  # nodes that are asked; each opens its list of packages, which takes it about a second
FRESH = 20.0  # seconds that what they said is shown to the same caller, however often they ask


class KnownKernels:
    """The kernels of the nodes as each caller is told them; one question at a time of each caller's. Safe for many threads."""

    def __init__(self) -> None:
        self._kept: Cache[dict[str, Kernels]] = Cache(FRESH, 8)
        self._asking: SingleFlight[dict[str, Kernels]] = SingleFlight()

    def of(self, context: Context, who: Caller, nodes: Sequence[Node]) -> list[Kernels]:
        """Those of each node, in their order."""
        known = self._kept.get(who.name) or self._asking.ask(who.name, lambda: self._ask(context, who, nodes))
        return [known.get(node.name, Kernels(problem=f"{node.name} is offline")) for node in nodes]

    def _ask(self, context: Context, who: Caller, nodes: Sequence[Node]) -> dict[str, Kernels]:
        there = [node.name for node in nodes if node.online]
        with ThreadPoolExecutor(AT_ONCE, "kernels") as pool:
            found = dict(zip(there, pool.map(lambda node: _kernels(context, who, node), there), strict=True))
        self._kept.put(who.name, found)
        return found


def round_nodes(context: Context, who: Caller, known: KnownKernels) -> list[dict[str, Any]]:
    """Each node as `RoundNode` of the API description: fewest guests first, the HA manager's node and this one last. PveError."""
    cluster, held = context.cluster(who), context.facts.held
    master = ha_master(context.api(who))
    guests = Counter(guest.node for guest in cluster.guests if not guest.template) + Counter(dict(cluster.hidden))
    found = known.of(context, who, cluster.nodes)
    return sorted((
        {"node": node.name, "online": node.online, "running": told.running, "newest": told.newest, "reboot": told.reboot,
         "problem": told.problem, "guests": guests[node.name], "master": node.name == master,
         "here": node.name == context.site.node, "held": node.name in held}
        for node, told in zip(cluster.nodes, found, strict=True)
    ), key=lambda one: (one["here"], one["master"], one["guests"], one["node"]))  # fmt: skip


def _kernels(context: Context, who: Caller, node: str) -> Kernels:
    try:
        return kernels(listed(context.api(who), f"/nodes/{quote(node)}/apt/versions"))
    except PveError as error:
        return Kernels(problem=str(error))
