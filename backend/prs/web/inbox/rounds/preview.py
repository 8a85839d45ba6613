"""How a round would go as things are now, with the caller's rights: each node's drain, its gates, the time, and what speaks against it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from prs.codec import to_json
from prs.engine.rolling.batches.batched import Batches, looked
from prs.engine.rolling.batches.facts import batches_of
from prs.engine.rolling.batches.outlook import Outlook, Turn
from prs.errors import PlanError
from prs.web.access.actions import refusals, require
from prs.web.access.auth import Caller
from prs.web.inbox.desk import Desk
from prs.web.inbox.rounds.wanted import against, lacking, seen, wanted

BOOTS = 300.0  # seconds that a server with its checks of memory and controllers takes to be back, as is assumed


def preview_round(desk: Desk, who: Caller, asked: dict[str, Any]) -> dict[str, Any]:
    """The RoundPreview of a RoundRequest; nothing is stored. Refusal, PlanError, PveError."""
    require(refusals(who.rights)["plan_drain"])
    one = wanted(desk, who, asked)
    cluster = seen(desk, who, one)
    problems = [*lacking(desk, who, one, cluster), *(found.message for found in against(desk, who, one))]
    outlook = Outlook(desk.api(who), desk.holds, one.policy, desk.now(), one.options.maintenance)
    batches = _looked(desk, outlook, batches_of(desk.api(who), cluster, one.nodes, one.at_once, one.policy))
    turns = [turn for batch in batches for turn in batch]
    boots = BOOTS * len(batches) if one.options.reboot else 0.0
    possible = all(turn["possible"] for turn in turns)
    return {
        "turns": sorted(turns, key=lambda turn: bool(turn["possible"])), "seconds": sum(turn["seconds"] for turn in turns) + boots,
        "possible": possible and not problems, "problems": problems, "hooks": [*one.hooks],
    }  # fmt: skip


def _looked(desk: Desk, outlook: Outlook, batches: Batches) -> list[list[dict[str, Any]]]:
    """The turns of the API description, those together that are serviced together."""
    found, reasons = looked(batches, partial(_turn, desk, outlook), lambda turn: "" if turn["possible"] else str(turn["summary"]))
    for turns in found:
        names = [turn["node"] for turn in turns]
        for turn in turns:
            turn |= {"together": [name for name in names if name != turn["node"]], "apart": _sentence(reasons.get(turn["node"], ""))}
    return found


def _turn(desk: Desk, outlook: Outlook, node: str, batch: Sequence[str]) -> dict[str, Any]:
    try:
        found = outlook.turn(node, batch)
    except PlanError as error:
        return {**_empty(node), "summary": _sentence(str(error))}
    if held := desk.holds.held().get(node):
        return {**_of(found), "possible": False, "summary": f"{node} is {held.reason}."}
    return _of(found)


def _of(found: Turn) -> dict[str, Any]:
    """As PreviewTurn of the API description."""
    plan = found.plan
    gates = [{"name": gate.name, "open": not gate.reason, "reason": gate.reason, "limit": gate.limit} for gate in found.gates]
    return {
        "node": found.node, "possible": found.possible, "summary": plan.lacking or plan.summary, "moves": len(plan.moves),
        "bytes": plan.bytes, "seconds": 2 * plan.seconds, "rides": to_json(plan.rides), "blockers": to_json(plan.blockers), "gates": gates,
        "relaxed": [*plan.relaxed], "relaxable": [*plan.relaxable],
    }  # fmt: skip


def _empty(node: str) -> dict[str, Any]:
    lists = ("rides", "blockers", "gates", "relaxed", "relaxable")
    figures = {"moves": 0, "bytes": 0, "seconds": 0.0}
    return {"node": node, "possible": False, "summary": "", **figures, **{name: [] for name in lists}}


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}{'' if words.endswith('.') else '.'}" if words else ""
