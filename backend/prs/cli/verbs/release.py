"""`release NODE`: end a drain: bring its guests back and let the node have guests again."""

from __future__ import annotations

import time
from dataclasses import replace

from prs.cli import exits
from prs.cli.call import Call
from prs.cli.carry_out import SWITCH, Worker, not_in_round
from prs.cli.planned import show
from prs.codec import to_json
from prs.engine.drain.release import left_by_release, plan_release, release_node
from prs.engine.journal.hold import Hold
from prs.engine.journal.lock import ExecutorLock
from prs.engine.journal.rides import drains_with_rides
from prs.engine.planning import PlanRequest
from prs.errors import PlanError
from prs.pve.read.values import rows, text
from prs.similar import in_brackets


def act(call: Call) -> int:
    """Plan the way back, show it, carry it out; PlanError while the drain still goes on, HelperError if HA cannot be told."""
    settings, node = call.settings(), call.options.node
    worker = Worker(call, settings, call.connect(settings.require_endpoint()))
    with ExecutorLock(settings.state_dir, call.options.verb) as lock:
        worker.begin(lock)
        not_in_round(node)
        held = worker.holds.held().get(node) or left_by_release(worker.holds, node)
        if held is None:
            _refuse_unknown(worker, node)
            return _end(call, worker, f"Nothing to do: {node} is not kept empty by a drain.\n")
        riding = drains_with_rides(worker.journal, node)
        if call.options.stay and not riding:
            if settings.dry_run:
                return _end(call, worker, f"Dry run: {node} stays as it is.\n")
            call.note("release", node=node)
            return _end(call, worker, _let_go(worker, held, "; none is brought back"))
        cluster, plan, policy = plan_release(worker.api, worker.holds, held, time.time())
        plan = replace(plan, moves=(), stays=(), summary="No guest is brought back.") if call.options.stay else plan
        if not call.json:
            show(call, cluster, plan)
        if settings.dry_run or worker.interrupts.any:
            code = exits.CANCELLED if worker.interrupts.any else exits.DONE
            return _end(call, worker, f"\nNothing was moved{_kept(worker, node)}.\n", code)
        if plan.lacking:
            return _end(call, worker, f"\nNothing was moved{_kept(worker, node)}: {plan.lacking}\n", exits.ERROR)
        if riding:
            off = [ride.label for drain in riding for ride in worker.journal.job(drain).rides if ride.ours]
            worker.say(f"\nStarted again: {', '.join(off)}.\n")
        elif not plan.moves:
            call.note("release", node=node)
            return _end(call, worker, "\n" + _let_go(worker, held))
        return worker.do(plan, policy, PlanRequest(), node if held.maintenance else "")


def _kept(worker: Worker, node: str) -> str:
    return f", and {node} is still kept empty" if node in worker.holds.held() else ""


def _refuse_unknown(worker: Worker, node: str) -> None:
    """PlanError for a node that is neither in the cluster nor kept empty."""
    known = [text(row, "node") for row in rows(worker.api.get("/nodes"))]
    if node not in known:
        raise PlanError(f"there is no node {node}{in_brackets(node, [*known, *worker.holds.held()])}")


def _let_go(worker: Worker, held: Hold, how: str = "") -> str:
    """Let the node have guests again, and say what that means."""
    exists = any(row.get("node") == held.node for row in rows(worker.api.get("/nodes")))
    mine = worker.holds.own()
    untold = release_node(worker.holds, held, SWITCH, exists)
    ha = "; the HA manager takes back those it had moved" if held.maintenance and exists else ""
    elsewhere = f"; if job {held.job} is still at work on {held.host}, it is cancelled there" if held.node not in mine else ""
    return f"{held.node} gets guests again{how}{ha}{elsewhere}.\n" + (f"But {untold}.\n" if untold else "")


def _end(call: Call, worker: Worker, words: str, code: int = exits.DONE) -> int:
    """Say what was done where there is no job to tell of."""
    worker.say(words)
    if call.json:
        call.print_json({"plan": None, "job": None, "held": [to_json(one) for one in worker.holds.held().values()]})
    return code
