"""/access (pve-access-control PVE/API2/AccessControl.pm); who is asking is settled before (sessions)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simcluster.errors import Refused, denied
from simcluster.gate import may
from simcluster.routes import Call, route

if TYPE_CHECKING:
    from simcluster.world import World


@route("POST", "/access/ticket")
def login(world: World, call: Call) -> dict[str, Any]:
    """Log in, renew a ticket, or check privileges; not with an API token."""
    if "!" in call.user:
        raise Refused(403, "Permission check failed (URI '/access/ticket' not available with API token, need proper ticket.)")
    return world.sessions.login(call.values)


@route("GET", "/access/ticket")
def dummy(world: World, call: Call) -> None:
    """Answer nothing: the method exists for the web interface only."""


@route("GET", "/access/permissions")
def permissions(world: World, call: Call) -> dict[str, dict[str, int]]:
    """Give {path: {privilege: propagate flag}}: a key that is there is granted, whatever its value."""
    user = str(call.values.get("userid") or call.user)
    if user not in (call.user, call.user.partition("!")[0]) and not may(world, call.user, "/access", "Sys.Audit"):
        raise denied("/access", "Sys.Audit")
    path = call.values.get("path")
    if path is not None:
        return {str(path): _held(world, user, str(path))}
    found = {each: _held(world, user, each) for each in world.access.paths(world.guests.values())}
    return {each: held for each, held in found.items() if held}


def _held(world: World, user: str, path: str) -> dict[str, int]:
    guest = world.guests.get(int(path[5:])) if path.startswith("/vms/") and path[5:].isdigit() else None
    return dict(sorted(world.access.held(user, path, guest.pool if guest else "").items()))


@route("GET", "/access/domains")
def domains(world: World, call: Call) -> list[dict[str, Any]]:
    """List the realms; needs no login."""
    return [
        {"realm": "pam", "type": "pam", "comment": "Linux PAM standard authentication"},
        {"realm": "pve", "type": "pve", "comment": "Proxmox VE authentication server"},
    ]


@route("GET", "/access/users")
def users(world: World, call: Call) -> list[dict[str, Any]]:
    """List the users one may see: oneself, and all with User.Modify or Sys.Audit on /access."""
    every = any(may(world, call.user, "/access", privilege) for privilege in ("User.Modify", "Sys.Audit"))
    own = call.user.partition("!")[0]
    return [
        {"userid": user.name, "enable": int(user.enabled), "expire": int(user.expire)}
        for _, user in sorted(world.access.users.items())
        if every or user.name == own
    ]
