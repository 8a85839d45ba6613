"""Who holds a round of maintenance: handed on, taken over, and what its times mean by the clock of another host. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from prs.engine.rolling.stages import LONGEST, Round, Visit, with_turn

REMOVED = "somebody has removed the file of the round"


def handed(one: Round, host: str, now: float) -> Round:
    """The round given to another host, which has still to take it."""
    return replace(one, holder=host, generation=one.generation + 1, renewed=now, handed=True)


def taken(one: Round, host: str, now: float, ahead: float = 0.0) -> Round:
    """The round taken by a host: after it was handed to it, or because its holder has died. `ahead` (s) its clock is of that one's.

    A job of another host's journal is not followed: its step begins anew with what is left to do.
    """
    another = one.holder != host
    turns = tuple(turn if turn.step == "over" else _later(turn, ahead) for turn in one.turns)
    one = replace(one, turns=turns, holder=host, generation=one.generation + another, renewed=now, handed=False)
    turn = one.turn
    if turn is None or not turn.host or turn.host == host:
        return one
    return with_turn(one, replace(turn, job="", host="", since=now))


def removed(one: Round, behind: Mapping[str, str], flagged: bool, now: float) -> Round:
    """The round as it ends where somebody has removed its file: nothing more is done, and each node says what stays `behind` of its turn.

    `flagged`: Ceph's flag noout is still set because of it.
    """
    turns = tuple(_ended(turn, behind.get(turn.node, ""), flagged, now) if turn.under_way else turn for turn in one.turns)
    words = "; ".join(f"{turn.node}: {turn.message}" for turn in turns if turn.ending == "failed" and turn.message)
    return replace(one, turns=turns, state="failed", handed=False, ended=now, message=(words or REMOVED)[:LONGEST])


def _ended(turn: Visit, behind: str, flagged: bool, now: float) -> Visit:
    said = "; ".join(filter(None, (REMOVED, behind)))
    return replace(turn, step="over", since=now, job="", host="", ending="failed", message=said, until=0.0, noout=turn.noout and flagged)


def anew(one: Round, now: float) -> Round:
    """The round that nobody has looked at for long: what it waits for at the step at hand is waited for from now on."""
    return with_turn(one, replace(one.turn, since=now)) if one.turn else one


def _later(turn: Visit, ahead: float) -> Visit:
    since, told, until = (moment and max(0.0, moment + ahead) for moment in (turn.since, turn.told, turn.until))
    return replace(turn, since=since, told=told, until=until)
