"""Carrying a plan out for the command line: shared by `run` and `drain`."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial

from prs.cli import exits
from prs.cli.call import Call
from prs.cli.job_view import job_end, what
from prs.cli.journal_of import holds_of, journal_of
from prs.cli.plan_view import nodes_table
from prs.cli.planned import show
from prs.codec import to_json
from prs.config.load import Settings
from prs.engine.clock import SystemClock
from prs.engine.drain.ha_maintenance import Switch
from prs.engine.drain.keep_out import keep_out
from prs.engine.execution.arrivals import arrived
from prs.engine.execution.executor import TICK, Executor
from prs.engine.execution.foreground import QUEUES, Interrupts, carry_out, follow, queue_up, unfinished
from prs.engine.journal.jobs import Job
from prs.engine.journal.lock import ExecutorLock
from prs.engine.loads.link_speeds import with_speeds
from prs.engine.planning import PlanRequest, make_plan, what_if
from prs.engine.rolling.others import in_turn
from prs.engine.waits import at_most
from prs.errors import PlanError, RoundUnknown
from prs.helper import client
from prs.helper.client import SOCKET, set_maintenance
from prs.model import Cluster, Plan, Policy
from prs.pve.api import Api
from prs.pve.read.rrd import REPORT
from prs.pve.read.snapshot import read_cluster

log = logging.getLogger(__name__)

SWITCH: Switch = partial(set_maintenance, SOCKET)  # HA maintenance mode, through the root helper
# A guest has no load of its own for its first minute on a node; then PVE renews its figures every 10 s.
SETTLES = 90.0
_EXITS = {"done": exits.DONE, "partial": exits.PARTIAL, "failed": exits.PARTIAL, "cancelled": exits.CANCELLED}


def exit_of(job: Job) -> int:
    """The exit code that tells how a job ended; one that is still open was left, paused or to another process."""
    return _EXITS.get(job.state, exits.CANCELLED)


def plan_and_do(call: Call, request: PlanRequest) -> int:
    """Finish what an earlier process left behind, then plan, show the plan, carry it out and show what the cluster looks like."""
    settings = call.settings()
    worker = Worker(call, settings, call.connect(settings.require_endpoint()))
    with ExecutorLock(settings.state_dir, call.options.verb) as lock:
        worker.begin(lock)
        not_in_round(request.drain)
        held = worker.holds.held()
        jobs = worker.journal.jobs(only_open=True)

        def beside(cluster: Cluster) -> Cluster:
            return arrived(keep_out(cluster, held, request.drain), jobs, request.drain)

        # Of a pass that the configuration makes by itself nobody sees the plan.
        policy = replace(with_speeds(settings.policy, settings.state_dir), unattended=getattr(call.options, "unattended", False))
        cluster, plan = make_plan(worker.api, policy, time.time(), request, beside, worker.holds.roster)
        if not call.json:
            show(call, cluster, plan)
        # A drain of a node that is empty already still keeps it empty from now on.
        idle = not plan.moves and plan.kind != "drain"
        refused = bool(plan.lacking) or (not plan.feasible and not (request.leave and plan.moves))
        if refused or idle or settings.dry_run or worker.interrupts.any:
            return without_moves(call, settings, plan, worker)
        return worker.do(plan, settings.policy, request, plan.node if SOCKET.exists() else "")


def not_in_round(node: str) -> None:
    """PlanError while a round of the services has its turn with the node, which moves its guests and reboots it."""
    shared = client.shared_round(client.PVE, client.SOCKET)
    with suppress(RoundUnknown):  # nobody carries such a round, so it stands in nobody's way
        if words := in_turn(shared.read() if shared else None, node):
            raise PlanError(words)


def without_moves(call: Call, settings: Settings, plan: Plan, worker: Worker) -> int:
    """Say why nothing is started; the exit code."""
    if call.json:
        call.print_json({"plan": to_json(plan), "job": None})
    if worker.interrupts.any:
        worker.say("\nInterrupted: nothing was started.\n")
        return exits.CANCELLED
    if settings.dry_run and plan.moves:
        worker.say("\nDry run: nothing was moved.\n")
    elif plan.lacking:
        worker.say(f"\nNothing was started: {plan.lacking}\n")
        return exits.ERROR
    return exits.DONE if plan.feasible else exits.INFEASIBLE


def seen(cluster: Cluster, settings: Settings, request: PlanRequest, call: Call) -> str:
    """The nodes as the cluster reports them now (not as the plan computed them)."""
    now = what_if(cluster, settings.policy, cluster.taken, request)
    shown = replace(now, after=(), moves=(), kind="balance")
    return "\nNodes now, as the cluster reports them:\n" + nodes_table(cluster, shown, call.style)


class Worker:
    """The journal, the clock and the display of one foreground run."""

    def __init__(self, call: Call, settings: Settings, api: Api) -> None:
        self._call, self._settings, self.api = call, settings, api
        self.journal, self._clock = journal_of(settings), SystemClock()
        self.holds = holds_of(self.journal, self._clock)
        self.interrupts = Interrupts(self._clock)
        self.interrupts.install()
        self._lock: ExecutorLock | None = None

    def say(self, text: str) -> None:
        """Tell a person something; a program reads only the result."""
        if not self._call.json:
            self._call.print(text)

    def begin(self, lock: ExecutorLock) -> None:
        """Wait for another command that carries jobs out, then finish what an earlier process left behind."""
        self.wait_for(lock)
        for job in unfinished(self.journal) if lock.taken else ():
            self.say(f"Going on with job {job.id}, which was interrupted.\n")
            self.work(job.id)
        for job in self.journal.jobs(only_open=True) if lock.taken else ():
            if job.request == "pause" and not job.credential:
                self.say(f"Job {job.id} ({what(job)}) is paused: `resume {job.id}` goes on with it.\n")

    def wait_for(self, lock: ExecutorLock) -> None:
        """Wait while another command carries jobs out, and work with the lock from then on; KeyboardInterrupt if a signal ends the wait."""
        self._lock = lock
        if not lock.taken and not lock.holder.service:
            words = f"{at_most(f'{lock.holder.words} is at work on this host', QUEUES)}; this one goes on when it has ended"
            if self._call.json:
                log.warning("%s", words)
            else:
                self.say(f"{words[0].upper()}{words[1:]}. Ctrl-C ends the wait.\n")
        if not queue_up(lock, self._clock, self.interrupts):
            if not self.interrupts.any:
                raise PlanError(f"{lock.holder.words} has been at work on this host for {QUEUES / 3600:.0f} hours; nothing was started")
            raise KeyboardInterrupt

    def do(self, plan: Plan, policy: Policy, request: PlanRequest, maintenance: str = "") -> int:
        """Carry out a plan that was shown, and say how it ended; `maintenance`: the node whose HA maintenance mode may be switched."""
        return self.start(self.journal.add_plan(plan, policy, self.api.user), plan, request, maintenance)

    def start(self, plan_id: str, plan: Plan, request: PlanRequest, maintenance: str = "") -> int:
        """Carry out a plan of the journal, as `do`."""
        job_id = self.journal.add_job(plan_id, self.api.user, "cli", time.time(), maintenance=maintenance)
        self._call.note(self._call.options.verb, job_id, plan.node)
        if self._lock and not self._lock.taken:
            self.say("\nThe service of this host carries the plan out; Ctrl-C here cancels it there.\n")
        self.say("\n")
        return self.tell(self.work(job_id), request)

    def tell(self, job: Job, request: PlanRequest, figures: bool = True) -> int:
        """Say how a job ended, and with `figures` how the nodes are now; the exit code."""
        call = self._call
        if call.json:
            call.print_json({"plan": to_json(job.plan), "job": to_json(job)})
            return exit_of(job)
        call.print("\n" + job_end(job, call.style))
        if job.open:
            call.print(f"Job {job.id} is {job.state}: `status {job.id}` shows it, `resume {job.id}` goes on with it.\n")
        elif figures:
            call.print(seen(self.settled(job), self._settings, request, call))
        return exit_of(job)

    def work(self, job_id: str) -> Job:
        """Carry the job out in this process, or follow the one that does and take over when that has gone, until it ends or is left."""
        display = self._call.display(self._settings)

        def watch(job: Job) -> None:
            # A display that nobody takes is left out: what changed is shown as soon as somebody does.
            if self._call.out_ready():
                display.show(job, self._clock.time())

        try:
            if self._lock and not self._lock.taken:
                job = follow(self.journal, self._clock, job_id, self.interrupts, watch, self._lock)
                if not job.open or not self._lock.taken:
                    return job
                log.warning("the service has gone: this process carries job %s out from here on", job_id)
            return carry_out(Executor(self.api, self.holds, self._clock, job_id, SWITCH), self.interrupts, watch)
        finally:
            display.close()

    def settled(self, job: Job) -> Cluster:
        """Read the cluster once PVE has figures of the guests in their new places; a signal, before or now, or SETTLES seconds end it."""
        moved = {step.vmid for step in job.steps if step.state == "done" and step.running}
        began, told = self._clock.monotonic(), False
        while True:
            policy = self._settings.policy
            cluster = read_cluster(self.api, self._clock.time(), policy.method, history=0.0, counts=policy.memory, among=())
            blank = [guest for guest in cluster.guests if guest.vmid in moved and guest.problem]
            waited = self._clock.monotonic() - began
            ended = waited > SETTLES or self.interrupts.any
            # The nodes that the guests have left report that a little later, too.
            if ended or (not blank and (not moved or waited >= REPORT)):
                full = policy.memory == "reserved"  # each node is asked for its balloons once, and not all the while
                return read_cluster(self.api, self._clock.time(), policy.method, history=0.0, counts="reserved") if full else cluster
            if not told:
                told = True
                self.say("Waiting for PVE's figures of the guests in their new places (about a minute; Ctrl-C skips it) ...\n")
            self._clock.sleep(TICK)
