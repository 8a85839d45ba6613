"""Jobs: queued for the daemon, followed, and steered; those of other nodes through the service there."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from prs.engine.journal.jobs import Job
from prs.errors import NotFound
from prs.web.access.auth import Caller
from prs.web.api.answers import answer, tagged
from prs.web.api.openapi import PREFIX
from prs.web.api.reflect import ref
from prs.web.api.refusal import Refusal
from prs.web.api.validate import mistakes
from prs.web.api.values import ID
from prs.web.context import Context
from prs.web.json_of import brief_json, job_json
from prs.web.peers import Reply, odd
from prs.web.routes.common import SCOPES, body, caller, carried, later, number, query
from prs.web.visible import claimed_twice, newest, visible_job


def add(api: Blueprint, context: Context) -> None:
    """Register the calls."""

    @api.get("/jobs")
    def list_jobs() -> Response:
        return tagged(_list(context, caller(), number("limit", 20, 1, 200), query("scope", SCOPES)))

    @api.post("/jobs")
    def start_job_of_caller() -> Response:
        return carried(context, "start", 201, **body(ref("JobRequest")))

    @api.get("/jobs/<job_id>")
    def show_job(job_id: str) -> Response:
        who, scope = caller(), query("scope", SCOPES)
        job = _find(context, job_id, who)
        if job is None:
            return tagged(_elsewhere(context, who, job_id, scope, "")[0])
        return tagged(job_json(job, who, context.site.node))

    @api.post("/jobs/<job_id>/<verb>")
    def steer(job_id: str, verb: str) -> Response:
        who, scope = caller(), query("scope", SCOPES)
        if verb not in ("cancel", "pause", "resume", "undo"):
            raise Refusal(404, "not_found", "there is no such path")
        given = body(ref("CancelRequest")) if verb == "cancel" else {}
        job = _find(context, job_id, who)
        if job is None:
            return answer(*later(context, who, lambda: _elsewhere(context, who, job_id, scope, verb, given)))
        if verb == "undo":
            return carried(context, "undo", 201, job=job_id)
        return carried(context, "steer", job=job_id, verb=verb, **given)


def _find(context: Context, job_id: str, who: Caller) -> Job | None:
    """The job in this node's journal if the caller may see it."""
    if mistakes(ID, job_id):
        raise NotFound("there is no such job")
    try:
        job = context.journal.job(job_id)
    except NotFound:
        return None
    return job if visible_job(job, who) else None


def _list(context: Context, who: Caller, limit: int, scope: str) -> dict[str, Any]:
    owner = "" if who.rights.may("Sys.Audit", "/") else who.name
    here = context.site.node
    mine = [brief_json(job, who, here) for job in context.journal.brief_jobs(limit, owner)]
    if scope == "node":
        return {"jobs": mine, "peers": []}
    peers, trouble = context.peers.others(who.login, context.api(who))
    replies = context.peers.ask(peers, who.login, "GET", f"{PREFIX}/jobs?scope=node&limit={limit}", "Jobs")
    lists = {here: mine} | {reply.peer.node: reply.data["jobs"] for reply in replies if reply.data}
    twice, known = claimed_twice(lists), {job["id"] for job in mine}
    asked = [_peer(reply, twice.get(reply.peer.node, [])) for reply in replies]
    asked += [{"node": "", "reached": False, "message": trouble}] if trouble else []
    lists = {node: [job for job in jobs if node == here or job["id"] not in known] for node, jobs in lists.items()}
    return {"jobs": newest(lists, limit), "peers": asked}


def _elsewhere(context: Context, who: Caller, job_id: str, scope: str, verb: str, given: object = None) -> tuple[Any, int]:
    """The answer of the node that has the job: found by asking all, steered by asking the one."""
    lost = NotFound(f"there is no job {job_id}")
    if scope == "node":
        raise lost
    peers, _ = context.peers.others(who.login, context.api(who))
    replies = context.peers.ask(peers, who.login, "GET", f"{PREFIX}/jobs/{job_id}?scope=node", "Job")
    having = [reply for reply in replies if reply.data]
    if not having:
        silent = [reply.error for reply in replies if reply.error]
        raise Refusal(404, "not_found", str(lost), silent)
    found, *others = having
    if others:  # what one of them tells is not true, and what it is told to do it may not do
        raise Refusal(502, "pve", odd(found.peer, _also([reply.peer.node for reply in others])))
    if not verb:
        return found.data, 200
    path, schema = f"{PREFIX}/jobs/{job_id}/{verb}?scope=node", "Plan" if verb == "undo" else "Job"
    steered = context.peers.ask([found.peer], who.login, "POST", path, schema, given)[0]
    if steered.error:
        raise Refusal(502, "pve", steered.error)
    if steered.refused:
        error = steered.refused
        raise Refusal(steered.status, error["code"], error["message"], error["details"])
    return steered.data, steered.status


def _peer(reply: Reply, others: list[str]) -> dict[str, Any]:
    """How asking a node went; `others` list jobs of the same ids as it does."""
    words = odd(reply.peer, _also(others)) if others else _trouble(reply)
    return {"node": reply.peer.node, "reached": reply.data is not None and not others, "message": words}


def _also(others: list[str]) -> str:
    return f"it has a job of the same id as {', '.join(others)}"


def _trouble(reply: Reply) -> str:
    if reply.error or reply.data is not None:
        return reply.error
    return f"{reply.peer.node} ({reply.peer.address}): refuses to show its jobs (status {reply.status})"
