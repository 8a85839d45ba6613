"""The other nodes of the cluster as whoever carries a round sees them: which are there, with a service that answers, and with Ceph."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from prs.engine.clock import Clock
from prs.engine.rolling.stages import Round, Visit
from prs.pve.act import ceph
from prs.pve.api import Api
from prs.pve.read.values import rows, text

log = logging.getLogger(__name__)


class Neighbours:
    """`alive` names the nodes whose service has given a sign lately; those in `silent` have not taken what they were handed."""

    def __init__(self, pve: Callable[[], Api], alive: Callable[[float], Collection[str]], clock: Clock, host: str) -> None:
        self._pve, self._alive, self._clock, self._host = pve, alive, clock, host
        self.silent = set[str]()

    def nodes(self) -> dict[str, str]:
        """PVE's word for each node; PveError."""
        found = rows(self._pve().get("/cluster/resources", {"type": "node"}))
        return {text(row, "node"): text(row, "status") for row in found}

    def services(self) -> set[str]:
        """The other nodes that are there with a service that answers."""
        there = {node for node, status in self.nodes().items() if status == "online"}
        return (set(self._alive(self._clock.time())) & there) - {self._host} - self.silent

    def only_here(self, holder: str) -> bool:
        """Whether this host has Ceph, and that one none, so that it cannot take the flag back."""
        known = ceph.hosts(self._pve())
        return self._host in known and holder not in known

    def with_ceph(self, one: Round, turn: Visit) -> str:
        """A service that can ask what Ceph on the node can do without, where this one cannot, as it has no Ceph; "" for none."""
        if (turn.begun and turn.step != "flags") or not ceph.elsewhere(self._pve(), turn.node):
            return ""
        found = min((self.services() & ceph.hosts(self._pve())) - {each.node for each in one.together}, default="")
        if found:
            log.info("the round of maintenance is handed to %s, as %s has no Ceph, and %s has", found, self._host, turn.node)
        return found
