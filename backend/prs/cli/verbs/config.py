"""`config`: the settings in force and which layer each comes from; `set` and `unset` change the policy of the whole cluster."""

from __future__ import annotations

from collections.abc import Sequence

from prs.cli import exits
from prs.cli.call import Call
from prs.codec import to_json
from prs.config.load import DEFAULT_PATH
from prs.config.policy_edit import Change, edit
from prs.config.policy_view import policy_file, read_policy, view, wrong_entries
from prs.errors import ConfigError, PolicyChanged, UsageError
from prs.terminal import clean, table


def act(call: Call) -> int:
    """Show the settings, or change the policy; ConfigError with all mistakes, PolicyChanged, HelperError."""
    words: list[str] = call.options.words
    if call.options.what == "set" and len(words) != 2:
        raise UsageError("config set takes SECTION.NAME and VALUE, such as balancing.spread 7 (a VALUE with blanks in quotes)")
    if call.options.what == "unset" and not words:
        raise UsageError("config unset takes SECTION.NAME, such as balancing.spread")
    if call.options.what == "set" and call.options.section:
        raise UsageError("config set takes one option, and --section is for config unset")
    if call.options.what != "show":
        return _change(call, {words[0]: words[1]} if call.options.what == "set" else {}, words if call.options.what == "unset" else ())
    if words or call.options.digest or call.options.section:
        raise UsageError("config show takes no more words")
    return _show(call)


def _show(call: Call) -> int:
    settings = call.settings(quiet=True)
    if call.json:
        told = {name: list(getattr(settings, name)) for name in ("mistakes", "warnings", "missing")}
        call.print_json({"options": to_json(settings.origins), **told})
        return exits.DONE
    rows = [[f"[{one.section}] {one.name}", clean(one.text) or "-", clean(one.source)] for one in settings.origins]
    call.print(table(("OPTION", "VALUE", "FROM"), rows, call.style, indent=""))
    for words in dict.fromkeys((*settings.mistakes, *settings.warnings, *settings.missing)):
        call.print(f"! {clean(words)}\n")
    for words in _remedies():
        call.print(f"! {clean(words)}\n")
    return exits.DONE


def _remedies() -> list[str]:
    """How each entry of the policy that has a mistake is taken out; nothing where there is no policy to be read."""
    from prs.helper import client

    try:
        text, _ = read_policy(client.PVE)
    except ConfigError:
        return []
    return [f"config unset {one.name}: takes line {one.line} out of the policy" for one in wrong_entries(text) if one.removable]


def _change(call: Call, wanted: dict[str, str], unwanted: Sequence[str]) -> int:
    """Write the policy with the change, if all of it is good then; an option that a file of this node decides is told."""
    from prs.helper import client

    text, digest = read_policy(client.PVE)
    if call.options.digest not in (None, digest):
        raise PolicyChanged(f"{policy_file(client.PVE)} is another version by now ({digest}); nothing was written")
    try:
        new, changes = edit(text, wanted, unwanted, call.options.section)
    except ConfigError as error:
        sections = any(": is a whole section: " in one for one in error.mistakes)
        more = ["config unset SECTION --section takes all of it out"] if sections else []
        raise ConfigError([*error.mistakes, *more, *_remedies()]) from None
    if changes:
        digest = client.write_policy(client.SOCKET, digest, new)
        call.note("policy", about="; ".join(change.words for change in changes)[:400])
    notes = _overruled(call, changes)
    if call.json:
        told = [{"name": one.name, "before": one.before, "after": one.after} for one in changes]
        call.print_json({"file": str(policy_file(client.PVE)), "digest": digest, "changes": told, "notes": notes})
        return exits.DONE
    for change in changes:
        call.print(f"{clean(change.words)}\n")
    call.print("The services of all nodes read it within seconds.\n" if changes else "It is so already: nothing was changed.\n")
    for note in notes:
        call.print(f"! {clean(note)}\n")
    return exits.DONE


def _overruled(call: Call, changes: Sequence[Change]) -> list[str]:
    """Which of the changes have no effect on this node, and why."""
    from prs.helper import client

    try:
        options = view(call.options.config or DEFAULT_PATH, client.PVE).options
    except ConfigError as error:
        return error.mistakes  # the policy is written; what else is wrong on this node is told beside it
    names = {change.name.lower() for change in changes}
    found = [one for one in options if one.overruled and one.name.lower() in names]
    return [f"on this node {one.name} stays {one.value or 'as it was'}: {one.source} goes over the policy" for one in found]
