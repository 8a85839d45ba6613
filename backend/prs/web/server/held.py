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

from prs.web.access.client import BRIDGE, Told, client_of
from prs.web.access.login import read_login
from prs.web.access.pace import room
from prs.web.api.answers import answer, refused
from prs.web.api.openapi import PREFIX
from prs.web.api.refusal import Refusal

WAIT = 8.0  # seconds for an answer: a client of pveproxy that goes away is not noticed before
ABANDONED = 60.0  # seconds after which a call whose answer nobody asks for is ended
LONGEST = 600.0  # seconds that any call goes on
EACH, ALL = 12, 64  # calls of one user, and of all, that go on longer than WAIT
ADDRESS, UNPROVEN = 24, 64  # the same of one address and of all, as long as PVE has not said that their ticket is good; of one ticket EACH
_ANSWERS = f"{PREFIX}/answers/"


@dataclass(slots=True)
class _Call:
    key: str  # of the ticket or token, which alone gets the answer
    work: Any  # the greenlet that makes the answer, a Response
    told: Told
    address: str
    share: str = ""  # the user among whose calls it counts since it is kept, "" among those that are not proven
    asked: float = field(default_factory=time.monotonic)


class Held:
    """The calls that go on. Not for threads: a greenlet is not interrupted here."""

    def __init__(self) -> None:
        self._calls: dict[str, _Call] = {}

    def answer(self, environ: dict[str, Any], work: Callable[[], Response]) -> Response:
        """What the work gives or raises; when that takes longer {"later": number} with 202; Refusal 504 when too much goes on."""
        key = _key(environ.get("HTTP_AUTHORIZATION", ""))
        number = environ["PATH_INFO"].removeprefix(_ANSWERS)
        call = self._calls.get(number)
        if call is None or not key or call.key != key:
            address = client_of(environ.get("REMOTE_ADDR", ""))
            number, call = secrets.token_hex(16), _Call(key, gevent.spawn(_bounded, work), environ[BRIDGE], address)
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
        if number not in self._calls and call.key and self._room(call):
            call.share = call.told.user
            self._calls[number] = call
        return number in self._calls

    def _room(self, call: _Call) -> bool:
        """Whether there is a place. Anybody may write any name into a ticket: those that are not proven take none from those that are."""
        beside = [other for other in self._calls.values() if bool(other.share) == bool(call.told.user)]
        if call.told.user:
            return room(sum(other.share == call.told.user for other in beside), len(beside), EACH, ALL)
        mine = [other for other in beside if other.address == call.address]
        return room(len(mine), len(beside), ADDRESS, UNPROVEN) and sum(other.key == call.key for other in mine) < EACH


def _key(authorization: str) -> str:
    """Of the ticket or token, "" for what the service will refuse at once."""
    try:
        return read_login(authorization, "", changing=False).key
    except Refusal:
        return ""


def _bounded(work: Callable[[], Response]) -> Response:
    with gevent.Timeout(LONGEST, False):
        return work()
    return refused(Refusal(504, "late", f"This took longer than {LONGEST / 60:.0f} minutes."))
