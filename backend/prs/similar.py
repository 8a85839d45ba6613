"""Finds the known word that a misspelt one most likely stands for."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


def similar(word: str, known: Sequence[str]) -> str:
    """Ask whether the known word was meant that is most like this one (case aside); "" when none is."""
    plain = {one.lower(): one for one in known}
    close = difflib.get_close_matches(word.lower(), list(plain), 1)
    return f"did you mean '{plain[close[0]]}'?" if close else ""


def in_brackets(word: str, known: Sequence[str]) -> str:
    """The same question in brackets, to follow the misspelt word; "" when no known word is like it."""
    asked = similar(word, known)
    return f" ({asked})" if asked else ""
