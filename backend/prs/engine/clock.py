"""Time as the engine sees it: handed in, so that tests run on a virtual clock."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Wall time for records, monotonic time for waiting limits (a jump of the wall clock must not end a wait)."""

    def time(self) -> float:
        """Unix time in seconds."""

    def monotonic(self) -> float:
        """Seconds that never jump."""

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`, or earlier when woken."""


class SystemClock:
    """The machine's clock; `wake` ends a sleep at once (a signal came in)."""

    def __init__(self) -> None:
        self._woken = threading.Event()

    def time(self) -> float:
        """Unix time in seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`, or at once when woken since the last sleep."""
        self._woken.wait(seconds)
        self._woken.clear()

    def wake(self) -> None:
        """End the current or the next sleep; safe to call from a signal handler of the main thread."""
        self._woken.set()
