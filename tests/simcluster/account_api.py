"""Roles, users, tokens and grants as they are changed (pve-access-control PVE/API2/Role.pm, User.pm, ACL.pm); who may is the gate's."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from simcluster.access import Grant, Token, User
from simcluster.errors import Refused
from simcluster.gate import may
from simcluster.routes import Call, route

if TYPE_CHECKING:
    from simcluster.world import World


@route("GET", "/access/roles")
def roles(world: World, call: Call) -> list[dict[str, Any]]:
    """List the roles; everybody may."""
    return [{"roleid": name, "privs": ",".join(sorted(held))} for name, held in sorted(world.access.roles.items())]


@route("POST", "/access/roles")
def add_role(world: World, call: Call) -> None:
    """Make a role."""
    name = str(call.values["roleid"])
    if name in world.access.roles:
        raise Refused(500, f"create role failed: role '{name}' already exists")
    world.access.roles[name] = frozenset(str(call.values.get("privs", "")).split(","))


@route("PUT", "/access/roles/{roleid}")
def set_role(world: World, call: Call) -> None:
    """Set a role's privileges."""
    world.access.roles[str(call.values["roleid"])] = frozenset(str(call.values.get("privs", "")).split(","))


@route("DELETE", "/access/roles/{roleid}")
def drop_role(world: World, call: Call) -> None:
    """Delete a role."""
    world.access.roles.pop(str(call.values["roleid"]))


@route("POST", "/access/users")
def add_user(world: World, call: Call) -> None:
    """Make a user."""
    name = str(call.values["userid"])
    if name in world.access.users:
        raise Refused(500, f"create user failed: user '{name}' already exists")
    world.access.add(User(name))


@route("DELETE", "/access/users/{userid}")
def drop_user(world: World, call: Call) -> None:
    """Delete a user with its tokens and grants."""
    name = str(call.values["userid"])
    world.access.users.pop(name)
    world.access.tokens = {one: token for one, token in world.access.tokens.items() if not one.startswith(f"{name}!")}
    world.access.grants = [one for one in world.access.grants if one.who != name and not one.who.startswith(f"{name}!")]


@route("GET", "/access/users/{userid}/token")
def tokens(world: World, call: Call) -> list[dict[str, Any]]:
    """List a user's tokens, without their secrets."""
    name = str(call.values["userid"])
    if name not in world.access.users:
        raise Refused(500, f"no such user ('{name}')")
    found = [one for who, one in sorted(world.access.tokens.items()) if who.startswith(f"{name}!")]
    return [{"tokenid": one.name.partition("!")[2], "privsep": int(one.privsep), "expire": int(one.expire)} for one in found]


@route("POST", "/access/users/{userid}/token/{tokenid}")
def add_token(world: World, call: Call) -> dict[str, Any]:
    """Make a token; its secret is told only now."""
    name = f"{call.values['userid']}!{call.values['tokenid']}"
    if name in world.access.tokens:
        raise Refused(500, "Token already exists.")
    secret = str(uuid.uuid4())
    world.access.tokens[name] = Token(name, secret, bool(int(call.values.get("privsep", 1))))
    return {"full-tokenid": name, "value": secret}


@route("DELETE", "/access/users/{userid}/token/{tokenid}")
def drop_token(world: World, call: Call) -> None:
    """Delete a token with its grants."""
    name = f"{call.values['userid']}!{call.values['tokenid']}"
    world.access.tokens.pop(name)
    world.access.grants = [one for one in world.access.grants if one.who != name]


@route("GET", "/access/acl")
def grants(world: World, call: Call) -> list[dict[str, Any]]:
    """List the grants that the caller may change, all of them with Sys.Audit on /access."""
    every = may(world, call.user, "/access", "Sys.Audit")
    found = [one for one in world.access.grants if every or may(world, call.user, one.path, "Permissions.Modify")]
    kind = {"@": "group"}
    return [
        {"path": one.path, "ugid": one.who.removeprefix("@"), "roleid": one.role, "propagate": int(one.propagate),
         "type": kind.get(one.who[:1], "token" if "!" in one.who else "user")} for one in found
    ]  # fmt: skip


@route("PUT", "/access/acl")
def set_grants(world: World, call: Call) -> None:
    """Give a role on a path to users or tokens, or take it from them."""
    path = str(call.values["path"])
    for who in str(call.values.get("users") or call.values.get("tokens")).split(","):
        grant = Grant(path, who, str(call.values["roles"]))
        kept = [one for one in world.access.grants if (one.path, one.who, one.role) != (grant.path, grant.who, grant.role)]
        world.access.grants = kept if int(call.values.get("delete", 0)) else [*kept, grant]
