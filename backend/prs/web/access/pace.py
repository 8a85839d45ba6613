"""How much a caller may ask for in a while: changes leave audit lines, reading takes time, and no user takes all of either."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from weakref import WeakValueDictionary

CHANGES, MINUTE = 240, 60.0  # so many in so many seconds, of a user with all of its tokens: a person or a script needs a few
# The same of what only reads: twice what twenty open panels ask with a job that runs, its window open too (26 a second).
# Panels that are put off try again for longer than these seconds (pve-ui/src/base/Api.js).
READS, MOMENT = 600, 10.0


class Pace:
    """Counts what each proven user asks for in each stretch of some seconds. Not for threads: a greenlet is not interrupted here."""

    def __init__(self, most: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.most, self.seconds = most, seconds
        self._clock, self._stretch = clock, -1
        self._asked: Counter[str] = Counter()

    def excess(self, user: str) -> int:
        """Count one more: 0 while that is allowed, else by how many the user is above the most in this stretch."""
        stretch = int(self._clock() // self.seconds)
        if stretch != self._stretch:
            self._stretch = stretch
            self._asked.clear()
        self._asked[user] += 1
        return max(0, self._asked[user] - self.most)

    def left(self) -> int:
        """Seconds until the next stretch, at least 1."""
        return int(self.seconds - self._clock() % self.seconds) or 1


class Turns:
    """Lets only so many at once of what each proven user asks for go on; the user's others wait for these, and nobody else's do."""

    def __init__(self, each: int) -> None:
        self._each, self._lock = each, threading.Lock()
        self._of: WeakValueDictionary[str, threading.Semaphore] = WeakValueDictionary()  # those that somebody holds or awaits

    def of(self, user: str) -> threading.Semaphore:
        """To be held meanwhile."""
        with self._lock:
            return self._of.setdefault(user, threading.Semaphore(self._each))


def room(mine: int, taken: int, each: int, total: int) -> bool:
    """Whether somebody with `mine` of the `taken` places may have one more: `each` at most, and no more than are left for others.

    So the more there are who take what they can, the less each gets, and there is one for whoever has none.
    """
    return mine < min(each, total - taken)
