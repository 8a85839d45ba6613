"""Tells the service manager that the daemon works, from a thread of its own: one call to PVE may take longer than the manager waits."""

from __future__ import annotations

import threading
from collections.abc import Callable

from prs.engine.daemon.systemd import Notifier

STUCK = 1800.0  # seconds in one turn after which the daemon no longer counts as working, and is restarted


class Watchdog(threading.Thread):
    """Sends signs of life while `idle`, the seconds since the loop last came round, stays small."""

    def __init__(self, notifier: Notifier, idle: Callable[[], float]) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._notifier, self._idle, self._over = notifier, idle, threading.Event()

    def run(self) -> None:
        """Work until stopped; nothing to do where the service manager does not watch."""
        while self._notifier.watchdog_interval and not self._over.wait(self._notifier.watchdog_interval):
            if self._idle() < STUCK:
                self._notifier.watchdog()

    def stop(self) -> None:
        """End the thread."""
        self._over.set()
