"""What the rules that bind guests look like to people: pure functions that give text."""

from __future__ import annotations

from collections.abc import Sequence

from prs.cli.plan_view import label
from prs.model import BindingRule
from prs.terminal import Cell, Style, clean, counted, paint, paragraph, table

_NAMED = 6  # guests named with each rule
_COLOURS = {"broken": "red", "unmet": "red", "unknown": "yellow", "missed": "yellow", "kept": "green"}
_STATES = {"broken": "broken", "unmet": "cannot be met", "unknown": "not all seen", "missed": "preference missed", "kept": "kept"}
_KINDS = {"together": "together", "apart": "apart", "domain": "counts as one place", "alone": "left alone"}


def rules_page(rules: Sequence[BindingRule], problems: Sequence[str], style: Style) -> str:
    """Show what has to be known, how many rules are broken, and each rule."""
    broken, unmet = (sum(rule.state == state for rule in rules) for state in ("broken", "unmet"))
    count = counted(len(rules), "rule")
    parts = [paint(f"{count}: {broken} broken, {unmet} that cannot be met" if rules else "No rule binds a guest.", "bold", style) + "\n"]
    parts += [paragraph(f"! {clean(text)}", style, "  ") for text in dict.fromkeys(problems)]
    rows = [_row(rule, style) for rule in rules]
    return "".join(parts) + (table(("STATE", "RULE", "WHAT", "GUESTS", "WHY"), rows, style) if rows else "")


def _row(rule: BindingRule, style: Style) -> list[str | Cell]:
    names = [label(guest.vmid, guest.name) for guest in rule.guests[:_NAMED]]
    more = len(rule.guests) - _NAMED
    names += [f"{more} more"] if more > 0 else []
    names += [f"{rule.hidden} hidden"] if rule.hidden else []
    state = Cell(_STATES[rule.state], _COLOURS[rule.state])
    return [state, f"{rule.source} {clean(rule.name)}", _what(rule), ", ".join(names), clean(rule.reason)]


def _what(rule: BindingRule) -> str:
    nodes = ", ".join(clean(name) for name in rule.nodes)
    if rule.kind == "nodes":
        return f"{'not on' if rule.avoid else 'on'} {nodes}{'' if rule.strict else ' (preferred)'}"
    what = _KINDS[rule.kind]
    return f"{what}: {nodes}" if nodes else f"{what}, also across racks" if rule.wide else what
