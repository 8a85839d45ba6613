"""`release NODE`: end a drain: bring its guests back and let the node have guests again."""

from __future__ import annotations

import time

from prs import exits
from prs.codec import to_json
from prs.engine.owner import Owner
from prs.engine.planning import Wish
from prs.engine.release import let_go, plan_release
from prs.verbs.call import Call
from prs.verbs.plan import show
from prs.verbs.work import SWITCH, Worker


def act(call: Call) -> int:
    """Plan the way back, show it, carry it out; PlanError while the drain still goes on, HelperError if HA cannot be told."""
    settings, node = call.settings(), call.options.node
    worker = Worker(call, settings, call.connect(settings.require_endpoint()))
    with Owner(settings.state_dir) as owner:
        worker.go_on(owner.taken)
        held = worker.journal.held().get(node)
        if held is None:
            return _end(call, worker, f"Nothing to do: {node} is not kept empty by a drain that was made on this host.\n")
        if call.options.stay:
            if settings.dry_run:
                return _end(call, worker, f"Dry run: {node} stays as it is.\n")
            let_go(worker.journal, held, SWITCH)
            return _end(call, worker, f"{node} gets guests again; none is brought back{_ha(held.maintenance)}.\n")
        cluster, plan, policy = plan_release(worker.api, worker.journal, held, time.time())
        if not call.json:
            show(call, cluster, plan)
        if settings.dry_run or worker.interrupts.count:
            code = exits.CANCELLED if worker.interrupts.count else exits.DONE
            return _end(call, worker, f"\nNothing was moved, and {node} is still kept empty.\n", code)
        if not plan.moves:
            let_go(worker.journal, held, SWITCH)
            return _end(call, worker, f"\n{node} gets guests again{_ha(held.maintenance)}.\n")
        return worker.do(plan, policy, owner.taken, Wish(), node if held.maintenance else "")


def _ha(maintenance: bool) -> str:
    return "; the HA manager takes back those it had moved" if maintenance else ""


def _end(call: Call, worker: Worker, words: str, code: int = exits.DONE) -> int:
    """Say what was done where there is no job to tell of."""
    worker.say(words)
    if call.json:
        call.print_json({"plan": None, "job": None, "held": to_json(worker.journal.held())})
    return code
