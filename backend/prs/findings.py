"""What a check of the installation found, as a value that can be shown or printed as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """One checked subject: `text` says how it is, `advice` what to do about it. `skip` means it could not be judged."""

    subject: str
    state: Literal["ok", "warn", "bad", "skip"]
    text: str
    advice: tuple[str, ...] = ()
