"""Carries out what computes for long in a process of its own: a plan of minutes must not stop the loop that serves everybody."""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from prs.errors import PrsError
from prs.logs import brief, set_up
from prs.pve.http.client import connect
from prs.web.access.auth import Caller
from prs.web.api.refusal import Refusal, refusal
from prs.web.context import Context

AT_ONCE = 2  # processes
WAITING = 12  # callers that may wait for one, and of each caller so many (also at work):
WAITING_CALLER = 3
LONGEST = 600.0  # seconds
Work = Callable[..., Any]  # a function of a module: work(context, who, *arguments); its result goes through pickle

log = logging.getLogger(__name__)


class Apart:
    """Gives work to child processes, a bounded number of them."""

    def __init__(self) -> None:
        self._lock, self._turns = threading.Lock(), threading.Semaphore(AT_ONCE)
        self._inside: Counter[str] = Counter()

    def __call__(self, context: Context, work: Work, who: Caller, *arguments: Any) -> Any:
        """What the work gives; Refusal with what went wrong in it, 429 when too much is waiting already."""
        with self._place(who.name), self._turns:
            return _answer(_child(pickle.dumps((context.parts, work, who, arguments))))

    @contextmanager
    def _place(self, user: str) -> Iterator[None]:
        with self._lock:
            if self._inside[user] >= WAITING_CALLER or self._inside.total() >= WAITING + AT_ONCE:
                raise Refusal(429, "slow_down", "Other plans are being made: try again in 5 seconds.", retry=5)
            self._inside[user] += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside[user] -= 1
                self._inside += Counter()  # forgets users without a place


def _child(task: bytes) -> bytes:
    isolated = ["-I"] if sys.flags.isolated else []
    try:
        done = subprocess.run(
            [sys.executable, *isolated, "-m", "prs.web.apart"], input=task, stdout=subprocess.PIPE, timeout=LONGEST, check=False
        )
    except subprocess.TimeoutExpired:
        raise Refusal(503, "unavailable", f"This took longer than {LONGEST / 60:.0f} minutes and was given up.") from None
    except OSError as error:
        raise Refusal(503, "unavailable", f"No process could be started for this: {error.strerror}.") from None
    return done.stdout if done.returncode == 0 else b""


def _answer(output: bytes) -> Any:
    if not output:
        raise Refusal(500, "fault", "The service made a mistake; its log says more.")
    good, value = pickle.loads(output)
    if not good:
        status, code, message, details, retry = value
        raise Refusal(status, code, message, details, retry)
    return value


def main() -> int:
    """The child: one task on standard input, its result on standard output."""
    (settings, api, guard, site), work, who, arguments = pickle.load(sys.stdin.buffer)
    set_up(settings.log_level, sys.stderr, daemon=True)
    try:
        found: tuple[bool, Any] = True, work(Context(settings, api, connect, guard, site), who, *arguments)
    except PrsError as error:
        why = refusal(error)
        found = False, (why.status, why.code, why.message, why.details, why.retry)
    except Exception as error:  # noqa: BLE001 - one line about it instead of a traceback
        log.error("%s failed: %s", work.__name__, brief(error))
        return 1
    sys.stdout.buffer.write(pickle.dumps(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
