"""What a placement looks like to people: pure functions that give text."""

from __future__ import annotations

from prs.cli.plan_view import heading, label
from prs.model import Candidate, Placed, Placement
from prs.terminal import Style, clean, paint, paragraph, percent, points, table

_HEADROOM = {True: "yes", False: "no", None: ""}
_WORST = 8  # nodes shown of those where the guest cannot go


def placement_page(found: Placement, style: Style) -> str:
    """Show the answer, warnings, and each guest's nodes."""
    parts = [paint(paragraph(clean(found.summary), style).rstrip("\n"), "bold", style) + "\n"]
    parts += [paragraph(f"! {clean(text)}", style, "  ") for text in dict.fromkeys(found.warnings)]
    for guest in found.guests:
        parts.append(heading(_title(guest), style) + _table(guest, style))
    method = "memory, CPU and disk" if found.method == "all" else found.method
    spread = f"Spread of {method}: {points(found.spread_before)} points now, {points(found.spread_after)} then."
    parts.append("\n" + paragraph(f"  {spread} {clean(found.headroom.sentence) if found.headroom else ''}".rstrip(), style, "  "))
    return "".join(parts)


def _title(guest: Placed) -> str:
    who = label(guest.vmid, guest.name) if guest.vmid else clean(guest.name)
    return f"Where {who} would be best" if guest.vmid else f"Where {who} should go"


def _table(guest: Placed, style: Style) -> str:
    """Every node where it can go, the best first, and the first of the others."""
    good = [one for one in guest.candidates if one.rank]
    bad = [one for one in guest.candidates if not one.rank]
    rows = [_row(one, guest.home) for one in [*good, *bad[:_WORST]]]
    text = table(("RANK", "NODE", "MEMORY", "CPU", "DISK", "SPREAD", "A NODE MAY FAIL", "WHY"), rows, style, right=(0, 2, 3, 4, 5))
    left = len(bad) - _WORST
    return text + (paragraph(f"  It cannot go to {left} more; --json lists all.", style, "  ") if left > 0 else "")


def _row(one: Candidate, home: str) -> list[str]:
    loads = [percent(one.memory), percent(one.cpu), percent(one.disk)]
    name = clean(one.node) + (" (now)" if one.node == home else "")
    if not one.rank:
        return ["-", name, *loads, "", "", clean(one.reason)]
    return [str(one.rank), name, *loads, points(one.spread), _HEADROOM[one.headroom], clean(one.reason)]
