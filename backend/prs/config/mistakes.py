"""Words for what is wrong in prs.conf; nothing of a secret is shown."""

from __future__ import annotations

import re
from typing import Any

from prs.config.ini import Entry
from prs.config.options import Option

HIDDEN = "(not shown)"  # in the place of a secret
# What a value may hold of a secret that was written into the wrong option: a token's, and the password in a URL.
_SECRETS = re.compile(r"(![A-Za-z][A-Za-z0-9._-]*[=:])(?!SECRET\b)[^@\s,]+|(//[^/\s:]*:)\S+(?=@)")


def shown(value: str, longest: int = 60) -> str:
    """Make a value fit for a message: without secrets, with escapes for unprintable characters, `longest` characters at most."""
    value = _SECRETS.sub(lambda found: f"{found[1] or found[2]}{HIDDEN}", value)
    plain = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in value)
    return plain if len(plain) <= longest else plain[: longest - 3] + "..."


def read_value(option: Option, entry: Entry, mistakes: list[tuple[int, str]], default: Any = None) -> Any:
    """Give the value of the entry; `default`, and a mistake more, when the option does not allow it."""
    try:
        if not entry.value and not option.may_be_empty:
            raise ValueError
        return option.read(entry.value)
    except ValueError as error:
        value = HIDDEN if option.secret else f"'{shown(entry.value)}'"
        hint = f" ({shown(str(error), 160)})" if str(error) else ""
        if re.search(r"\s[#;]", entry.value):
            hint += " (a comment needs a line of its own)"
        mistakes.append((entry.line, f"[{shown(entry.section)}] {entry.name} = {value}{hint}: allowed: {option.allowed}"))
        return default
