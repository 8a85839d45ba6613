"""Reads JSON from callers and peers strictly: what could not be written again as JSON in UTF-8 is not read either."""

from __future__ import annotations

import json
from typing import Any


def parse(data: bytes) -> Any:
    """The value; ValueError for no JSON, NaN and Infinity, halves of surrogate pairs, and brackets without end."""
    try:
        value = json.loads(data, parse_constant=_no_number)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()  # 1e999 is read as Infinity
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")
