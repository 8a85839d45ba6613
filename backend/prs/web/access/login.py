"""Reads who a request says it comes from; nothing here is proven yet."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from dataclasses import dataclass, field
from urllib.parse import unquote

from prs.web.api.refusal import Refusal

# Seconds a ticket is good for (pve-access-control PVE/AccessControl.pm), and what clocks of two machines may differ.
LIFETIME, SLACK = 7200, 300
_TICKET = re.compile(r"PVE:([^\s:/]{1,64}@[A-Za-z][A-Za-z0-9._-]{1,31}):([0-9A-Fa-f]{8})::([A-Za-z0-9+/=]{1,1024})")
_HALF = re.compile(r"PVE:(!tfa!|tfa!|u2f!)")
_TOKEN = re.compile(r"PVEAPIToken[= ]([^\s:/!]{1,64}@[A-Za-z][A-Za-z0-9._-]{1,31})!([A-Za-z][A-Za-z0-9._-]{0,127})=([0-9A-Za-z-]{8,64})")
_CSRF = re.compile(r"[0-9A-Fa-f]{8}:[A-Za-z0-9+/=]{8,128}")
_SALT = secrets.token_bytes(16)  # what the caches hold cannot be compared with tickets seen elsewhere


@dataclass(frozen=True, slots=True)
class Login:
    """A claim of identity; its repr shows no secret."""

    user: str  # user@realm
    ticket: str = field(default="", repr=False)
    csrf: str = field(default="", repr=False)
    token_name: str = ""
    token_value: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """As PVE names the caller: user@realm or user@realm!token."""
        return f"{self.user}!{self.token_name}" if self.token_name else self.user

    @property
    def key(self) -> str:
        """A hash that stands for the ticket or token in caches."""
        return digest(self.ticket or f"{self.name}={self.token_value}")

    @property
    def authorization(self) -> str:
        """The header that says the same to another node's service."""
        return f"PVEAPIToken={self.name}={self.token_value}" if self.token_name else f"PVEAuthCookie={self.ticket}"


def digest(secret: str) -> str:
    """A salted hash of a secret."""
    return hashlib.sha256(_SALT + secret.encode("utf-8", "surrogateescape")).hexdigest()


def is_ticket(text: str) -> bool:
    """True for what has the form of a whole ticket."""
    return _TICKET.fullmatch(text) is not None


def read_login(authorization: str, csrf: str, changing: bool) -> Login:
    """The login in the headers; raise Refusal for none, a half one, one that is too old, or a change without CSRF token."""
    if not authorization:
        raise Refusal(401, "no_ticket", "No ticket: send it as Authorization: PVEAuthCookie=<ticket>. Cookies are not read.")
    if authorization.startswith("PVEAPIToken"):
        found = _TOKEN.fullmatch(unquote(authorization))
        if not found:
            raise Refusal(401, "ticket", "This is not an API token as Proxmox VE makes them.")
        return Login(found[1], token_name=found[2], token_value=found[3])
    if not authorization.startswith("PVEAuthCookie="):
        raise Refusal(401, "no_ticket", "Authorization must be PVEAuthCookie=<ticket> or PVEAPIToken=user@realm!name=secret.")
    ticket = unquote(authorization.removeprefix("PVEAuthCookie="))
    return _with_ticket(ticket, csrf, changing)


def _with_ticket(ticket: str, csrf: str, changing: bool) -> Login:
    if _HALF.match(ticket):
        raise Refusal(401, "half_ticket", "The second factor of this login is still missing.")
    found = _TICKET.fullmatch(ticket)
    if not found:
        raise Refusal(401, "ticket", "This is not a ticket of Proxmox VE.")
    # Spares PVE its three seconds, and everybody else the wait behind them.
    if time.time() - int(found[2], 16) > LIFETIME + SLACK:
        raise Refusal(401, "ticket", "This ticket has expired: log in again.")
    if changing and not csrf:
        raise Refusal(403, "csrf", "The header CSRFPreventionToken is missing.")
    if csrf and not _CSRF.fullmatch(csrf):
        raise Refusal(403, "csrf", "Permission denied - invalid csrf token")
    return Login(found[1], ticket, csrf)
