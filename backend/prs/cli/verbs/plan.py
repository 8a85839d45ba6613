"""`plan`: show what would be moved and why, from the live cluster, a saved snapshot or either as it might become; moves nothing."""

from __future__ import annotations

import time

from prs import snapshot_file
from prs.cli import exits
from prs.cli.call import Call
from prs.cli.journal_of import held_of, open_jobs
from prs.cli.planned import plan_request_of, show
from prs.engine.drain.keep_out import keep_out
from prs.engine.execution.arrivals import arrived
from prs.engine.loads.link_speeds import with_speeds
from prs.engine.planning import unexamined
from prs.engine.supposing import make_supposed, plan_supposed
from prs.helper import client
from prs.model import Cluster
from prs.planner.supposed import Suppose
from prs.pve.roster import roster_in
from prs.terminal import counted, paragraph


def act(call: Call) -> int:
    """Plan and show; the exit code tells a drain that cannot succeed."""
    offline = call.options.snapshot is not None
    settings, request = call.settings(offline=offline), plan_request_of(call)
    suppose = Suppose(tuple(call.options.add_node or ()), call.options.scale or 1.0, call.options.without or "")
    if offline:
        cluster, plan = plan_supposed(snapshot_file.read(call.options.snapshot), settings.policy, request, suppose)
    else:
        held, jobs, api = held_of(settings), open_jobs(settings), call.connect(settings.require_endpoint())

        def beside(cluster: Cluster) -> Cluster:
            return arrived(keep_out(cluster, held, request.drain), jobs, request.drain)

        policy = with_speeds(settings.policy, settings.state_dir)
        cluster, plan = make_supposed(api, policy, time.time(), request, suppose, beside, roster_in(client.PVE))
    show(call, cluster, plan)
    if offline and not suppose and not call.json and (guessed := unexamined(cluster, plan)):
        words = f"{counted(len(guessed), 'guest')} of this plan had not been examined, so PVE may refuse some of these moves."
        call.print(paragraph(f"\n! {words}", call.style))
    return exits.DONE if plan.feasible else exits.INFEASIBLE
