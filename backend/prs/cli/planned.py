"""What the options ask to be planned, and a plan as every verb shows it."""

from __future__ import annotations

from prs.cli.call import Call
from prs.cli.plan_view import plan_page
from prs.codec import to_json
from prs.engine.planning import PlanRequest
from prs.errors import UsageError
from prs.helper.client import SOCKET
from prs.model import Cluster, Plan


def plan_request_of(call: Call) -> PlanRequest:
    """Take from the options what to plan."""
    options = call.options
    drain, without = getattr(options, "drain", None), getattr(options, "without", None)
    if drain and without:
        raise UsageError("--drain and --without are one question: name the node once")
    drain = drain or without or getattr(options, "node", None) or ""
    stopped, blocked = getattr(options, "leave_stopped", False), getattr(options, "leave_blocked", False)
    if (stopped or blocked) and not drain:
        raise UsageError(f"--leave-{'stopped' if stopped else 'blocked'} belongs to a drain: name the node with --drain NODE")
    if not drain and (getattr(options, "relax", False) or getattr(options, "relax_rule", None)):
        raise UsageError("--relax and --relax-rule belong to a drain: name the node with --drain NODE")
    vmids = [vmid for vmid, _ in getattr(options, "targets", None) or ()]
    if repeated := sorted({vmid for vmid in vmids if vmids.count(vmid) > 1}):
        raise UsageError(f"--target names a guest twice: {', '.join(map(str, repeated))}")
    return PlanRequest(drain, not stopped, getattr(options, "goal", "spread"), blocked, SOCKET.exists())


def show(call: Call, cluster: Cluster, plan: Plan) -> None:
    """Write a plan for people, or as JSON."""
    if call.json:
        call.print_json({"plan": to_json(plan), "feasible": plan.feasible, "bytes": plan.bytes, "problems": list(cluster.problems)})
    else:
        call.print(plan_page(cluster, plan, call.style))
