"""The check of hosts and login over real sockets."""

from __future__ import annotations

import datetime
import socket
from pathlib import Path

import pytest

from integration.certificates import Authority
from integration.conftest import Serve
from integration.scripted import Answer, Asked, Scripted, data
from prs.endpoint import Endpoint
from prs.pve.check.check import check
from prs.pve.check.findings import Finding

ADDRESS = "127.0.0.1"


def endpoint(authority: Authority, *servers: Scripted | str, verify: bool = True, timeout: float = 3.0) -> Endpoint:
    hosts = tuple(server if isinstance(server, str) else f"{ADDRESS}:{server.port}" for server in servers)
    return Endpoint(hosts, "prs@pve", token_name="t", token_value="v", verify=verify, ca_file=str(authority.file), timeout=timeout)


def look(found: list[Finding], name: str) -> Finding:
    return next(finding for finding in found if finding.name.startswith(name))


def refusing(asked: Asked) -> Answer:
    return Answer("", 401, "Authentication failed!")


@pytest.mark.usefixtures("localhost")
def test_from_the_name_to_the_clock(authority: Authority, serve: Serve) -> None:
    server = serve(lambda asked: data({}), pem=authority.node("localhost", "127.0.0.1"))
    found = check(endpoint(authority, f"localhost:{server.port}"))
    assert [finding.name for finding in found[:5]] == ["name localhost", "port localhost", "TLS localhost", "login", "clock"]
    assert all(finding.ok for finding in found[:5])
    assert "127.0.0.1" in found[0].text


def test_a_clock_that_is_wrong(authority: Authority, serve: Serve) -> None:
    server = serve(lambda asked: Answer({"data": {}}, headers={"Date": "Thu, 01 Jan 1970 00:10:00 GMT"}))
    found = look(check(endpoint(authority, server)), "clock")
    assert found.ok is False
    assert "s behind this machine's" in found.text


@pytest.mark.parametrize(
    ("name", "lasts", "ok", "words"),
    [
        ("pve1.example.org", 30, False, "is for another name"),
        (ADDRESS, -1, False, "has expired"),
        (ADDRESS, 5, None, "ends on"),
        (ADDRESS, 30, True, "holds until"),
    ],
)
def test_what_a_certificate_is_worth(name: str, lasts: int, ok: bool | None, words: str, authority: Authority, serve: Serve) -> None:
    pem = authority.node(name, lasts=datetime.timedelta(days=lasts))
    found = look(check(endpoint(authority, serve(lambda asked: data({}), pem=pem))), "TLS")
    assert found.ok is ok
    assert words in found.text
    assert bool(found.remedy) is not bool(ok)


def test_an_unknown_authority(authority: Authority, serve: Serve, tmp_path: Path) -> None:
    server = serve(lambda asked: data({}), pem=Authority(tmp_path, "Somebody").node(ADDRESS))
    found = check(endpoint(authority, server))
    assert "is not signed by the authority in" in look(found, "TLS").text
    assert look(found, "login").ok is False
    assert not server.asked


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")  # proxmoxer switches it off, pytest on again
def test_verification_that_is_off_is_told(authority: Authority, serve: Serve) -> None:
    found = look(check(endpoint(authority, serve(lambda asked: data({})), verify=False)), "TLS")
    assert found.ok is None
    assert "not verified" in found.text


def test_a_ca_file_that_is_missing(authority: Authority, serve: Serve, tmp_path: Path) -> None:
    broken = Endpoint((f"{ADDRESS}:{serve(lambda asked: data()).port}",), "prs@pve", token_name="t", ca_file=str(tmp_path / "none.pem"))
    found = check(broken)
    assert "cannot be used" in look(found, "TLS").text
    assert found[-1].name == "login"


def test_names_ports_and_hosts_that_are_wrong(authority: Authority) -> None:
    with socket.socket() as taken:
        taken.bind((ADDRESS, 0))
        port = taken.getsockname()[1]
        found = check(endpoint(authority, "no-such-host.invalid", f"{ADDRESS}:{port}", "a b"))
    assert "cannot be resolved" in look(found, "name no-such-host.invalid").text
    assert f"refuses connections on port {port}" in look(found, "port").text
    assert look(found, "host a b").ok is False
    assert look(found, "login").ok is False


def test_a_port_that_speaks_no_tls(authority: Authority) -> None:
    with socket.create_server((ADDRESS, 0)) as mute:
        found = check(endpoint(authority, f"{ADDRESS}:{mute.getsockname()[1]}", timeout=0.3))
    assert "does not speak TLS" in look(found, "TLS").text


def test_a_refused_login_ends_the_check(authority: Authority, serve: Serve) -> None:
    found = check(endpoint(authority, serve(refusing)))
    assert found[-1].name == "login"
    assert found[-1].ok is False
    assert "pveum user token list prs@pve" in found[-1].remedy
