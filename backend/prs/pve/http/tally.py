"""How many requests this process has sent to PVE, and what became of them."""

from __future__ import annotations

import threading
from typing import Literal

Outcome = Literal["answered", "refused", "failed"]
OUTCOMES: tuple[Outcome, ...] = ("answered", "refused", "failed")  # failed: no usable answer came
_lock = threading.Lock()
_sent: dict[str, int] = dict.fromkeys(OUTCOMES, 0)


def count(outcome: Outcome) -> None:
    """Another request has ended."""
    with _lock:
        _sent[outcome] += 1


def sent() -> dict[str, int]:
    """Requests since this process began, by outcome."""
    with _lock:
        return dict(_sent)
