"""What guessing costs: a line in the log for each refused login, few at once, and ever longer waits for a client that goes on."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prs.web.access.client import client_of
from prs.web.api.refusal import Refusal

FREE = 3  # wrong passwords of a client that cost nothing; each further one doubles the wait, from
FIRST, LONGEST = 3.0, 900.0  # seconds to seconds
FORGOTTEN = 3600.0  # seconds without a wrong password after which a client has a clean slate
CLIENTS = 10_000  # remembered at most
LOGINS, LOGINS_CLIENT = 8, 2  # passwords that PVE is asked about at once, and of one client

log = logging.getLogger("prs.web.refused")


class Gate:
    """Lets only so many callers wait for PVE at the same time; Refusal 429 for those who get no place within their patience."""

    def __init__(self, total: int, each: int) -> None:
        self._total, self._each, self._changed = total, each, threading.Condition()
        self._inside: Counter[str] = Counter()

    @contextmanager
    def pass_through(self, address: str, patience: float = 0.0) -> Iterator[None]:
        """Hold one of the places of a client while asking PVE, after so many seconds at most."""
        client = client_of(address)
        with self._changed:
            if not self._changed.wait_for(lambda: self._room(client), patience):
                raise Refusal(429, "slow_down", "Other logins are being checked: try again in 3 seconds.", retry=3)
            self._inside[client] += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside[client] -= 1
                self._inside += Counter()  # forgets clients without a place
                self._changed.notify_all()

    def _room(self, client: str) -> bool:
        return self._inside[client] < self._each and self._inside.total() < self._total


class Guesses:
    """Counts the wrong passwords of each client (IPv6: of each /64) and makes it wait; a right one does not take them back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()  # client -> number, when the last one was

    def check(self, address: str) -> None:
        """Refusal 429 while the client has to wait."""
        with self._lock:
            count, last = self._wrong.get(client_of(address), (0, 0.0))
        left = last + _wait(count) - self._clock()
        if count and left > 0:
            seconds = int(left) + 1
            raise Refusal(429, "slow_down", f"Too many wrong logins from this address: try again in {seconds} seconds.", retry=seconds)

    def wrong(self, address: str) -> None:
        """Count one more."""
        client, now = client_of(address), self._clock()
        with self._lock:
            count, last = self._wrong.pop(client, (0, 0.0))
            self._wrong[client] = (1 if now - last > FORGOTTEN else count + 1), now
            while len(self._wrong) > CLIENTS:
                self._wrong.popitem(last=False)


def _wait(count: int) -> float:
    """Seconds after so many wrong passwords."""
    return 0.0 if count <= FREE else min(LONGEST, FIRST * 2.0 ** min(count - FREE - 1, 30))


def note_refusal(kind: str, user: str, address: str) -> None:
    """One line that names the client first: nothing the client has sent can pass for another address (fail2ban reads these lines)."""
    name = re.sub(r"[^A-Za-z0-9@._!-]", "?", user)[:64] or "?"
    fields = {"caller": name, "client": address, "action": f"login by {kind}", "allowed": "no"}
    log.warning("authentication failure; rhost=%s user=%s msg=%s refused by Proxmox VE", address, name, kind, extra=fields)
