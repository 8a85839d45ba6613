"""Calls through pveproxy that go on: whose answer it is, how many there may be, and what becomes of those that nobody asks for."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from gevent.event import Event
from werkzeug.wrappers import Response

from prs.web.api.refusal import Refusal
from prs.web.server import held
from prs.web.server.held import ALL, EACH, Held

NOW = f"{int(time.time()):08X}"  # as tickets have it; all calls of a test come with the same one


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "WAIT", 0.001)


@pytest.fixture
def go() -> Iterator[Event]:
    found = Event()
    yield found
    found.set()


def asks(user: str, path: str = "/status") -> dict[str, Any]:
    return {"PATH_INFO": f"/api/v1{path}", "HTTP_AUTHORIZATION": f"PVEAuthCookie=PVE:{user}:{NOW}::AAAA"}


def goes_on(desk: Held, user: str, go: Event) -> str:
    """The number of a call that takes longer."""

    def work() -> Response:
        assert go.wait(20)
        return Response(user)

    found = desk.answer(asks(user), work)
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
    assert desk.answer({"PATH_INFO": f"/api/v1/answers/{number}"}, missing).status_code == 404
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
    for number in range(ALL - EACH):
        goes_on(desk, f"{number}@pve", go)
    with pytest.raises(Refusal):
        goes_on(desk, "last@pve", go)
    assert desk.answer(asks("last@pve"), lambda: Response("there")).get_data() == b"there"
    assert desk.answer(asks("one@pve", f"/answers/{numbers[0]}"), missing).status_code == 202
    assert len(desk._calls) == ALL


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
