"""One request to the first host of the list that answers: timeouts, repetition where it is safe, and every failure in words."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests

from prs.errors import LoginFailed, PrsError, Unreachable
from prs.pve.http.body import BROKEN, CODINGS, Unread, most, read_body
from prs.pve.http.credentials import credentials
from prs.pve.http.deadline import TIMES, Deadline
from prs.pve.http.failures import HostFailed, in_the_answer, on_the_way
from prs.pve.http.hosts import Endpoint, caller, where
from prs.pve.http.tally import count
from prs.pve.http.tls import TlsAdapter, context

CONNECT = 10.0  # seconds for TCP and TLS; a host that needs longer is down


class Transport:
    """Stands in for the session of proxmoxer, whose releases differ in timeouts, error handling, IPv6 and login.

    `request` gives only good answers; it raises ApiError, LoginFailed and Unreachable itself.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        try:
            self._places = [where(host) for host in endpoint.hosts]
        except ValueError as error:
            raise Unreachable(str(error)) from None
        self._endpoint, self._user, self._at = endpoint, caller(endpoint), 0
        self.credentials = credentials(endpoint)
        self.calls = 0
        self.skew: float | None = None  # seconds by which the API host's clock is ahead of this machine's; None = not seen
        self._adapter = TlsAdapter(context(endpoint.verify, endpoint.ca_file))
        self._session = requests.Session()
        self._session.trust_env = False  # neither a proxy meant for apt nor a .netrc may get at the login
        self._session.verify = endpoint.verify
        accepted = {"Accept": "application/json", "Accept-Encoding": CODINGS}
        self._session.headers.update({**accepted, "User-Agent": "proxmox-rebalancing-service"})
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # a foreign cookie would win over a token
        self._session.mount("https://", self._adapter)

    @property
    def place(self) -> str:
        """The host (and port) that answers at present."""
        return self._places[self._at]

    def request(self, method: str, url: str, data: Any = None, params: Any = None) -> requests.Response:
        """Send as the caller; a 401 is answered by one new login where there is a password. `url` is the path from /api2 on."""
        for last in (False, True):
            headers = self.credentials.headers(method, self._login)
            try:
                return self._travel(method, url, headers, data, params, repeatable=method == "GET")
            except LoginFailed:
                if last or not self.credentials.refused():
                    raise
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _login(self, form: dict[str, str]) -> Any:
        return self._travel("POST", "/api2/json/access/ticket", {}, form, None, repeatable=True).json()["data"]

    def _travel(
        self, method: str, url: str, headers: Mapping[str, str], data: Any, params: Any, repeatable: bool
    ) -> requests.Response:
        """Try the hosts in turn, beginning with the one that answered last."""
        failures: list[str] = []
        order = [(self._at + step) % len(self._places) for step in range(len(self._places))]
        for index in order:
            try:
                response = self._visit(index, method, url, headers, data, params, repeatable)
            except HostFailed as failure:
                if failure.sent and not repeatable:
                    raise Unreachable(f"{failure}; the request may have been carried out all the same") from None
                failures.append(str(failure))
                continue
            self._at = index
            return response
        raise Unreachable("; ".join(failures) or "no host is given")

    def _visit(
        self, index: int, method: str, url: str, headers: Mapping[str, str], data: Any, params: Any, repeatable: bool
    ) -> requests.Response:
        """Ask one host; pveproxy closes idle connections after 5 s, so a broken one is worth a second try of what may be repeated."""
        try:
            return self._send(index, method, url, headers, data, params)
        except HostFailed as failure:
            if not (failure.stale and repeatable):
                raise
        self._adapter.forget()
        return self._send(index, method, url, headers, data, params)

    def _send(self, index: int, method: str, url: str, headers: Mapping[str, str], data: Any, params: Any) -> requests.Response:
        """Send it once, and count what became of it."""
        try:
            found = self._answer(index, method, url, headers, data, params)
        except (HostFailed, Unreachable):
            count("failed")
            raise
        except PrsError:
            count("refused")
            raise
        count("answered")
        return found

    def _answer(self, index: int, method: str, url: str, headers: Mapping[str, str], data: Any, params: Any) -> requests.Response:
        place, limit = self._places[index], self._endpoint.timeout
        if method != "GET":
            self._adapter.forget()  # a change is never sent over a connection that may be dead: nobody could tell whether it arrived
        self.calls += 1
        with Deadline(self._adapter.connections, limit * TIMES) as deadline:
            try:
                response = self._session.request(
                    method, f"https://{place}{url}", params=params or None, data=data or None, headers=dict(headers),
                    timeout=(min(CONNECT, limit), limit), allow_redirects=False, stream=True,
                )  # fmt: skip
                with response:
                    read_body(response, most(url))
            except Unread as error:
                raise HostFailed(f"{place} gave an answer that is {error}: this is not one of Proxmox VE's API", sent=True) from None
            except BROKEN as error:
                if not deadline.over:
                    raise on_the_way(error, place, limit, self._endpoint.ca_file) from None
        if deadline.over:
            raise HostFailed(f"{place} did not come to the end of its answer within {deadline.seconds:g} seconds", sent=True)
        self._note_clock(response.headers.get("Date", ""))
        trouble = in_the_answer(response, place, self._user)
        if trouble is not None:
            raise trouble
        return response

    def _note_clock(self, date: str) -> None:
        try:
            self.skew = parsedate_to_datetime(date).timestamp() - time.time()
        except ValueError:
            return  # no or no valid Date header: nothing is known
