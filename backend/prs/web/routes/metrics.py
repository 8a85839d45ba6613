"""Figures for monitoring systems, in OpenMetrics; for auditors, with what they may see."""

from __future__ import annotations

from flask import Blueprint, Response, request

from prs.engine.journal.requests import requests
from prs.engine.journal.totals import Totals, totals
from prs.errors import NotFound, PveError
from prs.model import Plan
from prs.pve.http import tally
from prs.web.access.actions import require
from prs.web.access.auth import Caller
from prs.web.access.client import BRIDGE
from prs.web.api.refusal import Refusal
from prs.web.cache import Cache
from prs.web.context import Context
from prs.web.json_of import Json
from prs.web.metrics import Known, families
from prs.web.openmetrics import CONTENT_TYPE, text
from prs.web.routes.common import caller
from prs.web.routes.overview import measured

WALK = 15.0  # seconds between two walks through the journal, however many ask


def add(api: Blueprint, context: Context) -> None:
    """Register the call."""
    walked: Cache[tuple[Totals, Plan | None]] = Cache(WALK, 1)

    @api.get("/metrics")
    def metrics() -> Response:
        who = caller()
        if BRIDGE in request.environ:
            raise Refusal(404, "not_found", "There is no such path through Proxmox VE's own port.")
        require(who.rights.refusal("Sys.Audit"))
        found = walked.get("")
        if found is None:
            walked.put("", found := (totals(context.journal), _newest(context)))
        sent = {"service": requests(context.journal), "web": tally.sent()}
        known = Known(context.now(), context.daemon(), _cluster(context, who), context.facts.balancing, *found, sent)
        return Response(text(families(known)), content_type=CONTENT_TYPE)


def _cluster(context: Context, who: Caller) -> Json | None:
    try:
        return measured(context, who)
    except PveError:
        return None


def _newest(context: Context) -> Plan | None:
    try:
        return context.journal.newest_plan()
    except NotFound:  # it has left the journal meanwhile
        return None
