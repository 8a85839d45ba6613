"""Who is believed for how long, who owns what, and what PVE is asked."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest

from prs.endpoint import Endpoint
from prs.errors import ApiError, LoginFailed
from prs.web.access.auth import NO, SLOW_CALLS, SLOW_CALLS_CLIENT, SLOW_CALLS_USER, YES, Caller, Verifier
from prs.web.access.login import Login
from prs.web.access.rights import Rights
from prs.web.api.refusal import Refusal
from prs.web.cache import Cache

LOGIN = Login("root@pam", "PVE:root@pam:6B02B9EC::c2VjcmV0", "6B02B9EC:" + "A" * 43)


class Pve:
    """Counts what it is asked; `good` is whether it knows the ticket, `csrf` whether it knows the token."""

    def __init__(self) -> None:
        self.asked, self.good, self.csrf = list[str](), True, True

    def get(self, path: str, params: object = None) -> Any:
        self.asked.append(path)
        if not self.good:
            raise LoginFailed("no")
        return {"/": {"Sys.Audit": 1}}

    def post(self, path: str, params: object = None) -> Any:
        self.asked.append(f"POST {path}")
        raise ApiError(501, "no such method") if self.csrf else LoginFailed("no")


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    clock = [1000.0]
    monkeypatch.setattr("prs.web.cache.time.monotonic", lambda: clock[0])
    return clock


@pytest.fixture
def pve() -> Pve:
    return Pve()


@pytest.fixture
def verifier(pve: Pve) -> Verifier:
    found = Verifier(Endpoint(("127.0.0.1",)), lambda endpoint: pve)  # type: ignore[arg-type, return-value]
    found.patience = 0.0
    return found


def test_a_yes_is_believed_for_half_a_minute_where_nothing_changes(now: list[float], pve: Pve, verifier: Verifier) -> None:
    for _ in range(5):
        assert verifier.verify(LOGIN, "192.0.2.1", changing=False).rights.may("Sys.Audit", "/")
    assert len(pve.asked) == 1
    now[0] += YES + 1
    verifier.verify(LOGIN, "192.0.2.1", changing=False)
    assert len(pve.asked) == 2


def test_what_changes_something_asks_anew_each_time_and_a_no_ends_the_old_yes(now: list[float], pve: Pve, verifier: Verifier) -> None:
    verifier.verify(LOGIN, "192.0.2.1", changing=False)
    for _ in range(3):
        verifier.verify(LOGIN, "192.0.2.1", changing=True)
    assert pve.asked.count("/access/permissions") == 4
    assert pve.asked.count("POST /version") == 1
    pve.good = False
    for changing in (True, False):
        with pytest.raises(Refusal) as refused:
            verifier.verify(LOGIN, "192.0.2.1", changing)
        assert refused.value.status == 401


def test_a_no_is_remembered_for_half_a_minute(now: list[float], pve: Pve, verifier: Verifier) -> None:
    pve.good = False
    for _ in range(4):
        with pytest.raises(Refusal):
            verifier.verify(LOGIN, "192.0.2.1", changing=False)
    assert len(pve.asked) == 1
    pve.good = True
    now[0] += NO + 1
    verifier.verify(LOGIN, "192.0.2.1", changing=False)
    assert len(pve.asked) == 2


def test_a_bad_csrf_token_is_refused_and_remembered(now: list[float], pve: Pve, verifier: Verifier) -> None:
    pve.csrf = False
    for _ in range(3):
        with pytest.raises(Refusal) as refused:
            verifier.verify(LOGIN, "192.0.2.1", changing=True)
        assert (refused.value.status, refused.value.code) == (403, "csrf")
    assert pve.asked.count("POST /version") == 1


@pytest.mark.parametrize(("user", "owned"), [
    ("root@pam", True), ("root@pam!full", True), ("root@pamx", False), ("root@pve", False), ("xroot@pam", False), ("", False),
])  # fmt: skip
def test_a_job_belongs_to_its_user_and_to_the_user_of_its_token(user: str, owned: bool) -> None:
    assert Caller(LOGIN, Rights({}), Endpoint(("127.0.0.1",))).owns(user) is owned


def test_a_token_does_not_own_what_its_user_has_started() -> None:
    token = Login("root@pam", token_name="full", token_value="x" * 36)
    caller = Caller(token, Rights({}), Endpoint(("127.0.0.1",)))
    assert caller.owns("root@pam!full")
    assert not caller.owns("root@pam")
    assert not caller.owns("root@pam!fuller")


def test_a_ticket_that_was_good_once_waits_behind_no_guesses_until_pve_refuses_it(
    now: list[float], pve: Pve, verifier: Verifier
) -> None:
    def status(crowded: bool, changing: bool = False) -> int:
        with ExitStack() as places:
            for _ in range(SLOW_CALLS_CLIENT if crowded else 0):
                places.enter_context(verifier.gate.pass_through("192.0.2.1"))
            try:
                verifier.verify(LOGIN, "192.0.2.1", changing)
            except Refusal as refused:
                return refused.status
        return 200

    assert status(crowded=True) == 429
    assert status(crowded=False) == 200
    now[0] += YES + 1
    assert status(crowded=True) == 200
    assert status(crowded=True, changing=True) == 200
    pve.good = False
    now[0] += YES + 1
    assert status(crowded=True) == 401
    pve.good = True
    now[0] += NO + 1
    assert status(crowded=True) == 429


@pytest.mark.usefixtures("now")
def test_who_guesses_csrf_tokens_of_a_ticket_waits_two_at_a_time(verifier: Verifier) -> None:
    with ExitStack() as places:
        for _ in range(SLOW_CALLS_CLIENT):
            places.enter_context(verifier.gate_csrf.pass_through(LOGIN.key))
        with pytest.raises(Refusal) as refused:
            verifier.verify(LOGIN, "192.0.2.1", changing=True)
    assert refused.value.status == 429
    verifier.verify(LOGIN, "192.0.2.1", changing=True)


@pytest.mark.usefixtures("now")
def test_who_guesses_csrf_tokens_of_many_own_tickets_takes_no_place_of_others(verifier: Verifier) -> None:
    """Anybody with a login gets as many tickets as they like, and PVE takes three seconds for each wrong token."""
    with ExitStack() as places:
        for _ in range(SLOW_CALLS_USER):
            places.enter_context(verifier.gate_csrf_user.pass_through("low@pve"))
        low = Login("low@pve", "PVE:low@pve:6B02B9EC::dGlja2V0", LOGIN.csrf)
        with pytest.raises(Refusal) as refused:
            verifier.verify(low, "192.0.2.1", changing=True)
        assert refused.value.status == 429
        verifier.verify(LOGIN, "192.0.2.1", changing=True)
    verifier.verify(low, "192.0.2.1", changing=True)
    assert SLOW_CALLS_USER * 10 <= SLOW_CALLS


@pytest.mark.parametrize("status", [400, 403, 500, 502, 595])
def test_a_fault_of_pve_is_no_yes_to_a_csrf_token(pve: Pve, verifier: Verifier, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    def fail(path: str, params: object = None) -> Any:
        raise ApiError(status, "No route to host")

    with monkeypatch.context() as broken:
        broken.setattr(pve, "post", fail)
        with pytest.raises(ApiError):
            verifier.verify(LOGIN, "192.0.2.1", changing=True)
    verifier.verify(LOGIN, "192.0.2.1", changing=True)
    assert pve.asked.count("POST /version") == 1


@pytest.mark.parametrize(("login", "words"), [
    (LOGIN, "user=root@pam msg=ticket refused"),
    (Login("root@pam", token_name="full", token_value="x" * 36), "user=root@pam!full msg=token"),
])  # fmt: skip
def test_a_refusal_is_a_line_that_names_what_was_refused(
    pve: Pve, verifier: Verifier, caplog: pytest.LogCaptureFixture, login: Login, words: str
) -> None:
    pve.good = False
    with pytest.raises(Refusal):
        verifier.verify(login, "192.0.2.1", changing=False)
    assert f"rhost=192.0.2.1 {words}" in caplog.text


def test_a_callers_ticket_is_used_as_it_came_and_never_renewed_here(verifier: Verifier) -> None:
    found = verifier.endpoint(LOGIN)
    assert (found.user, found.ticket, found.csrf, found.renew) == (LOGIN.user, LOGIN.ticket, LOGIN.csrf, False)


def test_what_was_good_once_is_known_for_limits_until_it_is_refused(now: list[float], pve: Pve, verifier: Verifier) -> None:
    assert not verifier.was_good(LOGIN)
    verifier.verify(LOGIN, "192.0.2.1", changing=False)
    assert verifier.was_good(LOGIN)
    pve.good = False
    now[0] += YES + 1
    with pytest.raises(Refusal):
        verifier.verify(LOGIN, "192.0.2.1", changing=False)
    assert not verifier.was_good(LOGIN)


def test_a_cache_holds_no_more_than_its_size_and_the_latest() -> None:
    cache: Cache[int] = Cache(60.0, 3)
    for number in range(10):
        cache.put(number, number)
    assert [cache.get(number) for number in range(10)] == [None] * 7 + [7, 8, 9]


def test_for_how_long_an_answer_of_pve_is_believed() -> None:
    """SECURITY.md promises half a minute."""
    assert YES <= 30
    assert NO <= 30
