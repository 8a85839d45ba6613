"""How a part that runs as root takes its request: who asks, by what the kernel says, and one line. Standard library only."""

from __future__ import annotations

import socket
import struct
import time

PATIENCE = 5.0  # seconds for all of a request to arrive


def asker(connection: socket.socket) -> int:
    """The user who asks, -1 where that is not a local socket."""
    if connection.family != socket.AF_UNIX:
        return -1
    _, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(user)


def line_of(connection: socket.socket, longest: int, words: tuple[bytes, ...] = (), longer: int = 0) -> bytes:
    """The request, of `longer` bytes where it begins with one of `words`; OSError when it does not come in time, also byte by byte."""
    line, most, end = b"", longest, time.monotonic() + (connection.gettimeout() or PATIENCE)
    while not line.endswith(b"\n") and len(line) < most:
        connection.settimeout(max(0.01, end - time.monotonic()))
        part = connection.recv(most - len(line))
        if not part:
            break
        line += part
        most = longer if line.startswith(words) else longest
    return line
