"""Tickets, CSRF tokens and API tokens: logging in and proving who one is (pve-access-control PVE/AccessControl.pm)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from simcluster.errors import Refused

if TYPE_CHECKING:
    from simcluster.world import World

LIFETIME, SKEW = 7200.0, 300.0
HALF = "!tfa!"
TICKET = re.compile(r"PVE:(?P<data>[^ ]+):(?P<time>[0-9A-F]{8})::(?P<sign>[A-Za-z0-9+/=]+)")
CAP_PATHS = {"vms": "/vms", "storage": "/storage", "nodes": "/nodes", "access": "/access", "sdn": "/sdn", "dc": "/", "mapping": "/mapping"}


def refused() -> Refused:
    """Give the one answer to every failed login."""
    return Refused(401, "authentication failure")


class Sessions:
    """Issues and checks tickets; nothing is stored but the key and from when on tickets count."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._key = hashlib.sha256(b"simulated cluster " + world.name.encode()).digest()
        self._void_before: dict[str, float] = {}  # user -> tickets issued up to then are expired

    def _sign(self, text: str) -> str:
        seed = hmac.digest(self._key, text.encode(), "sha256")
        return base64.b64encode(b"".join(hmac.digest(seed, bytes([part]), "sha256") for part in range(8))).decode()

    def _ticket(self, data: str, secret: str = "") -> str:
        plain = f"PVE:{data}:{int(self._world.clock.now):08X}"
        return f"{plain}::{self._sign(plain + secret)}"

    def _fresh(self, stamp: str) -> bool:
        age = self._world.clock.now - int(stamp, 16)
        return -SKEW <= age <= LIFETIME

    def issue(self, user: str) -> str:
        """Give a ticket for a user."""
        return self._ticket(quote(user, safe="@!-._~"))

    def user(self, ticket: str) -> str:
        """Give the user a full ticket proves, "" for an expired, forged, half or withdrawn one."""
        found = TICKET.fullmatch(ticket)
        if found is None or found["data"].startswith(HALF) or not self._fresh(found["time"]):
            return ""
        user = unquote(found["data"])
        genuine = hmac.compare_digest(found["sign"], self._sign(f"PVE:{found['data']}:{found['time']}"))
        void = int(found["time"], 16) <= self._void_before.get(user, 0.0)
        return user if genuine and not void and self._world.access.usable(user, self._world.clock.now) else ""

    def expire(self, user: str = "") -> None:
        """Let all tickets issued so far be too old, of one user or of everybody."""
        for name in [user] if user else sorted(self._world.access.users):
            self._void_before[name] = self._world.clock.now

    def csrf(self, user: str) -> str:
        """Give a CSRF token for a user."""
        return self._csrf(f"{int(self._world.clock.now):08X}", user)

    def _csrf(self, stamp: str, user: str) -> str:
        digest = hmac.digest(self._key, f"{stamp}:{user}".encode(), "sha256")
        return f"{stamp}:{base64.b64encode(digest).decode().rstrip('=')}"

    def csrf_valid(self, user: str, token: str) -> bool:
        """True for any CSRF token of the user that is not too old."""
        stamp = token.partition(":")[0]
        return bool(re.fullmatch(r"[0-9A-F]{8}", stamp)) and self._fresh(stamp) and hmac.compare_digest(token, self._csrf(stamp, user))

    def token(self, name: str, secret: str) -> bool:
        """True for a token that may be used now."""
        found = self._world.access.tokens.get(name)
        genuine = found is not None and hmac.compare_digest(found.secret.encode(), secret.encode())
        return genuine and self._world.access.usable(name, self._world.clock.now)

    # POST /access/ticket

    def login(self, values: dict[str, Any]) -> dict[str, Any]:
        """Answer a login: full ticket, half ticket, or the check of privileges on a path; raises the 401."""
        name, password = str(values["username"]), str(values["password"])
        user = f"{name}@{values['realm']}" if values.get("realm") else name
        account = self._world.access.users.get(user)
        if account is None or not self._world.access.usable(user, self._world.clock.now):
            raise refused()
        if values.get("tfa-challenge"):
            self._second_step(user, account.totp, password, str(values["tfa-challenge"]))
        elif self.user(password) != user:
            if not account.password or not hmac.compare_digest(password.encode(), account.password.encode()):
                raise refused()
            if account.totp and not values.get("path"):
                half = self._ticket(HALF + '{"totp"%3Atrue}', user)
                return {"username": user, "ticket": half, "CSRFPreventionToken": self.csrf(user), "NeedTFA": 1}
            if values.get("otp"):
                raise refused()
        if values.get("path"):
            return self._check_only(user, values)
        return {"username": user, "ticket": self.issue(user), "CSRFPreventionToken": self.csrf(user), **self._more(user)}

    def _second_step(self, user: str, totp: str, password: str, half: str) -> None:
        found = TICKET.fullmatch(half)
        genuine = found is not None and found["sign"] == self._sign(f"PVE:{found['data']}:{found['time']}{user}")
        ours = genuine and found is not None and self._fresh(found["time"])
        if not ours or not totp or password != f"totp:{totp}":
            raise refused()

    def _check_only(self, user: str, values: dict[str, Any]) -> dict[str, Any]:
        held = self._world.access.held(user, str(values["path"]))
        if any(privilege not in held for privilege in re.split(r"[\s,;]+", str(values["privs"]))):
            raise refused()
        more = self._more(user)
        return {"username": user, "cap": more["cap"]}

    def _more(self, user: str) -> dict[str, Any]:
        access = self._world.access
        cap: dict[str, dict[str, int]] = {name: {} for name in CAP_PATHS}
        for path in access.paths(self._world.guests.values()):  # a summary: granted anywhere below counts
            for name, top in CAP_PATHS.items():
                if path == top or (top != "/" and path.startswith(f"{top}/")) or (path == "/" and name != "dc"):
                    cap[name] |= dict.fromkeys(access.held(user, path, self._pool(path)), 1)
        cluster = {"clustername": self._world.name} if len(self._world.nodes) > 1 and "Sys.Audit" in access.held(user, "/") else {}
        return {"cap": cap, **cluster}

    def _pool(self, path: str) -> str:
        guest = self._world.guests.get(int(path[5:])) if path.startswith("/vms/") and path[5:].isdigit() else None
        return guest.pool if guest else ""
