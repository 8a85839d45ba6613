"""The service's account: role, user, and one API token for each node, brought to the wanted state or taken away."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from prs.model import Policy
from prs.setup.tools import SetupError, Tools

ROLE = "PRS"
USER = "prs@pve"
COMMENT = "Proxmox Rebalancing Service"


CLUSTER = "cluster"  # the token of all nodes


# Without it PVE lists no disks of guests in a storage (pve-storage PVE/API2/Storage/Content.pm), so local disks cannot be levelled.
DISKS, BRIDGES = "VM.Config.Disk", "SDN.Audit"
SPACE = "Datastore.AllocateSpace"  # with DISKS, for local disks that land on storages of other names ([storages])


def wanted(needed: Iterable[str], policy: Policy) -> list[str]:
    """The privileges of the role: what is always needed, and what the policy needs beside that."""
    disks = [DISKS, SPACE] if policy.storages else [DISKS] if policy.method in ("disk", "all") else []
    return [*needed, BRIDGES, *disks]


def token_name(node: str) -> str:
    """The node's own token; a name of a token begins with a letter, that of a node may begin with a digit."""
    return f"node-{node}"


def ensure_role(tools: Tools, privileges: Iterable[str], keep: Collection[str] = ()) -> Iterator[str]:
    """Have the role hold exactly these privileges, and those of `keep` that it has already; say what was changed."""
    held = next((entry["privs"] for entry in tools.ask("pveum", "role", "list") if entry["roleid"] == ROLE), None)
    wanted = sorted({*privileges, *set(keep).intersection((held or "").split(","))})
    if held is None:
        tools.do("pveum", "role", "add", ROLE, "--privs", ",".join(wanted))
        yield f"created role {ROLE} with {', '.join(wanted)}"
    elif sorted(filter(None, held.split(","))) != wanted:
        tools.do("pveum", "role", "modify", ROLE, "--privs", ",".join(wanted))
        yield f"set the privileges of role {ROLE} to {', '.join(wanted)}"


def ensure_user(tools: Tools) -> Iterator[str]:
    """Have the user exist, without a password, so that nobody can log in as it; say what was done. SetupError if it is disabled."""
    found = next((entry for entry in tools.ask("pveum", "user", "list") if entry["userid"] == USER), None)
    if found is None:
        tools.do("pveum", "user", "add", USER, "--comment", COMMENT)
        yield f"created user {USER}, which has no password"
    elif not int(found.get("enable", 1)):
        raise SetupError(f"user {USER} is disabled; pveum user modify {USER} --enable 1 enables it")


def has_token(tools: Tools, name: str) -> bool:
    """True when the user and its token exist."""
    users = {entry["userid"] for entry in tools.ask("pveum", "user", "list")}
    return USER in users and name in _tokens(tools)


def _tokens(tools: Tools) -> set[str]:
    return {entry["tokenid"] for entry in tools.ask("pveum", "user", "token", "list", USER)}


def new_token(tools: Tools, name: str) -> tuple[str, list[str]]:
    """Make the token, in place of an older one, and give its secret with what was done: PVE tells a secret only once."""
    done = []
    if name in _tokens(tools):
        tools.do("pveum", "user", "token", "remove", USER, name)
        done.append(f"removed the old token {USER}!{name}, whose secret is not known here or not valid")
    secret = tools.ask("pveum", "user", "token", "add", USER, name, "--privsep", "1", "--comment", COMMENT).get("value")
    if not secret:
        raise SetupError(f"pveum made the token {USER}!{name} but gave no secret")
    return secret, [*done, f"created API token {USER}!{name}"]


def ensure_grants(tools: Tools, name: str) -> Iterator[str]:
    """Give the role on / to the user and the token (a token has no right that its user lacks); say what was changed."""
    held = {(entry["type"], entry["ugid"]) for entry in _grants(tools)}
    for kind, holder in _holders(name):
        if (kind, holder) not in held:
            tools.do("pveum", "acl", "modify", "/", f"--{kind}s", holder, "--roles", ROLE)
            yield f"gave role {ROLE} on / to {holder}"


def _grants(tools: Tools) -> list[dict[str, str]]:
    return [entry for entry in tools.ask("pveum", "acl", "list") if entry["path"] == "/" and entry["roleid"] == ROLE]


def _holders(name: str) -> tuple[tuple[str, str], ...]:
    return ("user", USER), ("token", f"{USER}!{name}")


def remove(tools: Tools, name: str) -> tuple[bool, list[str]]:
    """Delete the node's token, and with the last token the user and the role; give whether that was the last, and what was done."""
    done = []
    exists = any(entry["userid"] == USER for entry in tools.ask("pveum", "user", "list"))
    if exists and name in _tokens(tools):
        _revoke(tools, "token", f"{USER}!{name}")
        tools.do("pveum", "user", "token", "remove", USER, name)
        done.append(f"removed API token {USER}!{name}")
    if exists and (others := sorted(_tokens(tools))):
        return False, [*done, f"kept user {USER} and role {ROLE}, in use by {', '.join(others)}"]
    if exists:
        _revoke(tools, "user", USER)
        tools.do("pveum", "user", "delete", USER)
        done.append(f"removed user {USER}")
    if any(entry["roleid"] == ROLE for entry in tools.ask("pveum", "role", "list")):
        if holders := sorted(entry["ugid"] for entry in tools.ask("pveum", "acl", "list") if entry["roleid"] == ROLE):
            return True, [*done, f"kept role {ROLE}, which {', '.join(holders)} holds"]
        tools.do("pveum", "role", "delete", ROLE)
        done.append(f"removed role {ROLE}")
    return True, done


def _revoke(tools: Tools, kind: str, holder: str) -> None:
    if any((entry["type"], entry["ugid"]) == (kind, holder) for entry in _grants(tools)):
        tools.do("pveum", "acl", "delete", "/", f"--{kind}s", holder, "--roles", ROLE)
