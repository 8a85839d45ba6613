"""What a rolling run would be like, for people: pure functions that give text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prs.cli.job_view import state_cell
from prs.engine.rolling.batches.outlook import Turn
from prs.engine.rolling.batches.seen import seen
from prs.engine.rolling.stages import Round, Visit
from prs.terminal import Cell, Style, clean, counted, duration, paint, paragraph, table


def preview_text(batches: Sequence[Sequence[Turn]], reasons: Mapping[str, str], style: Style) -> str:
    """Show what stands against nodes that cannot be emptied, then each node's turn in order, the gates that are shut, and warnings.

    Nodes of one batch are serviced together; `reasons` say why one does not join those before it.
    """
    text, turns = "", [turn for batch in batches for turn in batch]
    for turn in turns:
        if not turn.possible:
            words = [turn.plan.lacking or turn.plan.summary, *(f"{stay.vmid} ({stay.name}) {stay.reason}" for stay in turn.plan.blockers)]
            text += paragraph(clean(f"{turn.node} cannot be emptied: {'; '.join(words)}"), style)
    rows: list[list[str | Cell]] = [_row(turn) for turn in turns]
    text += table(("NODE", "MIGRATIONS", "AWAY AND BACK", "GATES"), rows, style, right=(1, 2))
    for turn in turns:
        for gate in turn.shut:
            text += paragraph(clean(f"{turn.node}, {gate.name}: {gate.reason} (waited for {duration(gate.limit)} at most)"), style)
    text += "".join(paragraph(clean(f"{node} waits for those before it: {words}"), style) for node, words in reasons.items())
    for warning in dict.fromkeys(warning for turn in turns for warning in turn.plan.warnings):
        text += paragraph(clean(warning), style)
    moved = sum(turn.plan.seconds for turn in turns) * 2
    names = ", ".join(" + ".join(turn.node for turn in batch) for batch in batches)
    how = "those with a plus sign together" if len(batches) < len(turns) else "one after the other"
    whole = f"Dry run: {names} would be emptied, rebooted and filled again, {how}."
    return text + paragraph(clean(f"{whole} Migrations there and back: {duration(moved)}; {counted(len(turns), 'reboot')} beside."), style)


def _row(turn: Turn) -> list[str | Cell]:
    if not turn.possible:
        return [clean(turn.node), Cell("?"), Cell("?"), Cell("cannot be emptied", "red")]
    shut = ", ".join(gate.name for gate in turn.shut)
    gates = Cell(f"shut: {shut}", "yellow") if shut else Cell(f"all {len(turn.gates)} open", "green")
    return [clean(turn.node), Cell(str(len(turn.plan.moves))), Cell(duration(2 * turn.plan.seconds)), gates]


def visit_line(visit: Visit) -> str:
    """How far a node is: its stage, and what is waited for."""
    waits = f": {visit.message}" if visit.message else ""
    return clean(f"{visit.node} {visit.stage}{waits}")


def round_text(one: Round, style: Style) -> str:
    """Say how far a round is: its state, who carries it, and one line for each node."""
    state = state_cell("paused" if one.paused else one.state)
    by = f", carried by {clean(one.holder)}" if one.open else ""
    text = f"Round {clean(one.id)} of rolling maintenance: {paint(state.text, state.colour, style)}{by}\n"
    text += paragraph(clean(one.message), style) if one.message else ""
    told = [(visit.node, *seen(one, visit)) for visit in one.turns]
    rows: list[list[str | Cell]] = [[clean(node), state_cell(stage), clean(message)] for node, stage, message in told]
    return text + table(("NODE", "STAGE", "DETAIL"), rows, style)
