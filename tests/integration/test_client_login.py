"""Tickets: got by password or handed in, renewed in time, once, and never asked for again and again when refused."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import pytest

from integration.conftest import Connect, Serve
from integration.scripted import DROP, Answer, Asked, data
from prs.errors import LoginFailed, Unreachable

REFUSED = Answer({"data": None, "message": "authentication failure\n"}, 401, "authentication failure")


@dataclass
class Pve:
    """A script with PVE's rules for tickets: `now` is the server's time, `logins` are the forms that came in."""

    now: float = field(default_factory=time.time)
    password: str = "secret-password"
    up: bool = True
    half: bool = False
    logins: list[dict[str, str]] = field(default_factory=list)
    good: dict[str, str] = field(default_factory=dict)

    def __call__(self, asked: Asked) -> Answer | str:
        if asked.path == "/api2/json/access/ticket":
            return self.login(dict(parse_qsl(asked.body))) if self.up else DROP
        ticket = asked.headers.get("cookie", "").removeprefix("PVEAuthCookie=")
        if ticket not in self.good or int(ticket.split(":")[2], 16) + 7200 < self.now:
            return Answer("", 401, "Authentication failed!" if ticket else "No ticket")
        if asked.method != "GET" and asked.headers.get("csrfpreventiontoken") != self.good[ticket]:
            return Answer("", 401, "Permission denied - invalid csrf token")
        return data(len(self.logins))

    def login(self, form: dict[str, str]) -> Answer:
        self.logins.append(form)
        if form["password"] != self.password and form["password"] not in self.good:
            return REFUSED
        ticket, csrf = self.issue(form["username"])
        return data({"ticket": ticket, "CSRFPreventionToken": csrf, "username": form["username"], **({"NeedTFA": 1} if self.half else {})})

    def issue(self, user: str, age: float = 0.0) -> tuple[str, str]:
        stamp = f"{int(self.now - age):08X}"
        ticket = f"PVE:{'!tfa!' if self.half else user}:{stamp}::secret+signature/{len(self.good)}=="
        self.good[ticket] = f"{stamp}:csrf-{len(self.good)}"
        return ticket, self.good[ticket]


@dataclass
class Clock:
    """The client's monotonic clock and the server's, moved together."""

    pve: Pve
    ahead: float = 0.0

    def forward(self, seconds: float) -> None:
        self.ahead += seconds
        self.pve.now += seconds


@pytest.fixture
def pve() -> Pve:
    return Pve()


@pytest.fixture
def clock(pve: Pve, monkeypatch: pytest.MonkeyPatch) -> Clock:
    found, real = Clock(pve), time.monotonic
    monkeypatch.setattr("prs.pve.http.credentials.time.monotonic", lambda: real() + found.ahead)
    return found


def test_a_password_is_used_once_and_a_change_carries_the_csrf_token(pve: Pve, serve: Serve, client: Connect) -> None:
    server = serve(pve)
    api = client(server, password="secret-password", user="root@pam")
    assert [api.get("/x"), api.post("/x"), api.delete("/x"), api.get("/x")] == [1, 1, 1, 1]
    assert pve.logins == [{"username": "root@pam", "password": "secret-password"}]
    assert ["csrfpreventiontoken" in asked.headers for asked in server.asked] == [False, False, True, True, False]
    assert not any("authorization" in asked.headers for asked in server.asked)
    assert api.calls == 5


def test_a_wrong_password_is_tried_once_a_minute_at_most(pve: Pve, clock: Clock, serve: Serve, client: Connect) -> None:
    api = client(serve(pve), password="wrong")
    for _ in range(5):
        with pytest.raises(LoginFailed, match="PVE refuses the login of prs@pve: authentication failure"):
            api.get("/x")
    assert len(pve.logins) == 1
    clock.forward(61)
    pve.password = "wrong"
    assert api.get("/x") == 2


def test_a_half_ticket_is_no_login(pve: Pve, serve: Serve, client: Connect) -> None:
    pve.half = True
    with pytest.raises(LoginFailed, match="second factor: use an API token"):
        client(serve(pve), password="secret-password").get("/x")


@pytest.mark.parametrize("answer", [data(None), data({"ticket": "x"}), data([1]), Answer("<html>")])
def test_a_login_without_a_ticket_is_no_login(answer: Answer, serve: Serve, client: Connect) -> None:
    with pytest.raises(Unreachable):
        client(serve(lambda asked: answer), password="secret-password").get("/x")


def test_a_ticket_is_renewed_long_before_it_ends(pve: Pve, clock: Clock, serve: Serve, client: Connect) -> None:
    api = client(serve(pve), password="secret-password")
    for _ in range(40):
        api.get("/x")
        clock.forward(600)
    assert len(pve.logins) == 7


def test_a_suspended_machine_renews_by_the_wall_clock(pve: Pve, serve: Serve, client: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock that never jumps stands still while the machine sleeps, and PVE's does not."""
    api, real, ahead = client(serve(pve), password="secret-password"), time.time, 0.0
    api.get("/x")
    ahead = 3 * 3600.0
    monkeypatch.setattr("prs.pve.http.credentials.time.time", lambda: real() + ahead)
    pve.now += ahead
    assert api.get("/x")
    assert len(pve.logins) == 2


