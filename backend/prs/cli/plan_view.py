"""What a plan, the nodes and the findings of a check look like to people: pure functions that give text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from prs.engine.drain.way_back import goes_back
from prs.model import Cluster, Move, Node, NodeLoad, Plan, Stay
from prs.pve.check.findings import Finding
from prs.terminal import Cell, Style, bar, clean, counted, duration, paint, paragraph, percent, points, size, table

_BAR = 10
_FULL = 0.85  # a load from here on is shown in yellow
_LISTED = 20  # guests that stay are listed one by one up to this many, then by reason
_NAMED = 6  # guests named with each reason
_MARKS = {True: ("✓", "ok", "green"), None: ("!", "!!", "yellow"), False: ("✗", "XX", "red")}


def plan_page(cluster: Cluster, plan: Plan, style: Style) -> str:
    """Show a whole plan: summary, warnings, nodes before and after, migrations, what blocks it, guests that stay."""
    parts = [paint(_summary(plan), "bold", style) + "\n"]
    if plan.moves and plan.summary and not plan.blockers:
        parts.append(paragraph(clean(plan.summary), style))
    parts += [paragraph(f"! {clean(text)}", style, "  ") for text in dict.fromkeys((*plan.warnings, *cluster.problems))]
    parts.append(heading("Nodes, now and after the plan" if plan.moves else "Nodes", style) + nodes_table(cluster, plan, style))
    if text := spread_line(plan):
        parts.append(paragraph("  " + text, style, "  "))
    if plan.moves and plan.terms:
        parts.append(paragraph("  " + terms_line(plan, style), style, "  "))
    if plan.moves:
        parts.append(heading("Planned migrations, in this order", style) + moves_table(plan.moves, style))
    if plan.blockers:
        title = f"What keeps {clean(plan.node)} from being emptied ({counted(len(plan.blockers), 'guest')})"
        parts.append(heading(title, style) + stays_table(plan.blockers, style))
    if plan.rides:
        parts.append(heading(f"Guests that are shut down meanwhile ({len(plan.rides)})", style) + stays_table(plan.rides, style))
    if plan.relaxable:
        names = ", ".join(map(clean, plan.relaxable))
        parts.append(paragraph(f"It could be emptied while {names} may be broken: --relax", style))
    if plan.stays:
        parts.append(heading(f"Guests that stay, and why ({len(plan.stays)})", style) + _stays(plan.stays, style))
    return "".join(parts)


def heading(text: str, style: Style) -> str:
    """Give the title of a part, after an empty line."""
    return f"\n{paint(text, 'bold', style)}\n"


def _summary(plan: Plan) -> str:
    """Name the plan and its cost; without moves, or when a drain cannot succeed, the planner's own sentence says why."""
    levelled = "memory, cpu and disk" if plan.method == "all" else plan.method
    what = f"Drain {clean(plan.node)}" if plan.kind == "drain" else clean(goes_back(plan)) or f"Level {levelled}"
    if plan.blockers:
        return f"{what}: {clean(plan.summary) or 'not possible'}"
    if not plan.moves:
        return f"{what}: {clean(plan.summary) or 'nothing to do'}"
    return f"{what}: {counted(len(plan.moves), 'migration')}, {size(plan.bytes)} to copy, about {duration(plan.seconds)}"


def spread_line(plan: Plan) -> str:
    """Say how far the nodes are apart before and after, and what would be the best, in percentage points; nothing for an unknown spread."""
    if not plan.before:
        return ""
    change = f"Spread {points(plan.spread_before)} points"
    if plan.moves:
        change += f", {points(plan.spread_after)} after the plan"
    if plan.spread_reachable is not None:
        change += f". Best reachable with any number of migrations: {points(plan.spread_reachable)}"
    return change + "."


def terms_line(plan: Plan, style: Style) -> str:
    """Say what the plan costs and changes beside the spread."""
    found = []
    for term in plan.terms:
        if term.name in ("spread over the aim", "moving") or term.before == term.after:
            continue
        show = size if "memory" in term.name else (lambda value: f"{value:.3g}")
        found.append(f"{clean(term.name)} {show(term.before)} {style.arrow} {show(term.after)}")
    reckoned = f", {clean(plan.reckoned)}" if plan.reckoned else ""
    return "; ".join([f"Moving takes {duration(plan.cost)} one after the other{reckoned}", *found]) + "."


def nodes_table(cluster: Cluster, plan: Plan, style: Style) -> str:
    """Show each node's loads before the plan and, if it moves anything, after it."""
    return loads_table(cluster, plan.before, plan.after if plan.moves else (), plan.method, style, plan.node, plan.memory)


