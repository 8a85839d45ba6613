"""Calls through pveproxy that take longer than one may: they go on, and their caller asks for the answer by a number.

What only reads is slow when PVE is, and so is the proof of who asks; a change has its own number (prs.web.later) as on the port.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gevent
from werkzeug.wrappers import Response

from prs.web.access.login import read_login
from prs.web.api.answers import answer, refused
from prs.web.api.openapi import PREFIX
from prs.web.api.refusal import Refusal

WAIT = 8.0  # seconds for an answer: a client of pveproxy that goes away is not noticed before
ABANDONED = 60.0  # seconds after which a call whose answer nobody asks for is ended
LONGEST = 600.0  # seconds that any call goes on
EACH = 12  # calls of one user that go on longer than WAIT
ALL = 64
_ANSWERS = f"{PREFIX}/answers/"


@dataclass(slots=True)
class _Call:
    user: str  # as the ticket or token names it: for the limits, never for rights
    key: str  # of the ticket or token, which alone gets the answer
    work: Any  # the greenlet that makes the answer, a Response
    asked: float = field(default_factory=time.monotonic)


class Held:
    """The calls that go on. Not for threads: a greenlet is not interrupted here."""

    def __init__(self) -> None:
        self._calls: dict[str, _Call] = {}

    def answer(self, environ: dict[str, Any], work: Callable[[], Response]) -> Response:
        """What the work gives or raises; when that takes longer {"later": number} with 202; Refusal 504 when too much goes on."""
        user, key = _who(environ.get("HTTP_AUTHORIZATION", ""))
        number = environ["PATH_INFO"].removeprefix(_ANSWERS)
        call = self._calls.get(number)
        if call is None or not key or call.key != key:
            number, call = secrets.token_hex(16), _Call(user, key, gevent.spawn(_bounded, work))
        try:
            call.work.join(WAIT)
            if not call.work.ready() and not self._kept(number, call):
                words = f"This took longer than {WAIT:.0f} seconds, and too much is being worked on already: try again in 5 seconds."
                raise Refusal(504, "late", words, retry=5)
        finally:
            if not call.work.ready() and number not in self._calls:
                call.work.kill(block=False)
        if not call.work.ready():
            return answer({"later": number}, 202)
        self._calls.pop(number, None)
        found: Response = call.work.get()
        return found

    def _kept(self, number: str, call: _Call) -> bool:
        """Whether there is room for it, or it has its place already."""
        call.asked = time.monotonic()
        for name, other in list(self._calls.items()):
            if other.asked < call.asked - ABANDONED:
                self._calls.pop(name).work.kill(block=False)
        others = [other for name, other in self._calls.items() if name != number]
        if not call.key or len(others) >= ALL or sum(other.user == call.user for other in others) >= EACH:
            return number in self._calls
        self._calls[number] = call
        return True


def _who(authorization: str) -> tuple[str, str]:
    """User and key of what a call claims to come from; two empty texts for what the service will refuse at once."""
    try:
        login = read_login(authorization, "", changing=False)
    except Refusal:
        return "", ""
    return login.user, login.key


def _bounded(work: Callable[[], Response]) -> Response:
    with gevent.Timeout(LONGEST, False):
        return work()
    return refused(Refusal(504, "late", f"This took longer than {LONGEST / 60:.0f} minutes."))
