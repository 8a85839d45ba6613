"""The way home after a node's turn: which of its guests are elsewhere, how they come back, and which do not and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from prs.engine.drain.ha_maintenance import Switch
from prs.engine.drain.holds import Holds
from prs.engine.drain.release import forget, left_by_release, plan_home, remember
from prs.engine.drain.way_back import left_out, opened
from prs.engine.journal.jobs import Job, Step
from prs.engine.rolling.gates import BACKUPS, PATIENCE
from prs.engine.rolling.stages import Round, Visit
from prs.errors import HelperError, PlanError
from prs.model import Cluster, Guest, Plan, Policy
from prs.planner.problem.fixed_limits import FixedLimits
from prs.planner.quantities import listed
from prs.pve.act.migration import Location, locate_all
from prs.pve.api import Api
from prs.pve.read.ha import node_state


def left_behind(holds: Holds, turn: Visit) -> str:
    """What stays as it is where a turn ends without a way back: its node is kept empty, and its riders are off; "" for nothing."""
    if turn.node not in holds.held():
        return ""
    off = f", and until then shut down: {', '.join(map(str, turn.rides))}" if turn.rides else ""
    return f"{turn.node} is kept empty (release {turn.node}){off}"


def excluded(cluster: Cluster, plan: Plan, policy: Policy, node: str) -> str:
    """Why the node can take none of the guests that a plan would bring back to it; "" where it can, or none are left."""
    ill = FixedLimits(opened(cluster, node), policy).closed.get(node, "")
    return f"{node} is excluded: {ill}" if ill and plan.stays else ""


def held_up(cluster: Cluster, plan: Plan) -> list[Guest]:
    """The guests that a way back leaves for what ends by itself: a lock, a migration, or that PVE has no figures of them.

    A node that dies is refused by PVE as a target for some seconds before it is shown as offline.
    """
    left = {stay.vmid: stay.reason for stay in plan.stays}
    guests = (one for one in cluster.guests if one.vmid in left)
    return [one for one in guests if one.lock or one.vmid in cluster.migrating or one.problem or left[one.vmid].startswith("PVE refuses ")]


def not_back(job: Job) -> str:
    """Which guests an ended way back was to bring home and has not, and why; "" for none."""
    left, why = left_out(job), {stay.vmid: (stay.name, stay.reason) for stay in job.plan.stays}
    why |= {step.vmid: (step.name, step.message) for step in job.final if step.state != "done"}
    return listed([f"{vmid} ({why[vmid][0]}): {why[vmid][1]}" for vmid in left])


class Filling:
    """One node that is to have its guests again. What this host moved is in its journal; of another's drains only where guests were."""

    def __init__(self, api: Api, holds: Holds, switch: Switch | None, one: Round, turn: Visit) -> None:
        self._api, self._holds, self._switch, self._one, self._turn = api, holds, switch, one, turn
        self.patience = 0.0  # how long (s) what keeps guests of the last plan away is waited for, as it ends by itself

    def plan(self, now: float) -> tuple[Plan, Policy]:
        """The plan that brings every guest of the turn home. PlanError, also while the node cannot take them yet; PveError."""
        drains = self._holds.journal.drains(self._turn.node, self._one.created)
        steps = [step for job in drains for step in job.steps]
        known = {step.vmid for step in steps if step.state == "done"}
        steps += [self._moved(vmid, where) for vmid, where in self._homeless().items() if vmid not in known]
        numbered = tuple(replace(step, seq=number) for number, step in enumerate(steps, 1))
        about = Plan("drain", self._one.policy.method, self._turn.node)
        job = Job(drains[-1].id if drains else self._one.id, "drain", "done", about, self._one.policy, self._turn.node, steps=numbered)
        cluster, plan, policy = plan_home(self._api, self._holds, job, now)
        if words := excluded(cluster, plan, policy, self._turn.node):
            raise PlanError(words)
        waiting = held_up(cluster, plan)
        hours = any(one.lock == "backup" for one in waiting) and self._one.request != "stop"
        self.patience = (BACKUPS if hours else PATIENCE) if waiting else 0.0
        return plan, policy

    @staticmethod
    def untried(job: Job, plan: Plan) -> bool:
        """Whether guests may go home now that the ended way back could not try to bring."""
        left = {stay.vmid for stay in job.plan.stays}
        return any(move.vmid in left for move in plan.moves)

    def _moved(self, vmid: int, where: Location) -> Step:
        """A guest that somebody's drain has moved, as a step of that drain."""
        return Step(0, vmid, where.name, where.kind, self._turn.node, where.node, where.status == "running", bool(where.ha), state="done")

    def _homeless(self) -> dict[int, Location]:
        found = locate_all(self._api)
        return {vmid: found[vmid] for vmid in self._turn.guests if vmid in found and found[vmid].node != self._turn.node}

    def lacking(self, job: Job) -> str:
        """Why the ended way back has not brought home all that could come; "" when it has."""
        left = left_out(job)
        if job.state == "done" and not left:
            return ""
        if self._all_home(left):  # somebody has brought home who was left out
            forget(self._holds, self._turn.node)
            return ""
        # Guests first: the job's own words may be long, and name one that stays for many.
        words = "; ".join(filter(None, (self.elsewhere(job.plan), job.message))) or job.state
        return f"not every guest is back on {self._turn.node}: {words}"

    def _all_home(self, left: Sequence[int]) -> bool:
        """Whether nothing is left to be done for the node: all are back, and it gets guests again. PveError."""
        node, places = self._turn.node, locate_all(self._api)
        away = [vmid for vmid in {*left, *self._turn.guests} if vmid in places and places[vmid].node != node]
        return not away and node not in self._holds.held() and node_state(self._api, node)[0] != "maintenance"

    def elsewhere(self, plan: Plan) -> str:
        """Which guests are not home, and why; "" for none. PveError."""
        why = {stay.vmid: stay.reason for stay in plan.stays}
        words = []
        for vmid, where in self._homeless().items():
            about = f"{vmid} ({where.name}) is on {where.node}" if where.name else f"{vmid} is on {where.node}"
            words.append(f"{about}: {why[vmid]}" if vmid in why else about)
        return f"not home: {listed(words)}" if words else ""

    def left(self) -> str:
        """What stays as it is where nobody goes on with the turn: its node kept empty, or guests elsewhere; "" for nothing. PveError."""
        return left_behind(self._holds, self._turn) or self.elsewhere(Plan("balance", self._one.policy.method))

    def still_kept(self) -> str:
        """Let the node have guests again where a way back that is done could not, as the HA manager was slow; why not. PveError."""
        if self._turn.node not in self._holds.held():
            return ""
        try:
            self.release(Plan("balance", self._one.policy.method))
        except HelperError as error:
            return f"{self._turn.node} is kept empty: {error}"
        return ""

    def release(self, plan: Plan) -> str:
        """Let the node have guests again, there being none that can be brought, if the round has kept it empty. HelperError, PveError.

        Those that the plan leaves stay known; how they may be brought later, "" where there are none.
        """
        node, left = self._turn.node, left_out(Job("", "balance", "done", plan, self._one.policy))
        if not self._turn.held:
            return ""
        # Of a node that is away the manager's word is another, and it would be in the mode when it is back.
        if self._turn.mode and node_state(self._api, node)[0] not in ("", "online"):
            if self._switch is None:
                raise HelperError("the helper for HA maintenance mode is not there")
            self._switch(node, False)
        remember(self._holds, node)
        self._holds.release(node)
        if not left:
            forget(self._holds, node)
        again = f"{node} gets guests again; `release {node}` tries again to bring back what is left"
        return again if left_by_release(self._holds, node) else ""
