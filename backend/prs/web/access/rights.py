"""What a caller may do, resolved from PVE's own list of their permissions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Rights:
    """The answer of GET /access/permissions (pve-access-control PVE/API2/AccessControl.pm).

    A key present is a privilege held; its value only says whether it passes down to paths that are not listed themselves.
    """

    def __init__(self, listed: Mapping[str, Any]) -> None:
        self._listed = {path: dict(held) for path, held in listed.items() if isinstance(held, dict)}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rights) and self._listed == other._listed

    __hash__ = None  # type: ignore[assignment]  # nobody needs it

    def may(self, privilege: str, path: str) -> bool:
        """True when the privilege is held on the path: listed there, or passed down from the nearest path above that is listed."""
        if path in self._listed:
            return privilege in self._listed[path]
        while path != "/":
            path = path.rpartition("/")[0] or "/"
            if path in self._listed:
                return bool(self._listed[path].get(privilege))
        return False

    def everywhere(self, privilege: str, path: str) -> bool:
        """True when the privilege is held on the path, passes down, and no role on a listed path below it takes it away again.

        A path on which the caller holds nothing at all is not listed, so that a guest may still be hidden from them.
        """
        above = path
        while above not in self._listed and above != "/":
            above = above.rpartition("/")[0] or "/"
        below = f"{path.rstrip('/')}/"
        passes = bool(self._listed.get(above, {}).get(privilege))
        return passes and all(privilege in held for other, held in self._listed.items() if other.startswith(below))

    def may_migrate(self, vmid: int) -> bool:
        """True when PVE lets the caller migrate the guest."""
        return self.may("VM.Migrate", f"/vms/{vmid}")

    def anywhere(self, privilege: str) -> bool:
        """True when the privilege is held on any listed path."""
        return any(privilege in held for held in self._listed.values())

    def refusal(self, privilege: str, path: str = "/") -> str:
        """Why an action that needs the privilege on the path is not allowed; "" when it is."""
        return "" if self.may(privilege, path) else f"needs {privilege} on {path}"
