"""The Flask application: guards in front of every route, errors as JSON, headers on every answer."""

from __future__ import annotations

import logging
from typing import Any

from flask import Blueprint, Flask, Response, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map

from prs import audit
from prs.errors import PrsError
from prs.logs import brief
from prs.web.access import guard
from prs.web.access.client import BRIDGE
from prs.web.access.login import read_login
from prs.web.access.pace import Pace
from prs.web.api.answers import compressed, refused
from prs.web.api.openapi import PREFIX
from prs.web.api.refusal import Refusal, refusal
from prs.web.context import Context
from prs.web.pages import pages
from prs.web.routes import (
    account,
    answers,
    jobs,
    loads,
    metrics,
    node_state,
    overview,
    placements,
    plans,
    policy,
    rounds,
    rules,
    session,
    suggestion,
)

log = logging.getLogger(__name__)
_ACTIONS = {
    "make_plan_of_caller": "plan", "start_job_of_caller": "start", "change_policy_of_caller": "policy",
    "apply_suggestion_of_caller": "apply", "dismiss_suggestion_of_caller": "dismiss", "make_account_of_caller": "account",
    "skip_node_of_round": "skip-round", "preview_round_of_caller": "preview-round", "begin_round_of_caller": "begin-round",
    "set_state_of_node": "node_state",
}  # fmt: skip
_CODES = {400: "invalid", 404: "not_found", 405: "method", 413: "too_large", 415: "content_type"}


class _Map(Map):
    """Without redirects to paths that a caller made up: Debian 12's Werkzeug looks at that only when the map is made."""

    def __init__(self, **options: Any) -> None:
        super().__init__(merge_slashes=False, **options)


class _App(Flask):
    url_map_class: type[Map] = _Map


def create_app(context: Context) -> Flask:
    """The application over the context."""
    app = _App(__name__, static_folder=None)
    api = Blueprint("api", __name__, url_prefix=PREFIX)
    for routes in (
        session, overview, node_state, plans, placements, jobs, answers, policy, rules, rounds, suggestion, account, metrics, loads,
    ):  # fmt: skip
        routes.add(api, context)
    app.register_blueprint(api)
    app.register_blueprint(pages(context))
    app.before_request(lambda: _admit(context))
    app.after_request(_finish)
    app.register_error_handler(PrsError, lambda error: refused(refusal(error)))
    app.register_error_handler(HTTPException, _plain)
    app.register_error_handler(Exception, _fault)
    return app


def _admit(context: Context) -> Response | None:
    """Host, origin, size, then who asks; a preflight is answered here, before anybody is known."""
    g.origin = ""
    name = (request.endpoint or "").rpartition(".")
    if BRIDGE in request.environ:  # pveproxy has looked at host and origin, and shows pages of its own
        if request.endpoint and (name[0] != "api" or name[2] in session.OPEN - {"alive"}):
            raise Refusal(404, "not_found", "There is no such path through Proxmox VE's own port.")
    else:
        host = context.guard.host(request.headers.get("Host", ""))
        g.origin = context.guard.origin(request.headers.get("Origin"), host)
        if request.method == "OPTIONS":
            return Response(status=204, headers=dict(guard.preflight(g.origin)))
    guard.Guard.body(request.content_length, request.headers.get("Transfer-Encoding", ""))
    if name[0] == "api" and name[2] not in session.OPEN:
        headers = request.headers
        changing = request.method not in ("GET", "HEAD")
        login = read_login(headers.get("Authorization", ""), headers.get("CSRFPreventionToken", ""), changing)
        told = request.environ.get(BRIDGE)
        if told is not None and context.verifier.was_good(login):  # asking PVE again may take long, and says no more about whose call it is
            told.user = login.user
        g.caller = context.verifier.verify(login, request.remote_addr or "", changing)
        if told is not None:
            told.user = login.user
        _keep_pace(context.changes if changing else context.reads, changing)
    return None


def _keep_pace(pace: Pace, changing: bool) -> None:
    """Refuse what a user asks for beyond the most; of the changes in a minute only the first one too many has a line in the log."""
    excess = pace.excess(g.caller.login.user)
    if excess:
        g.carried = excess > 1
        words = f"More than {pace.most} calls came within {pace.seconds:.0f} seconds: try again after as many."
        if changing:
            words = f"More than {pace.most} changes were asked for within a minute: try again in the next one."
        raise Refusal(429, "slow_down", words, retry=pace.left())


def _finish(response: Response) -> Response:
    page = request.blueprint == "pages" and response.status_code < 400
    response.headers.update(guard.security(page))
    response.headers.update(guard.allow(getattr(g, "origin", "")))
    if response.status_code == 413:
        response.headers["Connection"] = "close"  # the body is still on its way and will not be read
    if "caller" in g and request.method in ("POST", "PUT") and not g.get("carried"):
        _audit(response)
    return compressed(response)


def _audit(response: Response) -> None:
    """What did not get as far as the inbox, which writes such a line for all that it is asked."""
    paths, endpoint = request.view_args or {}, (request.endpoint or "").rpartition(".")[2]
    action = audit.named("round" if "round_id" in paths else _ACTIONS.get(endpoint, endpoint), str(paths.get("verb", "")))
    job, node = str(paths.get("job_id") or paths.get("round_id", "")), str(paths.get("node", ""))
    why = "" if response.status_code < 400 else f"refused with {response.status_code}"
    audit.note(audit.Deed(action, g.caller.name, request.remote_addr or "", job, node, why))


def _plain(error: HTTPException) -> Response:
    """Flask's own refusals; its texts may repeat the request, so they are not passed on."""
    status = error.code or 500
    words = {404: "there is no such path", 405: "this path does not know this method"}.get(status, "the request cannot be understood")
    response = refused(Refusal(status, _CODES.get(status, "invalid"), words))
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def _fault(error: Exception) -> Response:
    log.error("%s %s failed: %s", request.method, request.path[:200], brief(error))
    return refused(Refusal(500, "fault", "The service made a mistake; its log says more."))
