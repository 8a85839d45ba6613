"""The product's values as the JSON of the API description."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prs.codec import to_json
from prs.engine.journal.hold import Hold
from prs.engine.journal.jobs import Job, Step
from prs.helper.notify import missing
from prs.model import RESOURCES, Cluster, Guest, Move, Plan, Storage
from prs.web.access.auth import Caller
from prs.web.access.rights import Rights
from prs.web.api.reflect import OF_PLANS

Json = dict[str, Any]
FAILURES = 3  # migrations of a job whose reasons stand in lists of jobs
_PLAN_BRIEF = ("method", "summary", "seconds", "spread_before", "spread_after", "before", "after", "options")


def right(reason: str) -> Json:
    """A right: allowed when there is no reason against it."""
    return {"allowed": not reason, "reason": reason}


def how(move: Move | Step) -> str:
    """How a guest moves: live, through the HA manager, switched off, or (containers) by a restart."""
    if not move.running:
        return "offline"
    return "restart" if move.kind == "lxc" else "ha" if move.ha else "live"


def plan_json(plan_id: str, user: str, plan: Plan) -> Json:
    """A stored plan."""
    found = to_json(plan)
    found["moves"] = [{**to_json(move), "how": how(move), "bytes": move.bytes} for move in plan.moves]
    return {**found, "id": plan_id, "user": user, "bytes": plan.bytes, "feasible": plan.feasible}


def brief_json(job: Job, caller: Caller, node: str) -> Json:
    """A job without its steps; of what went wrong the first few."""
    dropped = ("plan", "policy", "steps", "credential")
    found = {name: getattr(job, name) for name in job.__slots__ if name not in dropped}
    found |= {name: to_json(getattr(job.plan, name)) for name in ("summary", "method", "options")}
    found["rides"] = to_json(job.rides)
    return {**found, "host": node, "failures": _failures(job), "progress": _progress(job), "may": job_rights(job, caller)}


def job_json(job: Job, caller: Caller, node: str) -> Json:
    """A job with its steps and what its plan promised."""
    plan = {name: to_json(getattr(job.plan, name)) for name in _PLAN_BRIEF}
    steps = [{**to_json(step), "how": how(step)} for step in job.steps]
    return {**brief_json(job, caller, node), "plan": {**plan, "bytes": job.plan.bytes}, "steps": steps}


def job_rights(job: Job, caller: Caller) -> Json:
    """What the caller may do to the job in its present state."""
    alien = "" if caller.owns(job.user) else caller.rights.refusal("Sys.Modify")
    ended = "" if job.open else "the job has ended"
    stopping = "the job is being cancelled" if job.request in ("cancel", "abort") else ""
    return {
        "pause": right(alien or ended or stopping or ("the job is paused already" if job.request == "pause" else "")),
        "resume": right(alien or ended or stopping or ("" if job.request == "pause" else "the job is not paused")),
        "cancel": right(alien or ended or ("the running migrations are being stopped" if job.request == "abort" else "")),
        "undo": right("the job has not ended yet" if job.open else "" if job.count("done") else "the job has moved no guest"),
    }


def _failures(job: Job) -> list[Json]:
    failed = [step for step in job.final if step.state in ("failed", "unknown")]
    return [{name: getattr(step, name) for name in ("vmid", "name", "state", "message")} for step in failed[:FAILURES]]


def _progress(job: Job) -> Json:
    left: float | None = None
    if job.open:
        waiting = [step.seconds for step in job.steps if step.state == "planned"]
        active = [step.seconds if step.seconds_left is None else step.seconds_left for step in job.steps if step.active]
        left = max(active, default=0.0) + sum(waiting) / max(1, min(job.policy.parallel_total, len(waiting)))
    return {
        "done": job.count("done"),
        "failed": job.count("failed", "unknown"),
        "skipped": job.count("skipped", "cancelled"),
        "running": job.count("starting", "running", "verifying"),
        "steps": len(job.steps),
        "done_bytes": sum(step.total if step.state == "done" else min(step.done, step.total) for step in job.steps),
        "total_bytes": sum(step.total for step in job.steps),
        "seconds_left": left,
    }


def cluster_json(cluster: Cluster, measured: Plan, rights: Rights, held: Mapping[str, Hold]) -> Json:
    """The cluster; `measured` is any plan of it, for the planner's own loads; `held` the nodes that are kept empty."""
    loads = {load.node: load for load in measured.before}
    active = [load for load in measured.before if load.active]
    nodes, hidden = list[Json](), dict(cluster.hidden)
    for node in cluster.nodes:
        here = [guest for guest in cluster.guests if guest.node == node.name]
        used = {name: getattr(node, f"{name}_host") + sum(getattr(guest, name) for guest in here) for name in RESOURCES}
        load = loads[node.name]
        shown: Json = {name: getattr(node, name) for name in ("name", "online", "id", "version", "ha", "problem")}
        shown |= {"active": load.active, "guests": len(here), "running": sum(guest.running for guest in here)}
        shown |= {name: {"used": used[name], "total": getattr(node, name), "load": getattr(load, name)} for name in RESOURCES}
        nodes.append({**shown, "hidden": hidden.get(node.name, 0), "held": to_json(held.get(node.name))})
    guests = []
    for guest in cluster.guests:
        guests.append({**_sent(guest), "may_migrate": rights.may_migrate(guest.vmid)})
    return {
        **{name: getattr(cluster, name) for name in ("name", "taken", "quorate", "version", "auto_rebalance")},
        "spread": {name: _spread([getattr(load, name) for load in active if _has(cluster, load.node, name)]) for name in RESOURCES},
        "nodes": nodes,
        "guests": guests,
        "storages": [_sent(storage) for storage in cluster.storages],
        "problems": list(cluster.problems),
    }


def _sent(item: Guest | Storage) -> Json:
    return {name: to_json(getattr(item, name)) for name in item.__slots__ if name not in OF_PLANS}


def _has(cluster: Cluster, node: str, resource: str) -> bool:
    return any(getattr(found, resource) > 0 for found in cluster.nodes if found.name == node)


def _spread(loads: list[float]) -> float:
    return max(loads) - min(loads) if loads else 0.0


def policy_json(found: Json, caller: Caller, node: str, now: float) -> Json:
    """The cluster-wide policy as a node reads it, the node's time, whether the caller may change it, and whether the node can notify."""
    return {**found, "node": node, "now": now, "may": {"write": right(caller.rights.refusal("Sys.Modify")), "notify": right(missing())}}


def options(values: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Options of a plan as people read them."""
    words = {True: "yes", False: "no"}
    return tuple((name, words[value] if isinstance(value, bool) else str(value)) for name, value in values.items())

