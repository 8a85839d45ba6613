"""Whether a move, or a swap of two units, can be made on a board as it stands."""

from __future__ import annotations

from collections.abc import Mapping

from prs.model import Resource
from prs.planner.objective import score
from prs.planner.problem.board import Board

Change = tuple[int, int]  # a unit and the node it goes to
Option = tuple[float, tuple[Change, ...]]  # what the value changes by, and what changes


def possible(board: Board, changes: tuple[Change, ...], guards: Mapping[Resource, float]) -> bool:
    """True when the changes fit, in this order or the other, and make no other resource's spread wider than `guards` allow."""
    if len(changes) == 1:
        return board.fits(*changes[0]) and _harmless(board, changes, guards)
    (one, _), (two, _) = changes
    return board.swaps(one, two) and bool(ordered(board, changes)) and _harmless(board, changes, guards)


def ordered(board: Board, changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """The changes in an order in which each fits while the ones after it are still to come; () where there is none."""
    if len(changes) == 1:
        return changes
    return next(((first, then) for first, then in (changes, changes[::-1]) if board.fits(*first)), ())


def _harmless(board: Board, changes: tuple[Change, ...], guards: Mapping[Resource, float]) -> bool:
    if not guards:
        return True
    homes = [(unit, board.where[unit]) for unit, _ in changes]
    for unit, place in changes:
        board.move(unit, place)
    worse = score.worsened(board.problem, board.load, guards)
    for unit, place in homes:
        board.move(unit, place)
    return not worse
