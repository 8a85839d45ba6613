"""A round of rolling maintenance as the JSON of the API description, with what the caller may ask of it and why not."""

from __future__ import annotations

from typing import Any, get_args

from prs.codec import to_json
from prs.engine.rolling.batches.seen import seen
from prs.engine.rolling.stages import Round, Verb, Visit
from prs.engine.rolling.wishes import asked
from prs.errors import PlanError
from prs.web.access.auth import Caller
from prs.web.json_of import right

VERBS: tuple[Verb, ...] = get_args(Verb)
POWER = "Sys.PowerMgmt"  # what PVE wants for a node's reboot (pve-manager PVE/API2/Nodes.pm)


def refused_verb(who: Caller, one: Round, verb: Verb) -> str:
    """Why the caller may not ask that of the round, "": they may. To go on means that nodes reboot: whoever wants it may reboot them."""
    if not who.owns(one.user) and (reason := who.rights.refusal("Sys.Modify")):
        return reason
    waiting = [turn.node for turn in one.turns if turn.step != "over"] if verb == "resume" and one.options.reboot else []
    return next((words for node in waiting if (words := who.rights.refusal(POWER, f"/nodes/{node}"))), "")


def refused_begin(who: Caller) -> str:
    """Why the caller may begin no round, whatever the nodes: it moves guests of all nodes, with the service's account. "": they may."""
    missing = [name for name in ("VM.Audit", "VM.Migrate") if not who.rights.everywhere(name, "/vms")]
    everywhere = next((f"needs {name} on /vms, with propagation, and on every guest" for name in missing), "")
    return who.rights.refusal("Sys.Modify") or everywhere


def round_json(one: Round, who: Caller, now: float) -> dict[str, Any]:
    """The round without its policy, as `Round` of the API description."""
    told = to_json(one)
    kept = ("id", "user", "created", "ended", "holder", "handed", "renewed", "request", "message")
    options = ("reboot", "hooks", "rides", "maintenance")
    return {
        **{name: told[name] for name in kept}, **{name: told["options"][name] for name in options},
        "state": "paused" if one.paused else one.state, "turns": [_turn(one, each, who, now) for each in one.turns],
        "may": {verb: right(_refusal(one, who, verb, "", now)) for verb in VERBS if verb != "skip"},
    }  # fmt: skip


def _turn(one: Round, turn: Visit, who: Caller, now: float) -> dict[str, Any]:
    kept = ("node", "step", "since", "until", "job", "host", "skip", "batch")
    stage, message = seen(one, turn)
    told = {"stage": stage, "message": message, **{name: getattr(turn, name) for name in kept}}
    return {**told, "may": {"skip": right(_refusal(one, who, "skip", turn.node, now))}}


def _refusal(one: Round, who: Caller, verb: Verb, node: str, now: float) -> str:
    """Why the verb is of no use now: the caller's rights, or the state of the round."""
    if reason := refused_verb(who, one, verb):
        return reason
    try:
        asked(one, verb, node, now)
    except PlanError as error:
        return str(error)
    return ""
