"""Calls Proxmox VE's command line tools pveum and pvesh (pve-access-control PVE/CLI/pveum.pm, pve-manager PVE/CLI/pvesh.pm)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

from prs.errors import PrsError

# Runs a command and gives exit code, output and error output.
Run = Callable[[Sequence[str]], tuple[int, str, str]]


class SetupError(PrsError):
    """The account cannot be set up or removed; the text says what stood in the way."""


def run(command: Sequence[str]) -> tuple[int, str, str]:
    """Run a command of this host to its end; SetupError if there is no such command."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        words = f"{command[0]}: {error.strerror}; setup runs on a node of the cluster, elsewhere write an account into prs.conf by hand"
        raise SetupError(words) from error
    return done.returncode, done.stdout, done.stderr


class Tools:
    """The tools of one node."""

    def __init__(self, runner: Run = run) -> None:
        self._run = runner

    def do(self, *command: str) -> str:
        """Run a command and give its output; SetupError with its own words if it fails."""
        code, output, complaint = self._run(command)
        if code:
            raise SetupError(f"{' '.join(command)}: {complaint.strip() or f'exit code {code}'}")
        return output

    def ask(self, *command: str) -> Any:
        """Run a command that answers in JSON and give the answer."""
        output = self.do(*command, "--output-format", "json")
        try:
            return json.loads(output)
        except ValueError as error:
            # Not the output itself: it may hold the secret of a new token.
            raise SetupError(f"{' '.join(command)}: the answer is not JSON") from error

    def get(self, path: str) -> Any:
        """Read an object of the API on this node, as root."""
        return self.ask("pvesh", "get", path)
