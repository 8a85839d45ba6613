"""Clients of two IPv6 networks and of IPv4, on the loopback of a network of their own (`unshare --net`): FOLDER; prints what they saw."""

from __future__ import annotations

import fcntl
import json
import socket
import ssl
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from integration.web_house import PREFIX, house
from simcluster.scenes import small

SERVER, ONE, SAME, OTHER = "2001:db8:9::1", "2001:db8:1:1::1", "2001:db8:1:1::2", "2001:db8:1:2::1"
GUESS = json.dumps({"username": "root@pam", "password": "guess"}).encode()
_SET_FLAGS, _SET_ADDRESS = 0x8914, 0x8916  # SIOCSIFFLAGS, SIOCSIFADDR of Linux; its loopback is interface 1


def bring_up() -> None:
    """The loopback with these addresses."""
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", 0x1 | 0x8 | 0x40))
    with socket.socket(socket.AF_INET6) as any_socket:
        for address in (SERVER, ONE, SAME, OTHER):
            fcntl.ioctl(any_socket, _SET_ADDRESS, struct.pack("16sIi", socket.inet_pton(socket.AF_INET6, address), 128, 1))


def connected(source: str, place: str, port: int) -> socket.socket:
    """A TCP connection from an address of the same family."""
    sock = socket.socket(socket.AF_INET6 if ":" in place else socket.AF_INET)
    sock.settimeout(30)
    sock.bind((source, 0))
    sock.connect((place, port))
    return sock


def status(source: str, port: int, method: str, path: str, body: bytes = b"", place: str = SERVER) -> int:
    """The status that one request is answered with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host = f"[{place}]" if ":" in place else place
    lines = [f"{method} {PREFIX}{path} HTTP/1.1", f"Host: {host}", "Content-Type: application/json", f"Content-Length: {len(body)}", "", ""]
    with context.wrap_socket(connected(source, place, port)) as sock:
        sock.sendall("\r\n".join(lines).encode() + body)
        return int(sock.recv(65536).split()[1])


def still_open(sock: socket.socket) -> bool:
    """Whether the service has not closed it."""
    sock.setblocking(False)
    with suppress(OSError):
        return bool(sock.recv(1))
    return True


def seen(folder: Path) -> dict[str, Any]:
    """What the clients saw."""
    with house(folder, small(start=time.time())) as found:
        config = found.config.read_text()
        found.config.write_text(config.replace(f"address: {found.address}\n", ""))  # as shipped: all addresses of both families
        found._start("web", found.web_command())
        found.wait(lambda: status(OTHER, found.port, "GET", "/healthz") == 200)

        def guess(source: str, place: str = SERVER) -> int:
            return status(source, found.port, "POST", "/login", GUESS, place)

        told: dict[str, Any] = {"guesses": [guess(ONE) for _ in range(4)], "same network": guess(SAME), "other": guess(OTHER)}
        told["ipv4"] = guess("127.0.0.3", "127.0.0.1")
        silent = [connected((ONE, SAME)[number % 2], SERVER, found.port) for number in range(150)]
        told["served"] = status(OTHER, found.port, "GET", "/healthz")
        found.wait(lambda: sum(map(still_open, silent)) <= 100)
        told["open"] = sum(map(still_open, silent))
        for sock in silent:
            sock.close()
        return {**told, "log": found.log("web")}


if __name__ == "__main__":
    bring_up()
    print(json.dumps(seen(Path(sys.argv[1]))))
