"""Drives the real engine against a simulated cluster in virtual time: what the daemon does, in milliseconds."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from prs.engine.drain.ha_maintenance import Switch
from prs.engine.drain.holds import Holds
from prs.engine.drain.keep_out import keep_out
from prs.engine.drain.shared_holds import SharedHolds
from prs.engine.execution.breaker import stopped
from prs.engine.execution.executor import TICK, Executor
from prs.engine.journal.jobs import Job
from prs.engine.journal.journal import Journal
from prs.engine.planning import PlanRequest, make_plan
from prs.model import Plan, Policy
from prs.pve.roster import Roster
from simcluster import InProcessApi
from simcluster.world import World


class VirtualClock:
    """The world's clock as the engine wants it, `ahead` of the true time (s); a sleep lets the world go on at once."""

    def __init__(self, world: World, ahead: float = 0.0) -> None:
        self._world, self._ahead = world, ahead

    def time(self) -> float:
        """Virtual Unix time."""
        return self._world.clock.time() + self._ahead

    def monotonic(self) -> float:
        """The same clock: it never jumps."""
        return self._world.clock.time()

    def sleep(self, seconds: float) -> None:
        """Let the world go on."""
        self._world.clock.sleep(seconds)

    def wake(self) -> None:
        """Nothing sleeps."""


class Patched:
    """An API whose answers to GET are changed into what a test says that PVE answers."""

    def __init__(self, api: InProcessApi, patch: Callable[[str, Any], Any]) -> None:
        self._api, self._patch = api, patch

    def get(self, path: str, params: Mapping[str, object] | None = None) -> Any:
        """Ask for data, and give what the test makes of it."""
        return self._patch(path, copy.deepcopy(self._api.get(path, params)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)


def vmlist(world: World) -> str:
    """The text of /etc/pve/.vmlist: every guest, whoever asks."""
    return json.dumps({"version": 1, "ids": {str(vmid): {"node": guest.node, "type": guest.kind} for vmid, guest in world.guests.items()}})


class Drive:
    """A journal, a clock and an account on one world; `switch` stands for the root helper for HA maintenance mode."""

    def __init__(
        self, world: World, folder: Path, policy: Policy | None = None, user: str = "prs@pve!daemon", switch: Switch | None = None,
        shared_holds: SharedHolds | None = None, on_a_node: bool = True,
    ) -> None:
        """`on_a_node`: the cluster's own list of guests can be read, as on one of its nodes."""
        self.world, self.policy, self.switch = world, policy or Policy(), switch
        self.api, self.clock = InProcessApi(world, user), VirtualClock(world)
        self.path = folder / "journal.sqlite"
        self.journal, self.shared_holds = Journal(self.path), shared_holds
        self.roster = Roster(partial(vmlist, world)) if on_a_node else None

    @property
    def holds(self) -> Holds:
        """The nodes that are kept empty, as a process that has just started knows them."""
        return Holds(self.journal, self.clock, self.shared_holds, self.roster)

    def plan(self, drain: str = "", stopped: bool = True, leave: bool = False) -> Plan:
        """What make_plan gives now."""
        request, held = PlanRequest(drain, stopped, leave=leave, maintenance=self.switch is not None), self.holds.held()
        return make_plan(self.api, self.policy, self.clock.time(), request, lambda cluster: keep_out(cluster, held, drain), self.roster)[1]

    def queue(self, plan: Plan, maintenance: str = "") -> str:
        """Put a plan into the journal as a job; with a helper a drain may switch HA maintenance mode."""
        plan_id, node = self.journal.add_plan(plan, self.policy, self.api.user), maintenance or (plan.node if self.switch else "")
        return self.journal.add_job(plan_id, self.api.user, "cli", self.clock.time(), maintenance=node)

    def executor(self, job_id: str) -> Executor:
        """A fresh executor, as after a restart."""
        return Executor(self.api, self.holds, self.clock, job_id, self.switch)

    def finish(self, job_id: str, limit: float = 8 * 3600.0, pause: float = TICK, resume: bool = True) -> Job:
        """Tick, with `pause` seconds in between, until the job has ended; fails the test when it has not within `limit` virtual seconds.

        One that has paused because its migrations fail alike goes on, as whoever reads that may have it, or is given back.
        """
        executor, deadline = self.executor(job_id), self.clock.time() + limit
        while not executor.tick():
            if (job := self.journal.job(job_id)).state == "paused" and stopped(job):
                if not resume and not any(step.active for step in job.steps):
                    return job
                self.journal.request(job_id, "")
            assert self.clock.time() < deadline, f"job has not ended: {self.journal.job(job_id)}"
            self.clock.sleep(pause)
        return self.journal.job(job_id)

    def run(self, drain: str = "") -> Job:
        """Plan and carry out."""
        return self.finish(self.queue(self.plan(drain)))

    def guests_on(self, node: str) -> list[int]:
        """The guests the cluster itself holds on a node, templates left out."""
        return sorted(vmid for vmid, guest in self.world.guests.items() if guest.node == node and not guest.template)

    def assert_sound(self) -> None:
        """No node was ever overfilled, every request fits PVE's schema, no guest was migrated twice but after a try that failed."""
        assert not self.world.overfilled, self.world.overfilled
        assert not self.world.schema_errors, self.world.schema_errors
        failed = Counter(step.vmid for job in self.journal.jobs() for step in job.steps if step.state == "failed" and step.upid)
        often = {vmid: count for vmid, count in self.world.started.items() if count > 1 + failed[vmid]}
        assert not often, often
