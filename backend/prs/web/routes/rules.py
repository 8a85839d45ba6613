"""The rules that bind the guests that the caller may see, how each stands, and how each guest may be moved."""

from __future__ import annotations

from flask import Blueprint, Response

from prs.codec import to_json
from prs.planner.problem.locations import wanted
from prs.planner.rules import modes_of, rules_of
from prs.pve.read.locations import with_locations
from prs.pve.roster import everyone
from prs.web.access.actions import refusals, require
from prs.web.api.answers import tagged
from prs.web.context import Context
from prs.web.json_of import right
from prs.web.routes.common import caller


def add(api: Blueprint, context: Context) -> None:
    """Register the call."""

    @api.get("/rules")
    def rules() -> Response:
        who = caller()
        may = refusals(who.rights)
        require(may["plan"])
        policy, cluster = context.balancing_policy(who), context.cluster(who)
        if wanted(cluster, policy):
            cluster = with_locations(context.api(who), cluster)
        found = rules_of(cluster, policy, everyone(context.facts.roster, cluster, who.name))
        told = {"rules": [to_json(one) for one in found], "guests": [to_json(one) for one in modes_of(cluster, policy)]}
        rights = {"mend": right(may["balance"]), "write": right(who.rights.refusal("Sys.Audit") or who.rights.refusal("Sys.Modify"))}
        return tagged({**told, "problems": list(cluster.problems), "may": rights})
