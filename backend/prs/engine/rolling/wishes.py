"""What a user asks of a round: to pause, go on, stop or skip a node, and how the turn at hand is left for that. Pure."""

from __future__ import annotations

from dataclasses import replace

from prs.engine.rolling.stages import Round, Verb, broken_off, current, early, passed, with_turn
from prs.errors import PlanError


def asked(one: Round, verb: Verb, node: str, now: float) -> Round:
    """What a user asks for; PlanError where that is not possible. A stop is never taken back."""
    turn = current(one)
    if verb == "skip":
        return _skipped(one, node, now)
    if one.request == "stop":
        raise PlanError("the round is being stopped")
    if verb == "resume":
        if turn.halted:  # whoever asks knows that the hook was begun before
            others = tuple(each for each in turn.hooks if each is not turn.hook)
            return with_turn(one, replace(turn, hooks=others, message="", since=now))
        if one.request == "pause":
            return with_turn(replace(one, request=""), replace(turn, since=turn.since if turn.begun else now))
        if turn.step != "by-hand":
            raise PlanError("the round is not paused")
        return _resumed(one, now)
    if verb == "pause" and one.request == "pause":
        raise PlanError("the round is paused already")
    return replace(one, request="pause" if verb == "pause" else "stop")


def leaving(one: Round) -> bool:
    """Whether the turn at hand is to be left at this step, because the user wants that, and it is not too late to."""
    turn = one.turn
    if turn is None or turn.ending or not (turn.skip or one.request == "stop"):
        return False
    return early(turn)


def left(one: Round, now: float) -> Round:
    """The round with the turn at hand left, nothing being under way for it: what was done is taken back; after a stop no node begins."""
    turn = current(one)
    if turn.step == "by-hand":
        return passed(one, now)
    if one.request == "stop" and not turn.begun:
        return replace(one, state="stopped", ended=now, message=one.message or "stopped by the user")
    words = "skipped by the user" if turn.skip else one.message or "stopped by the user"
    return broken_off(one, f"{turn.message}; {words}" if turn.halted else words, now, "skipped")


def _skipped(one: Round, node: str, now: float) -> Round:
    turn = next((turn for turn in one.turns if turn.node == node), None)
    if turn is None:
        raise PlanError(f"{node} is not part of the round")
    if turn.step == "over":
        raise PlanError(f"{node} has had its turn")
    if turn.begun and one.turn is not turn:  # serviced together with the one whose turn it is
        if turn.ending or not early(turn):
            raise PlanError(f"{node} is being brought back already" if turn.ending else f"{node} reboots, and is brought back")
        return with_turn(one, replace(turn, skip=True))
    if one.turn is not turn:
        turns = tuple(replace(each, step="over", ending="skipped", since=now) if each is turn else each for each in one.turns)
        return replace(one, turns=turns)
    found = with_turn(one, replace(turn, skip=True))
    if not leaving(found):
        raise PlanError(f"{node} is being brought back already" if turn.ending else f"{node} reboots, and is brought back")
    return found


def _resumed(one: Round, now: float) -> Round:
    """All nodes that are empty and wait for the user are done with."""
    while (turn := one.turn) is not None and turn.step == "by-hand":
        one = passed(one, now)
    return one
