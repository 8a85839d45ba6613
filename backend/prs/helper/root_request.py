"""How a part that runs as root takes its request: who asks, by what the kernel says, one line, and so many in a while.

Standard library only.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import time
from pathlib import Path

PATIENCE = 5.0  # seconds for all of a request to arrive


class Refused(Exception):
    """Why nothing is done, in words for whoever asked."""


def asked(connection: socket.socket, uid: int, longest: int, words: tuple[bytes, ...] = (), longer: int = 0) -> tuple[int, bytes]:
    """Who asks, user `uid` or root, and the request: of `longer` bytes where it begins with one of `words`. Refused."""
    user = asker(connection)
    if user not in (uid, 0):
        raise Refused(f"user {user} may not ask" if user >= 0 else "not a local socket")
    try:
        return user, line_of(connection, longest, words, longer)
    except OSError:
        raise Refused("no request came") from None


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


def turn(place: Path, span: int, most: int) -> bool:
    """Take one of the `most` turns of a span (an hour, a minute; by its number), False when none is left; the file counts them. OSError."""
    with os.fdopen(os.open(place, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            last, count = map(int, file.read(100).split())
        except ValueError:
            last = count = 0
        count = count if last == span else 0
        if count >= most:
            return False
        file.seek(0)
        file.truncate()
        file.write(f"{span} {count + 1}\n")
    return True
