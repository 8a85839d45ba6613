"""Ends what a test programme has started when the programme itself is ended early."""

from __future__ import annotations

import signal
from types import FrameType

ENDS = (signal.SIGTERM, signal.SIGHUP)


def end_in_order() -> None:
    """Let SIGTERM and SIGHUP (a closed terminal) end this process as an error would: every `finally` and `with` is left in order."""
    for number in ENDS:
        signal.signal(number, _end)


def _end(number: int, _: FrameType | None) -> None:
    for further in ENDS:
        signal.signal(further, signal.SIG_IGN)  # the end itself must not be ended halfway
    raise SystemExit(128 + number)
