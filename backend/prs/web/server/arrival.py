"""A request on its way in: a connection takes a thread only when TLS is set up and the request is here to its last byte."""

from __future__ import annotations

import re
import socket
import ssl
from typing import Literal

from prs.web.access.guard import BODY_LIMIT

HEADER_LIMIT = 16 * 1024
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*(?=\r\n|\Z)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)

# read and write: wait until the socket is readable or writable; ready: hand it to a thread; the others: close it.
State = Literal["read", "write", "ready", "gone", "too long"]


class Arrival:
    """Reads one request from a non-blocking socket, a little at each `advance`."""

    def __init__(self, sock: socket.socket, handshake: bool) -> None:
        self._sock, self._handshake = sock, handshake
        self.data = bytearray()
        self.unread = False  # the body has not been read and never will be

    def advance(self) -> State:
        """Take what has come in and say what to do next."""
        try:
            if self._handshake:
                self._sock.do_handshake()  # type: ignore[attr-defined]  # an SSLSocket then
                self._handshake = False
            return self._read()
        except ssl.SSLWantReadError:
            return "read"
        except ssl.SSLWantWriteError:
            return "write"
        except BlockingIOError:
            return "read"
        except OSError:  # reset, or no TLS at all: nobody to answer
            return "gone"

    def _read(self) -> State:
        while True:
            part = self._sock.recv(16 * 1024)
            if not part:
                return "gone"
            self.data += part
            state = judge(self.data)
            self.unread = state == "unread"
            if state == "unread":
                return "ready"
            if state != "read":
                return state


def judge(data: bytes | bytearray) -> State | Literal["unread"]:
    """What to do with what has come in; `unread` is ready as well, but with a body that will be refused without being read."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return "too long" if len(data) > HEADER_LIMIT else "read"
    head = bytes(data[:end])
    lengths = _LENGTH.findall(head)
    # Folded lines and a second length are ways to make two readers of the same bytes disagree.
    if len(lengths) > 1 or b"\r\n " in head or b"\r\n\t" in head:
        return "gone"
    if _CHUNKED.search(head) or (lengths and int(lengths[0]) > BODY_LIMIT):
        return "unread"
    return "ready" if not lengths or len(data) >= end + 4 + int(lengths[0]) else "read"
