"""`plan`: show what would be moved and why, from the live cluster or from a saved snapshot; moves nothing."""

from __future__ import annotations

import time

from prs import snapshot_file
from prs.cli import exits
from prs.cli.call import Call
from prs.cli.journal_of import held_of
from prs.cli.plan_view import plan_page
from prs.codec import to_json
from prs.engine.drain.keep_out import keep_out
from prs.engine.planning import Wish, make_plan, unexamined, what_if
from prs.errors import PlanError
from prs.model import Cluster, Plan
from prs.terminal import counted, paragraph


def wish_of(call: Call) -> Wish:
    """Take from the options what to plan."""
    options = call.options
    drain = getattr(options, "drain", None) or getattr(options, "node", None) or ""
    stopped, blocked = getattr(options, "leave_stopped", False), getattr(options, "leave_blocked", False)
    if (stopped or blocked) and not drain:
        raise PlanError(f"--leave-{'stopped' if stopped else 'blocked'} belongs to a drain: name the node with --drain NODE")
    return Wish(drain, not stopped, getattr(options, "goal", "spread"), blocked)


def act(call: Call) -> int:
    """Plan and show; the exit code tells a drain that cannot succeed."""
    offline = call.options.snapshot is not None
    settings, wish = call.settings(offline=offline), wish_of(call)
    if offline:
        cluster = snapshot_file.read(call.options.snapshot)
        plan = what_if(cluster, settings.policy, cluster.taken, wish)
    else:
        held, api = held_of(settings), call.connect(settings.require_endpoint())
        cluster, plan = make_plan(api, settings.policy, time.time(), wish, lambda cluster: keep_out(cluster, held, wish.drain))
    show(call, cluster, plan)
    if offline and not call.json and (guessed := unexamined(cluster, plan)):
        words = f"{counted(len(guessed), 'guest')} of this plan had not been examined when the snapshot was taken: a live plan may differ."
        call.print(paragraph(f"\n! {words}", call.style))
    return exits.DONE if plan.feasible else exits.INFEASIBLE


def show(call: Call, cluster: Cluster, plan: Plan) -> None:
    """Write a plan for people, or as JSON."""
    if call.json:
        call.print_json({"plan": to_json(plan), "feasible": plan.feasible, "bytes": plan.bytes, "problems": list(cluster.problems)})
    else:
        call.print(plan_page(cluster, plan, call.style))
