"""A small HTTPS server that answers as it is told, for what a real PVE does only on a bad day: drops, hangs, redirects, foreign pages."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

DROP = "drop"  # close the connection without an answer
HANG = "hang"  # keep it open without an answer
DRIP_HEAD, DRIP_BODY = "drip head", "drip body"  # answer byte by byte, without end


@dataclass(frozen=True)
class Asked:
    """One request as it arrived; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: str
    connection: int  # number of the connection it came in on


@dataclass(frozen=True)
class Answer:
    """What to send: JSON unless `body` is text."""

    body: Any = None
    status: int = 200
    reason: str = ""
    headers: dict[str, str] = field(default_factory=dict)


Script = Callable[[Asked], "Answer | str | bytes"]  # bytes are sent as they are


def data(value: Any = None) -> Answer:
    """A good answer of PVE's API."""
    return Answer({"data": value})


class Scripted:
    """The server, in a thread; `asked` are the requests so far. Use it as a context manager."""

    def __init__(self, script: Script, certificate: Path, address: str = "127.0.0.1") -> None:
        self.script, self.asked, self.connections = script, list[Asked](), 0
        self.closing = threading.Event()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._server = _Server(self, address, context)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Scripted:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, owner: Scripted, address: str, context: ssl.SSLContext) -> None:
        self.owner, self.context = owner, context
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away, or refuses the certificate, is part of the tests."""

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.context.wrap_socket(request, server_side=True) as secured:
            secured.settimeout(20)
            super().finish_request(secured, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.owner.connections += 1
        self.number = self.server.owner.connections

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _serve(self) -> None:
        owner = self.server.owner
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        asked = Asked(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body, self.number)
        owner.asked.append(asked)
        answer = owner.script(asked)
        if isinstance(answer, bytes):
            self.wfile.write(answer)
            self.close_connection = b"Content-Length" not in answer
            return
        if isinstance(answer, str):
            if answer == HANG:
                owner.closing.wait(20)
            elif answer in (DRIP_HEAD, DRIP_BODY):
                self._drip(answer)
            self.close_connection = True
            return
        content = (answer.body if isinstance(answer.body, str) else json.dumps(answer.body)).encode()
        headers = {"Content-Type": "application/json", "Date": self.date_time_string(int(time.time())), **answer.headers}
        lines = [f"HTTP/1.1 {answer.status} {answer.reason or 'OK'}", f"Content-Length: {len(content)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode() + content)

    def _drip(self, what: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX: " if what == DRIP_HEAD else b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
        while not self.server.owner.closing.wait(0.1):
            self.wfile.write(b"x")
            self.wfile.flush()

    do_GET = do_POST = do_DELETE = _serve
