"""Rolling maintenance: empty a node, reboot it, fill it again, then the next; stops at the first gate that stays shut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from prs.engine.clock import Clock
from prs.engine.drain.ha_maintenance import Switch
from prs.engine.drain.holds import Holds
from prs.engine.drain.keep_out import keep_out
from prs.engine.drain.release import plan_release, release_node
from prs.engine.journal.hold import Hold
from prs.engine.journal.jobs import Job
from prs.engine.journal.rides import drains_with_rides
from prs.engine.planning import PlanRequest, make_plan
from prs.engine.rolling import gates, noout
from prs.engine.rolling.deeds import REFUSED, Asked
from prs.engine.rolling.filling import excluded, held_up, not_back
from prs.engine.rolling.gates import not_empty
from prs.engine.rolling.hooks import Hook, RunHook, Stage, no_hooks
from prs.engine.rolling.runs import RollingRun, RollingRuns, Stop
from prs.engine.waits import at_most
from prs.errors import ApiError, HelperError, JobConflict, JournalError, PlanError, PveError, Unreachable
from prs.model import Plan, Policy
from prs.pve.act import power
from prs.pve.api import Api

LOOK = 10.0  # seconds between two looks at a gate
REBOOT = 1800.0  # a server with much memory and many disks may need half an hour
SLACK = 60.0  # figures and clocks may be off by this much (s)
HOOK = 1800.0  # as long as root lets a hook run (helper.root_hooks)
GOES_DOWN = 600.0  # a node that still has its old uptime after this (s) has not obeyed




class Halted(Exception):
    """Why the rolling_run goes no further; `cancelled` when the user asked for that, `left` when it goes on with `resume`."""

    def __init__(self, words: str, cancelled: bool = False, left: bool = False) -> None:
        super().__init__(words)
        self.cancelled, self.left = cancelled, left


@dataclass(frozen=True)
class Actions:
    """What carries things out: `work` brings a job to its end, `stopped` tells that the user wants an end, `say` tells people."""

    work: Callable[[str], Job]
    stopped: Callable[[], bool]
    say: Callable[[str], None]
    switch: Switch
    maintenance: bool  # whether drains may switch HA maintenance mode
    holds: Holds
    left: Callable[[], bool] = lambda: False  # whether the rest is to be gone on with later, instead of being given up
    hook: RunHook = no_hooks


class Rolling:
    """One rolling_run over its nodes. Everything that must survive is in the journal, so `go` goes on where an earlier process stopped."""

    def __init__(self, api: Api, runs: RollingRuns, clock: Clock, run_id: str, actions: Actions) -> None:
        self.api, self.runs, self.journal, self.clock, self.run_id, self.actions = api, runs, runs.journal, clock, run_id, actions
        self._waiting = ""
        self._asked = Asked(api.user, "local", run_id)

    def go(self) -> RollingRun:
        """Carry the rolling_run out; its end is in the journal, and true."""
        try:
            for stop in self.runs.get(self.run_id).stops:
                if stop.state == "failed":
                    raise Halted(stop.message)
                if stop.state != "done":
                    self._visit(stop)
            self._pass("", True, "at the end")
            self.runs.end(self.run_id, "done", "", self.clock.time())
        except Halted as halt:
            kept = noout.surely_taken_back(self.api, self.journal, self.clock)
            if halt.left or (halt.cancelled and self.actions.left()):
                self._waits(kept)
                return self.runs.get(self.run_id)
            words = "; ".join(filter(None, (self._left(str(halt)), kept)))
            self.runs.end(self.run_id, "cancelled" if halt.cancelled else "failed", words, self.clock.time())
        return self.runs.get(self.run_id)

    def _left(self, words: str) -> str:
        """The reason with what it leaves behind: nodes that are still kept empty."""
        nodes = [stop.node for stop in self.runs.get(self.run_id).stops if stop.node in self.actions.holds.own()]
        return words + "".join(f"; {node} is kept empty (release {node})" for node in nodes)

    def _visit(self, stop: Stop) -> None:
        with self._failing(stop):
            if stop.state == "planned":
                # Before the first node a person is told at once; later ones wait until the cluster has come to rest.
                self._pass(stop.node, stop.seq > 1, f"before {stop.node}")
                self._hook(stop, "before-drain")
                stop = self._set(stop, state="draining", job=self._queue("drain", stop, *self._drain(stop)))
            if stop.state == "draining":
                self._end(stop.job, f"{stop.node} was not emptied")
                uptime = power.uptimes(self.api).get(stop.node, 0.0)
                if not uptime:
                    raise Halted(f"the uptime of {stop.node} is not known, so nobody could see whether it has rebooted")
                stop = self._set(stop, state="rebooting", uptime=uptime)
            if stop.state == "rebooting":
                stop = self._reboot(stop)
            if stop.state == "returning":
                self._bring_back(stop)

    @contextmanager
    def _failing(self, stop: Stop) -> Iterator[None]:
        """Whatever stands in the way of a stop halts the rolling_run in its words; a stop that only waits for the user stays as it is."""
        try:
            yield
        except Halted as halt:
            if not halt.cancelled:
                self.runs.stop(self.run_id, stop.seq, state="failed", message=str(halt))
            raise
        except (PlanError, JobConflict, JournalError, PveError, HelperError) as error:
            self.runs.stop(self.run_id, stop.seq, state="failed", message=str(error))
            raise Halted(f"{stop.node}: {error}") from error

    def _pass(self, leaving: str, patient: bool, when: str, back: bool = False) -> None:
        """Wait until all gates are open, or (not patient) look once; Halted with the first one that stays shut."""
        began = self.clock.monotonic()
        while gate := gates.closed_gate(self.api, self.clock.time(), leaving, back):
            if not patient or self.clock.monotonic() - began >= gate.limit:
                raise Halted(f"{when}: {gate.reason}")
            self._rest(at_most(f"{when}: {gate.reason}", gate.limit))
        self._waits("")

    def _waits(self, words: str) -> None:
        """Tell what is waited for, once, and keep it in the journal for as long as it lasts."""
        if words == self._waiting:
            return
        self._waiting = words
        if words:
            self.actions.say(f"{words[0].upper()}{words[1:]}.")
        self.runs.note(self.run_id, words)

    def _rest(self, words: str) -> None:
        self._waits(words)
        self._unless_stopped()
        self.clock.sleep(LOOK)

    def _unless_stopped(self) -> None:
        """Begin nothing more once the user wants an end. Halted."""
        if self.actions.stopped():
            raise Halted("stopped by the user", cancelled=True)

    def _drain(self, stop: Stop) -> tuple[Plan, Policy, str]:
        rolling_run, held = self.runs.get(self.run_id), self.actions.holds.held()
        self._unless_stopped()
        request = PlanRequest(drain=stop.node, maintenance=self.actions.maintenance)
        _, plan = make_plan(
            self.api, rolling_run.policy, self.clock.time(), request, lambda cluster: keep_out(cluster, held, stop.node),
            self.actions.holds.roster,
        )
        self.actions.say(plan.summary)
        if not plan.feasible:
            raise Halted("; ".join([plan.summary, *(f"{stay.vmid} ({stay.name}) {stay.reason}" for stay in plan.blockers)]))
        if plan.lacking:
            raise Halted(plan.lacking)
        return plan, rolling_run.policy, stop.node if self.actions.maintenance else ""

    def _queue(self, action: str, stop: Stop, plan: Plan, policy: Policy, maintenance: str) -> str:
        plan_id = self.journal.add_plan(plan, policy, self.api.user)
        job = self.journal.add_job(plan_id, self.api.user, "cli", self.clock.time(), maintenance=maintenance)
        self._asked.note(action, stop.node, job=job)
        return job

    def _end(self, job_id: str, words: str) -> None:
        job = self.actions.work(job_id)
        if job.state == "paused" and not self.actions.stopped():
            self.actions.say(f"{words}: job {job.id} is paused: {job.message}")
            raise Halted(job.message, cancelled=True, left=True)
        if job.state != "done":
            raise Halted(f"{words}: {job.message or job.state}", cancelled=job.state == "cancelled" or job.open)

    def _set(self, stop: Stop, **changes: object) -> Stop:
        self.runs.stop(self.run_id, stop.seq, **changes)
        return self._now(stop)

    def _now(self, stop: Stop) -> Stop:
        return next(found for found in self.runs.get(self.run_id).stops if found.seq == stop.seq)

    def _reboot(self, stop: Stop) -> Stop:
        """Tell the node once, then wait until it is up with a fresh uptime."""
        if not stop.told:
            self._hook(stop, "after-drain")
            self._pass(stop.node, True, f"before the reboot of {stop.node}")
            if self._hook(stop, "before-reboot"):  # which may have taken its time
                self._pass(stop.node, True, f"before the reboot of {stop.node}")
            self._still_empty(stop)
            self._unless_stopped()  # the drain may have come to its end all the same
            noout.put_on(self.api, self.journal, stop.node, self.actions.say)
            self.actions.say(f"{stop.node} is empty and reboots.")
            try:
                power.reboot(self.api, stop.node)
            except ApiError as error:
                self._asked.note("reboot", stop.node, REFUSED)
                raise Halted(f"PVE does not reboot {stop.node}: {error}") from error
            except Unreachable as error:
                self.actions.say(f"no answer to the reboot request, which may have been carried out all the same: {error}")
            self._asked.note("reboot", stop.node)
            stop = self._set(stop, told=self.clock.time())
        began = self.clock.monotonic()
        while not self._is_back(stop):
            waited = self.clock.monotonic() - began
            if waited > REBOOT:
                raise Halted(f"{stop.node} was told to reboot and is not back after {REBOOT / 60:.0f} minutes")
            if waited > GOES_DOWN and self._uptime(stop):
                raise Halted(f"{stop.node} was told to reboot and has not done so within {GOES_DOWN / 60:.0f} minutes")
            self._rest(at_most(f"{stop.node} reboots", REBOOT))
        self._pass(stop.node, True, f"after the reboot of {stop.node}", back=True)
        noout.take_back(self.api, self.journal)
        self._hook(stop, "after-boot")
        return self._set(stop, state="returning")

    def _hook(self, stop: Stop, stage: Stage) -> bool:
        """Run the site's hook of this stage unless it is done already; whether there is one. Halted where it is not well."""
        stop = self._now(stop)
        if any(one.stage == stage and one.state == "done" for one in stop.hooks):
            return True
        self._unless_stopped()
        others, began = tuple(one for one in stop.hooks if one.stage != stage), self.clock.time()
        # Before it happens: what a process that dies in between leaves behind says that it was begun.
        self._set(stop, hooks=(*others, Hook(stage, started=began)))
        self._waits(at_most(f"the site's hook {stage} runs for {stop.node}", HOOK))
        try:
            done = self.actions.hook(stage, stop.node, self.actions.stopped)
        except HelperError as error:
            done = Hook(stage, "failed", output=str(error))
        if done is not None:
            self._asked.hook(stop.node, done)
        self._set(stop, hooks=(*others, *([replace(done, started=began)] if done else [])))
        self._waits("")
        if done and done.trouble:
            raise Halted(f"{stop.node}: {done.trouble}", cancelled=done.state == "stopped")
        return done is not None

    def _still_empty(self, stop: Stop) -> None:
        """Look at the node in the minute of its reboot. Halted."""
        rides = {ride.vmid for ride in self.journal.job(stop.job).rides}
        if words := not_empty(self.api, self.actions.holds.roster, stop.node, rides):
            raise Halted(words)

    def _uptime(self, stop: Stop) -> float:
        try:
            return power.uptimes(self.api).get(stop.node, 0.0)
        except PveError:
            return 0.0  # the API host may be the very node that reboots

    def _is_back(self, stop: Stop) -> bool:
        """True once its uptime is less than it would be without a reboot, also when we look only hours later."""
        since = max(0.0, self.clock.time() - stop.told - SLACK)
        return 0.0 < self._uptime(stop) < stop.uptime + since

    def _bring_back(self, stop: Stop) -> None:
        held = self.actions.holds.own().get(stop.node)
        if stop.back:
            self._all_back(stop)
        elif held is not None:
            plan, policy = self._way_back(stop, held)
            self.actions.say(plan.summary)
            if plan.lacking:
                raise Halted(plan.lacking)
            if plan.moves or drains_with_rides(self.journal, stop.node):
                stop = self._set(stop, back=self._queue("release", stop, plan, policy, stop.node if held.maintenance else ""))
                self._all_back(stop)
            elif words := not_back(Job("", "balance", "done", plan, policy)):
                raise Halted(f"not every guest is back on {stop.node}: {words}")
            else:
                release_node(self.actions.holds, held, self.actions.switch)
                self._asked.note("release", stop.node)
        self._set(stop, state="done")

    def _way_back(self, stop: Stop, held: Hold) -> tuple[Plan, Policy]:
        """The plan, once what keeps the node or guests from it and ends by itself has ended, or has taken too long. Halted."""
        began = self.clock.monotonic()
        while True:
            self._unless_stopped()
            cluster, plan, policy = plan_release(self.api, self.actions.holds, held, self.clock.time())
            ill = excluded(cluster, plan, policy, stop.node)
            words = ill or not_back(Job("", "balance", "done", plan, policy)) if ill or held_up(cluster, plan) else ""
            if not words or self.clock.monotonic() - began >= gates.PATIENCE:
                self._waits("")
                return plan, policy
            self._rest(at_most(f"back to {stop.node}: {words}", gates.PATIENCE))

    def _all_back(self, stop: Stop) -> None:
        """Bring the way back to its end. Halted where a guest is not home then."""
        self._end(stop.back, f"not every guest is back on {stop.node}")
        if words := not_back(self.journal.job(stop.back)):
            raise Halted(f"not every guest is back on {stop.node}: {words}")
