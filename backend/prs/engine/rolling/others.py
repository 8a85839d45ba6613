"""What nobody else may do while a round of maintenance goes on: begin another, or drain or release the node whose turn it is. Pure."""

from __future__ import annotations

from prs.engine.rolling.stages import Round


def no_other(one: Round | None) -> str:
    """Why no other round may take the place of this one in the file, "" for nothing."""
    if one is not None and one.open:
        return f"rolling maintenance is under way already: round {one.id} of {one.user}, carried by {one.holder}"
    # Only the file tells that the flag is not the administrator's.
    return "Ceph's flag noout is still set by the last round of maintenance, and is taken back first" if one and one.flagged else ""


def in_turn(one: Round | None, node: str) -> str:
    """Why nobody else may drain or release the node now, "" for nothing: a round has begun with it, and brings it back."""
    if one is None or not one.open or not any(turn.node == node and turn.under_way for turn in one.turns):
        return ""
    return f"{node} has its turn in round {one.id} of maintenance: wait until that is over, or stop the round"
