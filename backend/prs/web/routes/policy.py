"""The cluster-wide policy: seen by auditors, changed by whoever may change the cluster."""

from __future__ import annotations

from flask import Blueprint, Response

from prs.web.access.actions import require
from prs.web.api.answers import tagged
from prs.web.api.reflect import ref
from prs.web.context import Context
from prs.web.json_of import policy_json
from prs.web.routes.common import body, caller, carried


def add(api: Blueprint, context: Context) -> None:
    """Register the calls."""

    @api.get("/policy")
    def policy() -> Response:
        who = caller()
        require(who.rights.refusal("Sys.Audit"))
        return tagged(policy_json(context.policy(who), who, context.site.node, context.now()), but="now")

    @api.put("/policy")
    def change_policy_of_caller() -> Response:
        return carried(context, "policy", **body(ref("PolicyRequest")))
