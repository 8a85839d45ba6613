"""Calls through pveproxy that go on: whose answer it is, how many there may be, and what becomes of those that nobody asks for."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from typing import Any

import gevent
import pytest
from gevent.event import Event
from werkzeug.wrappers import Response

from prs.web.access.client import BRIDGE, Told
from prs.web.api.refusal import Refusal
from prs.web.server import held
from prs.web.server.held import ADDRESS, ALL, EACH, Held

NOW = f"{int(time.time()):08X}"  # as tickets have it; all calls of a test come with the same one


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "WAIT", 0.001)


@pytest.fixture
def go() -> Iterator[Event]:
    found = Event()
    yield found
    found.set()


def asks(user: str, path: str = "/status", proven: bool = True, address: str = "", sign: str = "AAAA") -> dict[str, Any]:
    told = Told(user if proven else "")
    return {"PATH_INFO": f"/api/v1{path}", "HTTP_AUTHORIZATION": f"PVEAuthCookie=PVE:{user}:{NOW}::{sign}",
            BRIDGE: told, "REMOTE_ADDR": address}  # fmt: skip


def goes_on(desk: Held, user: str, go: Event, proven: bool = True, address: str = "", sign: str = "AAAA") -> str:
    """The number of a call that takes longer."""

    def work() -> Response:
        assert go.wait(20)
        return Response(user)

    found = desk.answer(asks(user, "/status", proven, address, sign), work)
    assert found.status_code == 202
    number: str = json.loads(found.get_data())["data"]["later"]
    return number


def missing() -> Response:
    return Response("no such answer", 404)


def test_what_is_soon_done_is_the_answer_or_raised_and_nothing_is_kept() -> None:
    desk = Held()
    assert desk.answer(asks("root@pam"), lambda: Response("there")).get_data() == b"there"
    with pytest.raises(ZeroDivisionError):
        desk.answer(asks("root@pam"), lambda: Response(str(1 // 0)))
    assert desk._calls == {}


def test_it_is_handed_out_once_and_to_the_ticket_that_asked(go: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Held()
    number = goes_on(desk, "root@pam", go)
    assert desk.answer(asks("root@pam", f"/answers/{number}"), missing).status_code == 202
    assert desk.answer(asks("other@pve", f"/answers/{number}"), missing).status_code == 404
    assert desk.answer({"PATH_INFO": f"/api/v1/answers/{number}", BRIDGE: Told()}, missing).status_code == 404
    go.set()
    monkeypatch.setattr(held, "WAIT", 20.0)
    assert desk.answer(asks("root@pam", f"/answers/{number}"), missing).get_data() == b"root@pam"
    assert desk.answer(asks("root@pam", f"/answers/{number}"), missing).status_code == 404


def test_all_places_taken_ends_the_next_slow_call_and_no_quick_one(go: Event) -> None:
    desk = Held()
    numbers = [goes_on(desk, "one@pve", go) for _ in range(EACH)]
    with pytest.raises(Refusal) as refused:
        goes_on(desk, "one@pve", go)
    assert (refused.value.status, refused.value.retry) == (504, 5)
    for name in [f"{number}@pve" for number in range(5)] * EACH:
        with suppress(Refusal):
            goes_on(desk, name, go)
    assert goes_on(desk, "last@pve", go)
    assert desk.answer(asks("last@pve"), lambda: Response("there")).get_data() == b"there"
    assert desk.answer(asks("one@pve", f"/answers/{numbers[0]}"), missing).status_code == 202
    assert len(desk._calls) < ALL


def test_tickets_that_are_not_proven_take_no_place_from_those_that_are(go: Event) -> None:
    """Anybody may write another's name into a ticket, and as long as PVE is slow nobody knows that it is false."""
    desk, kept = Held(), Counter[str]()
    for address, number in product(("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"), range(40)):
        with suppress(Refusal):
            goes_on(desk, "root@pam", go, proven=False, address=address, sign=f"FORGED{number:02}")
            kept[address] += 1
    assert kept["192.0.2.1"] == ADDRESS
    assert goes_on(desk, "root@pam", go, proven=False, address="192.0.2.5")  # an honest one that is not proven yet
    assert all(goes_on(desk, "root@pam", go) for _ in range(EACH))
    with pytest.raises(Refusal):
        goes_on(desk, "root@pam", go)


def test_one_ticket_that_is_not_proven_has_no_more_places_than_one_that_is(go: Event) -> None:
    desk = Held()
    assert all(goes_on(desk, "root@pam", go, proven=False) for _ in range(EACH))
    with pytest.raises(Refusal):
        goes_on(desk, "root@pam", go, proven=False)
    assert goes_on(desk, "audit@pve", go, proven=False)


def test_what_nobody_asks_for_is_ended_when_the_next_one_needs_a_place(go: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Held()
    number = goes_on(desk, "root@pam", go)
    work, later = desk._calls[number].work, time.monotonic() + held.ABANDONED + 1
    monkeypatch.setattr("prs.web.server.held.time.monotonic", lambda: later)
    assert list(desk._calls) == [number]
    other = goes_on(desk, "root@pam", go)
    assert list(desk._calls) == [other]
    work.join(20)
    assert isinstance(work.value, gevent.GreenletExit)


def test_none_goes_on_for_ever(go: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "LONGEST", 0.05)
    desk = Held()
    number = goes_on(desk, "root@pam", go)
    monkeypatch.setattr(held, "WAIT", 20.0)
    assert desk.answer(asks("root@pam", f"/answers/{number}"), missing).status_code == 504
