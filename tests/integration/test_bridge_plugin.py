"""The plugin in pveproxy: real Perl among stand-ins of PVE's classes, before the real service on its unix socket."""

from __future__ import annotations

import itertools
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from integration.web_house import House, Person, house
from pveproxy import PveProxy, login
from simcluster.scenes import small


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("home"), small(start=time.time())) as found:
        found.start_with_bridge()
        yield found


@pytest.fixture(scope="module")
def root(home: House) -> Person:
    return home.log_in("root@pam")


@pytest.fixture(params=[8, 9])
def proxy(request: pytest.FixtureRequest, tmp_path: Path, home: House) -> PveProxy:
    return PveProxy(tmp_path, home.socket, release=request.param).install()


def heard(tmp_path: Path, release: int = 9, answer: bytes = b"", **asked: Any) -> tuple[list[str], bytes, bytes]:
    """(head, body) of the request that the plugin writes to a socket, and the stream that comes of `answer`."""
    place, got = tmp_path / "service.sock", bytearray()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen()
        listener.settimeout(20)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(20)
                while b"\r\n\r\n" not in got:
                    got.extend(connection.recv(300_000))
                connection.sendall(answer)

        serving = threading.Thread(target=serve)
        serving.start()
        found = PveProxy(tmp_path / "perl5", place, release).install().ask(**asked)
        serving.join()
    head, _, body = bytes(got).partition(b"\r\n\r\n")
    return head.decode().split("\r\n"), body, found.stream


def test_a_caller_with_a_ticket_reads_and_changes_through_it(proxy: PveProxy, root: Person) -> None:
    found = proxy.ask("GET", "/prs/cluster", login(root.headers))
    assert (found.status, found.inner["status"], found.warnings) == (200, 200, "")
    again = proxy.ask("GET", "/prs/cluster", login(root.headers), etag=found.inner["headers"]["ETag"])
    assert again.inner["status"] == 304
    plan = proxy.ask("POST", "/prs/plans", login(root.headers), body=json.dumps({"kind": "drain", "node": "pve1"}))
    while plan.inner["status"] == 202:
        plan = proxy.ask("GET", f"/prs/answers/{plan.inner['answer']['data']['later']}", login(root.headers))
    assert plan.inner["status"] == 201
    one = proxy.ask("GET", f"/prs/plans/{plan.inner['answer']['data']['id']}", login(root.headers))
    assert one.inner["answer"]["data"]["id"] == plan.inner["answer"]["data"]["id"]
    listed = proxy.ask("GET", "/prs/jobs", login(root.headers), query="scope=node&limit=1")
    assert listed.inner["answer"]["data"]["jobs"] == []


def test_a_token_works_as_on_the_port(proxy: PveProxy, home: House) -> None:
    token = next(name for name in home.server.logins if "!" in name)
    found = proxy.ask("GET", "/prs/status", login(home.log_in(token).headers))
    assert (found.inner["status"], found.inner["answer"]["data"]["user"]) == (200, token)


def test_the_service_believes_no_ticket_that_proxmox_ve_would_not(proxy: PveProxy, root: Person) -> None:
    good = login(root.headers)
    for wrong in ({**good, "ticket": good["ticket"][:-9] + "AAAAAAAA="}, {"ticket": "", "token": ""}, {"api_token": "root@pam!x=1"}):
        assert proxy.ask("GET", "/prs/status", wrong).inner["status"] == 401
    for csrf in ("", "00000000:" + "A" * 43):
        assert proxy.ask("POST", "/prs/plans", {**good, "token": csrf}, body='{"kind": "balance"}').inner["status"] == 403


def test_it_is_no_storage_and_only_pveproxy_has_the_path(tmp_path: Path) -> None:
    for name, status in (("pveproxy", 503), ("pvedaemon", 501), ("pveproxy-other", 501), ("spiceproxy", 501)):
        found = PveProxy(tmp_path, tmp_path / "nobody.sock", name=name).install().ask("GET", "/prs/status")
        assert (found.status, found.told["registered"], found.warnings) == (status, [], ""), name


