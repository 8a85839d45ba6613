"""What an account may do, from its own list of permissions (GET /access/permissions)."""

from __future__ import annotations

from prs.pve.read.values import Row, flag, table

REBOOT = "Sys.PowerMgmt"  # reboot a node, which only rolling maintenance needs


def granted(held: Row, path: str, privilege: str) -> bool:
    """Whether /access/permissions grants the privilege on the path: a key there is a grant, its value only says if it is inherited."""
    if privilege in table(held.get(path)):
        return True
    while path != "/":
        path = path.rpartition("/")[0] or "/"
        if flag(table(held.get(path)), privilege):
            return True
    return False
