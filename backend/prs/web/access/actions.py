"""Which privileges each action needs, said before PVE is asked."""

from __future__ import annotations

from prs.web.access.rights import Rights
from prs.web.api.refusal import Refusal


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
    blind = "" if rights.everywhere("VM.Audit", "/vms") else "needs VM.Audit on /vms, with propagation, so that no guest is overlooked"
    return {
        "plan": loads,
        "balance": loads or migrate,
        "plan_drain": loads or blind,
        "drain": loads or blind or migrate,
        "maintenance": rights.refusal("Sys.Console"),
        "make_account": rights.refusal("Permissions.Modify"),
        "cancel_others": rights.refusal("Sys.Modify"),
        "see_all_jobs": rights.refusal("Sys.Audit"),
    }
