"""The table of what a caller may ask: what its arguments have to look like, and what carries it out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from prs.engine.rolling.stages import Verb
from prs.web.access.auth import Caller
from prs.web.api.reflect import Schema, record, ref
from prs.web.api.values import FLAG, ID, NODE, RIDING
from prs.web.inbox.desk import Desk

Work = Callable[[Desk, Caller, dict[str, Any]], dict[str, Any]]  # gives JSON or raises PrsError; the arguments fit the schema

_VERB: Schema = {"type": "string", "enum": ["pause", "resume", "cancel"]}
_STATE: dict[str, Schema] = {"state": {"type": "string", "enum": ["drained", "released"]}, "maintenance": FLAG, "stopped": FLAG,
                             "containers": FLAG, **RIDING}  # fmt: skip
DRAINS = ("maintenance", "stopped", "containers", *RIDING)  # what is of use only for a drain
ARGUMENTS: dict[str, Schema] = {
    "plan": {"oneOf": [ref("BalanceRequest"), ref("DrainRequest")]},
    "place": ref("PlacementRequest"),
    "start": ref("JobRequest"),
    "steer": record("Steer a job.", ("abort",), job=ID, verb=_VERB, abort=FLAG),
    "apply": ref("SuggestionRequest"),
    "dismiss": ref("SuggestionRequest"),
    "account": record("Make the account."),
    "undo": record("Plan the way back.", job=ID),
    "release": record("End a hold.", node=NODE),
    "policy": ref("PolicyRequest"),
    "begin-round": ref("RoundRequest"),
    "preview-round": ref("RoundRequest"),
    "round": record("Steer a round.", ("node",), round=ID, verb={"type": "string", "enum": list(get_args(Verb))}, node=NODE),
    "node_state": record("Have a node drained or released.", DRAINS, node=NODE, **_STATE),
    "maintenance": record("Switch HA maintenance mode.", node=NODE, enabled=FLAG),
}


def work_of(name: str) -> Work:
    """What carries an action of the table out; each request loads no more than it needs."""
    if name == "plan":
        from prs.web.inbox.plans import make_plan_of_caller as work
    elif name == "place":
        from prs.web.inbox.placements import make_placement_of_caller as work
    elif name == "start":
        from prs.web.inbox.start import start_job as work
    elif name == "apply":
        from prs.web.inbox.suggestions import apply_suggestion as work
    elif name == "dismiss":
        from prs.web.inbox.suggestions import dismiss_suggestion as work
    elif name == "account":
        from prs.web.inbox.account import make_account as work
    elif name == "steer":
        from prs.web.inbox.jobs import steer as work
    elif name == "undo":
        from prs.web.inbox.undo import undo as work
    elif name == "release":
        from prs.web.inbox.nodes import release as work
    elif name == "begin-round":
        from prs.web.inbox.rounds.start import begin_round as work
    elif name == "preview-round":
        from prs.web.inbox.rounds.preview import preview_round as work
    elif name == "round":
        from prs.web.inbox.rounds.steer import steer_round as work
    elif name == "node_state":
        from prs.web.inbox.node_state import set_node_state as work
    elif name == "policy":
        from prs.web.inbox.policy import change_policy as work
    else:
        from prs.web.inbox.nodes import maintenance as work
    return work
