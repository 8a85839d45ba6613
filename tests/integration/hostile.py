"""What an attacker's machine does to the web service, with raw sockets; each crowd is held open by a context manager."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress

from integration.web_house import PREFIX, House, Person

SOON = 1.0  # seconds in which another client is served, whatever goes on


def plain(home: House, source: str = "", buffer: int = 0) -> socket.socket:
    """A TCP connection, from the loopback address `source`, with a receive buffer of so many bytes."""
    sock = socket.socket()
    sock.settimeout(15)
    if buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    if source:
        sock.bind((source, 0))
    sock.connect((home.address, home.port))
    return sock


def secure(home: House, source: str = "", buffer: int = 0) -> ssl.SSLSocket:
    """A TLS connection that trusts whoever answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(plain(home, source, buffer))


@contextmanager
def crowd(home: House, size: int, data: bytes, source: str = "", tls: bool = True) -> Iterator[list[socket.socket]]:
    """So many connections that have sent `data` and then say nothing; those that the service will not have are left out."""
    with ExitStack() as stack:
        found: list[socket.socket] = []
        for _ in range(size):
            with suppress(OSError):
                sock = stack.enter_context(secure(home, source) if tls else plain(home, source))
                sock.sendall(data)
                found.append(sock)
        yield found


@contextmanager
def under_way(*attacks: Callable[[], object]) -> Iterator[None]:
    """Attacks that go on meanwhile, each in a thread of its own; what one of them finds wrong is raised when all are over."""
    with ThreadPoolExecutor(len(attacks)) as pool:
        running = [pool.submit(attack) for attack in attacks]
        yield
        for one in running:
            one.result()


def exchange(home: House, data: bytes, seconds: float = 15.0) -> bytes:
    """Send bytes as they are and give everything that comes back until the service closes."""
    answer, end = b"", time.monotonic() + seconds
    with secure(home) as sock, suppress(OSError):
        sock.sendall(data)
        while time.monotonic() < end and (part := sock.recv(65536)):
            answer += part
    return answer


def request(home: House, method: str, path: str, *headers: str, body: bytes = b"") -> bytes:
    """A request as bytes, with exactly these headers after Host."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {home.address}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def served_soon(who: Person, path: str = "/healthz", times: int = 4) -> float:
    """The fastest of some calls of another client, in seconds; each must succeed.

    A service that is held up is slow every time; a machine that is busy with other tests is not.
    """
    fastest = float("inf")
    for _ in range(times):
        start = time.monotonic()
        answer = who.call("GET", path)
        assert answer.status_code == 200, f"{answer.status_code} {answer.text[:300]}"
        fastest = min(fastest, time.monotonic() - start)
        if fastest < SOON:
            break
    return fastest


class SlowReader(threading.Thread):
    """Asks for a file and takes it at so many bytes a second until the service has had enough; `taken` seconds it lasted, 0 = goes on."""

    def __init__(self, home: House, path: str, rate: int) -> None:
        super().__init__(daemon=True)
        self._sock = secure(home, buffer=4096)
        self._sock.sendall(request(home, "GET", path))
        self._rate, self.stop, self.taken = rate, threading.Event(), 0.0

    def run(self) -> None:
        """Read a little every tenth of a second."""
        start = time.monotonic()
        with self._sock, suppress(OSError):
            while not self.stop.wait(0.1):
                if not self._sock.recv(max(1, self._rate // 10)):
                    break
        if not self.stop.is_set():
            self.taken = time.monotonic() - start


def api(path: str) -> str:
    """A path of the API."""
    return f"{PREFIX}{path}"
