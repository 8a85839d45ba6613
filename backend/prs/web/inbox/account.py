"""Makes the service's account with a caller's own rights, and has root's helper give it to all nodes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from prs.endpoint import Endpoint
from prs.helper import client
from prs.pve.check.cluster import NEEDED
from prs.setup import account, at_once
from prs.setup.api_tools import ApiTools
from prs.setup.tools import SetupError
from prs.web.access.actions import require
from prs.web.access.auth import Caller
from prs.web.api.refusal import Refusal
from prs.web.inbox.desk import Desk


def make_account(desk: Desk, who: Caller, asked: dict[str, Any]) -> dict[str, Any]:
    """Make the whole account, or nothing of it; Refusal 403, or 409 with PVE's own words."""
    require(who.rights.refusal("Permissions.Modify"))
    if not desk.helper.exists():
        raise Refusal(409, "helper", f"The account cannot be kept here: there is no helper at {desk.helper}.")
    if desk.settings.endpoint is not None or client.account(desk.node, desk.pve, desk.helper):
        raise Refusal(409, "state", "There is an account already.")

    def attempt(made: Endpoint) -> None:
        alone = {"user": made.user, "token_name": made.token_name, "token_value": made.token_value, "ticket": "", "csrf": ""}
        desk.connect(replace(desk.endpoint, **alone)).get("/version")  # type: ignore[arg-type]

    tools, privileges = ApiTools(desk.api(who)), account.wanted(NEEDED, desk.settings.policy)
    try:
        done = at_once.make(tools, privileges, attempt, lambda texts: client.keep_account(desk.helper, texts))
    except SetupError as error:
        raise Refusal(409, "account", f"The account was not made: {error}") from None
    return {"changes": done}
