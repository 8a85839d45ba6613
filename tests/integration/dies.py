"""dies.py SPEED,ORIGIN STATE ARGUMENT ...: the command line, in fast time, killed (SIGKILL) at a state of the journal; or `never`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import fasttime
from prs.cli import main as cli
from prs.engine.execution.under_way import UnderWay
from prs.engine.journal.journal import Journal
from prs.pve.act import migration


def die() -> None:
    """What `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def after(owner: Any, name: str, when: Callable[..., bool]) -> None:
    """Die after a call of owner.name for which `when` of its arguments holds."""
    original = getattr(owner, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        answer = original(*args, **kwargs)
        if when(*args, **kwargs):
            die()
        return answer

    setattr(owner, name, call)


def set_to(state: str) -> Callable[..., bool]:
    """True for a write that sets this state."""
    return lambda *_, **changes: changes.get("state") == state


DEATHS: dict[str, Callable[[], None]] = {
    "queued": lambda: after(Journal, "add_job", lambda *_, **__: True),
    "started": lambda: after(Journal, "update_job", set_to("running")),
    "starting": lambda: after(Journal, "update_step", set_to("starting")),
    "requested": lambda: after(migration, "start", lambda *_: True),
    "running": lambda: after(Journal, "update_step", set_to("running")),
    "progress": lambda: after(UnderWay, "_observe", lambda *_: True),
    "verifying": lambda: after(Journal, "update_step", set_to("verifying")),
    "done": lambda: after(Journal, "update_step", set_to("done")),
    "ended": lambda: after(Journal, "update_job", set_to("done")),
}

if __name__ == "__main__":
    fasttime.live(*map(float, sys.argv[1].split(",")))
    if sys.argv[2] != "never":
        DEATHS[sys.argv[2]]()
    sys.exit(cli.main(sys.argv[3:]))
