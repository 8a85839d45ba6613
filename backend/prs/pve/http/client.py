"""The real Api: Proxmox VE over HTTPS with proxmoxer (1.2.0 of Debian 12 and 2.x behave the same here)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import proxmoxer

from prs.pve.http.credentials import Ticket
from prs.pve.http.hosts import Endpoint, caller
from prs.pve.http.transport import Transport

__all__ = ["Client", "Endpoint", "connect"]

# proxmoxer logs request bodies at INFO.
for _name in ("proxmoxer", "proxmoxer.core", "proxmoxer.backends.https"):
    logging.getLogger(_name).setLevel(logging.WARNING)


def connect(endpoint: Endpoint) -> Client:
    """A client for the endpoint; nothing is sent before the first call. Unreachable if a host or the CA file makes no sense."""
    return Client(endpoint)


class Client:
    """One login to a cluster, for one thread; see prs.pve.api.Api for the verbs."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.user = caller(endpoint)
        self._transport = Transport(endpoint)
        # proxmoxer gets no credentials and no host: it joins paths and decodes answers, the transport does the rest.
        self._root = proxmoxer.ProxmoxAPI("localhost", user="-", token_name="-", token_value="-")
        self._root._store.update(base_url="/api2/json", session=self._transport)

    def get(self, path: str, params: Mapping[str, object] | None = None) -> Any:
        """Read; repeated once on a broken connection and on the other hosts."""
        return self._root(path.strip("/")).get(**_form(params))

    def post(self, path: str, params: Mapping[str, object] | None = None) -> Any:
        """Change; goes to another host only if it certainly did not leave this one."""
        return self._root(path.strip("/")).post(**_form(params))

    def put(self, path: str, params: Mapping[str, object] | None = None) -> Any:
        """Set; as careful as `post`."""
        return self._root(path.strip("/")).put(**_form(params))

    def delete(self, path: str, params: Mapping[str, object] | None = None) -> Any:
        """Delete, or stop a task; as careful as `post`."""
        return self._root(path.strip("/")).delete(**_form(params))

    @property
    def calls(self) -> int:
        """Requests sent so far."""
        return self._transport.calls

    @property
    def place(self) -> str:
        """The host and port that answers at present."""
        return self._transport.place

    @property
    def skew(self) -> float | None:
        """Seconds by which the API host's clock is ahead of this machine's, by its last answer; None = no answer yet."""
        return self._transport.skew

    def ticket(self) -> tuple[str, str]:
        """The present ticket and CSRF token; ("", "") for a token login."""
        held = self._transport.credentials
        return held.current() if isinstance(held, Ticket) else ("", "")

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self.user} at {self.place})"


def _form(params: Mapping[str, object] | None) -> dict[str, Any]:
    """Parameters as PVE takes them in a form: booleans as 1 and 0 ("true" is refused), lists repeated, None left out."""
    return {name: _plain(value) for name, value in (params or {}).items() if value is not None}


def _plain(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, bool) else value
