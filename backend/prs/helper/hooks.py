"""Asks root for the site's hooks: which there are, and to run one."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

from prs.engine.rolling.hooks import Hook, HookState, Stage
from prs.errors import HelperError

SOCKET = Path("/run/prs-hook.sock")  # where the package has root listen
FOLDER = Path("/etc/proxmox-rebalancing-service/hooks.d")
LONGEST = 64 * 1024  # bytes of an answer
LOOK = 0.5  # seconds between two looks whether the user wants an end
PATIENCE = 60.0  # seconds for an answer that needs no hook to run


def hook_troubles(place: Path, folder: Path = FOLDER) -> dict[str, str]:
    """Of each hook that there is what speaks against running it, "" for nothing; empty where nobody runs hooks. HelperError."""
    end = time.monotonic() + PATIENCE
    found = _ask(place, folder, "hooks", lambda: time.monotonic() > end)
    return {str(stage): str(words) for stage, words in (found or {}).items()}


def run_hook(place: Path, stage: Stage, node: str, stopped: Callable[[], bool], folder: Path = FOLDER) -> Hook | None:
    """Run it to its end; None where there is no such hook, or no helper as on a machine that is no node. HelperError.

    It is ended when `stopped` says so, and when this process dies: then root sees that nobody waits for it any more.
    """
    began = time.monotonic()
    found = _ask(place, folder, f"hook {stage} {node}", stopped)
    if found is None:
        return Hook(stage, "stopped", seconds=round(time.monotonic() - began, 1))
    if not found.get("found"):
        return None
    code = found.get("code")
    state: HookState = "hung" if found.get("hung") else "done" if code == 0 else "failed"
    return Hook(
        stage, state, int(code) if code is not None else None, str(found.get("output", "")), seconds=float(found.get("seconds", 0.0))
    )


def _ask(place: Path, folder: Path, request: str, stopped: Callable[[], bool]) -> dict[str, Any] | None:
    """The answer, {} where there are neither helper nor hooks, None when the wait was stopped. HelperError."""
    if not place.exists():
        if found := [stage for stage in get_args(Stage) if os.path.lexists(folder / stage)]:
            raise HelperError(f"{folder} has hooks ({', '.join(found)}), and nothing runs them here: is prs-hook.socket stopped?")
        return {}
    answer = b""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(LOOK)
            connection.connect(str(place))
            connection.sendall(f"{request}\n".encode())
            while not answer.endswith(b"\n") and len(answer) < LONGEST:
                with suppress(TimeoutError):
                    part = connection.recv(4096)
                    if not part:
                        break
                    answer += part
                    continue
                if stopped():
                    return None
    except OSError as error:
        raise HelperError(f"the helper that runs hooks does not answer: {error.strerror or error}") from None
    try:
        found = json.loads(answer)
    except ValueError:
        words = answer.decode("utf-8", "replace").strip().removeprefix("refused: ")
        raise HelperError(f"no hook was run: {words or 'the helper gave no answer'}") from None
    return found if isinstance(found, dict) else {}
