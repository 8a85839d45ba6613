"""Steers jobs of this node."""

from __future__ import annotations

from typing import Any

from prs.engine.journal.jobs import Job, Request
from prs.errors import NotFound
from prs.web.access.auth import Caller
from prs.web.api.refusal import Refusal
from prs.web.inbox.desk import Desk
from prs.web.json_of import job_json, job_rights
from prs.web.visible import visible_job


def steer(desk: Desk, who: Caller, asked: dict[str, Any]) -> dict[str, Any]:
    """Pause, resume, cancel or abort a job, and give it."""
    job, verb = visible(desk, who, asked["job"]), str(asked["verb"])
    allowed = job_rights(job, who)[verb]
    if not allowed["allowed"]:
        mine = who.owns(job.user) or who.rights.may("Sys.Modify", "/")
        raise Refusal(409 if mine else 403, "state" if mine else "forbidden", f"Not possible: {allowed['reason']}.")
    wish: dict[str, Request] = {"pause": "pause", "resume": "", "cancel": "abort" if asked.get("abort") else "cancel"}
    if not desk.journal.request(job.id, wish[verb]):
        raise Refusal(409, "state", "Not possible: the job has ended or is being cancelled.")
    return job_json(desk.journal.job(job.id), who, desk.node)


def visible(desk: Desk, who: Caller, job_id: str) -> Job:
    """The job if the caller may see it; NotFound for others, which does not tell whether it exists."""
    job = desk.journal.job(job_id)
    if not visible_job(job, who):
        raise NotFound(f"there is no job {job_id}")
    return job
