"""Ends what a test programme has started when the programme itself is ended early."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

ENDS = (signal.SIGTERM, signal.SIGHUP)
PATIENCE = 30  # seconds for an end in order
_waiting: list[int] | None = None  # signals that have come while nothing may be interrupted


def end_in_order() -> None:
    """Let SIGTERM and SIGHUP (a closed terminal) end this process as an error would: every `finally` and `with` is left in order."""
    for number in (*ENDS, signal.SIGINT):
        signal.signal(number, _end)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put off the end while a process is born: before its parent holds it, nobody would end it. For the main thread.

    What a signal raises between fork and exec is lost, too: Python calls functions there whose errors it passes over.
    """
    global _waiting
    _waiting = []
    try:
        yield
    finally:
        came, _waiting = _waiting, None
    if came:
        _end(came[0], None)


def _end(number: int, _: FrameType | None) -> None:
    if _waiting is not None:
        _waiting.append(number)
        return
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    for further in ENDS:
        signal.signal(further, signal.SIG_IGN)  # the end itself must not be ended halfway
    raise SystemExit(128 + number)


def _with(parent: int) -> Callable[[], None]:
    """Have the kernel end the process to be when its parent is gone, however that ended (prctl(2), PR_SET_PDEATHSIG)."""

    def before_it_begins() -> None:
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
        if os.getppid() != parent:  # it was gone before the kernel was asked
            os._exit(128 + signal.SIGTERM)

    return before_it_begins


def run(command: Sequence[str]) -> int:
    """Run a program that ends in order itself, and end it so when this process is to end, or is gone; its exit code."""
    process = None
    try:
        with undisturbed():
            process = subprocess.Popen(command, preexec_fn=_with(os.getpid()))  # this one has one thread
        return process.wait()
    except BaseException:
        if process:
            _end_it(process)
        raise


def _end_it(process: subprocess.Popen[bytes]) -> None:
    """Ask until it ends, because a signal is lost between fork and exec, and force it in the end."""
    for _ in range(PATIENCE):
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(1)
            return
    process.kill()
    process.wait()
