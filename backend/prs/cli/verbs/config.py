"""`config show`: the settings in force, and which layer each comes from."""

from __future__ import annotations

from prs.cli import exits
from prs.cli.call import Call
from prs.codec import to_json
from prs.terminal import clean, table


def act(call: Call) -> int:
    """Show every option with its value and its source; ConfigError with all mistakes of prs.conf."""
    settings = call.settings(quiet=True)
    if call.json:
        told = {name: list(getattr(settings, name)) for name in ("mistakes", "warnings", "missing")}
        call.print_json({"options": to_json(settings.origins), **told})
        return exits.DONE
    rows = [[f"[{one.section}] {one.name}", clean(one.text) or "-", clean(one.source)] for one in settings.origins]
    call.print(table(("OPTION", "VALUE", "FROM"), rows, call.style, indent=""))
    for words in dict.fromkeys((*settings.mistakes, *settings.warnings, *settings.missing)):
        call.print(f"! {clean(words)}\n")
    return exits.DONE
