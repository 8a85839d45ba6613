"""`drain --each --reboot NODE...`: rolling maintenance, one node after the other."""

from __future__ import annotations

import socket
import time

from prs.cli import exits
from prs.cli.call import Call
from prs.cli.carry_out import SWITCH, Worker
from prs.cli.job_view import tour_text
from prs.codec import to_json
from prs.config.load import Settings
from prs.engine.clock import SystemClock
from prs.engine.journal.lock import Owner
from prs.engine.rolling.rolling import Hands, Rolling
from prs.engine.rolling.tours import Tour, Tours
from prs.errors import PlanError
from prs.helper.client import SOCKET
from prs.pve.act.power import may_reboot, uptimes
from prs.pve.check.cluster import REBOOT

_EXITS = {"done": exits.DONE, "failed": exits.PARTIAL, "cancelled": exits.CANCELLED, "running": exits.ERROR}


def act(call: Call, nodes: list[str]) -> int:
    """Go on with a tour that was interrupted, or begin one; the exit code tells whether every node has had its turn."""
    settings = call.settings()
    worker = Worker(call, settings, call.connect(settings.require_endpoint()))
    tours = Tours(worker.journal)
    with Owner(settings.state_dir, "rolling.lock") as mine, Owner(settings.state_dir) as owner:
        if not mine.taken:
            raise PlanError("rolling maintenance is under way in another process of this host")
        worker.go_on(owner.taken)
        tour = tours.latest()
        if tour is not None and tour.state == "running":
            worker.say(f"Going on with rolling maintenance {tour.id}, which was interrupted.\n")
        else:
            _check(worker, nodes)
            if settings.dry_run:
                worker.say(f"Dry run: {', '.join(nodes)} would be emptied, rebooted and filled again, one after the other.\n")
                return exits.DONE
            tour = tours.get(tours.add(nodes, settings.policy, worker.api.user, time.time()))
        hands = Hands(
            work=lambda job: worker.work(job, mine=owner.taken), stopped=lambda: worker.interrupts.count > 0,
            say=lambda words: worker.say(f"{words}\n"), switch=SWITCH, maintenance=SOCKET.exists(),
            holds=worker.holds,
        )  # fmt: skip
        tour = Rolling(worker.api, tours, SystemClock(), tour.id, hands).go()
    return _tell(call, settings, tour)


def _tell(call: Call, settings: Settings, tour: Tour) -> int:
    if call.json:
        call.print_json({"tour": to_json(tour)})
    else:
        call.print("\n" + tour_text(tour, call.style))
    return _EXITS[tour.state]


def _check(worker: Worker, nodes: list[str]) -> None:
    """Refuse before anything happens what cannot end well."""
    known, here = uptimes(worker.api), socket.gethostname().split(".")[0]
    for node in nodes:
        if node not in known:
            raise PlanError(f"there is no node {node} that is online")
        if node == here:
            raise PlanError(f"this command runs on {node} and would end with its reboot: run it on another node")
        if not may_reboot(worker.api, node):
            raise PlanError(f"{worker.api.user} may not reboot {node}: it needs {REBOOT} on /nodes/{node} (setup --reboot grants it)")
    if len(set(nodes)) < len(nodes):
        raise PlanError("a node is named twice")
