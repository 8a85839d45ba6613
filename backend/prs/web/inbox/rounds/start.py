"""Begins a round of rolling maintenance: the services carry it out with their account, so the caller has to hold every right for it."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

from prs.engine.rolling.batches.facts import batches_of
from prs.engine.rolling.stages import begin
from prs.errors import HelperError, PlanError, RoundChanged, RoundUnknown
from prs.helper.client import shared_round
from prs.model import Cluster
from prs.web.access.actions import refusals, require
from prs.web.access.auth import Caller
from prs.web.api.refusal import Refusal
from prs.web.inbox.desk import Desk
from prs.web.inbox.rounds.wanted import Wanted, against, lacking, seen, under_way, wanted
from prs.web.round_json import refused_begin, round_json


def begin_round(desk: Desk, who: Caller, asked: dict[str, Any]) -> dict[str, Any]:
    """Write the round for this node's service to carry, and give it; Refusal, PlanError with what speaks against it."""
    # Before anything is told of the cluster.
    require(refusals(who.rights)["plan_drain"] or refused_begin(who))
    one = wanted(desk, who, asked)
    cluster = seen(desk, who, one)
    if missing := lacking(desk, who, one, cluster):
        raise Refusal(403, "forbidden", f"Not allowed: {missing[0]}.", missing[1:])
    if found := next(against(desk, who, one), None):
        raise found
    _check(one, cluster)
    shared = shared_round(desk.pve, desk.helper)
    if shared is None:
        raise HelperError("this machine is no node of a cluster")
    try:
        shared.read()  # the version that is written over
        if words := under_way(desk, who):
            raise Refusal(409, "conflict", words)
        policy = replace(one.policy, rides=(), speeds=())  # rides stand in the options, and links of many nodes would fill the file
        batches = batches_of(desk.api(who), cluster, one.nodes, one.at_once, one.policy).numbers
        made = shared.put(begin(secrets.token_hex(6), who.name, one.nodes, policy, one.options, desk.node, desk.now(), batches))
    except RoundUnknown as error:
        raise Refusal(503, "unavailable", f"{error}.") from None
    except RoundChanged:
        raise Refusal(409, "conflict", "Somebody else has begun rolling maintenance at the same moment: look at it.") from None
    return {**round_json(made, who, desk.now()), "about": f"of {', '.join(one.nodes)}"[:200]}


def _check(one: Wanted, cluster: Cluster) -> None:
    """PlanError where the round could do nothing but fail, now that the cluster was read."""
    if not cluster.quorate:
        raise PlanError("the cluster has no quorum: nothing can be migrated until a majority of its nodes is online")
    offline = [node.name for node in cluster.nodes if node.name in one.nodes and not node.online]
    if offline:
        raise PlanError(f"{', '.join(offline)} {'is' if len(offline) == 1 else 'are'} offline")
