"""Virtual time: a queue of things that happen later; time jumps from one to the next instead of ticking."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable


class Timer:
    """One thing that happens later; `cancel` makes it not happen."""

    __slots__ = ("action",)

    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Forget the action; without effect once it has run."""
        self.action = None


class Clock:
    """The world's clock in Unix seconds: virtual (sleep jumps ahead) until `pace` ties it to wall time."""

    def __init__(self, start: float) -> None:
        self.start = self._now = start
        self.lock = threading.RLock()
        self._queue: list[tuple[float, int, Timer]] = []
        self._serial = 0
        self._pace: tuple[float, float, float] | None = None  # (virtual start, wall start, speed)
        self._advancing = False

    def time(self) -> float:
        """Give the present virtual time."""
        self.catch_up()
        return self._now

    @property
    def now(self) -> float:
        """The time of the thing that happens at present, for the world's own use: asks no wall clock."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let this much virtual time pass."""
        if self._pace is None:
            self.advance(self._now + seconds)
        else:
            time.sleep(max(0.0, seconds) / self._pace[2])

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Run `action` in so many seconds."""
        return self.at(self._now + seconds, action)

    def at(self, when: float, action: Callable[[], None]) -> Timer:
        """Run `action` at that time, or as soon as time passes when it is in the past."""
        timer = Timer(action)
        self._serial += 1
        heapq.heappush(self._queue, (max(when, self._now), self._serial, timer))
        return timer

    def advance(self, until: float) -> None:
        """Let everything happen that is due up to `until`, each at its own time; without effect from inside such an action."""
        with self.lock:
            if self._advancing:
                return
            self._advancing = True
            try:
                while self._queue and self._queue[0][0] <= until:
                    when, _, timer = heapq.heappop(self._queue)
                    action, timer.action = timer.action, None
                    if action is not None:
                        self._now = max(self._now, when)
                        action()
                self._now = max(self._now, until)
            finally:
                self._advancing = False

    def next_event(self) -> float | None:
        """Give the time of the next thing that will happen, None when nothing is under way."""
        while self._queue and self._queue[0][2].action is None:
            heapq.heappop(self._queue)
        return self._queue[0][0] if self._queue else None

    def pace(self, speed: float | None) -> None:
        """Let virtual time run at `speed` times wall time from now on; None makes it virtual again."""
        self.catch_up()
        self._pace = None if speed is None else (self._now, time.monotonic(), speed)

    @property
    def speed(self) -> float | None:
        """Virtual seconds per wall second, None while time is virtual."""
        return self._pace[2] if self._pace else None

    def catch_up(self) -> None:
        """With a pace, bring the world up to the present wall time."""
        if self._pace is not None:
            start, wall, speed = self._pace
            self.advance(start + (time.monotonic() - wall) * speed)
