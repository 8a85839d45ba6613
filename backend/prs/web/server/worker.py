"""gunicorn's threaded worker, hardened: slow and idle connections wait in the event loop, where they hold no thread.

Works on gunicorn 20.1 (a connection takes a thread as soon as it is accepted, and keeps it while it says nothing) and on 23 (half a
request takes one). Both pass every new and every reused connection through `enqueue_req`, in the thread of the event loop.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from gunicorn import http
from gunicorn.workers.gthread import TConn, ThreadWorker

from prs.web.access.allow_from import AccessRules
from prs.web.certificate import Contexts
from prs.web.server.arrival import Arrival

PATIENCE = 5.0  # seconds from the connection, or from the first byte of a further request, to the last byte of the request
SEND = 5.0  # seconds a client may take to accept a part of the answer
LINGER = 1.0  # seconds the rest of a refused body is read, so that the refusal arrives
_TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn is untyped
    """gunicorn makes the worker itself, so serve.py hands over rules and TLS contexts as class attributes, before the loop starts."""

    rules = AccessRules()
    contexts: Contexts | None = None  # None = plain HTTP, for tests of the worker itself

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._arrivals: dict[TConn, tuple[Arrival, float]] = {}
        self._leave_by = 0.0  # when to stop at the latest; 0 = nobody asked

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM, also at a reload: accept nothing more, but let what is just arriving arrive."""
        self._leave_by = self._leave_by or time.monotonic() + PATIENCE

    def accept(self, server: Any, listener: socket.socket) -> None:
        """Take a connection, or close it without a word where pveproxy would (its ALLOW_FROM, DENY_FROM and POLICY)."""
        try:
            sock, client = listener.accept()
        except OSError:
            return  # gone again, or no file handle left: the next turn of the loop tries anew
        if not self.rules.admits(str(client[0])):
            sock.close()
            return
        self.nr_conns += 1
        self.enqueue_req(TConn(self.cfg, sock, client, server))

    def enqueue_req(self, conn: TConn) -> None:
        """A new connection, or a kept one on which something has come in: read until the request is complete."""
        fresh = conn.parser is None
        if fresh and not self._wrap(conn):
            self._drop(conn)
            return
        conn.sock.setblocking(False)
        self._arrivals[conn] = Arrival(conn.sock, fresh and self.contexts is not None), time.monotonic() + PATIENCE
        self._watch(conn, selectors.EVENT_READ)
        self._proceed(conn, conn.sock)

    def _wrap(self, conn: TConn) -> bool:
        try:
            if self.contexts is not None:
                conn.sock = self.contexts.get().wrap_socket(conn.sock, server_side=True, do_handshake_on_connect=False)
        except OSError as error:
            self.log.error("no TLS connection is possible: %s", error)
            return False
        conn.parser = http.RequestParser(self.cfg, conn.sock, conn.client)
        conn.initialized = True  # as gunicorn 23's own init would say
        return True

    def _watch(self, conn: TConn, events: int) -> None:
        with self._lock:
            self.poller.register(conn.sock, events, partial(self._proceed, conn))

    def _unwatch(self, conn: TConn) -> None:
        with self._lock:
            self.poller.unregister(conn.sock)

    def _proceed(self, conn: TConn, _: Any) -> None:
        arrival, _deadline = self._arrivals[conn]
        state = arrival.advance()
        if state in ("read", "write"):
            wanted = selectors.EVENT_READ if state == "read" else selectors.EVENT_WRITE
            with self._lock:
                self.poller.modify(conn.sock, wanted, partial(self._proceed, conn))
            return
        del self._arrivals[conn]
        self._unwatch(conn)
        if state == "ready":
            conn.unread = arrival.unread
            conn.parser.unreader.unread(bytes(arrival.data))
            future = self.tpool.submit(self.handle, conn)
            self._wrap_future(future, conn)
            return
        if state == "too long":
            self._say(conn, _TOO_LONG)
        self._drop(conn)

    @staticmethod
    def _say(conn: TConn, words: bytes) -> None:
        try:
            conn.sock.send(words)
        except OSError:
            return  # the client does not even take a line

    def _drop(self, conn: TConn) -> None:
        """Close a connection the way gunicorn accounts for it: as one whose request has been dealt with."""
        future: Future[tuple[bool, TConn]] = Future()
        future.set_result((False, conn))
        self._wrap_future(future, conn)

    def murder_keepalived(self) -> None:
        """Called at every turn of the loop: close what is overdue, kept connections and arriving requests alike."""
        super().murder_keepalived()
        now = time.monotonic()
        for conn in [conn for conn, (_, deadline) in self._arrivals.items() if deadline < now]:
            del self._arrivals[conn]
            self._unwatch(conn)
            self._drop(conn)
        if self._leave_by:
            self._leave(now)

    def _leave(self, now: float) -> None:
        with self._lock:
            for listener in self.sockets:
                if listener in self.poller.get_map():
                    self.poller.unregister(listener)
        if not self._arrivals or now > self._leave_by:
            self.alive = False

    def handle(self, conn: TConn) -> tuple[bool, TConn]:
        """In a thread: answer the request; a client that does not take the answer is given up after SEND seconds."""
        conn.sock.settimeout(SEND)
        handled: Callable[[TConn], tuple[bool, TConn]] = super().handle
        keep, conn = handled(conn)
        if conn.unread:
            _linger(conn.sock)
            return False, conn
        return keep, conn


def _linger(sock: socket.socket) -> None:
    """Say that no more will be sent and read on for a moment: closing at once would destroy an answer that is still on its way."""
    try:
        sock.shutdown(socket.SHUT_WR)
        sock.settimeout(LINGER)
        end = time.monotonic() + LINGER
        while time.monotonic() < end and sock.recv(64 * 1024):
            pass
    except OSError:
        return  # the client is gone already
