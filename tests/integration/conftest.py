"""What the tests over HTTPS share: one authority with a node's certificate, and clients that are closed again."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from integration.certificates import Authority
from integration.releases import WEB
from integration.scripted import Script, Scripted
from prs.endpoint import Endpoint
from prs.pve.http.client import Client, connect

Serve = Callable[..., Scripted]
Connect = Callable[..., Client]


@pytest.fixture(scope="module", params=WEB)
def release(request: pytest.FixtureRequest) -> str:
    """The release of Debian whose gunicorn, gevent and Flask serve: a test that asks for it runs on both."""
    found: str = request.param
    return found


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def certificate(authority: Authority) -> Path:
    return authority.node("127.0.0.1", "::1", "localhost")


@pytest.fixture
def localhost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name localhost leads to 127.0.0.1, also on a machine without /etc/hosts, whose resolver does not know it."""
    find = socket.getaddrinfo
    try:
        find("localhost", None)
    except OSError:
        known = {"localhost": "127.0.0.1"}
        monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: find(known.get(host, host), *rest, **more))


@pytest.fixture
def serve(certificate: Path) -> Iterator[Serve]:
    """Start a scripted server: serve(script)."""
    with ExitStack() as stack:

        def start(script: Script, address: str = "127.0.0.1", pem: Path = certificate) -> Scripted:
            return stack.enter_context(Scripted(script, pem, address))

        yield start


@pytest.fixture
def client(authority: Authority) -> Iterator[Connect]:
    """Make a client of servers or hosts: client(server, password=...); a token login by default."""
    with ExitStack() as stack:

        def make(*hosts: Scripted | str, **more: Any) -> Client:
            if not {"password", "ticket"} & set(more):
                more = {"token_name": "daemon", "token_value": "token-secret", **more}
            names = tuple(host if isinstance(host, str) else f"127.0.0.1:{host.port}" for host in hosts)
            endpoint = Endpoint(names, **{"user": "prs@pve", "ca_file": str(authority.file), "timeout": 5.0, **more})
            return stack.enter_context(connect(endpoint))

        yield make
