"""Proves callers by asking PVE, and remembers a yes for half a minute, for what only reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from prs.endpoint import Endpoint
from prs.errors import ApiError, LoginFailed
from prs.pve.api import Api
from prs.web.access.guesses import Gate, note_refusal
from prs.web.access.login import Login, digest
from prs.web.access.rights import Rights
from prs.web.access.single_flight import SingleFlight
from prs.web.api.refusal import Refusal
from prs.web.cache import Cache

YES = 30.0  # seconds a proven ticket and its rights are believed
NO = 30.0  # seconds a refused ticket is refused without asking again
PROVEN = 7200.0  # seconds during which a ticket that was good once is asked about outside the limits below
SLOW_CALLS = 100  # unproven tickets that may wait for PVE at once (each refusal takes it 3 s), and per client:
SLOW_CALLS_CLIENT = 2
# Seconds that one waits for a place: PVE proves a good ticket within milliseconds. Behind one address there may be many users,
# such as all whose page another node serves.
PATIENCE = 1.0
SLOW_CALLS_USER = 10  # wrong CSRF tokens of a proven user that may wait for PVE at once, by however many tickets

Connect = Callable[[Endpoint], Api]


@dataclass(frozen=True, slots=True)
class Caller:
    """A proven caller: the name PVE knows, what they may do, and how to call PVE as them."""

    login: Login
    rights: Rights
    endpoint: Endpoint

    @property
    def name(self) -> str:
        """user@realm or user@realm!token."""
        return self.login.name

    def owns(self, user: str) -> bool:
        """True for what the caller, or a token of the calling user, has started."""
        return user == self.name or user.startswith(f"{self.name}!")


class Verifier:
    """Asks PVE whether a login is good and what it may do."""

    def __init__(self, api: Endpoint, connect: Connect) -> None:
        self._api, self._connect = api, connect
        self.gate = Gate(SLOW_CALLS, SLOW_CALLS_CLIENT)
        self.gate_csrf = Gate(SLOW_CALLS, SLOW_CALLS_CLIENT)  # by ticket: a caller who has a good one waits behind nobody else
        self.gate_csrf_user = Gate(SLOW_CALLS, SLOW_CALLS_USER)  # nor does one user with many tickets take all places of the others
        self.patience = PATIENCE
        self._yes: Cache[Rights] = Cache(YES, 500)
        self._no: Cache[bool] = Cache(NO, 2000)
        self._proven: Cache[bool] = Cache(PROVEN, 2000)
        self._csrf: Cache[bool] = Cache(YES, 500)
        # A page asks several things at once with one ticket: that is one unproven caller, not several.
        self._asking: SingleFlight[Rights] = SingleFlight()
        self._asking_csrf: SingleFlight[None] = SingleFlight()

    def verify(self, login: Login, client: str, changing: bool) -> Caller:
        """The caller behind the login; Refusal 401, 403 or 429, or what went wrong in asking PVE.

        What changes something asks PVE anew: what the root helper or the journal would do, PVE does not see.
        """
        rights = None if changing else self._yes.get(login.key)
        endpoint = self.endpoint(login)
        if rights is None:
            rights = self._asking.ask(f"{login.key} {changing}", lambda: self._ask(login, endpoint, client, changing))
        if changing and not login.token_name:
            key = digest(f"{login.ticket} {login.csrf}")
            self._asking_csrf.ask(key, lambda: self._check_csrf(key, endpoint, login))
        return Caller(login, rights, endpoint)

    def was_good(self, login: Login) -> bool:
        """Whether PVE has accepted it lately: good for limits, not for rights."""
        return bool(self._proven.get(login.key))

    def endpoint(self, login: Login) -> Endpoint:
        """How to call PVE with a login exactly as it was given."""
        return replace(
            self._api, user=login.user, ticket=login.ticket, csrf=login.csrf, token_name=login.token_name, token_value=login.token_value,
            renew=False,
        )  # fmt: skip

    def _ask(self, login: Login, endpoint: Endpoint, client: str, anew: bool) -> Rights:
        if not anew and (known := self._yes.get(login.key)) is not None:  # answered while this one was on its way
            return known
        if self._no.get(login.key):
            raise Refusal(401, "ticket", "PVE does not accept this ticket: it has expired or was never valid.")
        try:
            if self._proven.get(login.key):
                listed = self._permissions(endpoint)
            else:
                with self.gate.pass_through(client, self.patience):
                    listed = self._permissions(endpoint)
        except LoginFailed:
            self._no.put(login.key, True)
            self._proven.drop(login.key)
            self._yes.drop(login.key)
            note_refusal("token" if login.token_name else "ticket", login.name, client)
            raise Refusal(401, "ticket", "PVE does not accept this ticket: it has expired or was never valid.") from None
        rights = Rights(listed if isinstance(listed, dict) else {})
        self._yes.put(login.key, rights)
        self._proven.put(login.key, True)
        return rights

    def _permissions(self, endpoint: Endpoint) -> object:
        return self._connect(endpoint).get("/access/permissions")

    def _check_csrf(self, key: str, endpoint: Endpoint, login: Login) -> None:
        """PVE has no call that only checks this token: a POST to a path without POST is refused with 501, but 401 if the token is bad."""
        if self._csrf.get(key):
            return
        if self._no.get(key):
            raise Refusal(403, "csrf", "Permission denied - invalid csrf token")
        try:
            with self.gate_csrf_user.pass_through(login.user), self.gate_csrf.pass_through(login.key):
                self._connect(endpoint).post("/version")
        except LoginFailed:
            self._no.put(key, True)
            raise Refusal(403, "csrf", "Permission denied - invalid csrf token") from None
        except ApiError as error:
            if error.status != 501:
                raise
        self._csrf.put(key, True)
