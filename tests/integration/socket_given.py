"""Runs a module of Python with a listening unix socket as file descriptor 3, as systemd hands one over: PATH MODULE ARGUMENTS."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path


def main() -> None:
    """Open the socket, then become the module."""
    place, *command = sys.argv[1:]
    Path(place).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place)
    os.chmod(place, 0o666)
    listener.listen(128)
    if listener.fileno() != 3:
        os.dup2(listener.fileno(), 3)
    os.set_inheritable(3, True)
    os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "bridge"}
    os.execv(sys.executable, [sys.executable, "-m", *command])


if __name__ == "__main__":
    main()
