"""Where the guests of a job are, by two looks: one short answer of PVE makes no guest vanish and no node empty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from prs.engine.journal.jobs import Job
from prs.engine.waits import Waits
from prs.errors import Unreachable
from prs.pve.act.migration import Location, locate_all
from prs.pve.api import Api
from prs.pve.roster import Roster, listed, scope

AGAIN = 10.0  # seconds after which a guest that is gone is looked for a second time: PVE's own figures are renewed that often


class Sight:
    """What one job sees. A guest that PVE no longer shows stays where it was for AGAIN seconds, and as long as the cluster lists it."""

    def __init__(self, api: Api, roster: Roster | None, waits: Waits) -> None:
        self._api, self._roster, self._waits = api, roster, waits
        self._last: dict[int, Location] = {}
        self._hidden: dict[int, str] = {}  # node by vmid
        self.short = False  # the last look lacks guests that were there before; whether they are gone a second one will tell
        self.scope = ""  # how far "empty" reaches, in words; "" where the whole cluster is seen

    def look(self, job: Job) -> dict[int, Location]:
        """Every guest's place by vmid, of those the caller may see; Unreachable while one of the job's is looked for a second time."""
        found = locate_all(self._api)
        known = listed(self._roster, {vmid: where.node for vmid, where in (found or self._last).items()})
        self.scope = scope(self._api.user, known)
        self._hidden = {vmid: node for vmid, node in (known or {}).items() if vmid not in found or _misplaced(found[vmid], node)}
        expected = {step.vmid: Location("", "unknown", kind=step.kind, name=step.name) for step in job.steps if step.open}
        self.short = False
        for vmid, where in {**expected, **self._last}.items():
            if vmid in found:
                self._waits.forget(("gone", vmid))
                continue
            fresh = self._waits.lasted(("gone", vmid)) < AGAIN
            self.short |= fresh
            if fresh or vmid in self._hidden:
                found[vmid] = self._kept(vmid, where)
        self._last = dict(found)
        return found

    def shown(self, places: Mapping[int, Location]) -> dict[int, Location]:
        """Those of the places that PVE itself showed at the last look."""
        return {vmid: where for vmid, where in places.items() if vmid not in self._hidden}

    def _kept(self, vmid: int, where: Location) -> Location:
        node = self._hidden.get(vmid, where.node)
        if not node:
            raise Unreachable(f"PVE does not list guest {vmid}; it is looked for a second time")
        return replace(where, node=node)

    def hidden(self, node: str) -> list[int]:
        """The guests on the node by the cluster's own list that PVE did not show to the caller at the last look."""
        return sorted(vmid for vmid, where in self._hidden.items() if where == node)

    def settled(self, empty: bool) -> bool:
        """Whether the node has been empty for long enough to say so: at a look at least AGAIN seconds ago too."""
        if not empty:
            self._waits.forget("empty")
            return True
        return self._waits.lasted("empty") >= AGAIN



def _misplaced(where: Location, node: str) -> bool:
    """True for a guest that PVE shows on a node that is not there, while the cluster's list has it on this one."""
    return where.node != node and not where.node_online
