"""What is done at each step of a node's turn: one look, one act at the most, and how the round goes on after it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import get_args

from prs.engine.clock import Clock
from prs.engine.drain.ha_maintenance import Switch
from prs.engine.drain.holds import Holds
from prs.engine.journal.jobs import Job
from prs.engine.journal.rides import drains_with_rides
from prs.engine.rolling.batches.batched import postponed
from prs.engine.rolling.batches.node_plan import apart, drain_plan, turn_policy
from prs.engine.rolling.deeds import REFUSED, Asked
from prs.engine.rolling.filling import Filling, left_behind
from prs.engine.rolling.gates import cannot_prove, closed_gate, not_empty
from prs.engine.rolling.hook_thread import HookThread
from prs.engine.rolling.hooks import Hook, Stage, no_hooks
from prs.engine.rolling.riders import ORIGIN, Riders
from prs.engine.rolling.stages import HOOKS, LONGEST, Round, StepName, Visit, broken_off, current, hooked, noted, passed, waits
from prs.engine.waits import Waits
from prs.errors import ApiError, HelperError, JobConflict, NotFound, PlanError, PveError, Unreachable
from prs.model import Plan
from prs.pve.act import ceph, power
from prs.pve.act.migration import locate_all
from prs.pve.api import Api
from prs.pve.read.ha import node_state
from prs.pve.read.permissions import lacking_reboot

log = logging.getLogger(__name__)

REBOOT = 1800.0  # a server with much memory and many disks may need half an hour
GOES_DOWN = 600.0  # a node that still has its old uptime after this (s) has not obeyed
SLACK = 60.0  # figures and clocks may be off by this much (s)
FLAGS = 3600.0  # how long (s) it is tried to take a flag back
PATIENCE = 900.0  # how long (s) PVE may give no answer
HOOK = 1800.0  # as long as root lets a hook run (helper.root_hooks)
AGAIN = 30.0  # seconds between two looks at guests that a way back could not bring yet
HOOK_STAGES: tuple[Stage, ...] = get_args(Stage)
Work = Callable[[Visit], Round]


class NodeSteps:
    """The steps, with the account of the host that carries the round. `keep` writes the round, which fails when it is another host's."""

    def __init__(
        self, api: Api, holds: Holds, clock: Clock, host: str, switch: Switch | None, keep: Callable[[Round], Round],
        hooks: HookThread | None = None,
    ) -> None:  # fmt: skip
        self.api, self.holds, self.journal, self.clock, self.host = api, holds, holds.journal, clock, host
        self._switch, self._keep, self._waits, self._hooks = switch, keep, Waits(clock), hooks or HookThread(no_hooks)
        self._riders = Riders(api, self.journal, clock)
        self._again = 0.0  # when (monotonic) an ended way back is looked at once more
        self.one: Round  # as it was written last
        self.works: dict[StepName, Work] = {
            "gates": self._gates, "drain": self._drain, "last-gates": self._last_gates, "reboot": self._reboot, "return": self._return,
            "by-hand": self._by_hand, "gates-again": self._gates_again, "flags": self._flags, "fill": self._fill,
            "shut-down": self._shut_down, "start-up": self._start_up,
            **dict.fromkeys(HOOKS, self._hook),
        }  # fmt: skip

    def go_on(self, one: Round) -> Round:
        """The round after one look at the step at hand; what went wrong is in it. RoundChanged, and HelperError of a write."""
        self.one, turn = one, one.turn
        if turn is None:
            return one
        work = self.works.get(turn.step)
        if work is None:
            return broken_off(one, f"this version knows no step {turn.step}", self.clock.time())
        try:
            found = work(turn)
        except (PlanError, JobConflict) as error:
            # What was moved has to come home, also when that has to wait for something.
            if turn.step == "fill" and self.clock.time() - turn.since < PATIENCE:
                return waits(self.one, str(error), turn.since + PATIENCE)
            return self._broken(str(error))
        except NotFound:  # the journal was lost, and with it what is known of the job
            return noted(self.one, job="", host="")
        except PveError as error:
            lasted = self._waits.lasted("PVE", turn.step)
            if lasted >= PATIENCE:
                return self._broken(str(error))
            return waits(self.one, f"PVE does not answer: {error}", float(round(self.clock.time() - lasted + PATIENCE)))
        self._waits.forget("PVE")
        return found

    def note(self, **changes: object) -> Visit:
        """Write something down about the turn before it happens. RoundChanged, HelperError."""
        self.one = self._keep(noted(self.one, **changes))
        turn = self.one.turn
        assert turn is not None, "a note ends no turn"
        return turn

    @property
    def _asked(self) -> Asked:
        return Asked(self.one.user, "round", self.one.id)

    def _passed(self, **changes: object) -> Round:
        return passed(self.one, self.clock.time(), **changes)

    def _broken(self, words: str, away: bool = False) -> Round:
        if (turn := current(self.one)).step == "fill" and "not home: " not in words and (left := self._left(turn)) not in words:
            words = f"{words[: LONGEST - len(left) - 2]}; {left}"
        return broken_off(self.one, words, self.clock.time(), away=away)

    def _shut(self, turn: Visit, when: str, back: bool = False) -> Round | None:
        """How it goes on while a gate is shut; None when all are open. `back`: the node has rebooted."""
        gate = closed_gate(self.api, self.clock.time(), turn.node, back, self.one.besides(turn.node))
        if gate is None:
            return None
        until = turn.since + gate.limit
        return self._broken(f"{when}: {gate.reason}") if self.clock.time() >= until else waits(self.one, f"{when}: {gate.reason}", until)

    def _gates(self, turn: Visit) -> Round:
        switches = self.one.options.maintenance and self._switch is not None
        besides, now = self.one.besides(turn.node), self.clock.time()
        if besides and (words := apart(self.api, self.holds, self.one, turn, switches, now)):
            return postponed(self.one, now, f"not together with {', '.join(besides)}: {words}")
        if held := self.holds.held().get(turn.node):
            return self._broken(f"{turn.node} is {held.reason}")
        # Now, and not when the node is empty already.
        if self.one.options.reboot and not power.may_reboot(self.api, turn.node):
            return self._broken(lacking_reboot(self.api.user, turn.node))
        if self.one.options.reboot and (words := cannot_prove(self.api, self.holds.roster, turn.node)):
            return self._broken(words)
        return self._shut(turn, f"before {turn.node}") or self._passed()

    def _drain(self, turn: Visit) -> Round:
        if turn.job:
            return self.followed(turn, f"{turn.node} was not emptied") or self._passed(rides=self._riders.off(turn))
        if shut := self._shut(turn, f"before {turn.node}"):
            return shut
        self._riders.adopt(self.one, turn)
        switches = self.one.options.maintenance and self._switch is not None
        policy, plan = turn_policy(self.one), drain_plan(self.api, self.holds, self.one, turn, switches, self.clock.time())
        if not plan.feasible:
            return self._broken("; ".join([plan.summary, *(f"{stay.vmid} ({stay.name}) {stay.reason}" for stay in plan.blockers)]))
        if plan.lacking:
            return self._broken(plan.lacking)
        places = locate_all(self.api)
        here = {vmid for vmid, where in places.items() if where.node == turn.node and not where.template}
        ours = turn.mode or (switches and node_state(self.api, turn.node)[0] != "maintenance")
        rides = self._riders.noted(turn, {stay.vmid for stay in plan.rides}, places)
        self.note(guests=tuple(sorted({*turn.guests, *here})), mode=ours, rides=rides)
        plan_id = self.journal.add_plan(plan, policy, self.one.user)
        job = self.journal.add_job(plan_id, self.one.user, ORIGIN, self.clock.time(), maintenance=turn.node if switches else "")
        self._asked.note("drain", turn.node, job=job)
        self.note(job=job, host=self.host, held=True)
        return self.one

    def followed(self, turn: Visit, words: str) -> Round | None:
        """How it goes on while the turn's job is at work, or when that has not succeeded; None when it has."""
        job = self.journal.job(turn.job)
        if job.open:
            return waits(self.one, job.message)
        return None if job.state == "done" else self._broken(f"{words}: {job.message or job.state}")

    def _shut_down(self, turn: Visit) -> Round:
        """The drain has shut down who rides along; here their node itself says so."""
        if not (words := self._riders.running(self.one, turn.node)):
            return self._passed()
        return self._broken(words) if self.clock.time() - turn.since > SLACK else waits(self.one, words, turn.since + SLACK)

    def _last_gates(self, turn: Visit) -> Round:
        if shut := self._shut(turn, f"before the reboot of {turn.node}"):
            return shut
        words = not_empty(self.api, self.holds.roster, turn.node, self.one.options.rides)
        return self._broken(words) if words else self._passed()

    def _reboot(self, turn: Visit) -> Round:
        """Tell the node, once; whether a carrier that died has done so shows in the node's uptime."""
        up = power.uptimes(self.api).get(turn.node, 0.0)
        if turn.uptime and up < turn.uptime:
            return self._passed(told=turn.since)
        if not up:
            return self._broken(f"the uptime of {turn.node} is not known, so nobody could see whether it has rebooted")
        # Hooks, or another carrier, may have come between the last look and now.
        if shut := self._shut(turn, f"before the reboot of {turn.node}"):
            return shut
        if words := not_empty(self.api, self.holds.roster, turn.node, self.one.options.rides):
            return self._broken(words)
        self._set_noout(turn, uptime=up)
        try:
            power.reboot(self.api, turn.node)
        except ApiError as error:
            self._asked.note("reboot", turn.node, REFUSED)
            return self._broken(f"PVE does not reboot {turn.node}: {error}")
        except Unreachable as error:
            log.warning("no answer to the reboot request, which may have been carried out all the same: %s", error)
        self._asked.note("reboot", turn.node)
        return self._passed(told=self.clock.time())

    def _set_noout(self, turn: Visit, **changes: object) -> None:
        """Write down that the node goes down, which only the round's carrier can, and keep Ceph from copying its data meanwhile."""
        # Whoever noted it may have died, or have had no answer, before it was set.
        wanted = ceph.has_osds(self.api, turn.node) and not ceph.noout(self.api)
        self.note(noout=turn.noout or wanted, **changes)
        if not wanted:
            return
        try:
            ceph.set_noout(self.api, True)
            self._asked.note("set-noout", turn.node)
        except ApiError as error:
            self._asked.note("set-noout", turn.node, REFUSED)
            self.note(noout=False)
            log.warning("Ceph's flag noout is not set (%s): if %s stays away for long, Ceph copies its data elsewhere", error, turn.node)

    def _return(self, turn: Visit) -> Round:
        try:
            up = power.uptimes(self.api).get(turn.node, 0.0)
        except PveError:
            up = 0.0  # the API host may be the very node that reboots
        waited = self.clock.time() - turn.told
        if 0.0 < up < turn.uptime + max(0.0, waited - SLACK):
            return self._passed()
        if waited > REBOOT:
            return self._broken(f"{turn.node} was told to reboot and is not back after {REBOOT / 60:.0f} minutes", away=True)
        if waited > GOES_DOWN and up:
            return self._broken(f"{turn.node} was told to reboot and has not done so within {GOES_DOWN / 60:.0f} minutes")
        return waits(self.one, f"{turn.node} reboots", turn.told + REBOOT)

    def _by_hand(self, turn: Visit) -> Round:
        words = f"{turn.node} is empty, and waits until the round is resumed"
        if not turn.uptime:
            up = power.uptimes(self.api).get(turn.node, 0.0) or 1.0
            self._set_noout(turn)
            return noted(waits(self.one, words), uptime=up)  # last: until then the flag is set once more by whoever looks
        return waits(self.one, words)

    def _gates_again(self, turn: Visit) -> Round:
        # Who services a node by hand need not have rebooted it.
        back = self.one.options.reboot or 0.0 < power.uptimes(self.api).get(turn.node, 0.0) < turn.uptime
        return self._shut(turn, f"after the reboot of {turn.node}", back) or self._passed()

    def _hook(self, turn: Visit) -> Round:
        """Run the site's hook of this step once; one that has not ended well, or of which that is not known, rests until a user speaks."""
        noted_one = turn.hook
        if noted_one is None:
            stage = next(stage for stage in HOOK_STAGES if stage == turn.step)
            noted_one = Hook(stage, started=self.clock.time(), host=self.host)
            # Before it begins: whoever finds this note without having seen the end does not run it once more.
            self.note(hooks=hooked(turn, noted_one))
            self._hooks.begin(self._asked, turn.node, noted_one)
        found = self._hooks.seen(self._asked, turn.node, noted_one) if noted_one.state == "running" else noted_one
        if found is None and turn.step in self.one.options.stages:
            found = replace(noted_one, state="failed", output=f"{self.host}, which carries the round, has no such hook")
        if found is None:
            return self._passed(hooks=tuple(one for one in turn.hooks if one.stage != turn.step))
        if found.state == "running":
            return waits(self.one, f"the site's hook {found.stage} runs for {turn.node}", found.started + HOOK)
        if not found.trouble:
            return self._passed(hooks=hooked(turn, found))
        return waits(noted(self.one, hooks=hooked(turn, found)), f"{found.trouble} (resume runs it again)")

    def _flags(self, turn: Visit) -> Round:
        """Take Ceph's flag back; it is tried for long, as nobody else knows that it was ours."""
        if turn.noout:
            try:
                ceph.set_noout(self.api, False)
            except PveError as error:
                if self.clock.time() - turn.since < FLAGS:
                    return waits(self.one, f"Ceph's flag noout is still set: {error}", turn.since + FLAGS)
                return self._broken(f"Ceph's flag noout is still set ({error}): ceph osd unset noout")
            self._asked.note("unset-noout", turn.node)
            turn = self.note(noout=False)
        self._riders.adopt(self.one, turn)
        kept = left_behind(self.holds, turn) if turn.away else ""
        return self._passed(**({"message": f"{turn.message}; {kept}"} if kept else {}))

    def _fill(self, turn: Visit) -> Round:
        filling = Filling(self.api, self.holds, self._switch, self.one, turn)
        if turn.job:
            job = self.journal.job(turn.job)
            if job.open:
                return waits(self.one, job.message)
            if not (words := filling.lacking(job) or filling.still_kept()):
                return self._passed(**self._message(turn, filling.elsewhere(job.plan)))
            if self.clock.monotonic() < self._again:
                return self.one
            self._again = self.clock.monotonic() + AGAIN
            try:
                plan, _ = filling.plan(self.clock.time())
            except PlanError:
                if self.clock.time() - turn.since < PATIENCE:
                    raise
                return self._broken(words)
            if filling.untried(job, plan):
                return noted(self.one, job="", host="")
            return self._held_up(turn, filling, plan) or self._broken(words)
        plan, policy = filling.plan(self.clock.time())
        if plan.lacking:
            return self._broken(plan.lacking)
        if plan.moves or drains_with_rides(self.journal, turn.node):
            plan_id = self.journal.add_plan(plan, policy, self.one.user)
            mode = turn.node if turn.mode else ""
            job_id = self.journal.add_job(plan_id, self.one.user, ORIGIN, self.clock.time(), maintenance=mode)
            self._asked.note("release", turn.node, job=job_id)
            self.note(job=job_id, host=self.host)
            return self.one
        if held_up := self._held_up(turn, filling, plan):
            return held_up
        try:
            later = filling.release(plan)
        except HelperError as error:
            return self._broken(f"{turn.node} is kept empty: {error}")
        if turn.held:
            self._asked.note("release", turn.node)
        words = filling.lacking(Job("", "balance", "done", plan, policy, message=later))
        return self._broken(words) if words else self._passed(**self._message(turn, filling.elsewhere(plan)))

    def _left(self, turn: Visit) -> str:
        """What a way back that goes no further leaves; the riders have their own step after it."""
        turn = replace(turn, rides=())
        try:
            return Filling(self.api, self.holds, self._switch, self.one, turn).left()
        except PveError:
            return left_behind(self.holds, turn)

    def _held_up(self, turn: Visit, filling: Filling, plan: Plan) -> Round | None:
        """How it goes on while what keeps guests away ends by itself, as a snapshot or a backup does; None when it has taken too long."""
        until = turn.since + filling.patience
        return waits(self.one, filling.elsewhere(plan), until) if self.clock.time() < until else None

    def _start_up(self, turn: Visit) -> Round:
        """See those running that were shut down; most were started on the way back already."""
        waiting, words = self._riders.start(self.one, turn)
        if waiting:
            return waits(self.one, waiting)
        return self._broken(words) if words else self._passed(rides=())

    @staticmethod
    def _message(turn: Visit, words: str) -> dict[str, object]:
        said = "; ".join(filter(None, [turn.message if turn.ending else "", words]))
        return {"message": said[:400]} if said else {}
