"""`rules`: show every rule that binds guests and how it stands, in the live cluster or a saved one; moves nothing."""

from __future__ import annotations

import time
from collections.abc import Collection

from prs import snapshot_file
from prs.cli import exits
from prs.cli.call import Call
from prs.cli.rules_view import rules_page
from prs.codec import to_json
from prs.config.load import Settings
from prs.engine.planning import PlanRequest, read_to_plan
from prs.helper import client
from prs.model import Cluster
from prs.planner.problem.locations import wanted
from prs.planner.rules import modes_of, rules_of
from prs.pve.read.locations import with_locations
from prs.pve.roster import everyone, roster_in


def act(call: Call) -> int:
    """Show the rules; one that is broken is a result and no error."""
    offline = call.options.snapshot is not None
    settings = call.settings(offline=offline)
    cluster, everybody = _saved(call) if offline else _live(call, settings)
    found = rules_of(cluster, settings.policy, everybody)
    if call.json:
        guests = [to_json(one) for one in modes_of(cluster, settings.policy)]
        call.print_json({"rules": [to_json(one) for one in found], "guests": guests, "problems": list(cluster.problems)})
    else:
        call.print(rules_page(found, cluster.problems, call.style))
    return exits.DONE


def _saved(call: Call) -> tuple[Cluster, Collection[int] | None]:
    """The cluster, and the vmids of all its guests where that is known."""
    cluster = snapshot_file.read(call.options.snapshot)
    return cluster, None if cluster.hidden else {guest.vmid for guest in cluster.guests}


def _live(call: Call, settings: Settings) -> tuple[Cluster, Collection[int] | None]:
    api, policy, roster = call.connect(settings.require_endpoint()), settings.policy, roster_in(client.PVE)
    cluster = read_to_plan(api, policy, time.time(), PlanRequest(), roster)
    cluster = with_locations(api, cluster) if wanted(cluster, policy) else cluster
    return cluster, everyone(roster, cluster, api.user)
