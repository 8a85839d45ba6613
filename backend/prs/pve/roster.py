"""The list of all guests that pmxcfs keeps on each node, whatever an account may see: what the API does not show is hidden, not absent."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from prs.model import Cluster
from prs.pve.read.values import Row, digits, table, text

NAME = ".vmlist"  # below /etc/pve, readable for group www-data (pve-cluster pmxcfs/cfs-plug-func.c)
ALL_SEEING = "root@pam"  # the one account that no role can hide anything from (access-control RPCEnvironment.pm)
Listed = Mapping[int, str]  # the node of every guest, by vmid


@dataclass(frozen=True)
class Roster:
    """Reads the list anew each time; `read_text` raises OSError where there is none."""

    read_text: Callable[[], str]

    def guests(self, seen: Listed) -> Listed | None:
        """Every guest of the cluster of which the caller sees `seen`; None where the list is not there or is another cluster's."""
        try:
            ids: Row = table(table(json.loads(self.read_text())).get("ids"))
        except (OSError, ValueError, RecursionError):
            return None
        found = {vmid: text(table(row), "node") for name, row in ids.items() if (vmid := digits(name)) is not None}
        # A guest may move or appear between two readings, but not half of them; this host may be a node of another cluster.
        return found if 2 * sum(found.get(vmid) == node for vmid, node in seen.items()) >= len(seen) else None


def roster_in(pve: Path) -> Roster:
    """The list of the cluster file system that is mounted at `pve`."""
    return Roster((pve / NAME).read_text)


def listed(roster: Roster | None, seen: Listed) -> Listed | None:
    """Every guest of the cluster, None where nothing lists them all."""
    return roster.guests(seen) if roster else None


def everyone(roster: Roster | None, cluster: Cluster, user: str) -> frozenset[int] | None:
    """The vmids of all guests of the cluster, which `user` has read; None where nothing lists them all."""
    known = listed(roster, {guest.vmid: guest.node for guest in cluster.guests})
    seen = frozenset(guest.vmid for guest in cluster.guests)
    return seen if user == ALL_SEEING else None if known is None else seen.union(known)


def with_hidden(cluster: Cluster, roster: Roster | None, user: str) -> Cluster:
    """The cluster with the number of guests of each node that its reader may not see, in words too."""
    seen = {guest.vmid: guest.node for guest in cluster.guests}
    nodes = {node.name for node in cluster.nodes}
    # A guest that is shown on a node that there is not is as little seen as one that is not shown.
    found = Counter(node for vmid, node in (listed(roster, seen) or {}).items() if seen.get(vmid) not in nodes | {node})
    told = tuple(f"{_counted(count)} of {node} {'is' if count == 1 else 'are'} hidden from {user}" for node, count in sorted(found.items()))
    return replace(cluster, hidden=tuple(sorted(found.items())), problems=(*cluster.problems, *told))


def _counted(count: int) -> str:
    return "1 guest" if count == 1 else f"{count} guests"


def scope(user: str, known: Listed | None) -> str:
    """What has to be said with every claim that a node is empty: "" where the claim is proven."""
    return "" if user == ALL_SEEING or known is not None else f"as far as {user} may see"


def unproven(user: str) -> str:
    """Why a node is not called empty for certain, and where it could be."""
    return f"nothing proves that no guest is hidden from {user}: {NAME} of /etc/pve, which lists all on each node, cannot be read here"
