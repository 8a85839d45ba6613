"""The answer to a call that took longer than it may: asked for until it is there."""

from __future__ import annotations

from flask import Blueprint, Response

from prs.errors import NotFound
from prs.web.api.answers import answer
from prs.web.api.validate import mistakes
from prs.web.api.values import LATER
from prs.web.context import Context
from prs.web.routes.common import caller, patience


def add(api: Blueprint, context: Context) -> None:
    """Register the call."""

    @api.get("/answers/<answer_id>")
    def show_answer(answer_id: str) -> Response:
        if mistakes(LATER, answer_id):
            raise NotFound("there is no such answer")
        return answer(*context.later.ask(caller().name, answer_id, patience()))