BROKEN = {
    "empty": "",
    "half written": "package PVE::Storage::Custom::ProxmoxRebalancingService;\nuse strict;\nsub api {",
    "a block and then garbage": "package PVE::Storage::Custom::ProxmoxRebalancingService;\nINIT { die 'x' if 0 }\n}}}",
    "dies": "die 'on purpose';\n",
    "no plugin": "package PVE::Storage::Custom::ProxmoxRebalancingService;\n1;\n",
    "another interface": "package PVE::Storage::Custom::ProxmoxRebalancingService;\nuse base 'PVE::Storage::Plugin';\nsub api { 99 }\n1;\n",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_is_a_warning_and_the_api_answers(tmp_path: Path, text: str) -> None:
    proxy = PveProxy(tmp_path).install()
    (proxy.plugins / "ProxmoxRebalancingService.pm").write_text(text)
    found = proxy.ask("GET", "/version")
    assert (found.status, found.told["data"]) == (200, {"version": "9.2.11"})
    assert "Error loading storage plugin" in found.warnings
    assert proxy.ask("GET", "/prs/status").status == 501


@pytest.mark.parametrize("text", [None, "", "die 'on purpose';\n", "package X;\n1;\n"], ids=["missing", "empty", "dies", "another class"])
def test_a_broken_other_half_is_a_warning_and_the_api_answers(tmp_path: Path, text: str | None) -> None:
    proxy = PveProxy(tmp_path).install()
    half = proxy.plugins / "ProxmoxRebalancingService" / "Bridge.pm"
    half.unlink() if text is None else half.write_text(text)
    found = proxy.ask("GET", "/version")
    assert found.status == 200
    assert "no way to the rebalancing service" in found.warnings
    assert proxy.ask("GET", "/prs/status").status == 501


@pytest.mark.parametrize("version", [1, 8, 11, 15, 40])
def test_any_version_of_the_storage_interface_will_do(tmp_path: Path, version: int) -> None:
    proxy = PveProxy(tmp_path, tmp_path / "nobody.sock").install()
    other = (Path(__file__).parents[1] / "pveproxy" / "perl5" / "PVE" / "Storage.pm").read_text()
    (proxy.perl5 / "PVE" / "Storage.pm").write_text(other.replace("APIVER => 15", f"APIVER => {version}"))
    found = proxy.ask("GET", "/prs/status")
    assert (found.status, found.warnings) == (503, "")


def test_a_half_installed_registration_is_none(tmp_path: Path) -> None:
    proxy = PveProxy(tmp_path).install()
    half = proxy.plugins / "ProxmoxRebalancingService" / "Bridge.pm"
    half.write_text(half.read_text().replace("PVE::API2->register_method", "die 'here'; PVE::API2->register_method"))
    assert proxy.ask("GET", "/prs/status").status == 501
    assert proxy.ask("GET", "/version").status == 200


@pytest.mark.parametrize("path", [
    "/prs", "/prs/", "/prs/..", "/prs/../access/ticket", "/prs/%2e%2e%2fplans", "/prs/jobs%2f..%2fplans", "/prs/.hidden", "/prs/a%00b",
    "/prs/a b", "/prs/a?b", "/prs/a%0d%0aX: y", "/prs/a;b", "/prs/a%252fb",
    "/prs/" + "a/" * 5 + "a", "/prs/" + "a" * 129, "/prs/-x", "/prs/jobs%2f%2e", "/prs/j\u00e4", "/prs/jobs%c3%a4", "/prs/" + "a" * 9000,
])  # fmt: skip
def test_a_path_that_is_none_of_ours_does_not_exist(tmp_path: Path, path: str) -> None:
    assert PveProxy(tmp_path, tmp_path / "nobody.sock").install().ask("GET", path).status == 501


def test_slashes_that_are_escaped_or_doubled_are_slashes(proxy: PveProxy, root: Person) -> None:
    for path in ("/prs/jobs%2f12345", "/prs//jobs///12345/", "/prs/jobs/12345%0a"):
        assert proxy.ask("GET", path, login(root.headers)).inner["status"] in (400, 404), path


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_what_is_written_is_one_request_with_nothing_of_the_callers_own_making(tmp_path: Path, method: str) -> None:
    auth = {"ticket": "PVE:ü@pve:6\r\nHost: x", "token": "6B0B0564:AAA/+="}
    head, body, _ = heard(tmp_path, method=method, path="/prs/plans", auth=auth, body='{"kind": "ü"}')
    assert head == [
        f"{method} /api/v1/plans HTTP/1.0", "Authorization: PVEAuthCookie=PVE%3A%C3%BC%40pve%3A6%0D%0AHost%3A%20x",
        "PRS-Client: 198.51.100.7",
        "CSRFPreventionToken: 6B0B0564:AAA/+=", "Content-Type: application/json", "Content-Length: 14",
    ]  # fmt: skip
    assert body == '{"kind": "ü"}'.encode()


INJECTED: list[dict[str, Any]] = [
    {"query": "limit=1 HTTP/1.0\r\nX: y"}, {"query": "limit=1\n"}, {"query": "a=%20"}, {"query": "a" * 501}, {"query": ["a", "b"]},
    {"etag": "x\r\nHost: y"}, {"etag": "x\n"}, {"etag": "ü"}, {"etag": "e" * 101}, {"rest": "other"}, {"more": "x"}, {"body": "{}"},
    {"node": "pve9"}, {"node": ["pve1"]}, {"node": "pve1\n"}, {"node": ""},
]  # fmt: skip


@pytest.mark.parametrize("params", INJECTED, ids=map(str, INJECTED))
def test_parameters_that_would_be_more_than_one_line_are_refused(tmp_path: Path, params: dict[str, Any]) -> None:
    found = PveProxy(tmp_path, tmp_path / "nobody.sock").install().ask("GET", "/prs/jobs", {"ticket": "x"}, **params)
    assert found.status == 400


def test_a_csrf_token_of_two_lines_is_refused(tmp_path: Path) -> None:
    proxy = PveProxy(tmp_path, tmp_path / "nobody.sock").install()
    assert proxy.ask("POST", "/prs/plans", {"ticket": "x", "token": "x\r\nHost: y"}).status == 400


@pytest.mark.parametrize(("size", "letter", "status"), [(65_536, "x", 200), (65_537, "x", 400), (40_000, "ü", 413)])
def test_bodies_up_to_64_kib_go_through_whole_and_no_larger_ones(tmp_path: Path, size: int, letter: str, status: int) -> None:
    if status != 200:
        assert PveProxy(tmp_path, tmp_path / "nobody.sock").install().ask("POST", "/prs/plans", body=letter * size).status == status
        return
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(tmp_path / "s.sock"))
        listener.listen()
        told: list[Any] = []
        proxy = PveProxy(tmp_path, tmp_path / "s.sock").install()
        asking = threading.Thread(target=lambda: told.append(proxy.ask("POST", "/prs/plans", body="x" * size)))
        asking.start()
        connection, _ = listener.accept()
        got = b""
        while not got.endswith(b"x" * size):
            got += connection.recv(300_000)
        connection.close()
        asking.join()
    assert told[0].status == 200


def test_it_waits_for_nobody_not_even_for_a_service_whose_queue_is_full(tmp_path: Path) -> None:
    place = tmp_path / "full.sock"
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(place))
        listener.listen(0)
        for _ in itertools.count():
            sock = stack.enter_context(socket.socket(socket.AF_UNIX))
            sock.setblocking(False)
            try:
                sock.connect(str(place))
            except BlockingIOError:
                break
        found = PveProxy(tmp_path, place).install().ask("GET", "/prs/status", {"ticket": "x"})
    assert (found.status, "does not answer" in found.told["message"]) == (503, True)


def test_the_answer_is_the_socket_whatever_it_says(tmp_path: Path) -> None:
    large = b"x" * 31_000_000
    assert heard(tmp_path, answer=large, method="GET", path="/prs/status", auth={"ticket": "x"})[2] == large


def test_another_nodes_service_is_asked_through_that_nodes_pveproxy(tmp_path: Path) -> None:
    found = PveProxy(tmp_path, tmp_path / "nobody.sock").install().ask("GET", "/prs/status", node="pve2")
    assert found.told["message"] == "passed on to pve2"
