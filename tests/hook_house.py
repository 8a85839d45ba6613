"""A site's hooks and the real program that runs them as root, started for each connection as systemd does."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from prs.helper import root_hooks

RUN = f"import sys; sys.path.insert(0, {str(Path(root_hooks.__file__).parents[2])!r}); from prs.helper import root_hooks; "
RUN += "root_hooks.GRACE = 0.3; sys.exit(root_hooks.main())"


class HookHouse:
    """A folder of hooks, all of this process's user, and the socket at which the program answers."""

    def __init__(self, folder: Path, seconds: float = 60.0) -> None:
        self.site = folder / "site"
        self.hooks, self.socket, self.log = self.site / "hooks.d", folder / "hook.sock", folder / "hooks.log"
        self.hooks.mkdir(parents=True)
        self.nodes, self.lock = folder / "nodes", folder / "hook.lock"
        for number in range(1, 10):
            (self.nodes / f"pve{number}").mkdir(parents=True)
        for place in (self.site, self.hooks):
            place.chmod(0o755)
        user = pwd.getpwuid(os.getuid()).pw_name
        self._program = [sys.executable, "-I", "-c", RUN, "--user", user, "--owner", user, "--folder", str(self.hooks)]
        self._program += ["--seconds", str(seconds), "--nodes", str(self.nodes), "--lock", str(self.lock)]
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.socket))
        self._listener.listen()
        self.running: list[subprocess.Popen[bytes]] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):  # the house is closed
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    self.running.append(subprocess.Popen(self._program, stdin=connection.fileno()))

    def close(self) -> None:
        """Nobody answers any more, and all that was begun has ended."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(60)
        self._listener.close()
        self.socket.unlink()
        for process in self.running:
            process.wait(60)

    def write(self, stage: str, script: str = "", mode: int = 0o755) -> Path:
        """A hook that notes its arguments and then does what the script says."""
        path = self.hooks / stage
        path.write_text(f'#!/bin/sh\necho "$@" >> {self.log}\n{script}\n')
        path.chmod(mode)
        return path

    @property
    def ran(self) -> list[str]:
        """The arguments of each hook that was begun, in order."""
        return self.log.read_text().splitlines() if self.log.exists() else []
