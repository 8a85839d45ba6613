"""The guests that a turn has shut down: seen off before the reboot, and started again by whoever carries the round then."""

from __future__ import annotations

from collections.abc import Mapping

from prs.engine.clock import Clock
from prs.engine.execution.rides import Rides
from prs.engine.journal.journal import Journal
from prs.engine.journal.rides import Ride, adopt, drains_with_rides, known_rides
from prs.engine.rolling.stages import Round, Visit
from prs.engine.waits import Waits
from prs.model import Plan
from prs.planner.quantities import listed
from prs.pve.act.migration import Location, locate_all, sighting
from prs.pve.api import Api
from prs.pve.read.ha import node_state

ORIGIN = "round"  # of the jobs that a round queues


class Riders:
    """What is known of them is in this host's journal; of what another host has shut down only the round's file tells."""

    def __init__(self, api: Api, journal: Journal, clock: Clock) -> None:
        self._api, self._journal, self._clock = api, journal, clock
        self._rides = Rides(api, journal, clock, Waits(clock))

    def adopt(self, one: Round, turn: Visit) -> None:
        """Take over what another host has shut down for the turn, so that it is started here whatever becomes of the round. PveError."""
        lost = set(turn.rides) - known_rides(self._journal, turn.node, one.created)
        places = locate_all(self._api) if lost else {}
        rides = [Ride(vmid, places[vmid].name, places[vmid].kind, turn.node, "stopped") for vmid in sorted(lost & places.keys())]
        if rides:
            plan_id = self._journal.add_plan(Plan("drain", one.policy.method, turn.node, created=self._clock.time()), one.policy, one.user)
            adopt(self._journal, plan_id, turn.node, one.user, ORIGIN, self._clock.time(), rides)

    def noted(self, turn: Visit, riding: set[int], places: Mapping[int, Location]) -> tuple[int, ...]:
        """The guests that a drain of the turn's node shuts down because it runs now, with those that are off because of it already."""
        running = {vmid for vmid in riding if vmid in places and places[vmid].status != "stopped"}
        return tuple(sorted({*turn.rides, *running}))

    def off(self, turn: Visit) -> tuple[int, ...]:
        """Those of the turn that are off because of it, now that its drain has ended: others were off, or gone, before they were asked."""
        mine = {ride.vmid for drain in drains_with_rides(self._journal, turn.node) for ride in self._journal.job(drain).rides if ride.ours}
        left = {ride.vmid for ride in self._journal.job(turn.job).rides if ride.state == "skipped"}
        return tuple(vmid for vmid in turn.rides if vmid in mine or vmid not in left)

    def running(self, one: Round, node: str) -> str:
        """Which guests that may be shut down run on the node, by its own word; "" for none. PveError."""
        places = locate_all(self._api)
        here = {vmid: places[vmid] for vmid in one.options.rides if vmid in places and places[vmid].node == node}
        found = [_label(vmid, where) for vmid, where in here.items() if sighting(self._api, node, where.kind, vmid) not in ("", "stopped")]
        return f"{listed(found)} {'runs' if len(found) == 1 else 'run'} on {node}" if found else ""

    def start(self, one: Round, turn: Visit) -> tuple[str, str]:
        """Start them and see them running: what is waited for, and what is in the way; two times "" once all run. PveError."""
        self.adopt(one, turn)
        places = locate_all(self._api)
        off = {vmid: places[vmid] for vmid in turn.rides if vmid in places}
        if any(where.ha for where in off.values()) and node_state(self._api, turn.node)[0] == "maintenance":
            return "", f"{turn.node} is in HA maintenance mode, where the HA manager starts no guest"
        drains = drains_with_rides(self._journal, turn.node)
        if words := "; ".join(filter(None, [self._rides.start(drain, places) for drain in drains])):
            return words, ""
        found = [_label(vmid, where) for vmid, where in off.items() if sighting(self._api, where.node, where.kind, vmid) != "running"]
        return "", f"{listed(found)} {'does' if len(found) == 1 else 'do'} not run" if found else ""


def _label(vmid: int, where: Location) -> str:
    return f"{vmid} ({where.name})" if where.name else str(vmid)
