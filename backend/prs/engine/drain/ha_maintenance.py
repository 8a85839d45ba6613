"""HA maintenance mode around a drain and its way back. It comes last: guests under HA leave by the plan, and the mode then keeps HA away.

Two kinds of guests leave by the HA manager's own doing: those that it would take back as long as the mode is off, and all of them
where somebody else has put the node into the mode. A node changes its mode in the manager's next rounds (10 to 30 s).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from prs.engine.drain.holds import Holds
from prs.engine.drain.way_back import home
from prs.engine.journal.jobs import Job, Step
from prs.engine.waits import Waits, at_most
from prs.errors import ApiError, HelperError
from prs.model import LOCK_PATIENCE, PASSING_LOCKS, Cluster, Node
from prs.planner.ha_choice import leaving_by_mode
from prs.planner.quantities import span
from prs.pve.act.migration import Location
from prs.pve.api import Api
from prs.pve.read.ha import node_state

Switch = Callable[[str, bool], None]  # node, on; raises HelperError
HA_MOVING = ("migrate", "relocate")
# The HA manager works in rounds of about 10 s on two nodes; its own move has started well within this, if it starts.
HA_STARTS = 120.0
# A service that the HA manager says it is moving, without a task to follow, is given this long.
HA_MOVES = 3600.0
ATTEMPTS = 3  # the HA manager repeats a migration that fails without end, so somebody has to say that it fails
ENTERS = 90.0  # seconds the HA manager may take to change a node's mode (pve-ha-manager works in rounds of 10 s on two nodes)
LOOK = 10.0  # seconds between two looks at the mode: the manager's own rounds
MOVES_IT = at_most("the HA manager moves it", HA_MOVES)
Changes = dict[str, Any]


class Maintenance:
    """The mode of the node that one job empties or fills again; `switch` is the root helper, None where there is none.

    `theirs` are the guests that leave the node by the HA manager's own doing, by vmid, as far as the cluster was seen.
    """

    def __init__(self, api: Api, holds: Holds, waits: Waits, switch: Switch | None) -> None:
        self._api, self._holds, self._journal, self._waits, self._switch = api, holds, holds.journal, waits, switch
        self.theirs: frozenset[int] = frozenset()
        self._told = self._on = False  # on: the node was seen in the mode
        self._mode: tuple[str, bool] | None = None  # as node_state gave it last
        self._moving, self._failures = set[int](), Counter[int]()  # seq of steps

    def see(self, job: Job, cluster: Cluster) -> None:
        """Learn which guests of a node to drain are the HA manager's business, from a reading of the cluster."""
        node = _node(job, cluster)
        if job.kind != "drain" or node is None:
            return
        state, _ = self._journal.maintenance(job.id)
        self._on = node.ha == "maintenance"
        if self._on:
            found = {one.vmid for one in cluster.guests if one.node == node.name and one.ha and one.running}
            found |= {step.vmid for step in job.steps if step.state == "planned" and step.ha and step.source == node.name}
        else:
            found = set(leaving_by_mode(cluster, node.name)) if state in ("wanted", "asked") else set()
        self.theirs = frozenset(found)

    def leaves(self, step: Step) -> bool:
        """Whether the step is to be left to the HA manager for now."""
        return step.vmid in self.theirs and not (self._on and self._waits.lasted(("ha", step.seq)) >= HA_STARTS)

    def before(self, job: Job, cluster: Cluster) -> str:
        """End the mode before a way back, and then the hold; why the job has to wait for that, "" when it need not."""
        node, (state, _) = _node(job, cluster), self._journal.maintenance(job.id)
        if job.kind == "drain" or not state or node is None:
            return ""
        if state == "wanted":
            state = self._first(job, node.name, node.ha)
        if node.ha != "maintenance":
            self._holds.release(node.name)
        return self._await(job, node.name, node.ha == "maintenance") if state == "asked" else ""

    def after(self, job: Job, places: Mapping[int, Location]) -> str:
        """Switch the mode on once the guests under HA have left the node; what is still waited for, "" for nothing."""
        state, _ = self._journal.maintenance(job.id)
        if job.kind != "drain" or state not in ("wanted", "asked"):
            return ""
        if state == "wanted":
            left = {vmid for vmid, where in places.items() if where.node == job.node and where.ha and _runs(where)}
            if left - self.theirs or any(step.active and step.ha and step.source == job.node for step in job.steps):
                return ""
        try:
            ha, begun = self._state(job.node)
        except ApiError as error:
            self._journal.set_maintenance(job.id, job.node, "failed", f"the HA state of {job.node} may not be read: {error}")
            return ""
        if state == "wanted":
            state = self._first(job, job.node, ha)
        return self._await(job, job.node, begun) if state == "asked" else ""

    def _state(self, node: str) -> tuple[str, bool]:
        """The node's HA state and whether the mode has begun, asked for as often as it can change. ApiError."""
        if self._mode is None or self._waits.lasted("mode") >= LOOK:
            self._mode = node_state(self._api, node)
            self._waits.forget("mode")
            self._waits.lasted("mode")
        self._on = self._mode[1]
        return self._mode

    def _first(self, job: Job, node: str, ha: str) -> str:
        """Whether there is anything to switch: HA may be idle, or the mode have been set by somebody else, who then also ends it."""
        state = "asked"
        if ha not in ("online", "maintenance"):
            state = "idle"
        elif (ha == "maintenance") == (job.kind == "drain"):
            state = "found"
        self._journal.set_maintenance(job.id, node, state)
        return state

    def _await(self, job: Job, node: str, now: bool) -> str:
        """Tell the helper, and wait until the HA manager has obeyed, for a while."""
        on = job.kind == "drain"
        if now == on or (not self._told and not self._ask(job, node, on)):
            return ""
        if self._waits.lasted("maintenance") < ENTERS:
            return at_most(f"{node} is to {'enter' if on else 'leave'} HA maintenance mode", ENTERS)
        words = f"the HA manager did not {'put' if on else 'take'} {node} {'into' if on else 'out of'} maintenance mode"
        self._journal.set_maintenance(job.id, node, "late", words)
        return ""

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
        return f"HA maintenance mode of {job.node} was ended"

    def trouble(self, job: Job, places: Mapping[int, Location]) -> str:
        """What to tell at the end about the mode: that a drained node is in it, or why it is not; and that it could not be switched."""
        state, words = self._journal.maintenance(job.id)
        if state == "wanted" and job.kind == "drain":
            left = [vmid for vmid, where in sorted(places.items()) if where.node == job.node and where.ha and _runs(where)]
            names = ", ".join(map(str, left[:5])) + (" ..." if len(left) > 5 else "")
            return f"HA maintenance mode of {job.node} stays off, because {names} under HA is still there" if left else ""
        if words and state in ("failed", "late"):
            return words
        return self._standing(job, any(where.ha for where in places.values())) if job.kind == "drain" else ""

    def _standing(self, job: Job, used: bool) -> str:
        """Whether the drained node is in the mode; "" where the HA manager has nothing to do, or its state may not be read."""
        try:
            ha, on = self._state(job.node)
        except ApiError:
            return ""
        if on or ha == "maintenance":
            return f"HA maintenance mode of {job.node} is on"
        return f"HA maintenance mode of {job.node} is off: the HA manager may put guests there again" if used and ha == "online" else ""

    def follow(self, job: Job, places: Mapping[int, Location]) -> dict[int, Changes]:
        """What becomes of planned steps whose guests leave by the HA manager's own doing, by seq."""
        found = {}
        for step in job.steps:
            where = places.get(step.vmid)
            if step.state == "planned" and where is not None and step.vmid in self.theirs:
                found[step.seq] = self._followed(job, step, where)
        return found

    def _followed(self, job: Job, step: Step, where: Location) -> Changes:
        if where.node != step.source and where.ha not in HA_MOVING:
            return moved(step, where.node)
        state, words = self._journal.maintenance(job.id)
        if not self._on:
            if state in ("failed", "idle", "late"):
                why = words or "the HA manager is idle"
                return {"state": "failed", "message": f"only HA maintenance mode keeps it from being taken back to {step.source}: {why}"}
            return self._until_on(job, step)
        if where.lock in PASSING_LOCKS:
            # The manager tries in vain until the lock has gone; then it has its time anew.
            self._waits.forget(("ha", step.seq))
            self._waits.forget(("ha alone", step.seq))
            self._moving.discard(step.seq)
            if self._waits.lasted(("locked", step.seq)) < LOCK_PATIENCE:
                return {"message": at_most(f"locked ({where.lock})", LOCK_PATIENCE)}
            words = f"locked ({where.lock}) for more than {span(LOCK_PATIENCE)}; it is still on {step.source}"
            return {"state": "failed", "message": words}
        self._waits.forget(("locked", step.seq))
        if self._hopeless(step, where.ha in HA_MOVING, job.count("done")):
            return {"state": "failed", "message": f"the HA manager does not get it away: look at the tasks of {step.source}"}
        if where.ha in HA_MOVING or self._failures[step.seq]:
            self._waits.forget(("ha", step.seq))
        return {"message": MOVES_IT} if self.leaves(step) else {}

    def _until_on(self, job: Job, step: Step) -> Changes:
        """A guest that leaves by the mode waits for the other steps of guests under HA, and not at all if one of those stays for good."""
        others = [one for one in job.steps if one.ha and one.source == job.node and one.vmid not in self.theirs]
        if any(one.open for one in others) or self._journal.maintenance(job.id)[0] == "asked":
            return {"message": f"waiting: leaves by HA maintenance mode, at most {span(ENTERS)} after the other guests under HA"}
        if self._waits.lasted(("on", step.seq)) < ENTERS:
            return {"message": at_most("leaves by HA maintenance mode", ENTERS)}
        words = f"only HA maintenance mode keeps it from being taken back to {step.source}, and that stays off while others under HA stay"
        return {"state": "skipped", "message": words}

    def _hopeless(self, step: Step, moving: bool, done: int) -> bool:
        """True when the HA manager has often tried to move the guest in vain, or for very long has moved no guest at all."""
        if not moving and step.seq in self._moving:
            self._failures[step.seq] += 1
        (self._moving.add if moving else self._moving.discard)(step.seq)
        return self._failures[step.seq] >= ATTEMPTS or self._waits.lasted(("ha alone", step.seq), done) > HA_MOVES


def _node(job: Job, cluster: Cluster) -> Node | None:
    name = job.node if job.kind == "drain" else home(job)
    return next((node for node in cluster.nodes if node.name == name), None)


def _runs(where: Location) -> bool:
    """HA maintenance mode drives away what runs, and what may (its node is silent); a stopped service stays."""
    return where.status != "stopped" and not where.template


def moved(step: Step, node: str) -> Changes:
    """What becomes of a step whose guest the HA manager has moved by itself: done, wherever it chose to put it."""
    chosen = "" if node == step.target else f" (planned: {step.target})"
    words = f"the HA manager moved it to {node}{chosen}"
    return {"state": "done", "target": node, "message": words, "done": step.total, "seconds_left": 0.0}
