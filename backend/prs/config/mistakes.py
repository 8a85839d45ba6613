"""Words for what is wrong in prs.conf; nothing of a secret is shown."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any

from prs.config.ini import Entry
from prs.config.options import Option


def shown(value: str) -> str:
    """Make a value fit for a message: escapes instead of unprintable characters, 60 characters at most."""
    plain = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in value)
    return plain if len(plain) <= 60 else plain[:57] + "..."


def similar(word: str, known: Sequence[str]) -> str:
    """Ask whether the known word was meant that is most like this one; "" when none is."""
    close = difflib.get_close_matches(word, known, 1)
    return f" (did you mean '{close[0]}'?)" if close else ""


def read_value(option: Option, entry: Entry, mistakes: list[tuple[int, str]], default: Any = None) -> Any:
    """Give the value of the entry; `default`, and a mistake more, when the option does not allow it."""
    try:
        if not entry.value and not option.may_be_empty:
            raise ValueError
        return option.read(entry.value)
    except ValueError as error:
        value = "(not shown)" if option.secret else f"'{shown(entry.value)}'"
        hint = f" ({error})" if error.args else ""
        if re.search(r"\s[#;]", entry.value):
            hint += " (a comment needs a line of its own)"
        mistakes.append((entry.line, f"[{shown(entry.section)}] {entry.name} = {value}{hint}: allowed: {option.allowed}"))
        return default
