"""How long copying takes: flows share the links of their nodes, and a guest that writes to its memory undoes part of the work.

A flow's speed is the smallest of its limit, its share of the source's link and its share of the target's. It changes only when a
flow begins or ends, so progress is a few straight pieces and needs no ticking.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from simcluster.clock import Clock, Timer

SETTLE = 0.05  # a guest that dirties memory faster than the link copies still gains this share of the speed (longer downtime)

# Seconds that the parts of a migration take beside copying (magnitudes of pve-behaviour.md section 9)
SETUP = 1.0
START_TARGET = 2.0
FINISH = 1.0
OFFLINE = 3.0
SSH_TIMEOUT = 5.0
SHUTDOWN = 8.0
BOOT = 3.0


class Piece(NamedTuple):
    """A stretch of constant speed: from when, bytes per second sent and gained, bytes sent and left at its beginning."""

    start: float
    speed: float
    gain: float
    sent: float
    left: float


class Flow:
    """Bytes under way from one node to another."""

    def __init__(self, source: str, target: str, size: float, limit: float, dirty: float, done: Callable[[], None]) -> None:
        self.source, self.target, self.size, self.limit, self.dirty, self.done = source, target, size, limit, dirty, done
        self.pieces: list[Piece] = []
        self.ended: float | None = None
        self.timer: Timer | None = None

    def at(self, when: float) -> Piece:
        """Give speed, bytes sent and bytes left at a time since its beginning."""
        when = when if self.ended is None else min(when, self.ended)
        piece = self.pieces[0]
        for later in self.pieces[1:]:
            if later.start > when:
                break
            piece = later
        seconds = max(0.0, when - piece.start)
        return Piece(when, piece.speed, piece.gain, piece.sent + piece.speed * seconds, max(0.0, piece.left - piece.gain * seconds))

    def share(self, when: float) -> float:
        """Give the part of it that has arrived, 0..1."""
        return 1.0 - self.at(when).left / self.size if self.size else 1.0


class Links:
    """All flows of the cluster and the node links they share (full duplex)."""

    def __init__(self, clock: Clock, speed_of: Callable[[str], float]) -> None:
        self._clock, self._speed_of = clock, speed_of
        self.flows: list[Flow] = []

    def start(self, source: str, target: str, size: float, limit: float, dirty: float, done: Callable[[], None]) -> Flow:
        """Begin copying; `done` is called when the last byte has arrived."""
        flow = Flow(source, target, size, limit, dirty, done)
        flow.pieces.append(Piece(self._clock.now, 0.0, 0.0, 0.0, size))
        self.flows.append(flow)
        self._share()
        return flow

    def stop(self, flow: Flow) -> None:
        """End a flow before or at its completion; the others get its share."""
        if flow.ended is None:
            flow.ended = self._clock.now
            if flow.timer:
                flow.timer.cancel()
            self.flows.remove(flow)
            self._share()

    def _share(self) -> None:
        now = self._clock.now
        leaving: dict[str, int] = {}
        entering: dict[str, int] = {}
        for flow in self.flows:
            leaving[flow.source] = leaving.get(flow.source, 0) + 1
            entering[flow.target] = entering.get(flow.target, 0) + 1
        for flow in self.flows:
            out = self._speed_of(flow.source) / leaving[flow.source]
            speed = min(flow.limit, out, self._speed_of(flow.target) / entering[flow.target])
            if flow.timer is None or speed != flow.pieces[-1].speed:
                self._set(flow, now, speed)

    def _set(self, flow: Flow, now: float, speed: float) -> None:
        present = flow.at(now)
        gain = max(speed - flow.dirty, SETTLE * speed)
        flow.pieces.append(Piece(now, speed, gain, present.sent, present.left))
        if flow.timer:
            flow.timer.cancel()
        flow.timer = self._clock.after(present.left / gain, lambda: self._arrived(flow))

    def _arrived(self, flow: Flow) -> None:
        self.stop(flow)
        flow.done()
