"""The cluster's API without a network: calls a World directly, in virtual time, and raises what the real client raises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prs.errors import ApiError, LoginFailed, Unreachable
from simcluster.errors import Refused
from simcluster.world import World

NO_ANSWER = range(595, 600)


class InProcessApi:
    """The calls of one user; `node` is the API host asked, "" = whichever is up."""

    def __init__(self, world: World, user: str = "root@pam", node: str = "") -> None:
        self.world, self.user, self.node, self.calls = world, user, node, 0

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
        if not self.world.access.usable(self.user, self.world.clock.time()):
            raise LoginFailed(f"{host} refuses the credentials of {self.user}: Authentication failed!")
        # a form carries text only, so that a Python True arrives as "True", which PVE refuses
        sent = {name: value if isinstance(value, list) else str(value) for name, value in (params or {}).items() if value is not None}
        try:
            return self.world.request(self.user, method, path, sent, host)
        except Refused as refusal:
            if refusal.status in NO_ANSWER:
                raise Unreachable(f"{host} gave no usable answer to {method} {path}: {refusal.status} {refusal.message}") from refusal
            if refusal.status == 401:
                raise LoginFailed(f"{host} refuses the credentials of {self.user}: {refusal.message}") from refusal
            raise ApiError(refusal.status, refusal.message.splitlines()[0], refusal.errors) from refusal

    def _host(self) -> str:
        asked = [self.node] if self.node else list(self.world.nodes)
        for name in asked:
            node = self.world.nodes[name]
            if node.alive and node.api == "up":
                return name
        raise Unreachable(f"{asked[0]} does not answer: Connection refused")
