"""Carrying a plan out for the command line: shared by `run` and `drain`."""

from __future__ import annotations

import time
from dataclasses import replace

from prs import exits
from prs.codec import to_json
from prs.config import Settings
from prs.engine.clock import SystemClock
from prs.engine.executor import TICK
from prs.engine.jobs import Job
from prs.engine.journal import Journal
from prs.engine.owner import Owner
from prs.engine.planning import Wish, make_plan, what_if
from prs.engine.rights import become_owner
from prs.engine.session import Interrupts, carry_out, follow, unfinished
from prs.model import Cluster, Plan
from prs.output import nodes_table
from prs.output_jobs import job_end
from prs.pve.api import Api
from prs.pve.snapshot import read_cluster
from prs.verbs.call import Call
from prs.verbs.plan import show

JOURNAL = "journal.sqlite"
# A guest has no load of its own for its first minute on a node; then PVE renews its figures every 10 s.
SETTLES = 90.0
_EXITS = {"done": exits.DONE, "partial": exits.PARTIAL, "failed": exits.PARTIAL, "cancelled": exits.CANCELLED}


def journal_of(settings: Settings) -> Journal:
    """Open the journal that the configuration names, as the user it belongs to; JournalError."""
    become_owner(settings.state_dir)
    return Journal(settings.state_dir / JOURNAL)


def plan_and_do(call: Call, wish: Wish) -> int:
    """Finish what an earlier process left behind, then plan, show the plan, carry it out and show what the cluster looks like."""
    settings = call.settings()
    api = call.connect(settings.require_endpoint())
    worker = Worker(call, settings, api)
    with Owner(settings.state_dir) as owner:
        if owner.taken:
            for job in unfinished(worker.journal):
                worker.say(f"Going on with job {job.id}, which was interrupted.\n")
                worker.work(job.id, mine=True)
        cluster, plan = make_plan(api, settings.policy, time.time(), wish)
        if not call.json:
            show(call, cluster, plan)
        if not plan.feasible or not plan.moves or settings.dry_run or worker.interrupts.count:
            return _without_moves(call, settings, plan, worker)
        plan_id = worker.journal.add_plan(plan, settings.policy, api.user)
        job_id = worker.journal.add_job(plan_id, api.user, "cli", time.time())
        if not owner.taken:
            worker.say("\nThe service of this host carries the plan out; Ctrl-C here cancels it there.\n")
        worker.say("\n")
        job = worker.work(job_id, mine=owner.taken)
    if call.json:
        call.print_json({"plan": to_json(plan), "job": to_json(job)})
    else:
        call.print("\n" + job_end(job, call.style))
        call.print(seen(worker.settled(job), settings, wish, call))
    return _EXITS[job.state]


def _without_moves(call: Call, settings: Settings, plan: Plan, worker: Worker) -> int:
    if call.json:
        call.print_json({"plan": to_json(plan), "job": None})
    if worker.interrupts.count:
        worker.say("\nInterrupted: nothing was started.\n")
        return exits.CANCELLED
    if settings.dry_run and plan.moves:
        worker.say("\nDry run: nothing was moved.\n")
    return exits.DONE if plan.feasible else exits.INFEASIBLE


def seen(cluster: Cluster, settings: Settings, wish: Wish, call: Call) -> str:
    """The nodes as the cluster reports them now (not as the plan computed them)."""
    now = what_if(cluster, settings.policy, cluster.taken, wish)
    shown = replace(now, after=(), moves=(), kind="balance")
    return "\nNodes now, as the cluster reports them:\n" + nodes_table(cluster, shown, call.style)


class Worker:
    """The journal, the clock and the display of one foreground run."""

    def __init__(self, call: Call, settings: Settings, api: Api) -> None:
        self._call, self._settings, self._api = call, settings, api
        self.journal, self._clock = journal_of(settings), SystemClock()
        self.interrupts = Interrupts(self._clock)
        self.interrupts.install()

    def say(self, text: str) -> None:
        """Tell a person something; a program reads only the result."""
        if not self._call.json:
            self._call.print(text)

    def work(self, job_id: str, mine: bool) -> Job:
        """Carry the job out in this process, or follow the service that does, until it ends."""
        display = self._call.display(self._settings)

        def watch(job: Job) -> None:
            display.show(job, self._clock.time())

        try:
            if not mine:
                return follow(self.journal, self._clock, job_id, self.interrupts, watch)
            return carry_out(self._api, self.journal, self._clock, job_id, self.interrupts, watch)
        finally:
            display.close()

    def settled(self, job: Job) -> Cluster:
        """Read the cluster once PVE has figures of the guests in their new places; Ctrl-C, or SETTLES seconds, end the wait."""
        moved = {step.vmid for step in job.steps if step.state == "done" and step.running}
        deadline, pressed = self._clock.monotonic() + SETTLES, self.interrupts.count
        while True:
            cluster = read_cluster(self._api, self._clock.time(), self._settings.policy.method, history=0.0)
            blank = [guest for guest in cluster.guests if guest.vmid in moved and guest.problem]
            if not blank or self._clock.monotonic() > deadline or self.interrupts.count > pressed:
                return cluster
            self._clock.sleep(TICK)
