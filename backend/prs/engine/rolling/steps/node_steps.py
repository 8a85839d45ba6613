"""What is done at each step of a node's turn: one look, one act at the most, and how the round goes on after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import get_args

from prs.engine.clock import Clock
from prs.engine.drain.ha_maintenance import Switch
from prs.engine.drain.holds import Holds
from prs.engine.rolling.batches.batched import postponed
from prs.engine.rolling.batches.node_plan import apart, drain_plan, turn_policy
from prs.engine.rolling.gates import cannot_prove, not_empty
from prs.engine.rolling.hook_thread import HookThread
from prs.engine.rolling.hooks import Hook, Stage, no_hooks
from prs.engine.rolling.riders import ORIGIN, Riders
from prs.engine.rolling.stages import HOOKS, Round, StepName, Visit, broken_off, hooked, noted, waits
from prs.engine.rolling.steps.at_hand import PATIENCE, AtHand
from prs.engine.rolling.steps.fill import FillStep
from prs.engine.rolling.steps.reboot import SLACK, RebootSteps
from prs.engine.waits import Waits
from prs.errors import JobConflict, NotFound, PlanError, PveError
from prs.pve.act import power
from prs.pve.act.migration import locate_all
from prs.pve.api import Api
from prs.pve.read.ha import node_state
from prs.pve.read.permissions import lacking_reboot

HOOK = 1800.0  # as long as root lets a hook run (helper.root_hooks)
HOOK_STAGES: tuple[Stage, ...] = get_args(Stage)
Work = Callable[[Visit], Round]


class NodeSteps:
    """The steps, with the account of the host that carries the round. `keep` writes the round, which fails when it is another host's."""

    def __init__(
        self, api: Api, holds: Holds, clock: Clock, host: str, switch: Switch | None, keep: Callable[[Round], Round],
        hooks: HookThread | None = None,
    ) -> None:  # fmt: skip
        self.at = AtHand(api, holds, clock, host, switch, keep)
        self._waits, self._hooks, self._riders = Waits(clock), hooks or HookThread(no_hooks), Riders(api, holds.journal, clock)
        self._reboots, self._home = RebootSteps(self.at, self._riders), FillStep(self.at)
        self.works: dict[StepName, Work] = {
            "gates": self._gates, "drain": self._drain, "last-gates": self._last_gates, "reboot": self._reboots.reboot,
            "return": self._reboots.returns, "by-hand": self._by_hand,
            "gates-again": self._reboots.gates_again, "flags": self._reboots.flags, "fill": self._home.fill,
            "shut-down": self._shut_down, "start-up": self._start_up,
            **dict.fromkeys(HOOKS, self._hook),
        }  # fmt: skip

    def go_on(self, one: Round) -> Round:
        """The round after one look at the step at hand; what went wrong is in it. RoundChanged, and HelperError of a write."""
        self.at.one, turn = one, one.turn
        if turn is None:
            return one
        work = self.works.get(turn.step)
        if work is None:
            return broken_off(one, f"this version knows no step {turn.step}", self.at.clock.time())
        try:
            found = work(turn)
        except (PlanError, JobConflict) as error:
            # What was moved has to come home, also when that has to wait for something.
            if turn.step == "fill" and self.at.clock.time() - turn.since < PATIENCE:
                return waits(self.at.one, str(error), turn.since + PATIENCE)
            return self._broken(turn, str(error))
        except NotFound:  # the journal was lost, and with it what is known of the job
            return noted(self.at.one, job="", host="")
        except PveError as error:
            lasted = self._waits.lasted("PVE", turn.step)
            if lasted >= PATIENCE:
                return self._broken(turn, str(error))
            return waits(self.at.one, f"PVE does not answer: {error}", float(round(self.at.clock.time() - lasted + PATIENCE)))
        self._waits.forget("PVE")
        return found

    def _broken(self, turn: Visit, words: str) -> Round:
        return self._home.broken(words) if turn.step == "fill" else self.at.broken(words)

    def _gates(self, turn: Visit) -> Round:
        switches = self.at.one.options.maintenance and self.at.switch is not None
        besides, now = self.at.one.besides(turn.node), self.at.clock.time()
        if besides and (words := apart(self.at.api, self.at.holds, self.at.one, turn, switches, now)):
            return postponed(self.at.one, now, f"not together with {', '.join(besides)}: {words}")
        if held := self.at.holds.held().get(turn.node):
            return self.at.broken(f"{turn.node} is {held.reason}")
        # Now, and not when the node is empty already.
        if self.at.one.options.reboot and not power.may_reboot(self.at.api, turn.node):
            return self.at.broken(lacking_reboot(self.at.api.user, turn.node))
        if self.at.one.options.reboot and (words := cannot_prove(self.at.api, self.at.holds.roster, turn.node)):
            return self.at.broken(words)
        return self.at.shut(turn, f"before {turn.node}") or self.at.passed()

    def _drain(self, turn: Visit) -> Round:
        if turn.job:
            return self.followed(turn, f"{turn.node} was not emptied") or self.at.passed(rides=self._riders.off(turn))
        if shut := self.at.shut(turn, f"before {turn.node}"):
            return shut
        self._riders.adopt(self.at.one, turn)
        switches = self.at.one.options.maintenance and self.at.switch is not None
        policy, plan = turn_policy(self.at.one), drain_plan(self.at.api, self.at.holds, self.at.one, turn, switches, self.at.clock.time())
        if not plan.feasible:
            return self.at.broken("; ".join([plan.summary, *(f"{stay.vmid} ({stay.name}) {stay.reason}" for stay in plan.blockers)]))
        if plan.lacking:
            return self.at.broken(plan.lacking)
        places = locate_all(self.at.api)
        here = {vmid for vmid, where in places.items() if where.node == turn.node and not where.template}
        ours = turn.mode or (switches and node_state(self.at.api, turn.node)[0] != "maintenance")
        rides = self._riders.noted(turn, {stay.vmid for stay in plan.rides}, places)
        self.at.note(guests=tuple(sorted({*turn.guests, *here})), mode=ours, rides=rides)
        plan_id = self.at.journal.add_plan(plan, policy, self.at.one.user)
        job = self.at.journal.add_job(plan_id, self.at.one.user, ORIGIN, self.at.clock.time(), maintenance=turn.node if switches else "")
        self.at.asked.note("drain", turn.node, job=job)
        self.at.note(job=job, host=self.at.host, held=True)
        return self.at.one

    def followed(self, turn: Visit, words: str) -> Round | None:
        """How it goes on while the turn's job is at work, or when that has not succeeded; None when it has."""
        job = self.at.journal.job(turn.job)
        if job.open:
            return waits(self.at.one, job.message)
        return None if job.state == "done" else self.at.broken(f"{words}: {job.message or job.state}")

    def _shut_down(self, turn: Visit) -> Round:
        """The drain has shut down who rides along; here their node itself says so."""
        if not (words := self._riders.running(self.at.one, turn.node)):
            return self.at.passed()
        return self.at.broken(words) if self.at.clock.time() - turn.since > SLACK else waits(self.at.one, words, turn.since + SLACK)

    def _last_gates(self, turn: Visit) -> Round:
        if shut := self.at.shut(turn, f"before the reboot of {turn.node}"):
            return shut
        words = not_empty(self.at.api, self.at.holds.roster, turn.node, self.at.one.options.rides)
        return self.at.broken(words) if words else self.at.passed()

    def _by_hand(self, turn: Visit) -> Round:
        words = f"{turn.node} is empty, and waits until the round is resumed"
        if not turn.uptime:
            up = power.uptimes(self.at.api).get(turn.node, 0.0) or 1.0
            self._reboots.set_noout(turn)
            return noted(waits(self.at.one, words), uptime=up)  # last: until then the flag is set once more by whoever looks
        return waits(self.at.one, words)

    def _hook(self, turn: Visit) -> Round:
        """Run the site's hook of this step once; one that has not ended well, or of which that is not known, rests until a user speaks."""
        noted_one = turn.hook
        if noted_one is None:
            stage = next(stage for stage in HOOK_STAGES if stage == turn.step)
            noted_one = Hook(stage, started=self.at.clock.time(), host=self.at.host)
            # Before it begins: whoever finds this note without having seen the end does not run it once more.
            self.at.note(hooks=hooked(turn, noted_one))
            self._hooks.begin(self.at.asked, turn.node, noted_one)
        found = self._hooks.seen(self.at.asked, turn.node, noted_one) if noted_one.state == "running" else noted_one
        if found is None and turn.step in self.at.one.options.stages:
            found = replace(noted_one, state="failed", output=f"{self.at.host}, which carries the round, has no such hook")
        if found is None:
            return self.at.passed(hooks=tuple(one for one in turn.hooks if one.stage != turn.step))
        if found.state == "running":
            return waits(self.at.one, f"the site's hook {found.stage} runs for {turn.node}", found.started + HOOK)
        if not found.trouble:
            return self.at.passed(hooks=hooked(turn, found))
        return waits(noted(self.at.one, hooks=hooked(turn, found)), f"{found.trouble} (resume runs it again)")

    def _start_up(self, turn: Visit) -> Round:
        """See those running that were shut down; most were started on the way back already."""
        waiting, words = self._riders.start(self.at.one, turn)
        if waiting:
            return waits(self.at.one, waiting)
        return self.at.broken(words) if words else self.at.passed(rides=())
