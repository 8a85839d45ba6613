"""The checks in front of the web service, one by one."""

from __future__ import annotations

import base64
import time
from pathlib import Path

import pytest

from prs.web.access.allow_from import AccessRules, read_rules
from prs.web.access.guard import Guard, allow
from prs.web.access.login import read_login
from prs.web.access.rights import Rights
from prs.web.api.refusal import Refusal

GUARD = Guard(frozenset({"pve1", "pve1.example.org", "*.lab.example.org"}), 8017, ("https://panel.example.org",))


@pytest.mark.parametrize(("header", "host"), [
    ("pve1", "pve1"), ("PVE1.Example.org:8017", "pve1.example.org"), ("node7.lab.example.org", "node7.lab.example.org"),
    ("192.0.2.7:8017", "192.0.2.7"), ("[2001:db8::1]:8017", "[2001:db8::1]"), ("panel.example.org", "panel.example.org"), ("pve1.", "pve1"),
])  # fmt: skip
def test_own_names_and_bare_addresses_are_hosts(header: str, host: str) -> None:
    assert GUARD.host(header) == host


@pytest.mark.parametrize(("header", "status"), [
    ("", 400), ("evil.example", 403), ("pve1.evil.example", 403), ("a.b.lab.example.org", 403), ("lab.example.org", 403),
    ("pve1:99999999", 400), ("pve1/x", 400), ("[::1", 400),
])  # fmt: skip
def test_other_hosts_are_refused(header: str, status: int) -> None:
    with pytest.raises(Refusal) as refused:
        GUARD.host(header)
    assert (refused.value.status, refused.value.code) == (status, "host")


def test_the_origin_is_this_host_on_a_known_port_or_configured() -> None:
    assert GUARD.origin(None, "pve1") == ""
    for origin in ("https://pve1:8006", "https://pve1:8017", "https://panel.example.org"):
        assert GUARD.origin(origin, "pve1") == origin
    for origin in ("https://pve1", "http://pve1:8006", "https://pve2:8006", "null", "", "https://panel.example.org:8006"):
        with pytest.raises(Refusal) as refused:
            GUARD.origin(origin, "pve1")
        assert (refused.value.status, refused.value.code) == (403, "origin")


def test_a_configured_origin_with_a_port_makes_its_host_one_of_ours() -> None:
    """A proxy in front passes on the host name that its clients use."""
    assert Guard(frozenset(), 8017, ("https://panel.example.org:8443",)).host("panel.example.org:8443") == "panel.example.org"


def test_only_a_page_that_may_call_is_told_that_it_may_read() -> None:
    assert allow("https://pve1:8006")["Access-Control-Allow-Origin"] == "https://pve1:8006"
    assert not [name for name in allow("") if name.startswith("Access-Control")]
    assert allow("")["Vary"] == "Origin, Authorization, Accept-Encoding"


RULES = {
    "": (["192.0.2.1", "::1"], []),
    "ALLOW_FROM=\"10.0.0.1-10.0.0.5,192.168.0.0/22\"\nDENY_FROM=\"all\"\nPOLICY=\"allow\"": (["10.0.0.3", "192.168.3.9"], []),
    "DENY_FROM=\"all\"": ([], ["10.0.0.3", "::1"]),
    "ALLOW_FROM='10.0.0.0/8'\nDENY_FROM=all\nPOLICY=deny": ([], ["10.0.0.3", "192.0.2.1"]),
    "ALLOW_FROM=10.0.0.0/8\nPOLICY=deny": (["10.0.0.3", "::ffff:10.0.0.3"], ["192.0.2.1", "fe80::1%eth0"]),
    "# POLICY=deny\nexport DENY_FROM=2001:db8::/32 # a comment": (["192.0.2.1"], ["2001:db8::7"]),
}  # fmt: skip


@pytest.mark.parametrize("text", RULES)
def test_access_rules_read_as_pveproxy_reads_them(tmp_path: Path, text: str) -> None:
    (tmp_path / "pveproxy").write_text(text)
    rules = read_rules(tmp_path / "pveproxy")
    admitted, refused = RULES[text]
    assert [client for client in [*admitted, *refused] if rules.admits(client)] == admitted


