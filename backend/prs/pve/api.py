"""What the rest of the product needs of Proxmox VE's API: three verbs, so that a test can put a simulated cluster in the client's place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable
from urllib.parse import quote as percent_encode

from prs.errors import ApiError


class Api(Protocol):
    """One login to a cluster. The verbs give the `data` of PVE's answer and raise ApiError, LoginFailed or Unreachable, nothing else.

    `path` starts at /api2/json ("/nodes/n1/qemu/100/migrate"); its variable parts must have gone through `quote`.
    """

    @property
    def user(self) -> str:
        """Who PVE takes the caller for: `root@pam`, or `prs@pve!service` for a token."""

    @property
    def calls(self) -> int:
        """Requests made so far, logins and repetitions included."""

    def get(self, path: str, params: Mapping[str, object] | None = None) -> Any:
        """Read; may be repeated and sent to another host of the list when a host fails."""

    def post(self, path: str, params: Mapping[str, object] | None = None) -> Any:
        """Change; sent at most once. Unreachable means that it may have been carried out all the same."""

    def put(self, path: str, params: Mapping[str, object] | None = None) -> Any:
        """Set; sent at most once."""

    def delete(self, path: str, params: Mapping[str, object] | None = None) -> Any:
        """Delete, or stop a task; sent at most once."""


@runtime_checkable
class Renewed(Protocol):
    """An Api whose login is a ticket that it renews by itself."""

    def ticket(self) -> tuple[str, str]:
        """The present ticket and CSRF token, for whoever keeps them over a restart; ("", "") for a token's login."""


@runtime_checkable
class Timed(Protocol):
    """An Api that sees its host's clock."""

    @property
    def skew(self) -> float | None:
        """Seconds by which the host's clock is ahead of this machine's; None as long as no answer has told it."""


def clock_ahead(api: Api) -> float:
    """Seconds to add to this machine's time before it is compared with a time that PVE gives; 0 where PVE's clock is not known."""
    return (api.skew or 0.0) if isinstance(api, Timed) else 0.0


def quote(value: object) -> str:
    """One element of a path, percent-encoded (a UPID has colons, a token's has "!"); ApiError for what would lead to another path."""
    text = str(value)
    if text in ("", ".", ".."):
        raise ApiError(400, f"'{text}' cannot be part of a path of the API")
    return percent_encode(text, safe="")
