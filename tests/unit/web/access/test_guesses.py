"""Wrong passwords cost time, honest callers none, and each refusal is one line that fail2ban's filter reads."""

from __future__ import annotations

import configparser
import logging
import re
from pathlib import Path

import pytest

from prs.web.access.guesses import FORGOTTEN, FREE, LONGEST, Guesses, note_refusal
from prs.web.api.refusal import Refusal

FILTER = Path(__file__).parents[4] / "packaging/fail2ban/filter.d/proxmox-rebalancing-service.conf"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def wait_of(guesses: Guesses, address: str) -> int:
    """Seconds the address has to wait, 0 = none."""
    try:
        guesses.check(address)
    except Refusal as refused:
        return refused.retry if refused.status == 429 else -1
    return 0


def test_each_wrong_password_beyond_a_few_doubles_the_wait() -> None:
    clock = Clock()
    guesses, waits = Guesses(clock), list[int]()
    for _ in range(14):
        guesses.wrong("192.0.2.1")
        waits.append(wait_of(guesses, "192.0.2.1"))
    assert waits[:FREE] == [0] * FREE
    assert waits[FREE : FREE + 4] == [4, 7, 13, 25]
    assert waits[-1] == LONGEST + 1
    clock.now += LONGEST + 1
    assert wait_of(guesses, "192.0.2.1") == 0
    guesses.wrong("192.0.2.1")
    assert wait_of(guesses, "192.0.2.1") == LONGEST + 1  # and it goes on where it was
    clock.now += FORGOTTEN + 1
    guesses.wrong("192.0.2.1")
    assert wait_of(guesses, "192.0.2.1") == 0


def test_a_whole_ipv6_network_is_one_client_and_others_do_not_wait() -> None:
    guesses = Guesses(Clock())
    for number in range(FREE + 3):
        guesses.wrong(f"2001:db8:1:2::{number}")
        guesses.wrong(f"::ffff:192.0.2.{number}")
    assert wait_of(guesses, "2001:db8:1:2:ffff::1") > 0
    assert wait_of(guesses, "2001:db8:1:3::1") == 0
    assert wait_of(guesses, "192.0.2.1") == 0


def test_only_so_many_clients_are_remembered_the_latest_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prs.web.access.guesses.CLIENTS", 3)
    guesses = Guesses(Clock())
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"):
        for _ in range(FREE + 1):
            guesses.wrong(address)
    assert [wait_of(guesses, f"192.0.2.{number}") > 0 for number in (1, 2, 3, 4)] == [False, True, True, True]


def pattern() -> re.Pattern[str]:
    """The filter's expression with fail2ban's name for an address resolved."""
    read = configparser.RawConfigParser()
    read.read(FILTER)
    return re.compile(read["Definition"]["failregex"].replace("<ADDR>", r"(?P<address>[0-9a-fA-F:.]+)"))


@pytest.mark.parametrize(("kind", "user", "address", "bans"), [
    ("password", "root@pam", "192.0.2.7", True), ("token", "root@pam!x", "2001:db8::7", True), ("ticket", "root@pam", "192.0.2.7", False),
    ("password", "x@pam msg=password rhost=198.51.100.1 user=", "192.0.2.7", True),
    ("password", "authentication failure; rhost=198.51.100.1 user=a msg=password refused by Proxmox VE", "192.0.2.7", True),
    ("password", "a\nauthentication failure; rhost=198.51.100.1", "192.0.2.7", True), ("password", "", "192.0.2.7", True),
])  # fmt: skip
def test_a_refusal_is_one_line_and_names_nobody_but_the_client(
    caplog: pytest.LogCaptureFixture, kind: str, user: str, address: str, bans: bool
) -> None:
    with caplog.at_level(logging.INFO):
        note_refusal(kind, user, address)
    (record,) = caplog.records
    assert "\n" not in record.getMessage()
    found = pattern().findall(record.getMessage())
    assert found == ([address] if bans else [])
    assert (record.__dict__["client"], record.__dict__["allowed"]) == (address, "no")


def test_three_wrong_passwords_are_free_and_so_are_the_three_after_an_hour() -> None:
    """The numbers that SECURITY.md tells."""
    clock = Clock()
    guesses = Guesses(clock)
    waits = []
    for _ in range(5):
        guesses.wrong("192.0.2.1")
        waits.append(wait_of(guesses, "192.0.2.1"))
    assert waits == [0, 0, 0, 4, 7]  # 3 s and 6 s, rounded up
    clock.now += 3601.0
    again = []
    for _ in range(4):
        guesses.wrong("192.0.2.1")
        again.append(wait_of(guesses, "192.0.2.1"))
    assert again == [0, 0, 0, 4]
