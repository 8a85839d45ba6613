"""`drain --each --reboot NODE...`: rolling maintenance, one node after the other."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from prs.cli import exits
from prs.cli.call import Call
from prs.cli.carry_out import SWITCH, Worker
from prs.cli.job_view import rolling_text
from prs.cli.rolling_view import preview_text
from prs.cli.verbs import service_round
from prs.codec import to_json
from prs.config.load import Settings
from prs.engine.clock import SystemClock
from prs.engine.journal.lock import ExecutorLock, other_at_work, signature
from prs.engine.rolling.batches.batched import Batches, looked
from prs.engine.rolling.batches.facts import batches_of
from prs.engine.rolling.batches.outlook import Outlook
from prs.engine.rolling.gates import cannot_prove
from prs.engine.rolling.others import no_other
from prs.engine.rolling.rolling import Actions, Rolling
from prs.engine.rolling.runs import AT_WORK, RollingRun, RollingRuns
from prs.engine.rolling.shared_round import SharedRound
from prs.errors import JournalError, PlanError
from prs.helper import hooks
from prs.helper.client import PVE, SOCKET, shared_round
from prs.helper.hooks import hook_troubles, run_hook
from prs.pve.act.power import may_reboot, uptimes
from prs.pve.read.permissions import lacking_reboot
from prs.pve.read.snapshot import read_cluster
from prs.similar import in_brackets

# One that is still running was left because its terminal was closed.
_EXITS = {"done": exits.DONE, "failed": exits.PARTIAL, "cancelled": exits.CANCELLED, "running": exits.CANCELLED}


def act(call: Call, nodes: list[str], at_once: int) -> int:
    """Go on with a rolling_run that was interrupted, or begin one; the exit code tells whether every node has had its turn."""
    settings = call.settings()
    return go_on(call, settings, Worker(call, settings, call.connect(settings.require_endpoint())), nodes, at_once)


def go_on(call: Call, settings: Settings, worker: Worker, nodes: Sequence[str] = (), at_once: int = 1) -> int:
    """Go on with a rolling run that was left; where there is none, begin one over the nodes."""
    runs, work = RollingRuns(worker.journal), call.options.verb
    with ExecutorLock(settings.state_dir, work, "rolling.lock") as mine, ExecutorLock(settings.state_dir, work) as lock:
        if not mine.taken:
            raise PlanError(f"rolling maintenance is under way already: {mine.holder.words}")
        # The lock's file may have been deleted under a process that is at work; the journal still names it.
        if other := other_at_work(worker.journal.note(AT_WORK)):
            raise PlanError(f"rolling maintenance is under way already: process {other}")
        worker.journal.note(AT_WORK, signature(os.getpid()))
        rolling_run = _left(worker, runs)
        worker.begin(lock)
        if rolling_run is not None:
            worker.say(f"Going on with rolling maintenance {rolling_run.id}, which was interrupted.\n")
        else:
            shared = _shared(lock)
            _check(worker, nodes, shared is not None or settings.dry_run)
            if shared is None and at_once > 1:
                raise PlanError("only the services of the nodes take several at once, and no service runs here: leave --at-once away")
            cluster = read_cluster(worker.api, time.time(), history=0.0)
            batches = batches_of(worker.api, cluster, nodes, at_once, settings.policy)
            if settings.dry_run:
                return _preview(call, settings, worker, batches)
            if shared is not None:
                return service_round.act(call, settings, worker, batches, shared)
            around = shared_round(PVE, SOCKET)
            if words := no_other(around.read() if around else None):
                raise PlanError(words)
            rolling_run = runs.get(runs.add(nodes, settings.policy, worker.api.user, time.time()))
        call.note("rolling", rolling_run.id, " ".join(stop.node for stop in rolling_run.stops))
        actions = Actions(
            work=worker.work, stopped=lambda: worker.interrupts.any, say=lambda words: worker.say(f"{words}\n"), switch=SWITCH,
            maintenance=SOCKET.exists(), holds=worker.holds, left=lambda: worker.interrupts.hung_up and not worker.interrupts.count,
            hook=partial(run_hook, hooks.SOCKET),
        )  # fmt: skip
        return _tell(call, settings, Rolling(worker.api, runs, SystemClock(), rolling_run.id, actions).go())


def _left(worker: Worker, runs: RollingRuns) -> RollingRun | None:
    """The rolling run that was left, with those of its jobs set going again that were left paused when its terminal was closed."""
    rolling_run = runs.latest()
    if rolling_run is None or rolling_run.state != "running":
        return None
    for job_id in (job for stop in rolling_run.stops for job in (stop.job, stop.back) if job):
        with suppress(JournalError):  # one that cannot be read halts the run when its turn comes
            if worker.journal.job(job_id).request == "pause":
                worker.journal.request(job_id, "")
    return rolling_run


def _preview(call: Call, settings: Settings, worker: Worker, batches: Batches) -> int:
    """Tell how each node's turn looks now, those first that could not be emptied; the exit code tells whether the round could begin."""
    outlook = Outlook(worker.api, worker.holds, settings.policy, time.time())
    found, reasons = looked(batches, outlook.turn, lambda turn: "" if turn.possible else turn.plan.lacking or turn.plan.summary)
    turns = [turn for group in found for turn in group]
    if call.json:
        call.print_json({"rolling_plan": [to_json(turn) for turn in turns]})
    else:
        call.print(preview_text(found, reasons, call.style))
    return exits.DONE if all(turn.plan.feasible and not turn.plan.lacking for turn in turns) else exits.INFEASIBLE


def _tell(call: Call, settings: Settings, rolling_run: RollingRun) -> int:
    if call.json:
        call.print_json({"rolling_run": to_json(rolling_run)})
    else:
        call.print("\n" + rolling_text(rolling_run, call.style))
    return _EXITS[rolling_run.state]


def _shared(lock: ExecutorLock) -> SharedRound | None:
    """Where a round of the services is written; None where the service does not run: then this command does the work."""
    return shared_round(PVE, SOCKET) if not lock.taken and lock.holder.service else None


def _check(worker: Worker, nodes: Sequence[str], served: bool) -> None:
    """Refuse before anything happens what cannot end well; `served`: this host's own reboot ends nothing that is still to be done."""
    if unfit := [words for words in hook_troubles(hooks.SOCKET).values() if words]:
        raise PlanError(f"a hook of this site cannot be run: {'; '.join(unfit)}")
    known, here = uptimes(worker.api), socket.gethostname().split(".")[0]
    for node in nodes:
        if node not in known:
            raise PlanError(f"there is no node {node} that is online{in_brackets(node, list(known))}")
        if node == here and not served:
            raise PlanError(f"this command runs on {node} and would end with its reboot: run it on another node")
        if not may_reboot(worker.api, node):
            raise PlanError(lacking_reboot(worker.api.user, node))
    if words := cannot_prove(worker.api, worker.holds.roster, nodes[0]):
        raise PlanError(words)
