"""Shuts down the guests that stay while their node is empty, as the last ones, and starts them again; the journal knows it first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from prs.engine.clock import Clock
from prs.engine.execution.observe import good
from prs.engine.journal.jobs import Job
from prs.engine.journal.journal import Journal
from prs.engine.journal.rides import Ride, set_ride
from prs.engine.waits import Waits, at_most
from prs.errors import ApiError, Unreachable
from prs.model import Policy
from prs.planner.quantities import listed, span
from prs.pve.act import guest_power, migration
from prs.pve.act.migration import Location
from prs.pve.api import Api

SHUTS = 300  # seconds that a guest has to shut down in
SLACK = 120.0  # seconds more until it is seen: the HA manager works in rounds, and so do PVE's figures
STARTS = 600.0  # seconds in which a guest has to be seen running again
RETRY = 30.0  # seconds between two tries to start one


class Rides:
    """The rides of drains, by what the journal says of them; the waits are those of this process."""

    def __init__(self, api: Api, journal: Journal, clock: Clock, waits: Waits) -> None:
        self._api, self._journal, self._clock, self._waits = api, journal, clock, waits
        self._given_up = set[int]()

    def shut_down(self, job: Job, places: Mapping[int, Location], others: bool) -> str:
        """Take the job's rides down; what is waited for, "" once each is down or is not to be.

        Nothing is shut down for a node that is not empty without it (`others` are still there), and where one does not obey the rest
        is started again: they would be off for nothing.
        """
        if others:
            for ride in job.rides:
                if ride.state == "planned":
                    self._set(job.id, ride, state="skipped", message=f"not shut down, because other guests are still on {ride.node}")
        rides = self._rides(job.id)
        if any(ride.state in ("failed", "starting", "running") for ride in rides) or (others and any(ride.ours for ride in rides)):
            return self.start(job.id, places)
        waiting = [ride for ride in rides if ride.state in ("planned", "stopping") and self._down(job, ride, places)]
        limit = _limit(job.policy) + SLACK
        return at_most(f"{listed([ride.label for ride in waiting])} {_are(waiting)} shut down", limit) if waiting else ""

    def start(self, job_id: str, places: Mapping[int, Location]) -> str:
        """Start what is off because of us and see it running; what is waited for, "" once all are, or are given up."""
        waiting = [ride for ride in self._rides(job_id) if ride.ours and ride.vmid not in self._given_up and self._up(job_id, ride, places)]
        return at_most(f"{listed([ride.label for ride in waiting])} {_are(waiting)} started again", STARTS) if waiting else ""

    def _rides(self, job_id: str) -> tuple[Ride, ...]:
        return self._journal.job(job_id).rides

    def _set(self, job_id: str, ride: Ride, **changes: Any) -> Ride:
        if any(getattr(ride, name) != value for name, value in changes.items()):
            set_ride(self._journal, job_id, ride.vmid, **changes)
        return replace(ride, **changes)

    def _down(self, job: Job, ride: Ride, places: Mapping[int, Location]) -> bool:
        """Whether it is still to be waited for."""
        status = migration.sighting(self._api, ride.node, ride.kind, ride.vmid)
        if not status or ride.vmid not in places:
            self._set(job.id, ride, state="skipped", message=f"is not on {ride.node} any more")
            return False
        if status == "stopped" and places[ride.vmid].status != "stopped":
            return True  # the cluster's list is up to 10 s old
        if status == "stopped":
            changes = {"state": "stopped", "message": ""} if ride.ours else {"state": "skipped", "message": "was off already"}
            self._set(job.id, ride, **changes)
            return False
        if ride.state == "planned":
            return self._ask(job, ride, bool(places[ride.vmid].ha))
        if trouble := self._trouble(job, ride, bool(places[ride.vmid].ha)):
            self._set(job.id, ride, state="failed", message=f"did not shut down: {trouble}")
            return False
        return True

    def _ask(self, job: Job, ride: Ride, ha: bool) -> bool:
        """Ask it to shut down; False where that was refused."""
        kill = job.policy.kill_after > 0
        if ha and ride.kind == "qemu" and not kill:
            words = "the HA manager kills a VM that does not shut down in time, which was not agreed to (--kill-after)"
            self._set(job.id, ride, state="skipped", message=words)
            return False
        ride = self._set(job.id, ride, state="stopping", posted=self._clock.time(), message="")
        try:
            upid = guest_power.shut_down(self._api, ride.node, ride.kind, ride.vmid, _limit(job.policy), kill)
        except ApiError as error:
            self._set(job.id, ride, state="skipped", message=f"PVE does not shut it down: {error}")
            return False
        except Unreachable:
            return True  # it may have been carried out all the same: the guest itself will show
        self._set(job.id, ride, upid=upid)
        return True

    def _trouble(self, job: Job, ride: Ride, ha: bool) -> str:
        """Why a guest that was asked to and still runs will not shut down; "" while it may."""
        limit, lasted = _limit(job.policy), self._waits.lasted(("down", ride.vmid))
        if not ride.upid and self._clock.time() - ride.posted > RETRY and lasted <= limit:
            # Nobody knows whether the request was sent; the guest runs, so that asking once more does no harm.
            self._ask(job, ride, ha)
            return ""
        if ride.upid and not ha:
            task = migration.task(self._api, ride.upid)
            if not task.running and not task.gone and not good(task.exitstatus):
                return task.exitstatus
        return f"it still runs after {span(limit)}" if lasted > limit + SLACK else ""

    def _up(self, job_id: str, ride: Ride, places: Mapping[int, Location]) -> bool:
        where = places.get(ride.vmid)
        if where is None:
            self._set(job_id, ride, state="skipped", message="the guest no longer exists")
            return False
        # One that does not obey HA is still wanted off there, so that it is asked for all the same.
        asked = ride.state == "starting" or (ride.state == "failed" and not where.ha)
        status = migration.sighting(self._api, where.node, ride.kind, ride.vmid) if where.node_online else "unknown"
        if ride.state == "stopping" and status != "stopped" and self._going(ride):
            return True  # it would go off after it was seen running
        if status == "running" and asked:
            words = ride.message if ride.state == "failed" else ""
            self._set(job_id, ride, state="running", message=words)
            return False
        if self._waits.lasted(("up", ride.vmid)) > STARTS:
            self._given_up.add(ride.vmid)
            self._set(job_id, ride, state="stopped", message=ride.message or f"was not seen running within {span(STARTS)}")
            return False
        if ride.state != "starting" or self._waits.lasted(("try", ride.vmid)) >= RETRY:
            self._begin(job_id, ride, where, status)
        return True

    def _going(self, ride: Ride) -> bool:
        """Whether a request to shut down, which nobody takes back, may still be at work."""
        if ride.upid:
            return migration.task(self._api, ride.upid).running
        return self._clock.time() - ride.posted < SHUTS + SLACK

    def _begin(self, job_id: str, ride: Ride, where: Location, status: str) -> None:
        """Have it started, unless a task for that still runs; one that runs already is only to be seen so."""
        if ride.state == "starting" and ride.upid and self._runs(job_id, ride):
            return
        self._waits.forget(("try", ride.vmid))
        self._waits.lasted(("try", ride.vmid))
        if status == "running" and not where.ha:
            self._set(job_id, ride, state="starting", upid="")
            return
        ride = self._set(job_id, ride, state="starting", upid="")
        try:
            self._set(job_id, ride, upid=guest_power.start(self._api, where.node, ride.kind, ride.vmid))
        except (ApiError, Unreachable) as error:
            self._set(job_id, ride, message=f"could not be started: {error}")

    def _runs(self, job_id: str, ride: Ride) -> bool:
        task = migration.task(self._api, ride.upid)
        if not task.running and not task.gone and not good(task.exitstatus):
            self._set(job_id, ride, message=f"could not be started: {task.exitstatus}")
        return task.running


def _limit(policy: Policy) -> int:
    return policy.kill_after or SHUTS


def _are(rides: list[Ride]) -> str:
    return "is" if len(rides) == 1 else "are"


def troubles(rides: tuple[Ride, ...]) -> list[str]:
    """What to tell at the end of a job of guests that are not as they should be, or for how long one stays off."""
    found = [f"{ride.label} {ride.message}" for ride in rides if ride.message and ride.state in ("failed", "skipped", "running", "stopped")]
    off = [ride.label for ride in rides if ride.state == "stopped" and not ride.message]
    if off:
        found.append(f"{listed(off)} {'is' if len(off) == 1 else 'are'} shut down until {rides[0].node} is released")
    return found
