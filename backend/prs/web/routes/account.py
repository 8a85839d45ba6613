"""The service's own account: what would be made, and making it with the caller's rights."""

from __future__ import annotations

from flask import Blueprint, Response

from prs.helper.client import PVE
from prs.pve.check.cluster import NEEDED
from prs.setup import account, shared
from prs.web.access.actions import require
from prs.web.api.answers import answer
from prs.web.context import Context
from prs.web.json_of import right
from prs.web.routes.common import caller, carried


def add(api: Blueprint, context: Context) -> None:
    """Register the calls."""

    @api.get("/account")
    def show_account() -> Response:
        who, here = caller(), context.facts.balancing
        require(who.rights.refusal("Sys.Audit"))
        return answer({
            "missing": bool(here and here.state.lacks_account), "role": account.ROLE,
            "privileges": sorted(account.wanted(NEEDED, context.settings.policy)), "user": account.USER,
            "token": f"{account.USER}!{account.CLUSTER}", "folder": str(PVE / "priv" / shared.FOLDER),
            "may": {"make": right(who.rights.refusal("Permissions.Modify"))},
        })  # fmt: skip

    @api.post("/account")
    def make_account_of_caller() -> Response:
        return carried(context, "account", 201)
