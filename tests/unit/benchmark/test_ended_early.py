"""A benchmark that is ended early, in whichever way, leaves no process behind."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]


def marked(mark: str) -> set[int]:
    """The processes that have inherited a mark in their environment and have not ended."""
    found = set[int]()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # another user's, or ended meanwhile
                if mark.encode() in (entry / "environ").read_bytes():
                    found.add(int(entry.name))
    return found


def wait(mark: str, count: int) -> bool:
    """Wait until there are as many marked processes, or more if there are to be any."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if (len(marked(mark)) >= count) if count else not marked(mark):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    ("name", "number"),
    [("made", number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL)]
    + [("web", number) for number in (signal.SIGTERM, signal.SIGKILL)],
)
def test_no_process_is_left(name: str, number: signal.Signals) -> None:
    mark = f"PRS_ENDED_EARLY={secrets.token_hex(8)}"
    environment = {**os.environ, "PYTHONPATH": f"{TESTS.parent / 'backend'}:{TESTS}", **dict([mark.split("=")])}
    command = (sys.executable, "-m", "benchmark", name)
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            assert wait(mark, 3 if name == "web" else 2)  # with the web service, or its own part alone
            process.send_signal(number)
            process.wait(300)
            assert wait(mark, 0), marked(mark)
        finally:
            for left in marked(mark):
                os.kill(left, signal.SIGKILL)