def test_rules_that_cannot_be_read_let_nobody_in_by_mistake(tmp_path: Path) -> None:
    assert read_rules(tmp_path / "none") == AccessRules()
    for text in ("ALLOW_FROM=10.0.0.300", "POLICY=maybe"):
        (tmp_path / "pveproxy").write_text(text)
        with pytest.raises(ValueError, match="pveproxy: "):
            read_rules(tmp_path / "pveproxy")
    assert not AccessRules().admits("not an address")


def ticket(user: str = "root@pam", age: float = 0.0) -> str:
    return f"PVE:{user}:{int(time.time() - age):08X}::" + base64.b64encode(b"s" * 256).decode()


def test_a_ticket_may_be_percent_encoded_and_keeps_its_plus() -> None:
    raw = ticket()[:-8] + "ab+/cd=="
    for value in (raw, raw.replace("+", "%2B").replace("/", "%2F").replace(":", "%3A").replace("=", "%3D")):
        login = read_login(f"PVEAuthCookie={value}", "", changing=False)
        assert (login.ticket, login.user, login.name) == (raw, "root@pam", "root@pam")
    assert raw not in repr(login)


def test_a_token_names_its_user() -> None:
    login = read_login("PVEAPIToken=prs@pve!daemon=01234567-89ab-cdef-0123-456789abcdef", "", changing=True)
    assert (login.user, login.name) == ("prs@pve", "prs@pve!daemon")
    assert "01234567" not in repr(login)


@pytest.mark.parametrize(("authorization", "status", "code"), [
    ("", 401, "no_ticket"), ("Basic cm9vdDo=", 401, "no_ticket"), ("PVEAuthCookie=", 401, "ticket"),
    ("PVEAuthCookie=x\r\nX: y", 401, "ticket"),
    (f"PVEAuthCookie={ticket(age=9000)}", 401, "ticket"), (f"PVEAuthCookie={ticket('no-realm')}", 401, "ticket"),
    ("PVEAuthCookie=PVE:!tfa!x:00000000::AAAA", 401, "half_ticket"), ("PVEAuthCookie=PVE:tfa!x:00000000::AAAA", 401, "half_ticket"),
    ("PVEAuthCookie=PVE:u2f!x:00000000::AAAA", 401, "half_ticket"), ("PVEAPIToken=root@pam!x=short", 401, "ticket"),
    (f"PVEAuthCookie={ticket()}", 403, "csrf"),
], ids=["nothing", "another scheme", "empty", "two lines", "too old", "no realm", "tfa", "old tfa", "u2f", "short secret",
        "no csrf token"])  # fmt: skip
def test_logins_that_cannot_be_good_are_refused_unasked(authorization: str, status: int, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_login(authorization, "", changing=True)
    assert (refused.value.status, refused.value.code) == (status, code)


def test_rights_follow_the_nearest_listed_path() -> None:
    top = {"/": {"Sys.Audit": 1, "Sys.Console": 0}, "/vms": {"VM.Audit": 1}}
    rights = Rights({**top, "/vms/103": {"VM.Migrate": 0}, "/pool/web": {"VM.Migrate": 1}})
    assert rights.may("Sys.Console", "/")  # 0 is granted here, and not passed down
    assert not rights.may("Sys.Console", "/nodes")
    assert rights.may("Sys.Audit", "/nodes/pve1")
    assert rights.may_migrate(103)
    assert not rights.may_migrate(104)
    assert rights.may("VM.Audit", "/vms/104")
    assert not rights.may("VM.Audit", "/vms/103")  # listed itself, and without it
    assert rights.anywhere("VM.Migrate")
    assert rights.refusal("Sys.Modify") == "needs Sys.Modify on /"
    assert Rights({}).refusal("VM.Audit", "/vms") == "needs VM.Audit on /vms"


@pytest.mark.parametrize(("length", "encoding", "fits"), [
    (None, "", True), (0, "", True), (65536, "", True), (65537, "", False), (None, "chunked", False), (1, "identity", False),
])  # fmt: skip
def test_a_body_of_64_kib_is_the_largest_and_chunks_are_none(length: int | None, encoding: str, fits: bool) -> None:
    if fits:
        Guard.body(length, encoding)
        return
    with pytest.raises(Refusal) as refused:
        Guard.body(length, encoding)
    assert (refused.value.status, "than 64 KiB" in refused.value.message) == (413, not encoding)
