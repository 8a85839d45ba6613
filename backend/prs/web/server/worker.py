"""gunicorn's gevent worker with deadlines: each connection is a greenlet, and how long and how much it may take is bounded here.

gunicorn's parser alone decides what a request is (20.1 of Debian 12 takes more for one than 23 does); what two readers of the same
bytes may take differently is refused by what that parser has found, and no byte behind a body is ever read as a request.
"""

from __future__ import annotations

import errno
import io
import os
import re
import signal
import socket
import ssl
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import gevent
import gevent.socket
from gevent.lock import BoundedSemaphore
from gunicorn.http import wsgi
from gunicorn.http.errors import InvalidHeader, InvalidRequestLine, InvalidRequestMethod, NoMoreData, ParseException
from gunicorn.workers.ggevent import GeventWorker

from prs.web.access.allow_from import AccessRules
from prs.web.access.client import client_of, plain
from prs.web.access.guard import BODY_LIMIT
from prs.web.certificate import Contexts, Copied
from prs.web.server import bridge
from prs.web.server.garbage import collect_apart
from prs.web.server.held import Held
from prs.web.server.places import TOTAL, Place, Places
from prs.web.server.unread import unread

PATIENCE = 5.0  # seconds from the connection to the last byte of its first request's head, and again from there to the end of its body
KEPT = 15.0  # seconds from an answer to the last byte of the head of the next request
GRACE, RATE = 10.0, 32 * 1024  # an answer may take so many seconds and one more for each so many bytes,
LONGEST = 180.0  # but no more than this
BUFFER = 128 * 1024  # bytes of an answer that wait in the kernel: one that does not fit in there is paced
LINGER = 1.0  # seconds the rest of a refused body is read, so that the refusal arrives
_LENGTH = re.compile(r"[0-9]{1,10}", re.ASCII)
_TOKEN = re.compile(r"[A-Z]{3,10}")
# A whole address or `//host` names a host beside that of the Host header, of which only that one is judged; what is behind `#` is no path.
_TARGET = re.compile(r"/(?!/)[^#]*")
_OPEN_ENDED = frozenset({"GET", "HEAD", "OPTIONS"})  # without a body these may be followed by a further request


class Paced:
    """A client's socket as gunicorn uses it; an answer that is not taken at the least rate ends as a connection that was reset."""

    def __init__(self, sock: Any, place: Place, places: Places) -> None:
        self._sock, self._place, self._places = sock, place, places
        self.begin()

    def begin(self) -> None:
        """A new answer."""
        self._size, self._spent = 0, 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def sendall(self, data: bytes) -> None:
        """Send all of it in time, or OSError."""
        began = time.monotonic()
        self._size += len(data)
        allowed = min(GRACE + self._size / RATE, LONGEST) - self._spent
        self._places.send(self._place, len(data))
        try:
            with gevent.Timeout(max(allowed, 0.01)) as late:
                self._sock.sendall(data)
        except gevent.Timeout as error:
            if error is not late:
                raise
            # What waits in the kernel goes as well: closing politely would feed the client for as long as it likes.
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise _gone("the client takes its answer too slowly") from None
        finally:
            self._places.send(self._place, 0)
            self._spent += time.monotonic() - began


@dataclass(frozen=True, slots=True)
class Listener:
    """What a connection needs of the socket that it came through; a worker that ends closes that while connections still arrive."""

    family: int
    name: Any

    def getsockname(self) -> Any:
        """As gunicorn asks for it."""
        return self.name


class Turn(BoundedSemaphore):  # type: ignore[misc]  # gevent is untyped
    """Held for a moment by whoever of a client begins next; it lives as long as somebody holds it or waits for it."""


