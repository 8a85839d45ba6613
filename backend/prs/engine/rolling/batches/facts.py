"""What is asked of PVE to know which nodes of a round may be serviced together."""

from __future__ import annotations

from collections.abc import Sequence

from prs.engine.rolling.batches.batched import Batches, Facts, batched
from prs.model import Cluster, Policy
from prs.planner.problem.locations import located
from prs.pve.act import ceph
from prs.pve.api import Api
from prs.pve.read.locations import with_locations
from prs.pve.read.quorum import votes


def batches_of(api: Api, cluster: Cluster, nodes: Sequence[str], at_once: int, policy: Policy) -> Batches:
    """Put the nodes together, up to so many at once; the policy names the racks, else PVE's own locations do. PveError."""
    if at_once < 2:
        return Batches([[node] for node in nodes], {})
    placed = with_locations(api, cluster)
    homes = {node.casefold(): name for name, nodes in located(placed, policy).domains for node in nodes}
    racks = {node: homes[node.casefold()] for node in nodes if node.casefold() in homes}
    untold = "" if policy.domains else "; ".join(words for words in placed.problems if words not in cluster.problems)
    online = [node.name for node in cluster.nodes if node.online]
    bound = [node for node in nodes if ceph.daemons(api, node) or ceph.elsewhere(api, node)]
    facts = Facts(votes(api, [node.name for node in cluster.nodes]), online, bound, racks, untold)
    return batched(nodes, at_once, facts)
