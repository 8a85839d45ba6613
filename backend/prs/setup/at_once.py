"""Makes the whole account with somebody's own rights, or nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from prs.endpoint import Endpoint
from prs.errors import LoginFailed, PrsError
from prs.setup import account
from prs.setup.texts import texts
from prs.setup.tools import SetupError, Tools

Keep = Callable[[dict[str, str]], None]  # puts the account, by node, where every node's service reads it
Try = Callable[[Endpoint], object]  # logs in with it; both raise PrsError
_THERE = "already exists"  # pve-access-control PVE/API2/Role.pm, User.pm, also of a token


@dataclass(frozen=True, slots=True)
class _Standing:
    """What there is of the account: the role's privileges (None = no role), user, token, and who holds the role on /."""

    role: str | None
    user: bool
    token: bool
    holders: frozenset[tuple[str, str]]


def make(tools: Tools, privileges: Collection[str], attempt: Try, keep: Keep) -> list[str]:
    """Make role, user, token and grants, try them, and hand them over; sentences of what was done. SetupError, with nothing left behind."""
    before, done, endpoint = _standing(tools), list[str](), None
    if before.token:
        words = "exists already, and its secret is not known here: somebody is making the account just now, or it is to be deleted first"
        raise SetupError(f"API token {account.USER}!{account.CLUSTER} {words} (Datacenter > Permissions > API Tokens)")
    try:
        done += account.ensure_role(tools, privileges, keep=tuple(filter(None, (before.role or "").split(","))))
        done += account.ensure_user(tools)
        secret, made = account.new_token(tools, account.CLUSTER)
        done += made
        done += account.ensure_grants(tools, account.CLUSTER)
        endpoint = Endpoint((), account.USER, token_name=account.CLUSTER, token_value=secret)
        attempt(endpoint)
        keep(texts(tools, endpoint, {}))
    except PrsError as error:
        # Now, and not before: what would be taken back is another's, who goes on with it.
        if _THERE in str(error) or (endpoint is not None and _replaced(attempt, endpoint)):
            raise SetupError(f"{str(error).rstrip('.')}: somebody else is making the account just now; look again") from error
        left = _take_back(tools, before)
        words = f"; and could not be taken back: {'; '.join(left)}" if left else "; nothing is left behind"
        raise SetupError(f"{str(error).rstrip('.')}{words}") from error
    return [*done, "gave the account to all nodes"]


def _replaced(attempt: Try, endpoint: Endpoint) -> bool:
    """Whether the token is another one by now: `setup` replaces one that nobody has kept yet."""
    try:
        attempt(endpoint)
    except LoginFailed:
        return True
    except PrsError:
        return False  # nobody knows; ours it was
    return False


def _standing(tools: Tools) -> _Standing:
    role = next((entry["privs"] for entry in tools.ask("pveum", "role", "list") if entry["roleid"] == account.ROLE), None)
    user = any(entry["userid"] == account.USER for entry in tools.ask("pveum", "user", "list"))
    held = [entry for entry in tools.ask("pveum", "acl", "list") if entry["path"] == "/" and entry["roleid"] == account.ROLE]
    token = user and account.has_token(tools, account.CLUSTER)
    return _Standing(role, user, token, frozenset((entry["type"], entry["ugid"]) for entry in held))


def _take_back(tools: Tools, before: _Standing) -> list[str]:
    """Undo what is there now and was not before, also of calls that got no answer; what could not be undone."""
    left = list[str]()
    try:
        now = _standing(tools)
    except PrsError as error:
        return [f"what was made cannot be seen: {error}"]

    def undo(*command: str) -> None:
        try:
            tools.do("pveum", *command)
        except PrsError as error:
            left.append(str(error))

    for kind, holder in sorted(now.holders - before.holders):
        undo("acl", "delete", "/", f"--{kind}s", holder, "--roles", account.ROLE)
    if now.token and not before.token:
        undo("user", "token", "remove", account.USER, account.CLUSTER)
    if now.user and not before.user:
        undo("user", "delete", account.USER)
    if now.role is not None and before.role is None:
        undo("role", "delete", account.ROLE)
    elif now.role != before.role:
        undo("role", "modify", account.ROLE, "--privs", before.role or "")
    return left
