"""`snapshot`: save what the planner sees, so that a plan can be made again elsewhere."""

from __future__ import annotations

import time

from prs import snapshot_file
from prs.cli import exits
from prs.cli.call import Call
from prs.engine.planning import MEANS, ROUNDS, PlanRequest, unexamined, what_if
from prs.model import Cluster, Policy
from prs.pve.api import Api
from prs.pve.read.candidates import inspect_guests
from prs.pve.read.node_facts import NodeFacts
from prs.pve.read.snapshot import read_cluster
from prs.terminal import counted, write


def act(call: Call) -> int:
    """Read the cluster and write it to the named file, or to the output."""
    settings = call.settings()
    endpoint = settings.require_endpoint()
    api = call.connect(endpoint)
    cluster = examined(api, read_cluster(api, time.time(), "all", counts="reserved"), settings.policy, call.options.all)
    text = snapshot_file.dump(cluster, (api.user, endpoint.user))
    if call.options.file is None:
        call.print(text)
        return exits.DONE
    snapshot_file.save(call.options.file, text)
    found = f"{counted(len(cluster.nodes), 'node')} and {counted(len(cluster.guests), 'guest')}"
    if call.json:
        call.print_json({"file": str(call.options.file), "nodes": len(cluster.nodes), "guests": len(cluster.guests)})
        return exits.DONE
    write(call.err, f"{found} saved in {call.options.file}. It holds names of nodes, guests and storages, but no secrets and no users.\n")
    return exits.DONE


def examined(api: Api, cluster: Cluster, policy: Policy, every: bool) -> Cluster:
    """Look closer at the guests that a plan would move, so that the same plan can be made offline, or at every guest."""
    means = policy.method in MEANS or policy.by_pressure
    if every:
        return inspect_guests(api, cluster, sorted(guest.vmid for guest in cluster.guests if not guest.template), means=means)
    facts = NodeFacts(api)
    for _ in range(ROUNDS):
        pending = unexamined(cluster, what_if(cluster, policy, cluster.taken, PlanRequest()))
        if not pending:
            break
        cluster = inspect_guests(api, cluster, pending, facts, means=means)
    return cluster
