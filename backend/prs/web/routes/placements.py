"""Placements: where guests to be should go, or where one that exists would be better, with the caller's rights; nothing is stored."""

from __future__ import annotations

from flask import Blueprint, Response

from prs.web.api.reflect import ref
from prs.web.context import Context
from prs.web.routes.common import body, carried


def add(api: Blueprint, context: Context) -> None:
    """Register the call."""

    @api.post("/placements")
    def make_placement_of_caller() -> Response:
        return carried(context, "place", **body(ref("PlacementRequest")))
