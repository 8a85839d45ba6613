"""What a task does over time, written as a generator: it yields what it waits for, and is interrupted by an exception thrown in."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

from simcluster.clock import Clock, Timer
from simcluster.physics import Flow, Links


class Failed(Exception):
    """The task ends with these words as its exit status; the guest is where it was."""


class Cancelled(Failed):
    """Someone stopped the task."""


class NodeDied(Exception):
    """The node that ran the task is gone: no clean-up runs, no end is recorded."""


@dataclass(frozen=True)
class Wait:
    """Let so many seconds pass."""

    seconds: float


@dataclass(frozen=True)
class Hang:
    """Wait for ever: only an interruption ends it."""


@dataclass(frozen=True)
class Copy:
    """Copy bytes between nodes; `begun` is told the flow."""

    source: str
    target: str
    size: float
    limit: float
    dirty: float = 0.0
    begun: Callable[[Flow], None] | None = None


Steps = Generator[Wait | Hang | Copy, None, None]


class Process:
    """Runs one generator; `ended` is called once with the exception that ended it, or None."""

    def __init__(self, clock: Clock, links: Links, steps: Steps, ended: Callable[[Exception | None], None]) -> None:
        self._clock, self._links, self._steps, self._ended = clock, links, steps, ended
        self._timer: Timer | None = None
        self._flow: Flow | None = None
        self.over = False
        self._interruption: Exception | None = None
        self._stepping = False

    def start(self) -> None:
        """Run up to the first wait."""
        self._step(None)

    def interrupt(self, why: Exception) -> None:
        """Throw `why` into the generator where it waits (at its next wait when it is running right now)."""
        if self.over:
            return
        if self._stepping:
            self._interruption = why
            return
        if self._timer:
            self._timer.cancel()
        if self._flow:
            self._links.stop(self._flow)
        self._step(why)

    def hang(self) -> None:
        """Let it make no progress any more; only an interruption ends it."""
        if self._timer:
            self._timer.cancel()
        if self._flow:
            self._links.stop(self._flow)

    def _step(self, thrown: Exception | None) -> None:
        self._timer = self._flow = None
        self._stepping = True
        try:
            wanted = self._steps.throw(thrown) if thrown else next(self._steps)
            while self._interruption:
                thrown, self._interruption = self._interruption, None
                wanted = self._steps.throw(thrown)
        except StopIteration:
            self._end(None)
        except (Failed, NodeDied) as why:
            self._end(why)
        else:
            self._stepping = False
            self._await(wanted)
        finally:
            self._stepping = False

    def _await(self, wanted: Wait | Hang | Copy) -> None:
        if isinstance(wanted, Wait):
            self._timer = self._clock.after(wanted.seconds, lambda: self._step(None))
        elif isinstance(wanted, Copy):
            self._flow = self._links.start(
                wanted.source, wanted.target, wanted.size, wanted.limit, wanted.dirty, lambda: self._step(None)
            )
            if wanted.begun:
                wanted.begun(self._flow)

    def _end(self, why: Exception | None) -> None:
        self.over = True
        self._stepping = False
        self._ended(why)
