"""Which plans and jobs of the journal a caller may see."""

from __future__ import annotations

from prs.engine.journal.jobs import Job
from prs.engine.journal.journal import Journal
from prs.errors import NotFound
from prs.model import Plan
from prs.web.access.auth import Caller


def visible_plan(journal: Journal, plan_id: str, who: Caller) -> tuple[Plan, str]:
    """A stored plan of the caller's, or anybody's for an auditor; NotFound for others, which does not tell whether it exists."""
    plan, user = journal.plan(plan_id)
    if not (who.owns(user) or who.rights.may("Sys.Audit", "/")):
        raise NotFound(f"there is no plan {plan_id}")
    return plan, user


def visible_job(job: Job, who: Caller) -> bool:
    """Whether the job is the caller's, or the caller an auditor."""
    return who.owns(job.user) or who.rights.may("Sys.Audit", "/")
