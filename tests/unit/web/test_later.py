"""Work that takes longer than a call may wait: whose answer it is, how long it is kept, how much of it there may be."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import TimeoutError as Late
from contextlib import suppress

import pytest

from prs.errors import NotFound
from prs.web import later
from prs.web.api.refusal import Refusal
from prs.web.later import Answer, Later

SHORT = 0.01  # seconds


@pytest.fixture
def done() -> Iterator[threading.Event]:
    found = threading.Event()
    yield found
    found.set()


def after(event: threading.Event, error: Exception | None = None) -> Answer:
    assert event.wait(20)
    if error is not None:
        raise error
    return {"id": "7"}, 201


def test_what_is_soon_done_is_the_answer_and_nothing_is_kept() -> None:
    desk = Later()
    assert desk.begin("root@pam", "root@pam", lambda: ({"id": "7"}, 201), 20.0) == ({"id": "7"}, 201)
    with pytest.raises(Refusal, match="no quorum"):
        desk.begin("root@pam", "root@pam", lambda: refuse(), 20.0)
    assert desk._pieces == {}


def refuse() -> Answer:
    raise Refusal(409, "plan", "no quorum")


def test_what_takes_longer_is_asked_for_until_it_is_there(done: threading.Event) -> None:
    desk = Later()
    told, status = desk.begin("root@pam", "root@pam", lambda: after(done), SHORT)
    assert (status, set(told)) == (202, {"later"})
    assert desk.ask("root@pam", told["later"], SHORT) == (told, 202)
    done.set()
    assert desk.ask("root@pam", told["later"], 20.0) == ({"id": "7"}, 201)
    assert desk.ask("root@pam", told["later"], SHORT) == ({"id": "7"}, 201)  # an answer that was lost on its way


@pytest.mark.parametrize("error", [Refusal(409, "plan", "no quorum"), Late("of its own"), ValueError("a fault")], ids=repr)
def test_what_it_raises_is_raised_where_the_answer_is_asked_for(done: threading.Event, error: Exception) -> None:
    desk = Later()
    told, _ = desk.begin("root@pam", "root@pam", lambda: after(done, error), SHORT)
    done.set()
    with pytest.raises(type(error), match=str(error)):
        desk.ask("root@pam", told["later"], 20.0)


def test_it_is_the_callers_own(done: threading.Event) -> None:
    desk = Later()
    told, _ = desk.begin("root@pam", "root@pam", lambda: after(done), SHORT)
    for owner, name in (("other@pve", told["later"]), ("root@pam!token", told["later"]), ("root@pam", "0" * 32), ("root@pam", "")):
        with pytest.raises(NotFound):
            desk.ask(owner, name, SHORT)


def test_an_answer_is_forgotten_but_no_work_that_goes_on(done: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Later()
    told, _ = desk.begin("root@pam", "root@pam", lambda: after(done), SHORT)
    now = time.monotonic() + 10_000
    monkeypatch.setattr("prs.web.later.time.monotonic", lambda: now)
    assert desk.ask("root@pam", told["later"], SHORT)[1] == 202
    done.set()
    assert desk.ask("root@pam", told["later"], 20.0)[1] == 201
    now += later.KEPT + 1
    with pytest.raises(NotFound, match="kept for 2 minutes"):
        desk.ask("root@pam", told["later"], 20.0)


def test_no_users_can_pile_it_up_so_that_another_one_finds_no_place(done: threading.Event) -> None:
    desk = Later()
    for number in range(later.EACH):
        assert desk.begin(f"one@pve!{number}", "one@pve", lambda: after(done), SHORT)[1] == 202
    with pytest.raises(Refusal) as refused:
        desk.begin("one@pve", "one@pve", lambda: after(done), SHORT)
    assert (refused.value.status, refused.value.retry) == (429, 5)
    for name in [f"{number}@pve" for number in range(5)] * later.EACH:
        with suppress(Refusal):
            desk.begin(name, name, lambda: after(done), 0.001)
    assert desk.begin("last@pve", "last@pve", lambda: after(done), SHORT)[1] == 202
    assert len(desk._pieces) < later.ALL
