"""Finds the known word that a misspelt one most likely stands for."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

_NUMBER = re.compile(r"\d+")


def similar(word: str, known: Sequence[str]) -> str:
    """Ask whether the known word was meant that is most like this one (case aside); "" when none is.

    Another number is no slip: pve8 is not pve3.
    """
    plain = {one.lower(): one for one in known if not _other_number(word.lower(), one.lower())}
    close = difflib.get_close_matches(word.lower(), list(plain), 1)
    return f"did you mean '{plain[close[0]]}'?" if close else ""


def in_brackets(word: str, known: Sequence[str]) -> str:
    """The same question in brackets, to follow the misspelt word; "" when no known word is like it."""
    asked = similar(word, known)
    return f" ({asked})" if asked else ""


def _other_number(word: str, one: str) -> bool:
    numbers = [list(map(int, _NUMBER.findall(text))) for text in (word, one)]
    return _NUMBER.sub("0", word) == _NUMBER.sub("0", one) and numbers[0] != numbers[1]
