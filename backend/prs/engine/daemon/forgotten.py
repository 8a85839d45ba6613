"""Starts guests that a drain has shut down and nobody has started: their node was released elsewhere, or who was to start them died."""

from __future__ import annotations

import logging
from collections.abc import Collection

from prs.engine.clock import Clock
from prs.engine.drain.holds import Holds
from prs.engine.drain.way_back import home
from prs.engine.execution.rides import Rides
from prs.engine.journal.rides import drains_with_rides
from prs.engine.waits import Waits
from prs.pve.act.migration import locate_all
from prs.pve.api import Api

log = logging.getLogger(__name__)


def forgotten(holds: Holds, at: Collection[str] = ()) -> list[str]:
    """The drains of which a guest is off although their node is not kept empty any more, by any host, and no job is at work on it.

    `at` are the nodes whose turn it is in a round of maintenance that this host carries.
    """
    journal = holds.journal
    drains = drains_with_rides(journal)
    if not drains:
        return []
    busy = {*at, *(job.node or home(job) for job in journal.jobs(only_open=True))}
    kept = holds.held()
    return [drain for drain in drains if not {ride.node for ride in journal.job(drain).rides if ride.ours} & (busy | kept.keys())]


class Starts:
    """Starts them, turn by turn, with the service's own account."""

    def __init__(self, holds: Holds, clock: Clock) -> None:
        self._holds, self._clock, self._waits = holds, clock, Waits(clock)

    def turn(self, api: Api, drains: list[str]) -> None:
        """One look at each; what cannot be started is tried again for as long as the journal calls it off. PveError."""
        rides, places = Rides(api, self._holds.journal, self._clock, self._waits), locate_all(api)
        for drain in drains:
            if words := rides.start(drain, places):
                log.warning("guests that the drain %s has shut down: %s", drain, words)
