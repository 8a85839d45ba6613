"""The caller's rights, the cluster, and HA maintenance mode."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, request

from prs import __version__
from prs.codec import to_json
from prs.engine.journal.automation import Balancing
from prs.errors import PveError
from prs.model import Cluster
from prs.planner.plan import plan_balance
from prs.web.access.actions import refusals
from prs.web.access.auth import Caller
from prs.web.api.answers import conditional, marked, tagged
from prs.web.api.openapi import PREFIX
from prs.web.api.reflect import ref
from prs.web.api.refusal import Refusal
from prs.web.api.validate import mistakes
from prs.web.api.values import NODE
from prs.web.context import Context
from prs.web.json_of import Json, cluster_json, right
from prs.web.routes.common import SCOPES, body, caller, carried, query


def add(api: Blueprint, context: Context) -> None:
    """Register the calls."""

    @api.get("/status")
    def status() -> Response:
        who, scope = caller(), query("scope", SCOPES)
        here = context.facts.balancing
        policy = context.settings.policy if here is None else here  # what it was when this process began
        method = context.settings.policy.asked if here is None else here.method
        return tagged({
            "version": __version__, "node": context.site.node, "user": who.name, "token": bool(who.login.token_name),
            "daemon": context.daemon(),
            "defaults": {"method": method, "spread": policy.spread, "containers": policy.containers},
            "may": {name: right(reason) for name, reason in refusals(who.rights).items()},
            "warnings": _warnings(context, who),
            "balancing": _balancing(context, who, scope, here),
        })  # fmt: skip

    @api.get("/cluster")
    def cluster() -> Response:
        return conditional(*_shown(context, caller()))

    @api.post("/nodes/<node>/release")
    def release(node: str) -> Response:
        if mistakes(NODE, node):
            raise Refusal(404, "not_found", "this node is not kept empty by a drain")
        return carried(context, "release", node=node)

    @api.post("/nodes/<node>/maintenance")
    def maintenance(node: str) -> Response:
        if mistakes(NODE, node):
            raise Refusal(404, "not_found", "there is no such node")
        return carried(context, "maintenance", node=node, **body(ref("MaintenanceRequest")))


def _shown(context: Context, who: Caller) -> tuple[bytes, str]:
    """The answer with the cluster, made once for all calls of a user while nothing changes: 2000 guests take a tenth of a second."""
    cluster, held, key = context.cluster(who), context.facts.held, (who.name, request.args.get("scope") == "node")
    made = context.shown.get(key)
    if made is None or made[0] is not cluster or made[1:3] != (held, who.rights):
        made = cluster, held, who.rights, marked(measured(context, who), but="taken")
        context.shown.put(key, made)
    return made[3]


def measured(context: Context, who: Caller) -> Json:
    """The cluster with its loads, as the caller sees it; PveError."""
    found = context.cluster(who)
    # With this policy any cluster counts as balanced: the planner measures and plans nothing.
    loads = plan_balance(found, replace(context.settings.policy.levelling("memory"), memory="used", spread=1.0), found.taken)
    return cluster_json(found, loads, who.rights, context.facts.held)


def _balancing(context: Context, who: Caller, scope: str, here: Balancing | None) -> Any:
    """How automatic balancing stands, for auditors: as the node tells it that leads; if that cannot be asked, as this one knows it."""
    if here is None or not who.rights.may("Sys.Audit", "/"):
        return None
    leader = here.state.leader
    if scope == "cluster" and leader not in ("", context.site.node):
        peers, _ = context.peers.others(who.login, context.api(who))
        first = [peer for peer in peers if peer.node == leader]
        for reply in context.peers.ask(first, who.login, "GET", f"{PREFIX}/status?scope=node", "Status"):
            if reply.data and reply.data["balancing"]:
                return reply.data["balancing"]
    return to_json(here)


def _warnings(context: Context, who: Caller) -> list[str]:
    found = [] if context.daemon() else ["The service that carries jobs out is not running: systemctl status proxmox-rebalancing-service."]
    if (words := context.facts.round) and who.rights.may("Sys.Audit", "/"):
        found.append(f"{words}.")
    try:
        cluster = context.cluster(who)
    except PveError as error:
        return [*found, f"PVE does not answer: {error}"]
    return found + _about(cluster)


def _about(cluster: Cluster) -> list[str]:
    found = []
    if not cluster.quorate:
        found.append("The cluster has no quorum: nothing can be migrated until a majority of its nodes is online.")
    if cluster.auto_rebalance:
        found.append("PVE's own auto-rebalance is on: each plan says who balances which guests under HA.")
    versions = sorted({node.version for node in cluster.nodes if node.version})
    if len(versions) > 1:
        words = "a guest may not be able to go back to an older one"
        found.append(f"The nodes run different versions of Proxmox VE ({', '.join(versions)}): {words}.")
    found += [f"Node {node.name}: {node.problem}." for node in cluster.nodes if node.problem and node.online]
    return found + [problem if problem.endswith(".") else f"{problem}." for problem in cluster.problems]
