"""Stands in for systemd's Accept=yes: each connection to a socket is the standard input of a process of its own."""

from __future__ import annotations

import socket
import subprocess
import threading
from contextlib import suppress
from pathlib import Path


class Accepting:
    """Listens at `path` until closed and gives each connection to `command`, whose errors go to the file `log`."""

    def __init__(self, path: Path, command: list[str], environment: dict[str, str], log: Path) -> None:
        self._command, self._environment, self._log = command, environment, log
        self._running = list[subprocess.Popen[bytes]]()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closed
            with connection, self._log.open("ab") as log:
                self._running = [process for process in self._running if process.poll() is None]
                process = subprocess.Popen(
                    self._command, stdin=connection.fileno(), stdout=subprocess.DEVNULL, stderr=log,
                    env=self._environment, start_new_session=True,
                )  # fmt: skip
                self._running.append(process)

    def close(self) -> None:
        """Listen no longer, and end what is still at work."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        for process in self._running:
            process.terminate()
            process.wait()
