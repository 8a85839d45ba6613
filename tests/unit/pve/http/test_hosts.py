"""Hosts as people write them, and values as PVE writes them."""

from __future__ import annotations

import pytest

from prs.endpoint import Endpoint
from prs.pve.http.hosts import caller, host_and_port, where
from prs.pve.read.values import flag, number, properties, rows, text, whole, words


@pytest.mark.parametrize(
    ("written", "host", "port", "place"),
    [
        ("pve1", "pve1", 8006, "pve1:8006"),
        ("hypervisor01.example.org:443", "hypervisor01.example.org", 443, "hypervisor01.example.org:443"),
        ("192.0.2.1", "192.0.2.1", 8006, "192.0.2.1:8006"),
        ("192.0.2.1:8443", "192.0.2.1", 8443, "192.0.2.1:8443"),
        ("::1", "::1", 8006, "[::1]:8006"),
        ("[fd00::12]", "fd00::12", 8006, "[fd00::12]:8006"),
        ("[fd00::12]:8443", "fd00::12", 8443, "[fd00::12]:8443"),
    ],
)
def test_hosts(written: str, host: str, port: int, place: str) -> None:
    assert host_and_port(written) == (host, port)
    assert where(written) == place


@pytest.mark.parametrize(
    "written", ["", "a b", "host:", "host:0", "host:65536", "host:https", "[::1", "[::1]x", "[::1]:", "https://host", "a/b", ":8006"]
)
def test_what_is_no_host(written: str) -> None:
    with pytest.raises(ValueError, match=r"is not a host|does not exist"):
        host_and_port(written)


def test_who_calls() -> None:
    assert caller(Endpoint(("h",), "root@pam", password="x")) == "root@pam"
    assert caller(Endpoint(("h",), "prs@pve", token_name="daemon", token_value="x")) == "prs@pve!daemon"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, 1.0), ("0.5", 0.5), ("", None), (None, None), ("nan", None), ("inf", None), (True, None), ([], None), ("12 GB", None)],
)
def test_numbers(value: object, expected: float | None) -> None:
    assert number({"x": value}, "x") == expected


def test_absent_is_not_a_number() -> None:
    assert number({}, "x") is None
    assert whole({}, "x") == 0
    assert whole({"x": "7.9"}, "x") == 7
    assert text({"x": 5}, "x") == "5"
    assert text({"x": None}, "x") == ""


@pytest.mark.parametrize(("value", "expected"), [(1, True), ("1", True), (True, True), (0, False), ("0", False), ("", False), ("on", True)])
def test_flags(value: object, expected: bool) -> None:
    assert flag({"x": value}, "x", default=not expected) is expected


def test_lists_and_property_strings() -> None:
    assert flag({}, "x", default=True)
    assert words("a;b, c  d,,") == ("a", "b", "c", "d")
    assert properties("ha=static,ha-rebalance-on-start=1,flag") == {"ha": "static", "ha-rebalance-on-start": "1"}
    assert rows([{"a": 1}, None, "x"]) == [{"a": 1}]
    assert rows({"errors": b"x"}) == []
