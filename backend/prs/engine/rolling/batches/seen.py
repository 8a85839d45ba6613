"""How a turn looks to people: a node that waits for those it is serviced together with is not yet at what its step is called. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from prs.engine.rolling.stages import Round, Stage, StepName, Visit

_UNTIL_THEN: Mapping[StepName, Stage] = {"last-gates": "waiting", "reboot": "waiting", "gates-again": "back", "fill": "back"}


def seen(one: Round, turn: Visit) -> tuple[Stage, str]:
    """The turn's stage, and what it waits for."""
    at = one.turn
    if at is None or turn not in one.together or not turn.under_way or turn.part <= at.part or turn.step not in _UNTIL_THEN:
        return turn.stage, turn.message
    return _UNTIL_THEN[turn.step], turn.message or f"{turn.node} waits for {at.node}, with which it is serviced together"