def test_threads_renew_once(pve: Pve, clock: Clock, serve: Serve, client: Connect) -> None:
    api = client(serve(pve), password="secret-password")
    api.get("/x")
    clock.forward(4000)
    results: list[int] = []
    threads = [threading.Thread(target=lambda: results.append(api.get("/x"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [2] * 8


def test_a_renewal_that_finds_nobody_is_made_up_for(pve: Pve, clock: Clock, serve: Serve, client: Connect) -> None:
    api = client(serve(pve), password="secret-password")
    api.get("/x")
    pve.up = False
    clock.forward(3700)
    assert api.get("/x") == 1
    assert api.get("/x") == 1
    clock.forward(4000)
    with pytest.raises(Unreachable):
        api.get("/x")
    pve.up = True
    assert api.get("/x") == 2


def test_a_ticket_that_pve_no_longer_takes_is_replaced_by_password_also_for_a_change(pve: Pve, serve: Serve, client: Connect) -> None:
    server = serve(pve)
    api = client(server, password="secret-password")
    api.get("/x")
    pve.good.clear()
    assert api.post("/x") == 2
    assert [asked.method for asked in server.asked] == ["POST", "GET", "POST", "POST", "POST"]


def test_a_password_that_gives_only_refused_tickets_does_not_loop(serve: Serve, client: Connect) -> None:
    def script(asked: Asked) -> Answer:
        return (
            data({"ticket": "PVE:x:00000000::s", "CSRFPreventionToken": "c"})
            if asked.path.endswith("ticket")
            else Answer("", 401, "No ticket")
        )

    server = serve(script)
    with pytest.raises(LoginFailed):
        client(server, password="x").get("/x")
    assert len(server.asked) == 4


def test_a_handed_in_ticket_is_used_as_it_is_and_renewed_with_itself(pve: Pve, clock: Clock, serve: Serve, client: Connect) -> None:
    ticket, csrf = pve.issue("admin@pve", age=1800)
    api = client(serve(pve), user="admin@pve", ticket=ticket, csrf=csrf)
    assert (api.get("/x"), api.post("/x")) == (0, 0)
    assert api.ticket() == (ticket, csrf)
    clock.forward(1900)
    assert api.post("/x") == 1
    assert pve.logins == [{"username": "admin@pve", "password": ticket}]
    assert api.ticket() != (ticket, csrf)
    clock.forward(3700)
    assert api.get("/x") == 2
    assert api.user == "admin@pve"


def test_a_ticket_without_its_csrf_token_gets_one(pve: Pve, serve: Serve, client: Connect) -> None:
    ticket, _ = pve.issue("admin@pve")
    assert client(serve(pve), user="admin@pve", ticket=ticket).post("/x") == 1


def test_a_session_that_slept_past_its_end_is_over_without_asking(pve: Pve, clock: Clock, serve: Serve, client: Connect) -> None:
    ticket, csrf = pve.issue("admin@pve")
    server = serve(pve)
    api = client(server, user="admin@pve", ticket=ticket, csrf=csrf)
    clock.forward(7300)
    for _ in range(3):
        with pytest.raises(LoginFailed, match="the session of admin@pve has expired"):
            api.get("/x")
    assert not server.asked  # a dead ticket would be tried as a password, and count as a failed login in a directory


def test_a_user_who_was_disabled_is_asked_about_once(pve: Pve, clock: Clock, serve: Serve, client: Connect) -> None:
    ticket, csrf = pve.issue("admin@pve")
    api = client(serve(pve), user="admin@pve", ticket=ticket, csrf=csrf)
    pve.good.clear()
    clock.forward(3700)
    for _ in range(3):
        with pytest.raises(LoginFailed, match="authentication failure"):
            api.get("/x")
    assert len(pve.logins) == 1


def test_a_ticket_with_odd_characters_goes_encoded(serve: Serve, client: Connect) -> None:
    server = serve(lambda asked: data(1))
    ticket = f"PVE:a%3Ab@pve:{int(time.time()):08X}::x+/=; evil=1"
    client(server, ticket=ticket, csrf="c").get("/x")
    assert server.asked[0].headers["cookie"].endswith("::x+/=%3B%20evil=1")
    assert "a%253Ab@pve" in server.asked[0].headers["cookie"]


def test_a_login_goes_to_the_next_host(pve: Pve, serve: Serve, client: Connect) -> None:
    api = client(serve(lambda asked: DROP), serve(pve), password="secret-password")
    assert api.get("/x") == 1


def test_a_token_login_has_no_ticket(serve: Serve, client: Connect) -> None:
    assert client(serve(lambda asked: data(1))).ticket() == ("", "")
