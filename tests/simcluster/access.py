"""Who may do what: users, groups, tokens, roles and the access control list, resolved as PVE does (pve-access-control)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from simcluster import roles
from simcluster.nouns import Guest

ROOT = "root@pam"
TOPS = ("/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms")


@dataclass
class User:
    """An account; `totp` is the one code its second factor accepts, "" = it has none."""

    name: str
    password: str = ""
    enabled: bool = True
    expire: float = 0.0  # 0 = never
    groups: tuple[str, ...] = ()
    totp: str = ""


@dataclass
class Token:
    """An API token; `name` is `user@realm!id`."""

    name: str
    secret: str
    privsep: bool = True
    expire: float = 0.0


@dataclass(frozen=True)
class Grant:
    """One line of the access control list; `who` is a user, a token or `@group`."""

    path: str
    who: str
    role: str
    propagate: bool = True


@dataclass
class Access:
    """All accounts and grants of a cluster."""

    flavour: str = "9"
    users: dict[str, User] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    grants: list[Grant] = field(default_factory=list)
    roles: dict[str, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.roles = {**roles.builtin(self.flavour), **self.roles}
        self.users.setdefault(ROOT, User(ROOT, "secret"))

    def add(self, user: User, *grants: tuple[str, str]) -> None:
        """Add a user with grants of (path, role)."""
        self.users[user.name] = user
        self.grants += [Grant(path, user.name, role) for path, role in grants]

    def usable(self, who: str, now: float) -> bool:
        """True when requests of that user or token are accepted at all."""
        user = self.users.get(who.partition("!")[0])
        if user is None or not user.enabled or 0 < user.expire <= now:
            return False
        token = self.tokens.get(who)
        return "!" not in who or (token is not None and not 0 < token.expire <= now)

    def held(self, who: str, path: str, pool: str = "") -> dict[str, int]:
        """Give the privileges held on a path as {privilege: propagate flag}; `pool` is that of the guest or storage at the path."""
        name, _, token = who.partition("!")
        if who == ROOT:
            return dict.fromkeys(sorted(self.roles["Administrator"]), 1)
        own = dict.fromkeys(self.roles["Administrator"], 1) if name == ROOT else self._resolve(self._identities(name), path, pool)
        if not token:
            return own
        found = self.tokens.get(who)
        if found is None:
            return {}
        if not found.privsep:
            return own
        held = self._resolve([[who]], path, pool)
        return {privilege: own[privilege] and flag for privilege, flag in held.items() if privilege in own}

    def _identities(self, user: str) -> list[list[str]]:
        account = self.users.get(user)
        return [[user], [f"@{group}" for group in account.groups] if account else []]

    def _resolve(self, ranks: list[list[str]], path: str, pool: str) -> dict[str, int]:
        """Give the privileges as RPCEnvironment.pm compiles them: NoAccess on the path or on its pool leaves none."""
        present, shared = self._roles_at(ranks, path), self._roles_at(ranks, f"/pool/{pool}") if pool else {}
        if "NoAccess" in present or "NoAccess" in shared:
            return {}
        for role in shared:  # what is granted on a pool holds for its members, without propagation
            present.setdefault(role, 0)
        found: dict[str, int] = {}
        for role, flag in present.items():
            for privilege in self.roles.get(role, ()):
                found[privilege] = max(flag, found.get(privilege, 0))
        return found

    def _roles_at(self, ranks: list[list[str]], path: str) -> dict[str, int]:
        present: dict[str, int] = {}
        for level in _levels(path):
            here: dict[str, int] = {}
            for rank in ranks:  # a user's own grant hides those of the user's groups on the same path
                here = {
                    grant.role: int(grant.propagate)
                    for grant in self.grants
                    if grant.path == level and grant.who in rank and (grant.propagate or level == path)
                }
                if here:
                    break
            present = here or present  # a deeper grant replaces those above it
        return dict(present)

    def paths(self, guests: Iterable[Guest]) -> list[str]:
        """Give the paths that a listing without `path` names: the tops, those on the way to grants, and the members of pools."""
        granted = (level for grant in self.grants for level in _levels(grant.path))
        return sorted({*TOPS, *granted, *(f"/vms/{guest.vmid}" for guest in guests if guest.pool)})


def _levels(path: str) -> list[str]:
    parts = [part for part in path.split("/") if part]
    return ["/", *("/" + "/".join(parts[: count + 1]) for count in range(len(parts)))]
