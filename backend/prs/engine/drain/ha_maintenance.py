"""HA maintenance mode around a drain and its way back, and the moves that the HA manager then makes by itself: they count as ours.

A node enters and leaves the mode in the manager's next rounds (10 to 30 s); meanwhile and while the manager moves guests, the rest waits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from prs.engine.drain.holds import Holds
from prs.engine.drain.way_back import home
from prs.engine.journal.jobs import Job, Step
from prs.engine.waits import Waits
from prs.errors import HelperError
from prs.model import Cluster, Guest, Node

Switch = Callable[[str, bool], None]  # node, on; raises HelperError
HA_MOVING = ("migrate", "relocate")
# The HA manager works in rounds of about 10 s on two nodes; its own move has started well within this, if it starts.
HA_STARTS = 120.0
# A service that the HA manager says it is moving, without a task to follow, is given this long.
HA_MOVES = 3600.0
ATTEMPTS = 3  # the HA manager repeats a migration that fails without end, so somebody has to say that it fails
ENTERS = 90.0  # seconds the HA manager may take to change a node's mode (pve-ha-manager works in rounds of 10 s on two nodes)
Changes = dict[str, Any]


class Maintenance:
    """The mode of the node that one job empties or fills again; `switch` is the root helper, None where there is none."""

    def __init__(self, holds: Holds, waits: Waits, switch: Switch | None) -> None:
        self._holds, self._journal, self._waits, self._switch = holds, holds.journal, waits, switch
        self._told = False
        self._moving, self._failures = set[int](), Counter[int]()  # seq of steps

    def settle(self, job: Job, cluster: Cluster) -> str:
        """Bring the node into the mode that the job needs; why the job has to wait for that, "" when it need not."""
        node, on = _node(job, cluster), job.kind == "drain"
        state, _ = self._journal.maintenance(job.id)
        if node is None:
            return ""
        if state == "wanted":
            state = self._first(job, node, on)
        if not on and state and node.ha != "maintenance":
            self._holds.release(node.name)
        if state != "asked" or (node.ha == "maintenance") == on:
            return ""
        if not self._told and not self._ask(job, node.name, on):
            return ""
        if self._waits.lasted("maintenance") < ENTERS:
            return f"waiting: {node.name} is to {'enter' if on else 'leave'} HA maintenance mode"
        words = f"the HA manager did not {'put' if on else 'take'} {node.name} {'into' if on else 'out of'} maintenance mode"
        self._journal.set_maintenance(job.id, node.name, "late", words)
        return ""

    def _first(self, job: Job, node: Node, on: bool) -> str:
        """Whether there is anything to switch: HA may be idle, or the mode have been set by somebody else, who then also ends it."""
        state = "asked"
        if node.ha not in ("online", "maintenance"):
            state = "idle"
        elif (node.ha == "maintenance") == on:
            state = "found"
        self._journal.set_maintenance(job.id, node.name, state)
        return state

    def _ask(self, job: Job, node: str, on: bool) -> bool:
        """Tell the helper, once in this process: to be told twice does no harm. False if it could not be told."""
        self._told = True
        try:
            self._tell(node, on)
        except HelperError as error:
            self._journal.set_maintenance(job.id, node, "failed", str(error))
            return False
        return True

    def _tell(self, node: str, on: bool) -> None:
        if self._switch is None:
            raise HelperError("the helper for HA maintenance mode is not there")
        self._switch(node, on)

    def end(self, job: Job) -> str:
        """Take the node of a cancelled drain out of the mode if the job has put it there; what to tell about it."""
        state, _ = self._journal.maintenance(job.id)
        if state not in ("asked", "late") or job.kind != "drain":
            return ""
        try:
            self._tell(job.node, False)
        except HelperError as error:
            return f"{job.node} stays in HA maintenance mode: {error}"
        self._journal.set_maintenance(job.id, job.node, "ended")
        return f"HA maintenance mode of {job.node} was ended: the HA manager takes its guests back there"

    def trouble(self, job: Job) -> str:
        """What to tell at the end about a mode that could not be switched."""
        state, words = self._journal.maintenance(job.id)
        return words if state in ("failed", "late") else ""

    def follow(self, job: Job, cluster: Cluster) -> tuple[dict[int, Changes], str]:
        """What the HA manager has done to planned steps by itself, by seq, and what it is still doing ("" = nothing)."""
        node, (state, _) = _node(job, cluster), self._journal.maintenance(job.id)
        leaving = job.kind == "drain" and node is not None and node.ha == "maintenance"
        coming = job.kind == "balance" and state == "asked"
        if node is None or not (leaving or coming):
            return {}, ""
        guests, found, busy = {guest.vmid: guest for guest in cluster.guests}, dict[int, Changes](), list[int]()
        for step in job.steps:
            guest = guests.get(step.vmid)
            ours = step.source == node.name if leaving else step.target == node.name
            if step.state != "planned" or guest is None or not ours or not (guest.ha and guest.running):
                continue
            if guest.node != step.source and guest.ha not in HA_MOVING:
                found[step.seq] = moved(step, guest.node)
            elif guest.occupied:
                # The manager tries in vain until the lock has gone; then it has its time anew.
                self._waits.forget(("ha", step.seq))
                self._waits.forget(("ha alone", step.seq))
                self._moving.discard(step.seq)
            elif self._hopeless(step, guest, job.count("done")):
                found[step.seq] = {"state": "failed", "message": f"the HA manager does not get it away: look at the tasks of {step.source}"}
            elif guest.ha in HA_MOVING or self._waits.lasted(("ha", step.seq)) < HA_STARTS or self._failures[step.seq]:
                busy.append(step.vmid)
        names = ", ".join(map(str, busy[:5])) + (" ..." if len(busy) > 5 else "")
        return found, f"waiting: the HA manager moves {names} {'away from' if leaving else 'back to'} {node.name}" if busy else ""

    def _hopeless(self, step: Step, guest: Guest, done: int) -> bool:
        """True when the HA manager has often tried to move the guest in vain, or for very long has moved no guest at all."""
        moving = guest.ha in HA_MOVING
        if not moving and step.seq in self._moving:
            self._failures[step.seq] += 1
        (self._moving.add if moving else self._moving.discard)(step.seq)
        return self._failures[step.seq] >= ATTEMPTS or self._waits.lasted(("ha alone", step.seq), done) > HA_MOVES


def _node(job: Job, cluster: Cluster) -> Node | None:
    name = job.node if job.kind == "drain" else home(job)
    return next((node for node in cluster.nodes if node.name == name), None)


def moved(step: Step, node: str) -> Changes:
    """What becomes of a step whose guest the HA manager has moved by itself: done, wherever it chose to put it."""
    chosen = "" if node == step.target else f" (planned: {step.target})"
    words = f"the HA manager moved it to {node}{chosen}"
    return {"state": "done", "target": node, "message": words, "done": step.total, "seconds_left": 0.0}
