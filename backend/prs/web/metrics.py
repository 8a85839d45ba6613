"""Which figures of the cluster and of this node's service a monitoring system gets (docs/monitoring/README.md)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from prs import __version__
from prs.engine.journal.automation import Balancing
from prs.engine.journal.totals import Totals
from prs.model import Plan
from prs.web.openmetrics import Family, of

Values = Iterator[tuple[Mapping[str, str], float]]
_RATIO = "as a fraction, 1 = all"


@dataclass(frozen=True, slots=True)
class Known:
    """What is told of; `cluster` as GET /cluster gives it, None where PVE gave no answer."""

    now: float
    daemon: bool
    cluster: Mapping[str, Any] | None
    balancing: Balancing | None
    totals: Totals
    plan: Plan | None = None  # the newest plan that levels the cluster
    requests: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # process -> requests to PVE by outcome


def families(known: Known) -> Iterator[Family]:
    """All of them, those without a value included."""
    yield of("prs_build", "info", "Version of the rebalancing service.", [({"version": __version__}, 1)])
    yield of("prs_service_up", "gauge", "1 while the service that carries jobs out runs on this node.", [({}, known.daemon)])
    yield of("prs_readings_usable", "gauge", "1 when Proxmox VE answered for this scrape.", [({}, known.cluster is not None)])
    if known.cluster is not None:
        yield from _cluster(known.cluster, known.now)
    if known.balancing is not None:
        yield from _balancing(known.balancing)
    if known.plan is not None:
        yield from _plan(known.plan)
    yield from _jobs(known.totals)
    sent = [({"process": process, "outcome": name}, count) for process, told in known.requests.items() for name, count in told.items()]
    yield of("prs_pve_requests", "counter", "Requests to Proxmox VE since the process on this node began, by outcome.", sent)


def _cluster(cluster: Mapping[str, Any], now: float) -> Iterator[Family]:
    nodes, guests = cluster["nodes"], cluster["guests"]
    unknown = sum(bool(guest["problem"]) for guest in guests)
    states = [({"state": "known"}, len(guests) - unknown), ({"state": "unknown"}, unknown)]
    loads = ((({"node": node["name"], "resource": name}), node[name]["load"])
             for node in nodes if node["online"] and not node["problem"]
             for name in ("memory", "cpu", "disk") if node[name]["total"] > 0)  # fmt: skip
    yield of("prs_readings_age_seconds", "gauge", "Age of the readings below.", [({}, max(0.0, now - cluster["taken"]))])
    yield of("prs_cluster_quorate", "gauge", "1 while the cluster has quorum.", [({}, cluster["quorate"])])
    yield of("prs_spread_ratio", "gauge", f"Load of the fullest node minus that of the emptiest, {_RATIO}.",
             [({"resource": name}, value) for name, value in cluster["spread"].items()])  # fmt: skip
    yield of("prs_node_load_ratio", "gauge", f"Load of a node, {_RATIO}.", loads)
    yield of("prs_node_active", "gauge", "1 when the node takes part in balancing.", _each(nodes, "active"))
    yield of("prs_node_held", "gauge", "1 while a drain keeps the node empty.", _each(nodes, "held"))
    yield of("prs_guests", "gauge", "Guests whose load is known, and is not.", states)


def _each(nodes: Iterable[Mapping[str, Any]], name: str) -> Values:
    return (({"node": node["name"]}, bool(node[name])) for node in nodes)


def _balancing(found: Balancing) -> Iterator[Family]:
    state = found.state
    labels = {"level": found.level, "method": found.method, "leader": state.leader}
    yield of("prs_balancing", "info", "Automatic balancing as this node knows it.", [(labels, 1)])
    yield of("prs_balancing_limit_ratio", "gauge", f"Spread that is aimed for, {_RATIO}.", [({}, found.spread)])
    yield of("prs_balancing_suggested", "gauge", "1 while a suggested plan waits.", [({}, bool(state.plan))])
    for name, words, when in (("last", "began", state.last_run), ("next", "is due", state.next_run)):
        yield of(f"prs_balancing_{name}_run_timestamp_seconds", "gauge", f"Unix time at which the {name} scheduled run {words}.",
                 [({}, when)] if when else [])  # fmt: skip


def _plan(plan: Plan) -> Iterator[Family]:
    spreads = {"before": plan.spread_before, "after": plan.spread_after, "reachable": plan.spread_reachable}
    found = [({"method": plan.method, "when": when}, value) for when, value in spreads.items() if value is not None]
    words = f"Spread by the newest plan of this node, and the bound that no plan gets under, {_RATIO}."
    yield of("prs_plan_spread_ratio", "gauge", words, found)
    yield of("prs_plan_moves", "gauge", "Migrations in the newest plan.", [({}, len(plan.moves))])
    yield of("prs_plan_bytes", "gauge", "Bytes that the newest plan copies.", [({}, plan.bytes)])
    yield of("prs_plan_timestamp_seconds", "gauge", "Unix time at which the newest plan was made.", [({}, plan.created)])


def _jobs(totals: Totals) -> Iterator[Family]:
    opened = (({"kind": kind}, count) for kind, count in sorted({"balance": 0, "drain": 0, **totals.open}.items()))
    ended = (({"kind": kind, "result": state}, count) for (kind, state), count in sorted(totals.jobs.items()))
    moved = (({"result": state}, count) for state, count in sorted(totals.steps.items()))
    copied = (({"result": state}, count) for state, count in sorted(totals.bytes.items()))
    yield of("prs_jobs_open", "gauge", "Jobs of this node that have not ended; a drain is one of kind drain.", opened)
    yield of("prs_jobs_ended", "counter", "Jobs of this node that have ended, by result.", ended)
    yield of("prs_migrations", "counter", "Migrations of this node's jobs that have ended, by result.", moved)
    yield of("prs_migrated_bytes", "counter", "Bytes that these have copied.", copied)
