"""`run`: one balancing pass now, or the plan that the service suggests."""

from __future__ import annotations

import time

from prs.cli import exits
from prs.cli.call import Call
from prs.cli.carry_out import Worker, plan_and_do, without_moves
from prs.cli.journal_of import journal_of
from prs.cli.planned import plan_request_of, show
from prs.codec import to_json
from prs.engine.execution.still_holds import look
from prs.engine.journal.automation import Suggestion, automation, dismiss, suggestion
from prs.engine.journal.journal import Journal
from prs.engine.journal.lock import ExecutorLock
from prs.engine.planning import PlanRequest
from prs.errors import PlanError, UsageError

_ASKED = ("method", "counted", "max_moves", "max_gib", "containers", "avoid", "targets")  # what another plan would be made with


def act(call: Call) -> int:
    """Plan, show, carry out; the exit code says how it ended."""
    if not call.options.suggested:
        return plan_and_do(call, plan_request_of(call))
    if call.options.goal != "spread" or any(getattr(call.options, name) is not None for name in _ASKED):
        raise UsageError("--suggested takes a plan that is made already: leave out what another one would be made with")
    return _apply(call) if call.options.suggested == "apply" else _dismiss(call)


def _apply(call: Call) -> int:
    """Carry out the suggested plan, and nothing but that, if it still holds; PlanError."""
    settings = call.settings()
    worker = Worker(call, settings, call.connect(settings.require_endpoint()))
    with ExecutorLock(settings.state_dir, call.options.verb) as lock:
        worker.begin(lock)
        found = _waiting(worker.journal)
        plan, _ = worker.journal.plan(found.plan)
        cluster, against = look(worker.api, worker.holds, plan, worker.journal.plan_policy(found.plan), time.time())
        if not call.json:
            show(call, cluster, plan)
        if against:
            raise PlanError(f"nothing was started: the cluster has changed so that the plan no longer holds: {'; '.join(against[:5])}")
        if settings.dry_run or worker.interrupts.any:
            return without_moves(call, settings, plan, worker)
        return worker.start(found.plan, plan, PlanRequest())


def _dismiss(call: Call) -> int:
    journal = journal_of(call.settings(offline=True))
    found = _waiting(journal)
    plan, _ = journal.plan(found.plan)
    if not dismiss(journal, found.plan, "dismissed on the command line"):
        raise PlanError(f"plan {found.plan} is being carried out")
    call.note("dismiss")
    if call.json:
        call.print_json({"plan": to_json(plan), "job": None})
    else:
        call.print(f"Plan {found.plan} is not suggested any more.\n")
    return exits.DONE


def _waiting(journal: Journal) -> Suggestion:
    """The plan that this host's service suggests; PlanError with where else to look."""
    found, state = suggestion(journal), automation(journal)
    if found is None:
        leader = f"; {state.leader} leads: look there" if state.leader else ""
        why = f" (the last one: {state.withdrawn})" if state.withdrawn else ""
        raise PlanError(f"this host's service suggests no plan{why}{leader}")
    return found
