"""Ends what a test programme has started when the programme itself is ended early."""

from __future__ import annotations

import ctypes
import signal
import subprocess
from collections.abc import Sequence
from types import FrameType

ENDS = (signal.SIGTERM, signal.SIGHUP)


def end_in_order() -> None:
    """Let SIGTERM and SIGHUP (a closed terminal) end this process as an error would: every `finally` and `with` is left in order."""
    for number in ENDS:
        signal.signal(number, _end)


def _end(number: int, _: FrameType | None) -> None:
    for further in ENDS:
        signal.signal(further, signal.SIG_IGN)  # the end itself must not be ended halfway
    raise SystemExit(128 + number)


def _with_the_parent() -> None:
    """Have the kernel end this process when its parent is gone, however that ended (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def run(command: Sequence[str]) -> int:
    """Run a program that ends in order itself, and end it so when this process is to end, or is gone; its exit code."""
    with subprocess.Popen(command, preexec_fn=_with_the_parent) as process:  # this one has one thread
        try:
            return process.wait()
        except BaseException:
            process.terminate()
            process.wait(30)
            raise