class Worker(GeventWorker):  # type: ignore[misc]  # gunicorn is untyped
    """gunicorn makes the worker itself, so serve.py hands over rules and TLS contexts as class attributes, before the loop starts."""

    rules = AccessRules()
    contexts: Contexts | None = None  # None = plain HTTP, for tests of the worker itself
    bridge: int | None = None  # the listening unix socket for pveproxy (prs.web.server.bridge), and the users that may speak there
    bridge_peers: frozenset[int] = frozenset()
    copied: Copied | None = None  # None = the certificate's files themselves are read

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.worker_connections = 2 * TOTAL  # of greenlets; the places are the limit
        self._places = Places()
        self._of: dict[Any, Place] = {}  # greenlet -> its place
        self._turns: WeakValueDictionary[str, Turn] = WeakValueDictionary()  # client -> its own
        self._shares, self._held = bridge.Shares(), Held()
        self._listeners: dict[Any, Listener] = {}

    def run(self) -> None:
        """Listen on the unix socket as well; the next worker needs it too, so only a copy of it is ever closed."""
        if self.bridge is not None:
            self.sockets.append(gevent.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=os.dup(self.bridge)))
        self.look_at_listeners()
        collect_apart()
        super().run()

    def look_at_listeners(self) -> None:
        """Once, while they are open."""
        self._listeners = {sock: Listener(sock.family, sock.getsockname()) for sock in self.sockets}

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM, also at a reload: accept nothing more, let what is just arriving arrive, keep no connection for later."""
        super().handle_exit(sig, frame)
        gevent.spawn(self._places.close_kept)

    def timeout_ctx(self) -> Any:
        """The time for TLS and the head of a request."""
        place = self._of[gevent.getcurrent()]
        return gevent.Timeout(KEPT if place.served else max(0.01, place.since + PATIENCE - time.monotonic()), False)

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """One connection, in a greenlet of its own; closed without a word where pveproxy would (ALLOW_FROM, DENY_FROM, POLICY)."""
        if self.copied is not None and self.copied.outdated():
            self.copied = None
            self.log.info("the node has another certificate: starting again with it")
            os.kill(os.getppid(), signal.SIGTERM)  # in order: this connection is still served
        own, listener = gevent.getcurrent(), self._listeners[listener]
        addr = (plain(str(addr[0])), *addr[1:]) if addr else addr
        leave = lambda: own.kill(_gone("its place is needed"), block=False)  # noqa: E731
        local = listener.family == socket.AF_UNIX
        admitted = bridge.speaker(client) in self.bridge_peers if local else self.rules.admits(str(addr[0]))
        place = self._places.take("bridge" if local else client_of(str(addr[0])), leave) if admitted else None
        if place is None:
            client.close()
            return
        self._of[own] = place
        try:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
            with gevent.Timeout(PATIENCE, _gone("it says nothing")):
                gevent.socket.wait_read(client.fileno())  # until then it costs no more than a greenlet
            if self.contexts is not None and not local:
                self._wait_for_turn(place)  # a handshake costs as much as a request
                client = self.contexts.get().wrap_socket(client, server_side=True, do_handshake_on_connect=False)
            super().handle(listener, Paced(client, place, self._places), addr)
        except ConnectionResetError:
            pass  # it has gone, or had to
        except OSError as error:
            self.log.error("no TLS connection is possible: %s", error)
        finally:
            self._places.give_back(place)
            del self._of[own]
            client.close()

    def handle_request(self, listener_name: Any, req: Any, sock: Paced, addr: Any) -> Any:
        """Read the body in time, then have the request answered; the client's deadlines stand still meanwhile."""
        place = self._of[gevent.getcurrent()]
        self._wait_for_turn(place)
        length = judge(req)
        if sock.family == socket.AF_UNIX:
            bridge.judge(req)
        whole = length is not None and length <= BODY_LIMIT
        body = self._body(req, sock, length or 0) if whole else b""
        req.body = io.BytesIO(body)
        if length != 0 or req.method not in _OPEN_ENDED:
            req.headers = [header for header in req.headers if header[0] != "CONNECTION"] + [("CONNECTION", "close")]
        sock.begin()
        place.busy = True
        try:
            if sock.family == socket.AF_UNIX:
                self._through_pveproxy(listener_name, req, sock)
            return super().handle_request(listener_name, req, sock, addr)
        finally:
            place.served += 1
            if not whole:
                _linger(sock)
            place.busy = False

    def _wait_for_turn(self, place: Place) -> None:
        """Let others do their work first: of one client, however many connections it has, one handshake or request at a time begins."""
        turn = self._turns.setdefault(place.client, Turn())
        with turn:
            gevent.sleep(0)

    def _through_pveproxy(self, listener_name: Any, req: Any, sock: Paced) -> None:
        """Answer without a head; StopIteration, as gunicorn ends a connection."""
        environ = wsgi.create(req, sock, (bridge.client(req), 0), listener_name, self.cfg)[1]
        sock.sendall(bridge.answer(self.wsgi, environ, self._shares, self._held))
        raise StopIteration

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """The API's answer to what is no request, in place of gunicorn's page; on the unix socket none: a head means nothing there."""
        if client.family == socket.AF_UNIX or isinstance(exc, ssl.SSLError):
            self.log.debug("not answered: %s", exc)
            return
        if not isinstance(exc, ParseException):
            self.log.exception("a request failed")
        with suppress(OSError):
            client.begin()
            client.sendall(unread(exc))
            _linger(client)

    @staticmethod
    def _body(req: Any, sock: Paced, length: int) -> bytes:
        """All of the body; NoMoreData when it does not come."""
        if length and any(header == ("EXPECT", "100-continue") for header in req.headers):
            sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        req.headers = [header for header in req.headers if header[0] != "EXPECT"]
        body: bytes = b""
        with gevent.Timeout(PATIENCE, False):
            body = req.body.read(length)
        if len(body) < length:
            raise NoMoreData
        return body


def judge(req: Any) -> int | None:
    """The length of the request's body, None if only its end would tell; InvalidHeader and others for a head that can be read in two ways.

    Names with an underscore are left out, as gunicorn 23 does: in WSGI they cannot be told from those with a hyphen.
    """
    if req.version not in ((1, 0), (1, 1)) or not _TOKEN.fullmatch(req.method):
        raise InvalidRequestMethod(req.method)
    if not req.uri.isascii():  # RFC 3986; Flask's 3.x reads the query as UTF-8 and fails at any other, also in the midst of a refusal
        raise InvalidRequestLine("not ASCII")
    if not _TARGET.fullmatch(req.uri):
        raise InvalidRequestLine("no path")
    if any(character in value for _, value in req.headers for character in "\r\n\0"):
        raise InvalidHeader("a line break in a header")
    req.headers = [header for header in req.headers if "_" not in header[0]]
    lengths = [value for name, value in req.headers if name == "CONTENT-LENGTH"]
    if len(lengths) > 1 or not all(_LENGTH.fullmatch(value) for value in lengths):
        raise InvalidHeader("CONTENT-LENGTH")
    if any(name == "TRANSFER-ENCODING" for name, _ in req.headers):
        return None
    return int(lengths[0]) if lengths else 0


def _gone(words: str) -> ConnectionResetError:
    """What gunicorn takes for a client that has gone away: nothing to answer, nothing to log."""
    return ConnectionResetError(errno.ECONNRESET, words)


def _linger(sock: Paced) -> None:
    """Say that no more will be sent and read on for a moment: closing at once would destroy an answer that is still on its way."""
    try:
        sock.shutdown(socket.SHUT_WR)
        with gevent.Timeout(LINGER, False):
            while sock.recv(64 * 1024):
                pass
    except OSError:
        return  # the client is gone already
