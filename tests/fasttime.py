"""Makes this process live as fast as the simulated cluster, so that the product's waiting times are the cluster's seconds."""

from __future__ import annotations

import time

from prs.engine.clock import SystemClock


def live(speed: float, origin: float) -> None:
    """The product's clock runs `speed` times as fast as the machine's, and was right at `origin` (Unix time)."""
    began, wall = origin + (time.time() - origin) * speed, time.monotonic()

    def passed() -> float:
        return (time.monotonic() - wall) * speed

    sleep = SystemClock.sleep
    time.time = lambda: began + passed()
    SystemClock.monotonic = lambda self: wall + passed()  # type: ignore[method-assign]
    SystemClock.sleep = lambda self, seconds: sleep(self, seconds / speed)  # type: ignore[method-assign]
