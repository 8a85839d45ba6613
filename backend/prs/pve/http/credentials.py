"""Who asks: an API token, or a ticket that is fetched and renewed. The only code that sees a secret on its way into a request."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import quote as percent_encode

from prs.errors import LoginFailed, Unreachable
from prs.pve.http.hosts import Endpoint, caller

LIFETIME = 7200.0  # seconds a ticket is good for (access-control, PVE/AccessControl.pm)
RENEW_AGE = 3600.0  # half of it: an hour is left to get over a node that reboots
RETRY = 60.0  # seconds between attempts to renew, and after a refused password: each one may count towards a directory's lockout

# Sends a login form (username, password) and gives the `data` of the answer; LoginFailed, Unreachable.
Login = Callable[[dict[str, str]], Any]


class Credentials(Protocol):
    """What turns an anonymous request into one of the caller."""

    def headers(self, method: str, login: Login) -> Mapping[str, str]:
        """The headers to add; logs in or renews first where that is due. LoginFailed, Unreachable."""

    def refused(self) -> bool:
        """PVE answered 401: True if the next `headers` can bring better ones."""


def credentials(endpoint: Endpoint) -> Credentials:
    """The way to log in that the endpoint holds: token before ticket before password."""
    if endpoint.token_name:
        return Token(endpoint)
    return Ticket(endpoint) if endpoint.renew else Given(endpoint)


class Token:
    """An API token: one header, no session, no CSRF."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._value = f"PVEAPIToken={caller(endpoint)}={endpoint.token_value}"

    def headers(self, method: str, login: Login) -> Mapping[str, str]:
        """The Authorization header; never together with a cookie, which PVE would prefer."""
        return {"Authorization": self._value}

    def refused(self) -> bool:
        """A refused token stays refused."""
        return False


class Given:
    """A ticket of a web user for a few requests; an unproven one must not be renewed: PVE would try it as the user's password."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._read = {"Cookie": _cookie(endpoint.ticket)} if endpoint.ticket else {}  # without one: what PVE tells anybody
        self._change = {**self._read, **({"CSRFPreventionToken": endpoint.csrf} if endpoint.csrf else {})}

    def headers(self, method: str, login: Login) -> Mapping[str, str]:
        """The cookie, and the CSRF token for all but GET."""
        return self._read if method == "GET" else self._change

    def refused(self) -> bool:
        """A refused ticket stays refused."""
        return False


class Ticket:
    """A ticket of PVE with its CSRF token, got by password or handed in; handed-in ones are renewed with themselves as password."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._user, self._password = endpoint.user, endpoint.password
        self._ticket, self._csrf = endpoint.ticket, endpoint.csrf
        self._lock = threading.Lock()
        self._refused = ""  # PVE's words when it refused the last login
        now = time.monotonic()
        age = _age(endpoint.ticket) if endpoint.ticket and endpoint.csrf else RENEW_AGE
        self._renew_at, self._dead_at = now + RENEW_AGE - age, now + LIFETIME
        self._stale_at = time.time() + RENEW_AGE - age  # by the wall clock: the other one stands still while the machine is suspended

    def headers(self, method: str, login: Login) -> Mapping[str, str]:
        """The cookie, and the CSRF token for all but GET."""
        with self._lock:
            if time.monotonic() >= self._renew_at or time.time() >= self._stale_at or not self._ticket:
                self._renew(login)
            found = {"Cookie": _cookie(self._ticket)}
            return found if method == "GET" else found | {"CSRFPreventionToken": self._csrf}

    def refused(self) -> bool:
        """With a password a new ticket can be had; a handed-in one is lost."""
        with self._lock:
            if self._password:
                self._ticket = ""
            return bool(self._password)

    def current(self) -> tuple[str, str]:
        """The ticket and CSRF token as they are now, for whoever keeps them over a restart."""
        with self._lock:
            return self._ticket, self._csrf

    def _renew(self, login: Login) -> None:
        now = time.monotonic()
        if self._refused and (now < self._renew_at or not self._password):
            raise LoginFailed(self._refused)
        if not self._password and (not self._ticket or now >= self._dead_at):
            raise LoginFailed(f"the session of {self._user} has expired")
        try:
            data = login({"username": self._user, "password": self._password or self._ticket})
        except LoginFailed as error:
            self._give_up(str(error), now)
            raise
        except Unreachable:
            if not self._ticket or now >= self._dead_at:
                raise
            self._renew_at, self._stale_at = now + RETRY, time.time() + RETRY  # the old one is good for a while yet
            return
        self._take(data, now)

    def _take(self, data: Any, now: float) -> None:
        found = data if isinstance(data, dict) else {}
        ticket, csrf = found.get("ticket"), found.get("CSRFPreventionToken")
        if found.get("NeedTFA") or (isinstance(ticket, str) and ticket.startswith("PVE:!tfa!")):
            self._give_up(f"{self._user} logs in with a second factor: use an API token instead of the password", now)
            raise LoginFailed(self._refused)
        if not isinstance(ticket, str) or not isinstance(csrf, str):
            raise Unreachable(f"the answer to the login of {self._user} holds no ticket")
        self._ticket, self._csrf, self._refused = ticket, csrf, ""
        self._renew_at, self._dead_at, self._stale_at = now + RENEW_AGE, now + LIFETIME, time.time() + RENEW_AGE

    def _give_up(self, words: str, now: float) -> None:
        self._ticket, self._refused, self._renew_at = "", words, now + RETRY


def _cookie(ticket: str) -> str:
    """The cookie with a ticket; PVE decodes the value, and what a plain ticket consists of needs no encoding."""
    return "PVEAuthCookie=" + percent_encode(ticket, safe=":@=+/!-._~")


def _age(ticket: str) -> float:
    """Seconds since PVE issued the ticket, from the time in its text, between 0 and the age at which it is renewed."""
    found = re.match(r"PVE:[^:]+:([0-9A-Fa-f]{8})::", ticket)
    return min(max(time.time() - int(found.group(1), 16), 0.0), RENEW_AGE) if found else RENEW_AGE
