"""The cluster's API without a network: calls a World directly, in virtual time, and raises what the real client raises."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from prs.errors import ApiError, LoginFailed, Unreachable
from simcluster.errors import Refused
from simcluster.gate import Prepared
from simcluster.world import World

NO_ANSWER = range(595, 600)
RENEW_AFTER = 3600.0  # seconds after which a client renews its ticket


class InProcessApi:
    """The calls of one user; `node` is the API host asked, "" = whichever is up; `timeout` is how long the client waits, in seconds.

    With `ticket_only` it has nothing but a ticket issued now (a browser's), and cannot log in anew once that has expired.
    """

    def __init__(self, world: World, user: str = "root@pam", node: str = "", timeout: float = 35.0, ticket_only: bool = False) -> None:
        self.world, self.user, self.node, self.timeout, self.calls = world, user, node, timeout, 0
        self._ticket = world.sessions.issue(user) if ticket_only else ""
        self._issued = world.clock.time()

    def get(self, path: str, params: Mapping[str, object] | None = None) -> Any:
        """Ask for data."""
        return self._request("GET", path, params)

    def post(self, path: str, params: Mapping[str, object] | None = None) -> Any:
        """Have something done."""
        return self._request("POST", path, params)

    def put(self, path: str, params: Mapping[str, object] | None = None) -> Any:
        """Change something."""
        return self._request("PUT", path, params)

    def delete(self, path: str, params: Mapping[str, object] | None = None) -> Any:
        """Remove or stop something."""
        return self._request("DELETE", path, params)

    def _request(self, method: str, path: str, params: Mapping[str, object] | None) -> Any:
        self.calls += 1
        host = self._host()
        self._prove(host)
        # a form carries text only, so that a Python True arrives as "True", which PVE refuses
        sent = {name: value if isinstance(value, list) else str(value) for name, value in (params or {}).items() if value is not None}
        try:
            prepared = self.world.prepare(self.user, method, path, sent, host)
            self._wait(f"{host} gave no answer to {method} {path} within {self.timeout:g} s", prepared)
            return self.world.finish(prepared)
        except Refused as refusal:
            if refusal.status in NO_ANSWER:
                raise Unreachable(f"{host} gave no usable answer to {method} {path}: {refusal.status} {refusal.message}") from refusal
            if refusal.status == 401:
                raise LoginFailed(f"{host} refuses the credentials of {self.user}: {refusal.message}") from refusal
            raise ApiError(refusal.status, refusal.message.splitlines()[0], refusal.errors) from refusal

    def _wait(self, words: str, prepared: Prepared) -> None:
        """Let the answer take its time; what is asked for is done even when the client has given up by then."""
        if prepared.delay <= self.timeout:
            self.world.clock.sleep(prepared.delay)
            return

        def late() -> None:
            with suppress(Refused):
                self.world.finish(prepared)

        self.world.clock.after(prepared.delay, late)
        self.world.clock.sleep(self.timeout)
        raise Unreachable(words)

    def _prove(self, host: str) -> None:
        now, sessions = self.world.clock.time(), self.world.sessions
        good = self.world.access.usable(self.user, now)
        if self._ticket:
            good = sessions.user(self._ticket) == self.user
            if good and now - self._issued > RENEW_AFTER:
                self._ticket, self._issued = sessions.issue(self.user), now
        if not good:
            raise LoginFailed(f"{host} refuses the credentials of {self.user}: Authentication failed!")

    def _host(self) -> str:
        asked = [self.node] if self.node else list(self.world.nodes)
        for name in asked:
            node = self.world.nodes[name]
            if node.alive and node.api == "up":
                return name
        raise Unreachable(f"{asked[0]} does not answer: Connection refused")
