"""What gunicorn's parser makes of a head, and what is then refused as ambiguous."""

from __future__ import annotations

import os
from typing import Any

import gevent
import gevent.socket
import pytest
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.http import RequestParser
from gunicorn.http.errors import ParseException

from prs.web.server.places import Place
from prs.web.server.worker import Listener, Worker, judge


def parsed(*headers: str, line: str = "POST / HTTP/1.1") -> Any:
    data = "\r\n".join([line, "Host: a", *headers]) + "\r\n\r\n"
    return next(RequestParser(Config(), iter([data.encode("latin-1")]), ("192.0.2.1", 1)))


@pytest.mark.parametrize(("headers", "length"), [
    ((), 0), (("Content-Length: 5",), 5), (("content-length:0005",), 5), (("Content-Length: 9999999999",), 9_999_999_999),
    (("Transfer-Encoding: chunked",), None),
])  # fmt: skip
def test_the_length_of_a_body_is_told_by_one_plain_number(headers: tuple[str, ...], length: int | None) -> None:
    assert judge(parsed(*headers)) == length


@pytest.mark.parametrize("headers", [
    ("Content-Length: +5",), ("Content-Length: -5",), ("Content-Length: 5_0",), ("Content-Length: 0x5",), ("Content-Length: \xb2",),
    ("Content-Length: 5 5",), ("Content-Length: 5, 5",), ("Content-Length:",), ("Content-Length: 5", "Content-Length: 5"),
    ("Content-Length: 00000000000000000000005",), ("Content-Length : 5",), ("X: a\r\n b",), ("X: a\nContent-Length: 5",),
])  # fmt: skip
def test_what_two_readers_may_take_differently_is_refused(headers: tuple[str, ...]) -> None:
    with pytest.raises(ParseException):
        judge(parsed(*headers))


@pytest.mark.parametrize("line", ["get / HTTP/1.1", "GET / HTTP/1.2", "GET / HTTP/2.0", "GE.T / HTTP/1.1"])
def test_only_plain_methods_of_http_1_are_taken(line: str) -> None:
    with pytest.raises(ParseException):
        judge(parsed(line=line))


@pytest.mark.parametrize("target", ["/?\xee", "/?a=\xd9\xa3", "/\xee", "/a?b#\xff"])
def test_an_address_is_ascii(target: str) -> None:
    with pytest.raises(ParseException):
        judge(parsed(line=f"GET {target} HTTP/1.1"))


def test_names_with_an_underscore_are_left_out() -> None:
    request = parsed("Script_Name: /x", "Content_Length: 5")
    assert judge(request) == 0
    assert [name for name, _ in request.headers] == ["HOST"]


@pytest.mark.parametrize("family", [gevent.socket.AF_INET, gevent.socket.AF_UNIX], ids=["port", "unix socket"])
def test_a_connection_that_came_right_before_a_reload_is_answered(family: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker that ends has closed its listening sockets before the request arrives."""
    monkeypatch.setattr(Worker, "bridge_peers", frozenset({os.getuid()}))
    config = Config()
    with gevent.socket.socket(family) as listener:
        listener.bind(("127.0.0.1", 0) if family == gevent.socket.AF_INET else "")
        listener.listen()
        worker = Worker(1, os.getppid(), [listener], None, 30, config, Logger(config))
        worker.look_at_listeners()
    worker.wsgi = lambda _, start: (start("200 OK", []) and None) or [b'{"data": "alive"}']
    here, there = gevent.socket.socketpair()
    with here:
        serving = gevent.spawn(worker.handle, listener, there, ("192.0.2.1", 1))
        gevent.sleep(0)
        here.sendall(b"GET / HTTP/1.0\r\n\r\n")
        here.settimeout(20)
        assert b"alive" in here.makefile("rb").read()
        serving.join(20)
    assert serving.successful()
    worker.tmp.close()


def test_however_many_connections_a_client_has_another_ones_request_begins_among_the_first() -> None:
    """All begin to wait at the same moment, the other one last."""
    config, order = Config(), list[str]()
    worker = Worker(1, os.getppid(), [], None, 30, config, Logger(config))

    def serve(client: str) -> None:
        worker._wait_for_turn(Place(client, lambda: None))
        order.append(client)

    gevent.joinall([gevent.spawn(serve, client) for client in [*["192.0.2.1"] * 100, *["192.0.2.2"] * 100, "192.0.2.3"]])
    assert len(order) == 201
    assert order.index("192.0.2.3") <= 3
    assert not worker._turns
    worker.tmp.close()


def test_however_many_connections_a_client_opens_another_ones_handshake_is_among_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handshake costs the processor as much as a request: hundreds of one client's at once kept another one waiting for half a second."""
    config, order = Config(), list[str]()

    class Contexts:
        def get(self) -> Contexts:
            return self

        def wrap_socket(self, sock: Any, **_: object) -> Any:
            order.append(sock.recv(20).decode())
            raise ConnectionResetError

    monkeypatch.setattr(Worker, "contexts", Contexts())
    monkeypatch.setattr(gevent.socket, "wait_read", lambda _: None)  # all have said something
    worker = Worker(1, os.getppid(), [], None, 30, config, Logger(config))
    worker._listeners = {None: Listener(gevent.socket.AF_INET, ("127.0.0.1", 1))}
    serving, ours = [], []
    for client in [*["192.0.2.1"] * 100, *["192.0.2.2"] * 100, "192.0.2.3"]:
        here, there = gevent.socket.socketpair()
        here.sendall(client.encode())
        ours.append(here)
        serving.append(gevent.spawn(worker.handle, None, there, (client, 1)))
    gevent.joinall(serving)
    for here in ours:
        here.close()
    assert len(order) == 201
    assert order.index("192.0.2.3") <= 3
    worker.tmp.close()


def test_a_client_whose_connection_is_ended_while_it_waits_keeps_its_turn_for_the_next_one() -> None:
    config, served = Config(), list[int]()
    worker = Worker(1, os.getppid(), [], None, 30, config, Logger(config))

    def serve(number: int) -> None:
        worker._wait_for_turn(Place("192.0.2.1", lambda: None))
        served.append(number)

    waiting = [gevent.spawn(serve, number) for number in range(4)]
    gevent.sleep(0)
    for greenlet in waiting[:3]:  # whoever has it is among them
        greenlet.kill()
    gevent.joinall(waiting)
    assert served[-1] == 3
    worker.tmp.close()
