"""Which stored plans a caller may see."""

from __future__ import annotations

from prs.errors import NotFound
from prs.model import Plan
from prs.web.access.auth import Caller
from prs.web.context import Context


def visible_plan(context: Context, plan_id: str, who: Caller) -> tuple[Plan, str]:
    """A stored plan of the caller's, or anybody's for an auditor; NotFound for others, which does not tell whether it exists."""
    plan, user = context.journal.plan(plan_id)
    if not (who.owns(user) or who.rights.may("Sys.Audit", "/")):
        raise NotFound(f"there is no plan {plan_id}")
    return plan, user
