"""Asks the inbox: the web's process has neither the right to write the journal nor time to compute a plan."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from prs.web.access.login import Login
from prs.web.access.pace import Turns, room
from prs.web.api.refusal import Refusal
from prs.web.inbox.message import ANSWER, REQUEST, Message, packed, value_of

SOCKET = Path("/run/prs-inbox.sock")  # where the package has it listen
# What computes for long, of which are carried out at once:
PLANNING = frozenset({"plan", "place", "start", "apply", "undo", "preview-round", "begin-round"})
AT_ONCE = 2
# Of these one at a time, so that a place is left for plans: it plans a drain for each node, a second each where there are 2000 guests.
LONG = "preview-round"
OTHERS, OTHERS_USER = 6, 2  # and so many others, and of each user: each is a process, and nobody waits behind one who asks without end
WAITING = 48  # plans at work or waiting for that, of all users, and of each user with all tokens so many:
WAITING_USER = 3
LONGEST = 600.0  # seconds
SOON = 60.0  # seconds for what does not plan


class Inbox:
    """The inbox as the web sees it; safe for many threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock, self._turns, self._others = threading.Lock(), threading.Semaphore(AT_ONCE), threading.Semaphore(OTHERS)
        self._long, self._users = threading.Semaphore(1), Turns(OTHERS_USER)
        self._inside: Counter[str] = Counter()

    def ask(self, action: str, login: Login, client: str, arguments: dict[str, Any]) -> Any:
        """What an action of the caller's gives; Refusal with what stands against it, 429 when too much is waiting already."""
        message = Message(action, login.authorization, login.csrf, client, json.dumps(arguments))
        if action not in PLANNING:
            with self._users.of(login.user), self._others:
                return self._send(message, SOON)
        with self._place(login.user), self._long if action == LONG else nullcontext(), self._turns:
            return self._send(message, LONGEST)

    def look(self, action: str) -> Any:
        """What the web itself needs to know and may not read: `settings` or `facts`; Refusal."""
        return self._send(Message(action), SOON)

    def look_for_caller(self, action: str, user: str) -> Any:
        """The same for what a caller, a proven user, asks for, each time anew: `policy-view`, `round-view`; Refusal."""
        with self._users.of(user), self._others:
            return self.look(action)

    def _send(self, message: Message, seconds: float) -> Any:
        line = packed(message)
        if len(line) > REQUEST:
            raise Refusal(413, "too_large", "The request is too large.")
        try:
            return value_of(_exchange(self.path, line, seconds))
        except TimeoutError:
            raise Refusal(503, "unavailable", f"This took longer than {seconds / 60:.0f} minutes and was given up.") from None
        except OSError as error:
            words = f"The inbox at {self.path} does not answer ({error.strerror}): systemctl status prs-inbox.socket"
            raise Refusal(503, "unavailable", words) from None

    @contextmanager
    def _place(self, user: str) -> Iterator[None]:
        with self._lock:
            if not room(self._inside[user], self._inside.total(), WAITING_USER, WAITING):
                raise Refusal(429, "slow_down", "Other plans are being made: try again in 5 seconds.", retry=5)
            self._inside[user] += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside[user] -= 1
                self._inside += Counter()  # forgets users without a place


def _exchange(path: Path, line: bytes, seconds: float) -> bytes:
    end = time.monotonic() + seconds
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(seconds)
        connection.connect(str(path))
        connection.sendall(line)
        connection.shutdown(socket.SHUT_WR)
        parts, size = list[bytes](), 0
        while size <= ANSWER:
            connection.settimeout(max(0.01, end - time.monotonic()))
            part = connection.recv(256 * 1024)
            if not part:
                break
            parts.append(part)
            size += len(part)
    return b"".join(parts)
