"""How many changes a caller may ask for in a minute: each leaves an audit line, and no user can fill the log."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

MOST = 240  # in a minute, of a user with all of its tokens: a person or a script needs a few
MINUTE = 60.0


class Pace:
    """Counts the changes of each proven user in this minute. Not for threads: a greenlet is not interrupted here."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._minute = clock, -1
        self._asked: Counter[str] = Counter()

    def excess(self, user: str) -> int:
        """Count one more: 0 while that is allowed, else by how many the user is above MOST in this minute."""
        minute = int(self._clock() // MINUTE)
        if minute != self._minute:
            self._minute = minute
            self._asked.clear()
        self._asked[user] += 1
        return max(0, self._asked[user] - MOST)

    def left(self) -> int:
        """Seconds until the next minute, at least 1."""
        return int(MINUTE - self._clock() % MINUTE) or 1
