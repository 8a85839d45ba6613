"""How callers are proven: one page that asks several things at once with one ticket is one question to PVE."""

from __future__ import annotations

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from prs.endpoint import Endpoint
from prs.errors import ApiError, LoginFailed
from prs.web.access.auth import Verifier
from prs.web.access.login import Login
from prs.web.api.refusal import Refusal

PERMISSIONS = {"/": {"Sys.Audit": 1}}


class SlowPve:
    """Answers after everybody asked, as PVE does whose refusals take three seconds; counts the questions."""

    user = ""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.gets, self.posts = error, 0, 0
        self.all_ask = threading.Event()  # on a busy machine a thread begins late
        self._lock = threading.Lock()

    def get(self, path: str, params: object = None) -> Any:
        with self._lock:
            self.gets += 1
        assert self.all_ask.wait(120)
        time.sleep(0.3)
        if self.error:
            raise self.error
        return PERMISSIONS

    def post(self, path: str, params: object = None) -> Any:
        with self._lock:
            self.posts += 1
        assert self.all_ask.wait(120)
        time.sleep(0.3)
        raise ApiError(501, "Method 'POST /version' not implemented")

    delete = get


def answers(verifier: Verifier, logins: list[Login], changing: bool = False) -> list[str | int]:
    """What each login is answered when all ask at once: its name, or the status of the refusal."""
    pve, asking = verifier._connect(Endpoint(("pve1",))), itertools.count(1)

    def ask(login: Login) -> str | int:
        if next(asking) == len(logins):
            pve.all_ask.set()  # type: ignore[attr-defined]
        try:
            return verifier.verify(login, "192.0.2.7", changing).name
        except Refusal as refused:
            return refused.status

    with ThreadPoolExecutor(len(logins)) as pool:
        return list(pool.map(ask, logins))


@pytest.mark.parametrize("changing", [False, True])
def test_six_requests_of_one_page_are_one_question(changing: bool) -> None:
    pve = SlowPve()
    login = Login("root@pam", ticket="good", csrf="token")
    assert answers(Verifier(Endpoint(("pve1",)), lambda _: pve), [login] * 6, changing) == ["root@pam"] * 6  # type: ignore[arg-type,return-value]
    assert (pve.gets, pve.posts) == (1, int(changing))


def test_six_requests_with_one_refused_ticket_are_one_question() -> None:
    pve = SlowPve(LoginFailed("Authentication failed!"))
    assert answers(Verifier(Endpoint(("pve1",)), lambda _: pve), [Login("root@pam", ticket="bad")] * 6) == [401] * 6  # type: ignore[arg-type,return-value]
    assert pve.gets == 1


def test_guesses_from_one_client_still_wait_two_at_a_time() -> None:
    pve = SlowPve(LoginFailed("Authentication failed!"))
    guesses = [Login("root@pam", ticket=f"guess {number}") for number in range(6)]
    verifier = Verifier(Endpoint(("pve1",)), lambda _: pve)  # type: ignore[arg-type,return-value]
    verifier.patience = 0.0  # PVE takes longer for a refusal than any patience: here it does not
    assert sorted(answers(verifier, guesses)) == [401, 401, 429, 429, 429, 429]
    assert pve.gets == 2


def test_users_of_one_address_whose_tickets_are_good_wait_for_each_other_and_are_let_in() -> None:
    """As those whose page another node serves: they all come from that node's address."""
    pve = SlowPve()
    verifier = Verifier(Endpoint(("pve1",)), lambda _: pve)  # type: ignore[arg-type,return-value]
    verifier.patience = 120.0
    names = [f"user{number}@pve" for number in range(6)]
    assert answers(verifier, [Login(name, ticket=name) for name in names]) == names
    assert pve.gets == 6
