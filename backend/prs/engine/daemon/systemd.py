"""Tells systemd how the service is (sd_notify(3)) without any library; does nothing under another supervisor."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

_WAIT = 1.0  # seconds; the service manager's queue is hardly ever full


class Notifier:
    """Sends states to the socket in NOTIFY_SOCKET; each method gives whether the message was sent, because none may end the service."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._allowed = _allowed(environ)

    @property
    def watchdog_interval(self) -> float:
        """Seconds between two signs of life (half of what the service manager allows); 0 = it does not watch."""
        return self._allowed / 2

    def ready(self, status: str = "") -> bool:
        """Say that start or reload is complete."""
        return self._send("READY=1", _status(status))

    def status(self, text: str) -> bool:
        """Set the sentence that `systemctl status` shows."""
        return self._send(_status(text))

    def watchdog(self) -> bool:
        """Say that the service is not stuck."""
        return self._send("WATCHDOG=1")

    def reloading(self) -> bool:
        """Say that a reload begins; it ends with `ready`."""
        return self._send("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self, status: str = "") -> bool:
        """Say that the service is ending."""
        return self._send("STOPPING=1", _status(status))

    def _send(self, *parts: str) -> bool:
        # Only paths and Linux's abstract names; systemd's vsock addresses are for virtual machines' own init.
        if self._address[:1] not in ("/", "@"):
            return False
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
                link.settimeout(_WAIT)
                return link.sendto("\n".join(filter(None, parts)).encode(errors="replace"), address) > 0
        except OSError:
            return False


def _status(text: str) -> str:
    return f"STATUS={' '.join(text.split())}" if text else ""


def _allowed(environ: Mapping[str, str]) -> float:
    """Read the watchdog's time in seconds; 0 when it is off or meant for another process."""
    microseconds, process = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not microseconds.isdecimal() or (process and process != str(os.getpid())):
        return 0.0
    return int(microseconds) / 1_000_000
