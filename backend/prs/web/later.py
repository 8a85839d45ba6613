"""Work that takes longer than a call may wait goes on, and its caller asks for the answer by a number until it is there.

A call through pveproxy may take 10 s, one through another proxy often 30 s or 60 s; a plan for a large cluster takes longer.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from typing import Any

from prs.errors import NotFound
from prs.web.access.pace import room
from prs.web.api.refusal import Refusal

PATIENCE = 30.0  # seconds that a call waits
PATIENCE_BRIDGE = 5.0  # the same through pveproxy: less than any call waits there (prs.web.server.held)
KEPT = 120.0  # seconds that an answer is kept from when it is there
EACH, ALL = 12, 64  # pieces of work of one user, with all tokens, and of all, that go on or whose answer is kept

Answer = tuple[Any, int]  # data and HTTP status
Work = Callable[[], Answer]  # or raises what the call would


@dataclass(slots=True)
class _Piece:
    owner: str  # who alone gets the answer
    user: str  # whose share it is
    answer: Future[Answer] = field(default_factory=Future)
    ended: float = 0.0  # by the monotonic clock; 0 = goes on

    def carry_out(self, work: Work) -> None:
        """What comes of it, also what it raises, is for whoever asks."""
        try:
            self.answer.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised again where the answer is asked for
            self.answer.set_exception(error)
        self.ended = time.monotonic()


class Later:
    """The pieces of work that go on, and the answers that are kept; safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pieces: dict[str, _Piece] = {}

    def begin(self, owner: str, user: str, work: Work, patience: float) -> Answer:
        """What the work gives or raises within so many seconds, else ({"later": number}, 202); Refusal 429 while too much goes on."""
        name, piece = secrets.token_hex(16), _Piece(owner, user)
        with self._lock:
            self._forget()
            if not room(sum(other.user == user for other in self._pieces.values()), len(self._pieces), EACH, ALL):
                raise Refusal(429, "slow_down", "Much is being worked on already: try again in 5 seconds.", retry=5)
            self._pieces[name] = piece
        threading.Thread(target=piece.carry_out, args=(work,), name="later", daemon=True).start()
        if not _done(piece, patience):
            return {"later": name}, 202
        with self._lock:
            self._pieces.pop(name, None)
        return piece.answer.result()

    def ask(self, owner: str, name: str, patience: float) -> Answer:
        """The same for work that was not done soon, as often as its owner likes; NotFound when there is none of this owner's."""
        with self._lock:
            self._forget()
            piece = self._pieces.get(name)
        if piece is None or piece.owner != owner:
            raise NotFound("there is no such answer (it is kept for 2 minutes, and lost when the service is restarted)")
        return piece.answer.result() if _done(piece, patience) else ({"later": name}, 202)

    def _forget(self) -> None:
        old = time.monotonic() - KEPT
        self._pieces = {name: piece for name, piece in self._pieces.items() if not piece.ended or piece.ended > old}


def _done(piece: _Piece, patience: float) -> bool:
    return bool(wait([piece.answer], patience).done)
