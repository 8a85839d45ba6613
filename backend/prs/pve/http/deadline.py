"""An end to every call: requests' own limit begins anew with each byte, so that a host that drips bytes would hold a call for ever."""

from __future__ import annotations

import contextlib
import socket
import threading
import weakref
from types import TracebackType
from typing import Any

from urllib3 import HTTPSConnectionPool

TIMES = 3.0  # the whole call may take this many times the limit for one silence


class Connections:
    """The open connections of one adapter, so that they can be cut from another thread."""

    def __init__(self) -> None:
        self._open: weakref.WeakSet[Any] = weakref.WeakSet()

    def pool_class(self) -> type:
        """The class of urllib3's pools whose connections are known here."""
        known = self._open

        class Connection(HTTPSConnectionPool.ConnectionCls):  # type: ignore[valid-type,misc]
            def connect(self) -> None:
                known.add(self)
                super().connect()

        class Pool(HTTPSConnectionPool):
            ConnectionCls = Connection

        return Pool

    def cut(self) -> None:
        """End whatever is being read."""
        for connection in list(self._open):
            made = getattr(connection, "sock", None)
            if isinstance(made, socket.socket):
                with contextlib.suppress(OSError, ValueError):
                    socket.socket.shutdown(made, socket.SHUT_RDWR)


class Deadline:
    """Cuts the connections when the call inside takes longer than `seconds`; `over` says that it did."""

    def __init__(self, connections: Connections, seconds: float) -> None:
        self.seconds, self.over, self._connections = seconds, False, connections
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def _end(self) -> None:
        self.over = True
        self._connections.cut()

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._timer.cancel()