def loads_table(
    cluster: Cluster, before: Sequence[NodeLoad], after: Sequence[NodeLoad], method: str, style: Style, drained: str = "",
    counts: str = "used",
) -> str:
    """Show loads node by node, the one of `method` (memory for all) first and with bars; `after` may be empty. `counts`: which memory."""
    first = "memory" if method == "all" else method
    others = [name for name in ("memory", "cpu", "disk") if name != first and any(getattr(load, name) for load in (*before, *after))]
    later, nodes = {load.node: load for load in after}, {node.name: node for node in cluster.nodes}
    shown = {"cpu": "CPU", "disk": "DISK", "memory": "MEMORY" if counts == "used" else f"{counts.upper()} MEMORY"}
    heads = ["NODE", "GUESTS", f"{shown[first]} NOW", *(["AFTER"] if after else []), *(shown[name] for name in others), "NOTE"]
    rows = []
    for load in before:
        then = later.get(load.node)
        guests = f"{load.guests} {style.arrow} {then.guests}" if then and then.guests != load.guests else str(load.guests)
        row: list[str | Cell] = [clean(load.node), guests, _gauge(getattr(load, first), style)]
        if after:
            row.append(_gauge(getattr(then, first), style) if then else "")
        row += [_change(load, then, name, style) for name in others]
        rows.append([*row, _note(load, nodes.get(load.node), drained)])
    if not any(row[-1] for row in rows):
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    return table(heads, rows, style)


def _gauge(load: float, style: Style) -> Cell:
    return Cell(f"{bar(load, _BAR, style)} {percent(load):>4}", "yellow" if load >= _FULL else "")


def _change(load: NodeLoad, then: NodeLoad | None, name: str, style: Style) -> str:
    now, later = percent(getattr(load, name)), percent(getattr(then, name)) if then else ""
    return f"{now} {style.arrow} {later}" if later and later != now else now


def _note(load: NodeLoad, node: Node | None, drained: str) -> str:
    if load.node == drained:
        return "is drained"
    if node and not node.online:
        return "offline"
    if node and node.problem:
        return clean(node.problem)
    if node and node.ha == "maintenance":
        return "in HA maintenance"
    return "" if load.active else "left alone"


def moves_table(moves: Sequence[Move], style: Style) -> str:
    """Show the migrations of a plan with what each copies, how long it takes (minutes:seconds) and why."""
    rows = [[str(number), *_move_row(move)] for number, move in enumerate(moves, 1)]
    return table(("#", "GUEST", "FROM", "TO", "COPY", "TIME", "WHY"), rows, style, right=(0, 4, 5))


def _move_row(move: Move) -> list[str]:
    guest = label(move.vmid, move.name)
    return [guest, clean(move.source), clean(move.target), size(move.bytes), duration(move.seconds), _why(move)]


def _why(move: Move) -> str:
    notes = ["parked here for a while" if move.parking else "", "through the HA manager" if move.ha else ""]
    notes.append("restarts the container" if move.kind == "lxc" and move.running else "" if move.running else "not running")
    return "; ".join(filter(None, [clean(move.reason), *notes]))


def label(vmid: int, name: str) -> str:
    """Give a guest as people know it, `102 (db01)`, whatever its name holds."""
    return f"{vmid} ({clean(name)})" if name else str(vmid)


def stays_table(stays: Sequence[Stay], style: Style) -> str:
    """Show guests that do not move, one line each."""
    rows = [[label(stay.vmid, stay.name), clean(stay.node), clean(stay.reason)] for stay in stays]
    return table(("GUEST", "NODE", "WHY"), rows, style)


def _stays(stays: Sequence[Stay], style: Style) -> str:
    """Show guests that stay; many of them by reason, the most frequent reasons first."""
    if len(stays) <= _LISTED:
        return stays_table(stays, style)
    reasons = Counter(stay.reason for stay in stays).most_common()
    shown = sorted(reasons, key=lambda item: (-item[1], item[0]))[:_LISTED]
    rows = []
    for reason, count in shown:
        named = [label(stay.vmid, stay.name) for stay in stays if stay.reason == reason][:_NAMED]
        more = f" and {count - _NAMED} more" if count > _NAMED else ""
        rows.append([str(count), clean(reason), ", ".join(named) + more])
    left = len(stays) - sum(count for _, count in shown)
    text = table(("COUNT", "WHY", "GUESTS"), rows, style, right=(0,))
    if left:
        others = counted(len(reasons) - len(shown), "other reason")
        text += paragraph(f"  {counted(left, 'guest')} more for {others}; --json lists all.", style, "  ")
    return text


def findings_summary(problems: int) -> str:
    """Give the closing sentence of a check."""
    return f"{counted(problems, 'problem')} found." if problems else "No problem found."


def finding_text(finding: Finding, style: Style) -> str:
    """Show one finding with its mark, and what to do about it on a line of its own."""
    sign, plain, colour = _MARKS[finding.ok]
    mark = paint(sign if style.unicode else plain, colour, style)
    first, *more = paragraph(f"{clean(finding.name)}: {clean(finding.text)}", style, "  ").splitlines()
    text = "".join(f"{line}\n" for line in [f"{mark} {first}", *more])
    return text + (paragraph(f"    {style.arrow} {clean(finding.remedy)}", style, "      ") if finding.remedy else "")
