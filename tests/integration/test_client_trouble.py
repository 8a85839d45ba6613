"""Broken connections, silent hosts and dead ones: what is repeated, what is not, and in which words it is told."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from integration.certificates import Authority
from integration.conftest import Connect, Serve
from integration.scripted import DRIP_BODY, DRIP_HEAD, DROP, HANG, Answer, Asked, data
from prs.errors import Unreachable


@pytest.fixture
def dead() -> Iterator[str]:
    """A host whose port nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def dropping(which: Callable[[Asked], bool]) -> Callable[[Asked], Answer | str]:
    return lambda asked: DROP if which(asked) else data(asked.connection)


def test_a_get_over_a_connection_that_pve_has_closed_is_sent_again(serve: Serve, client: Connect) -> None:
    server = serve(dropping(lambda asked: asked.connection == 1 and asked.path.endswith("/second")))
    api = client(server)
    assert api.get("/first") == 1
    assert api.get("/second") == 2
    assert [asked.path.rpartition("/")[2] for asked in server.asked] == ["first", "second", "second"]
    assert api.calls == 3


def test_a_get_is_repeated_once_and_no_more(serve: Serve, client: Connect) -> None:
    server = serve(dropping(lambda asked: True))
    with pytest.raises(Unreachable, match="closed the connection without an answer"):
        client(server).get("/version")
    assert len(server.asked) == 2


@pytest.mark.parametrize("method", ["post", "delete"])
def test_a_change_is_sent_over_a_fresh_connection_and_once(method: str, serve: Serve, client: Connect) -> None:
    server = serve(dropping(lambda asked: asked.path.endswith("/bad")))
    api = client(server)
    api.get("/first")
    assert getattr(api, method)("/good") == 2
    with pytest.raises(Unreachable, match="the request may have been carried out all the same"):
        getattr(api, method)("/bad")
    assert [asked.path.rpartition("/")[2] for asked in server.asked] == ["first", "good", "bad"]


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_silent_host_costs_no_more_than_the_timeout(method: str, serve: Serve, client: Connect) -> None:
    server = serve(lambda asked: HANG)
    begun = time.monotonic()
    with pytest.raises(Unreachable, match=r"did not answer within 0\.5 seconds"):
        getattr(client(server, timeout=0.5), method)("/version")
    assert time.monotonic() - begun < 2
    assert len(server.asked) == 1


@pytest.mark.parametrize("part", [DRIP_HEAD, DRIP_BODY])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_host_that_drips_does_not_hold_a_call_for_ever(method: str, part: str, serve: Serve, client: Connect) -> None:
    """Each byte comes in time, and the whole answer never: the call has an end of its own."""
    server = serve(lambda asked: part)
    with pytest.raises(Unreachable, match=r"did not come to the end of its answer within 1\.5 seconds"):
        getattr(client(server, timeout=0.5), method)("/version")
    assert len(server.asked) == 1


def test_an_answer_of_nested_lists_is_told_in_words(serve: Serve, client: Connect) -> None:
    """Python's reader of JSON gives up on it in its own way."""
    server = serve(lambda asked: Answer('{"data": ' + "[" * 100_000 + "]" * 100_000 + "}"))
    with pytest.raises(Unreachable, match="not one of Proxmox VE's API"):
        client(server).get("/version")


def packed(*parts: bytes) -> bytes:
    """A head that says gzip, and the parts packed one after the other, so that a bomb needs no memory here either."""
    packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    body = b"".join(packer.compress(part) for part in parts) + packer.flush()
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body


LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n"
HOSTILE: dict[str, tuple[bytes, str]] = {
    "a bomb of 100 MiB": (packed(b'{"data": "', *[bytes(2**20)] * 100, b'"}'), "longer than 4 MiB"),
    "a bomb in a bomb": (packed(packed(b'{"data": 1}')).replace(b"gzip", b"gzip, gzip", 1), "packed in a way"),
    "another packing": (packed(b"").replace(b"gzip", b"zstd", 1), "packed in a way"),
    "no packing": (packed(b"").replace(b"\x1f\x8b", b"\x1f\x8a", 1), "cannot be unpacked"),
    "half a packing": (packed(b'{"data": 1}')[:-12].replace(b"Content-Length", b"X-Length"), "not one of"),
    "without an end": (LONG + b'{"data": "' + b" " * 5 * 2**20, "longer than 4 MiB"),
    "NaN": (b'HTTP/1.1 200 OK\r\n\r\n{"data": NaN}', "not one of"),
    "a head without end": (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000, "closed the connection"),
    "a thousand headers": (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n", "closed the connection"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_hostile_node_has_passed_on_is_read_to_a_bound(name: str, serve: Serve, client: Connect) -> None:
    """And in words; the very next answer is read as ever."""
    answer, words = HOSTILE[name]
    server = serve(lambda asked: answer if "/nodes/" in asked.path else data(1))
    with client(server) as api:
        with pytest.raises(Unreachable, match=words):
            api.get("/nodes/bad/rrddata")
        assert api.get("/version") == 1


def test_a_packed_answer_is_read_and_the_connection_kept(serve: Serve, client: Connect) -> None:
    server = serve(lambda asked: packed(b'{"data": "', b"x" * 3 * 2**20, b'"}'))
    with client(server) as api:
        assert [len(api.get("/nodes/good/rrddata")) for _ in range(3)] == [3 * 2**20] * 3
    assert server.asked[0].headers["accept-encoding"] == "gzip"


def test_hands_that_are_shaken_byte_by_byte_do_not_hold_a_call_for_ever(client: Connect) -> None:
    """Each byte of the TLS handshake comes in time, and its end never: Python counts its limit for all of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            with suppress(OSError):
                sock, _ = listener.accept()
                with sock:
                    sock.sendall(b"\x16\x03\x03\x40\x00")
                    while True:
                        time.sleep(0.1)
                        sock.sendall(b"\x02")

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        with pytest.raises(Unreachable, match=r"did not answer within 0\.5 seconds"):
            client(f"127.0.0.1:{listener.getsockname()[1]}", timeout=0.5).get("/version")
        thread.join(60)


def test_a_login_too_costs_no_more_than_the_timeout(serve: Serve, client: Connect) -> None:
    begun = time.monotonic()
    with pytest.raises(Unreachable, match="did not answer"):
        client(serve(lambda asked: HANG), password="x", timeout=0.5).get("/version")
    assert time.monotonic() - begun < 2


def test_a_host_that_does_not_even_shake_hands_costs_no_more_than_the_timeout(client: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        begun = time.monotonic()
        with pytest.raises(Unreachable):
            client(f"127.0.0.1:{mute.getsockname()[1]}", timeout=0.5).get("/version")
        assert time.monotonic() - begun < 3


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_dead_host_is_passed_over_and_not_tried_again(method: str, dead: str, serve: Serve, client: Connect) -> None:
    server = serve(lambda asked: data("here"))
    api = client(dead, server)
    assert [getattr(api, method)("/x") for _ in range(3)] == ["here"] * 3
    assert api.calls == 4
    assert api.place == f"127.0.0.1:{server.port}"


def test_when_the_second_host_dies_the_first_is_tried_again(serve: Serve, client: Connect) -> None:
    down = {"first": True, "second": False}
    first = serve(lambda asked: DROP if down["first"] else data("first"))
    second = serve(lambda asked: DROP if down["second"] else data("second"))
    api = client(first, second)
    assert api.get("/x") == "second"
    down.update(first=False, second=True)
    assert api.get("/x") == "first"


def test_a_change_that_may_have_gone_out_is_not_sent_to_another_host(serve: Serve, client: Connect) -> None:
    first, second = serve(lambda asked: DROP), serve(lambda asked: data("second"))
    with pytest.raises(Unreachable):
        client(first, second).post("/nodes/pve1/qemu/100/migrate", {"target": "pve2"})
    assert (len(first.asked), len(second.asked)) == (1, 0)


def test_a_foreign_page_on_the_first_host_leads_a_get_to_the_second(serve: Serve, client: Connect) -> None:
    first, second = serve(lambda asked: Answer("<html>")), serve(lambda asked: data("second"))
    assert client(first, second).get("/x") == "second"


def test_when_no_host_answers_each_is_named(dead: str, client: Connect) -> None:
    with pytest.raises(Unreachable) as caught:
        client(dead, "no-such-host.invalid").get("/x")
    assert f"{dead} refuses the connection (is pveproxy running there?)" in str(caught.value)
    assert "the name of no-such-host.invalid:8006 cannot be resolved" in str(caught.value)


@pytest.mark.usefixtures("localhost")
@pytest.mark.parametrize(("name", "address"), [("[::1]", "::1"), ("localhost", "127.0.0.1")])
def test_ipv6_and_names(name: str, address: str, serve: Serve, client: Connect) -> None:
    server = serve(lambda asked: data(asked.headers["host"]), address=address)
    place = f"{name}:{server.port}"
    assert client(place).get("/version") == place


@pytest.mark.parametrize("hosts", [("a b",), ("host:99999",), ("host:port",), ("[::1",)])
def test_a_host_that_makes_no_sense(hosts: tuple[str, ...], client: Connect) -> None:
    with pytest.raises(Unreachable):
        client(*hosts)


def failure(client: Connect, server: object, **more: object) -> str:
    with pytest.raises(Unreachable) as caught:
        client(server, **more).get("/version")
    return str(caught.value)


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")  # proxmoxer switches it off, pytest on again
def test_certificates_that_do_not_hold_and_what_to_do(authority: Authority, serve: Serve, client: Connect, tmp_path: Path) -> None:
    good = serve(lambda asked: data(1))
    foreign = serve(lambda asked: data(1), pem=Authority(tmp_path, "Somebody").node("127.0.0.1"))
    named = serve(lambda asked: data(1), pem=authority.node("pve1.example.org"))
    old = serve(lambda asked: data(1), pem=authority.node("127.0.0.1", lasts=datetime.timedelta(days=-1)))
    assert client(good).get("/version") == 1
    assert "is not signed by the authority in" in failure(client, foreign)
    assert "is signed by an unknown authority; give /etc/pve/pve-root-ca.pem" in failure(client, good, ca_file="")
    assert "is for another name" in failure(client, named)
    assert "has expired" in failure(client, old)
    for server in (foreign, named, old):
        assert client(server, verify=False).get("/version") == 1
        assert len(server.asked) == 1


def test_a_change_that_no_certificate_let_out_goes_to_the_next_host(serve: Serve, client: Connect, tmp_path: Path) -> None:
    foreign = serve(lambda asked: data("first"), pem=Authority(tmp_path, "Somebody").node("127.0.0.1"))
    assert client(foreign, serve(lambda asked: data("second"))).post("/x") == "second"


def test_the_ca_file_may_be_the_nodes_own_certificate(authority: Authority, serve: Serve, client: Connect) -> None:
    pem = authority.node("127.0.0.1")
    assert client(serve(lambda asked: data(1), pem=pem), ca_file=str(pem.with_suffix(".crt"))).get("/version") == 1


def test_an_older_clusters_ca_holds_where_python_is_strict(
    authority: Authority, serve: Serve, client: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = ssl.create_default_context

    def strict(*arguments: Any, **options: Any) -> ssl.SSLContext:
        made = plain(*arguments, **options)
        made.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
        return made

    monkeypatch.setattr("prs.pve.http.tls.ssl.create_default_context", strict)
    server = serve(lambda asked: data(1))
    with socket.create_connection(("127.0.0.1", server.port)) as link, pytest.raises(ssl.SSLCertVerificationError):
        strict(cafile=str(authority.file)).wrap_socket(link, server_hostname="127.0.0.1")
    assert client(server).get("/version") == 1


@pytest.mark.parametrize("how", ["environment", "requests"])
def test_no_other_authority_is_trusted_beside_the_configured_one(
    how: str, serve: Serve, client: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Authority(tmp_path, "Somebody")
    if how == "environment":
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other.file))
    else:
        monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(other.file))
    foreign = serve(lambda asked: data(1), pem=other.node("127.0.0.1"))
    assert "is not signed by the authority in" in failure(client, foreign)


@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_a_ca_file_that_cannot_be_used(content: str | None, client: Connect, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    if content:
        path.write_text(content)
    with pytest.raises(Unreachable, match=r"the CA file .*ca\.pem cannot be used"):
        client("127.0.0.1:1", ca_file=str(path))


def test_plain_http_on_the_port_is_told(client: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:
        plain.settimeout(5)

        def answer() -> None:
            connection, _ = plain.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(Unreachable, match="no TLS connection to"):
            client(f"127.0.0.1:{plain.getsockname()[1]}").get("/version")
        thread.join()
