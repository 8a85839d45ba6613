"""How long something has been the case, by the clock that never jumps; forgotten at a restart, which only waits longer."""

from __future__ import annotations

from collections.abc import Hashable

from prs.engine.clock import Clock
from prs.planner.quantities import span

DAY = 86_400.0


def at_most(words: str, seconds: float) -> str:
    """What is waited for, and for how long at the most, as it stays to be read as long as the wait lasts."""
    return f"waiting: {words}, at most {f'{seconds / 3600:.0f} hours' if seconds >= DAY else span(seconds)}"


class Waits:
    """Remembers per subject since when it has its present value."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: dict[Hashable, tuple[Hashable, float]] = {}

    def lasted(self, subject: Hashable, value: Hashable = None) -> float:
        """Seconds since the subject was first reported with this value without another one between; 0 at the first report."""
        now = self._clock.monotonic()
        if self._since.get(subject, (object(), 0.0))[0] != value:
            self._since[subject] = (value, now)
        return now - self._since[subject][1]

    def forget(self, subject: Hashable) -> None:
        """The condition no longer holds: the next report starts anew."""
        self._since.pop(subject, None)
