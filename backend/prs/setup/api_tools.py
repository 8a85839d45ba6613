"""Stands in for Proxmox VE's command line tools where there are only the API and a caller's own rights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol
from urllib.parse import quote

from prs.errors import ApiError, PrsError
from prs.setup.tools import SetupError, Tools


class Caller(Protocol):
    """The verbs of the API, called as somebody (prs.pve.api)."""

    def get(self, path: str) -> Any:
        """Read."""

    def post(self, path: str, params: dict[str, object]) -> Any:
        """Make."""

    def put(self, path: str, params: dict[str, object]) -> Any:
        """Set."""

    def delete(self, path: str) -> Any:
        """Delete."""


class ApiTools(Tools):
    """pveum by the API: each command is the call that pveum itself makes (pve-access-control PVE/CLI/pveum.pm)."""

    def __init__(self, api: Caller) -> None:
        super().__init__()
        self._api = api

    def do(self, *command: str) -> Any:
        """Do what the command does; SetupError with PVE's own words."""
        _, *words = command
        start = next((place for place, word in enumerate(words) if word.startswith("--")), len(words))
        values: dict[str, object] = dict(zip((word[2:] for word in words[start::2]), words[start + 1::2], strict=True))
        try:
            return _call(self._api, words[:start], values)
        except ApiError as error:
            raise SetupError(f"{' '.join(words[:start])}: {_told(error)}") from None
        except PrsError as error:
            raise SetupError(f"{' '.join(words[:start])}: {error}") from None

    def ask(self, *command: str) -> Any:
        """The same, for what is answered."""
        return self.do(*command)

    def get(self, path: str) -> Any:
        """Read an object of the API; SetupError."""
        try:
            return self._api.get(path)
        except PrsError as error:
            raise SetupError(f"{path}: {error}") from None


def _call(api: Caller, words: Sequence[str], values: dict[str, object]) -> Any:
    """The call behind a command; KeyError for one that nobody needed yet."""
    plain = [word for word in words if word in _WORDS]
    names = [quote(word, safe="") for word in words if word not in _WORDS]
    calls: dict[str, Callable[[], Any]] = {
        "role list": lambda: api.get("/access/roles"),
        "role add": lambda: api.post("/access/roles", {"roleid": words[-1], **values}),
        "role modify": lambda: api.put(f"/access/roles/{names[0]}", values),
        "role delete": lambda: api.delete(f"/access/roles/{names[0]}"),
        "user list": lambda: api.get("/access/users"),
        "user add": lambda: api.post("/access/users", {"userid": words[-1], **values}),
        "user delete": lambda: api.delete(f"/access/users/{names[0]}"),
        "user token list": lambda: api.get(f"/access/users/{names[0]}/token"),
        "user token add": lambda: api.post(f"/access/users/{names[0]}/token/{names[1]}", values),
        "user token remove": lambda: api.delete(f"/access/users/{names[0]}/token/{names[1]}"),
        "acl list": lambda: api.get("/access/acl"),
        "acl modify": lambda: api.put("/access/acl", {"path": words[-1], **values}),
        "acl delete": lambda: api.put("/access/acl", {"path": words[-1], "delete": 1, **values}),
    }
    return calls[" ".join(plain)]()


_WORDS = frozenset({"role", "user", "token", "acl", "list", "add", "modify", "delete", "remove"})


def _told(error: ApiError) -> str:
    more = "; ".join(f"{name}: {words}" for name, words in sorted(error.errors.items()))
    return f"{error.message.strip()}{f' ({more})' if more else ''}"
