"""What an account may do, from its own list of permissions (GET /access/permissions)."""

from __future__ import annotations

from prs.errors import ApiError
from prs.pve.api import Api
from prs.pve.read.values import Row, flag, table

SEE = "VM.Audit"  # see a guest
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


def inherited(held: Row, path: str, privilege: str) -> bool:
    """Whether the privilege is granted on the path so that it holds for everything below it too (value 1)."""
    while path not in held and path != "/":
        path = path.rpartition("/")[0] or "/"
    return flag(table(held.get(path)), privilege)


def blind(api: Api) -> str:
    """Why the caller certainly does not see every guest, in words; "" where nothing speaks against it (a NoAccess role shows nowhere)."""
    words = lacking(api, "/vms", SEE)
    return f"{api.user} does not see every guest: {words}" if words else ""


def lacking(api: Api, path: str, privilege: str) -> str:
    """That the caller lacks the privilege below the path, in words; "" when it has it, or its rights may not be read."""
    try:
        held = table(api.get("/access/permissions"))
    except ApiError:
        return ""
    return "" if inherited(held, path, privilege) else f"{api.user} needs {privilege} on {path}, with propagation"
