"""What a check found, in words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: `ok` is None when it is neither good nor bad, or not to be found out; `remedy` says what to do."""

    name: str
    ok: bool | None
    text: str
    remedy: str = ""
