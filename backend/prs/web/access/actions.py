"""Which privileges each action needs, said before PVE is asked, and who may see what is stored."""

from __future__ import annotations

from prs.errors import NotFound
from prs.model import Plan
from prs.web.access.auth import Caller
from prs.web.access.rights import Rights
from prs.web.api.refusal import Refusal
from prs.web.context import Context


def require(reason: str) -> None:
    """Raise Refusal 403 when there is a reason against it."""
    if reason:
        raise Refusal(403, "forbidden", f"Not allowed: {reason}.")


def refusals(rights: Rights) -> dict[str, str]:
    """Why each action is not allowed; "" when it is."""
    migrate = "" if rights.anywhere("VM.Migrate") else "needs VM.Migrate on at least one guest"
    sees_nodes = rights.may("Sys.Audit", "/nodes") or rights.may("Sys.Audit", "/")
    loads = "" if sees_nodes else "needs Sys.Audit on /nodes to see how full the nodes are"
    # A drain by somebody who does not see every guest would call a node empty that is not.
    blind = "" if rights.may("VM.Audit", "/vms") else "needs VM.Audit on /vms, so that no guest is overlooked"
    return {
        "plan": loads,
        "balance": loads or migrate,
        "drain": loads or blind or migrate,
        "maintenance": rights.refusal("Sys.Console"),
        "cancel_others": rights.refusal("Sys.Modify"),
        "see_all_jobs": rights.refusal("Sys.Audit"),
    }


def visible_plan(context: Context, plan_id: str, who: Caller) -> tuple[Plan, str]:
    """A stored plan of the caller's, or anybody's for an auditor; NotFound for others, which does not tell whether it exists."""
    plan, user = context.journal.plan(plan_id)
    if not (who.owns(user) or who.rights.may("Sys.Audit", "/")):
        raise NotFound(f"there is no plan {plan_id}")
    return plan, user
