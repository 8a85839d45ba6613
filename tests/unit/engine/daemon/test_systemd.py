"""What the service tells systemd, seen from the other end of the socket."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from prs.engine.daemon.systemd import Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """Give the service manager's socket and its address as NOTIFY_SOCKET writes it."""
    address = str(tmp_path / "notify") if request.param == "path" else f"@prs-test-{uuid.uuid4()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(address.replace("@", "\0", 1) if address[0] == "@" else address)
        server.settimeout(2)
        yield server, address


def test_every_message(manager: tuple[socket.socket, str]) -> None:
    server, address = manager
    notifier = Notifier({"NOTIFY_SOCKET": address})
    said = []
    for sent in (
        notifier.ready("waiting\nfor 3 jobs"), notifier.ready(), notifier.status("idle"), notifier.watchdog(), notifier.stopping("bye"),
    ):  # fmt: skip
        assert sent
        said.append(server.recv(4096).decode())
    assert said == ["READY=1\nSTATUS=waiting for 3 jobs", "READY=1", "STATUS=idle", "WATCHDOG=1", "STOPPING=1\nSTATUS=bye"]


def test_a_reload_carries_the_monotonic_time(manager: tuple[socket.socket, str]) -> None:
    server, address = manager
    before = time.monotonic_ns() // 1000
    assert Notifier({"NOTIFY_SOCKET": address}).reloading()
    first, _, second = server.recv(4096).decode().partition("\n")
    assert first == "RELOADING=1"
    assert second.startswith("MONOTONIC_USEC=")
    assert before <= int(second.partition("=")[2]) <= time.monotonic_ns() // 1000


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nowhere/socket"}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_nobody_listens(environ: dict[str, str]) -> None:
    assert not Notifier(environ).ready()


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, 0.0),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
    ],
)
def test_the_watchdog_interval(environ: dict[str, str], seconds: float) -> None:
    assert Notifier(environ).watchdog_interval == seconds
