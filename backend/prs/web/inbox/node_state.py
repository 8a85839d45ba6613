"""A node as it shall be, drained or released: asked as often as one likes, it begins only what is lacking."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from prs.engine.drain.release import left_by_release, plan_release
from prs.engine.drain.way_back import home
from prs.engine.execution.emptiness import verdict
from prs.engine.journal.hold import Hold
from prs.engine.journal.jobs import Job
from prs.errors import JobConflict
from prs.pve.act.migration import locate_all
from prs.pve.read.quorum import member_nodes
from prs.pve.roster import listed, scope
from prs.web.access.actions import refusals, require
from prs.web.access.auth import Caller
from prs.web.api.refusal import Refusal
from prs.web.inbox.actions import DRAINS
from prs.web.inbox.desk import Desk
from prs.web.inbox.nodes import not_in_round, release
from prs.web.inbox.plans import make_plan_of_caller
from prs.web.inbox.start import off_for, start_job
from prs.web.json_of import job_json
from prs.web.visible import visible_job


def set_node_state(desk: Desk, who: Caller, asked: dict[str, Any]) -> dict[str, Any]:
    """Begin what is lacking, if anything is, and tell how the node is; Refusal with what stands against it."""
    node, chosen = asked["node"], {name: asked[name] for name in DRAINS if name in asked}
    require(refusals(who.rights)["drain"])
    if node not in {found.name for found in member_nodes(desk.api(who))}:
        raise Refusal(404, "not_found", f"there is no node {node}")
    not_in_round(desk, node)
    if asked["state"] == "drained":
        return _drained(desk, who, node, chosen)
    if chosen:
        details = [f"{name}: only for a node that is to be drained" for name in chosen]
        raise Refusal(400, "invalid", "The request is not as described.", details)
    return _released(desk, who, node)


def _drained(desk: Desk, who: Caller, node: str, chosen: dict[str, Any]) -> dict[str, Any]:
    if back := _way_back(desk, node):
        raise Refusal(409, "state", f"Not possible: job {back.id} brings guests back to {node}: wait for it or cancel it.")
    held, mine = desk.holds.held().get(node), desk.holds.own().get(node)
    if held is not None and mine is None:
        return _told(desk, who, node, "drained", None, f"{node} is {held.reason}")
    drains = desk.journal.drains(node, mine.since) if mine else []
    if drains and drains[-1].open:
        return _told(desk, who, node, "draining", drains[-1])
    if drains and drains[-1].state == "done":
        empty, words = _empty(desk, who, drains[-1])
        if empty:
            return _told(desk, who, node, "drained", drains[-1], words)
    switches = chosen.pop("maintenance", desk.helper.exists() and not who.rights.refusal("Sys.Console"))
    plan = make_plan_of_caller(desk, who, {"kind": "drain", "node": node, **chosen})
    if not plan["feasible"]:
        details = [f"{stay['vmid']} ({stay['name']}): {stay['reason']}" for stay in plan["blockers"]]
        raise Refusal(409, "infeasible", plan["summary"], details)
    require(plan["lacking"].removesuffix("."))
    return _begun(desk, who, node, "draining", plan["id"], switches)


def _empty(desk: Desk, who: Caller, drain: Job) -> tuple[bool, str]:
    """Whether the drained node is empty, as far as the cluster's own list and the caller's sight go, in words. PveError."""
    places = locate_all(desk.api(who))
    known = listed(desk.holds.roster, {vmid: where.node for vmid, where in places.items()})
    hidden = {vmid for vmid, node in (known or {}).items() if node == drain.node and vmid not in places}
    return verdict(replace(drain, user=who.name), places, hidden, scope(who.name, known))


def _released(desk: Desk, who: Caller, node: str) -> dict[str, Any]:
    """Its guests are brought back as far as this host's drains have moved them, and what was shut down is started."""
    if back := _way_back(desk, node):
        return _told(desk, who, node, "releasing", back)
    held = desk.holds.own().get(node) or left_by_release(desk.holds, node)
    if held is None:
        other = desk.holds.held().get(node)
        if other is not None:
            host = other.host or "the host that has drained it"
            raise Refusal(409, "state", f"Not possible: only {host} knows which guests to bring back.")
        return _told(desk, who, node, "released", None, f"{node} takes guests")
    return _fill(desk, who, node, held)


def _fill(desk: Desk, who: Caller, node: str, held: Hold) -> dict[str, Any]:
    require("" if who.owns(held.user) else who.rights.refusal("Sys.Modify"))
    if at_work := next((job for job in desk.journal.drains(node, held.since) if job.open), None):
        raise Refusal(409, "state", f"Not possible: job {at_work.id} is still at work on {node}: wait for it or cancel it.")
    _, plan, policy = plan_release(desk.api(who), desk.holds, held, desk.now())
    require(plan.lacking.removesuffix("."))
    if plan.moves or off_for(desk, node):
        return _begun(desk, who, node, "releasing", desk.journal.add_plan(plan, policy, who.name), False)
    if node not in desk.holds.own():  # some guests are still elsewhere, and cannot come now
        return _told(desk, who, node, "released", None, plan.summary.removesuffix("."))
    message = release(desk, who, {"node": node})["message"]
    return {**_told(desk, who, node, "released", None, message.removesuffix(".")), "changed": True}


def _begun(desk: Desk, who: Caller, node: str, state: str, plan_id: str, switches: bool) -> dict[str, Any]:
    try:
        job = start_job(desk, who, {"plan": plan_id, "maintenance": switches})
    except JobConflict:  # the same was asked twice at the same time
        same = [one for one in desk.journal.jobs(only_open=True) if node == (one.node if state == "draining" else home(one))]
        if not same:
            raise
        return _told(desk, who, node, state, same[0])
    return {"node": node, "state": state, "changed": True, "job": job, "message": ""}


def _told(desk: Desk, who: Caller, node: str, state: str, job: Job | None, words: str = "") -> dict[str, Any]:
    shown = job_json(job, who, desk.node) if job and visible_job(job, who) else None
    if job and not shown and not words:
        words = f"job {job.id} of another user is at work on {node}"
    return {"node": node, "state": state, "changed": False, "job": shown, "message": f"{words}." if words else ""}


def _way_back(desk: Desk, node: str) -> Job | None:
    return next((job for job in desk.journal.jobs(only_open=True) if home(job) == node), None)
