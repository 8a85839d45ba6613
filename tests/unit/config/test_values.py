"""The values of prs.conf, one reader at a time."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prs.config import accounts, addresses, values
from prs.pve.http.hosts import host_and_port

READERS: dict[str, Callable[[str], Any]] = {
    "switch": values.switch,
    "interval": values.interval,
    "size": values.size,
    "gib": values.gib,
    "host": addresses.host,
    "user": accounts.user,
    "token": accounts.token,
    "node": values.node_name,
    "guest": values.guest_pattern,
    "spread": values.number(0, 100, 0.01, "%"),
    "moves": values.limit(values.count(1, 100000)),
    "method": values.choice("memory", "disk"),
    "directory": values.directory,
}


@pytest.mark.parametrize(
    ("reader", "text", "value"),
    [
        ("switch", "1", True), ("switch", "0", False), ("switch", "Yes", True), ("switch", "OFF", False),
        ("interval", "24", 86400.0), ("interval", "30m", 1800.0), ("interval", "12 h", 43200.0), ("interval", "1D", 86400.0),
        ("interval", "0.5", 1800.0), ("interval", "1m", 60.0), ("interval", "366d", 366 * 86400.0), ("interval", "5min", 300.0),
        ("size", "2", 2**31), ("size", "512MiB", 2**29), ("size", "1.5 g", 3 * 2**29), ("size", "0", 0), ("size", "1tb", 2**40),
        ("gib", "100", 100 * 2**30),
        ("host", "pve1", "pve1"), ("host", "PVE1.example.org:8007", "PVE1.example.org:8007"), ("host", "10.0.0.1", "10.0.0.1"),
        ("host", "fd00::1", "[fd00::1]"), ("host", "[FD00:0::1]:1", "[fd00::1]:1"), ("host", "::1", "[::1]"),
        ("host", "a:65535", "a:65535"),
        ("user", "root@pam", "root@pam"), ("user", "first.last@corp.example@ad", "first.last@corp.example@ad"), ("user", "", ""),
        ("token", "u@pve!t1=x", ("u@pve", "t1", "x")), ("token", "t1=x", ("", "t1", "x")), ("token", "", ("", "", "")),
        ("node", "pve-01", "pve-01"), ("guest", "web*.example", "web*.example"), ("guest", "1??", "1??"),
        ("spread", "5", 0.05), ("spread", "0", 0.0), ("spread", "7.5 %", 0.075),
        ("moves", "", None), ("moves", "3", 3), ("method", "MEMORY", "memory"), ("directory", "/var/lib/prs", Path("/var/lib/prs")),
    ],
)  # fmt: skip
def test_is_read(reader: str, text: str, value: object) -> None:
    assert READERS[reader](text) == pytest.approx(value) if isinstance(value, float) else READERS[reader](text) == value


@pytest.mark.parametrize(
    ("reader", "texts"),
    [
        ("switch", ["", "2", "ja", "1 0"]),
        ("interval", ["", "1w", "h", "-1", "0", "59s", "0.5m", "367d", "1h30m", "1e3", "٣", "inf", "nan", "1 0"]),
        ("size", ["", "x", "-1", "1PiB", "1e9", "1 G i B", "0x10", "nan", "999999999999TiB"]),
        ("gib", ["0", "0.0001"]),
        ("host", ["", " ", "a b", "https://pve1:8006/", "pve1:", "pve1:0", "pve1:65536", "pve1:x", "-a"]),
        ("host", ["[fd00::1", "[fd00::1]x", "[pve1]", "fd00::g"]),
        ("user", ["root", "@pam", "a b@pam", "a@", "a/b@pam", "a:b@pam", "x" * 61 + "@pam"]),
        ("token", ["x", "u@pve!t", "u@pve!t=", "u!t1=x", "u@pve!=x", "u@pve!t1=a b", "=x"]),
        ("node", ["", "a.b", "*", "-a", "a" * 64, "a/b", "nödé"]),
        ("guest", ["", "a b", "a/b", "[ab]", "x" * 254]),
        ("spread", ["", "101", "-1", "5 points", "%", "nan"]),
        ("moves", ["0", "-1", "1.5", "many", "100001", "²"]),
        ("method", ["", "ram", "memory,disk"]),
        ("directory", ["", "var/lib", "~/prs"]),
    ],
)
def test_is_refused(reader: str, texts: list[str]) -> None:
    for text in texts:
        with pytest.raises(ValueError):
            READERS[reader](text)


@given(st.integers(0, 2**30), st.sampled_from([("MiB", 2**20), ("GiB", 2**30), ("m", 2**20), ("", 2**30)]))
def test_whole_sizes_are_exact(number: int, unit: tuple[str, int]) -> None:
    if number * unit[1] <= 2**60:
        assert values.size(f"{number}{unit[0]}") == number * unit[1]


@given(st.integers(1, 366 * 24 * 60))
def test_an_interval_in_minutes_and_in_hours_is_the_same(minutes: int) -> None:
    assert values.interval(f"{minutes}m") == minutes * 60
    if minutes % 60 == 0:
        assert values.interval(str(minutes // 60)) == values.interval(f"{minutes // 60}h") == minutes * 60


@given(st.lists(st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z0-9]", fullmatch=True), max_size=6))
def test_a_list_comes_back_in_order_without_repetitions(names: list[str]) -> None:
    read = values.items(values.node_name)
    assert read(" , ".join(names)) == read(",".join(names)) == tuple(dict.fromkeys(names))


@given(st.ip_addresses(v=6) | st.ip_addresses(v=4), st.none() | st.integers(1, 65535))
def test_every_address_is_read_and_understood_by_the_client(address: object, port: int | None) -> None:
    text = str(address) if ":" not in str(address) or port is None else f"[{address}]"
    found = addresses.host(text if port is None else f"{text}:{port}")
    assert host_and_port(found) == (str(address), port or 8006)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_by_value_error(text: str) -> None:
    hints: list[str] = []
    for read in READERS.values():
        try:
            read(text)
        except ValueError as error:
            hints += map(str, error.args)
    assert all("\n" not in hint and len(hint) < 200 for hint in hints)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("100 - 199, !150", ("100-199", "!150")),
        ("db*, 7", ("db*", "7")),
        ("199-100", "'199-100' ends before it begins"),
        ("!db, !web", "write *, !db for all but that one"),
        ("a b", "'a b' is neither a guest name nor a VMID"),
    ],
)
def test_ignore_lists_of_guests(text: str, value: tuple[str, ...] | str) -> None:
    """Ranges and exceptions; what cannot be meant is said."""
    read = values.but(values.items(values.guest_pattern))
    if isinstance(value, tuple):
        assert read(text) == value
    else:
        with pytest.raises(ValueError, match=re.escape(value)):
            read(text)
