"""A user's changes are counted by the minute, and nobody else waits for it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from prs.config.load import Settings
from prs.endpoint import Endpoint
from prs.errors import ApiError, PrsError
from prs.web.access.auth import Caller
from prs.web.access.guard import Guard
from prs.web.access.login import Login
from prs.web.access.pace import MOMENT, READS, Pace, Turns, room
from prs.web.access.rights import Rights
from prs.web.app import create_app
from prs.web.context import READ_USER, Context
from prs.web.inbox.client import Inbox
from prs.web.site import Site


def test_each_user_has_so_many_in_a_minute_and_the_next_minute_anew() -> None:
    now = [3600.0]
    pace = Pace(240, 60.0, lambda: now[0])
    assert [pace.excess("eve@pve") for _ in range(243)] == [0] * 240 + [1, 2, 3]
    assert pace.excess("root@pam") == 0
    now[0] += 59.5
    assert (pace.excess("eve@pve"), pace.left()) == (4, 1)
    now[0] += 0.5
    assert (pace.excess("eve@pve"), pace.left()) == (0, 60)


class Pve:
    """Accepts every token, and grants nothing."""

    def get(self, path: str, params: object = None) -> Any:
        return {}


def test_a_user_who_asks_for_too_much_is_refused_with_one_line_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With all tokens together; reading goes on, and so does everybody else."""
    site = Site("pve1", tmp_path / "pve-root-ca.pem", tmp_path, {})
    inbox, guard = Inbox(tmp_path / "inbox"), Guard(frozenset({"localhost"}), 8017)
    context = Context(Settings(tmp_path / "prs.conf", state_dir=tmp_path), Endpoint(("127.0.0.1",)), lambda _: Pve(), guard, site, inbox)  # type: ignore[arg-type,return-value]
    context.changes, context.reads = Pace(20, 60.0, lambda: 3600.0), Pace(30, 10.0, lambda: 3600.0)
    client = create_app(context).test_client()

    def status(user: str, method: str = "POST", path: str = "/api/v1/plans") -> int:
        headers = {"Authorization": f"PVEAPIToken={user}=0123456789", "Host": "localhost"}
        found: int = client.open(path, method=method, headers=headers, data="{").status_code
        return found

    with caplog.at_level(logging.INFO, "prs.audit"):
        assert {status(f"eve@pve!t{number % 2}") for number in range(20)} == {415}
        assert {status("eve@pve!t") for _ in range(20)} == {429}
    lines = [record.getMessage() for record in caplog.records if record.name == "prs.audit"]
    assert len(lines) == 21
    assert lines[-1].endswith("refused with 429")
    assert status("eve@pve!t", "GET", "/api/v1/answers/0") != 429
    assert status("root@pam!t") == 415
    reads = [status(f"eve@pve!t{number % 2}", "GET", "/api/v1/answers/0") for number in range(30)]
    assert (set(reads[:-1]), reads[-1]) == ({404}, 429)
    assert status("root@pam!t", "GET", "/api/v1/answers/0") == 404
    # A refused reading is no line in the log; the one more is root's.
    assert len([record for record in caplog.records if record.name == "prs.audit"]) == len(lines) + 1


def test_twenty_open_panels_of_one_user_are_never_put_off() -> None:
    """Each asks for status once, cluster 6, jobs 10, a running job 30 and its window 30 times a minute (pve-ui/src/tab/Readings.js)."""
    assert 20 * (1 + 6 + 10 + 30 + 30) * MOMENT / 60.0 <= READS / 2


@pytest.mark.parametrize("users", [1, 2, 6, 20, 63])
def test_whoever_has_no_place_finds_one_however_many_others_take_what_they_get(users: int) -> None:
    held = dict.fromkeys(range(users), 0)
    for _ in range(64):
        for user in held:
            held[user] += room(held[user], sum(held.values()), 12, 64)
    assert room(0, sum(held.values()), 12, 64)
    assert max(held.values()) <= 12
    assert min(held.values()) >= max(held.values()) - 1


def test_a_user_has_so_many_turns_and_takes_none_of_another() -> None:
    turns = Turns(2)
    with turns.of("low@pve"), turns.of("low@pve"):
        third = turns.of("low@pve")
        assert not third.acquire(blocking=False)
        with turns.of("root@pam"):
            pass
    assert third.acquire(blocking=False)


class Slow:
    """Answers when it may; notes who asks."""

    def __init__(self, asked: list[str], go: Callable[[], bool]) -> None:
        self.asked, self.go = asked, go

    def get(self, path: str, params: object = None) -> Any:
        """Nobody's cluster: the reading ends here."""
        self.asked.append(path)
        assert self.go()
        raise ApiError(500, "no")


def test_a_user_with_many_tokens_does_not_take_all_places_of_those_who_read_the_cluster(tmp_path: Path) -> None:
    """Each token sees another cluster, so each has it read anew."""
    asked, go, inbox = list[str](), threading.Event(), Inbox(tmp_path / "inbox")
    guard, site = Guard(frozenset({"localhost"}), 8017), Site("pve1", pages=tmp_path)

    def connect(endpoint: Endpoint) -> Any:
        return Slow(asked, (lambda: go.wait(120)) if endpoint.user == "low@pve" else lambda: True)

    context = Context(Settings(tmp_path / "prs.conf", state_dir=tmp_path), Endpoint(("127.0.0.1",)), connect, guard, site, inbox)

    def read(user: str, token: str = "") -> None:
        who = Caller(Login(user, token_name=token), Rights({}), Endpoint(("127.0.0.1",), user=user))
        with pytest.raises(PrsError):
            context.cluster(who)

    with ThreadPoolExecutor(24) as pool:
        reading = [pool.submit(read, "low@pve", f"t{number}") for number in range(20)]
        try:
            pool.submit(read, "root@pam").result(60)
            assert len(asked) <= READ_USER + 1
        finally:
            go.set()
        for one in reading:
            one.result(60)
