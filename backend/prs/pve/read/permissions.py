"""What an account may do, from its own list of permissions (GET /access/permissions)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from prs.errors import ApiError
from prs.model import Cluster, Move
from prs.pve.api import Api
from prs.pve.read.values import Row, flag, table

SEE = "VM.Audit"  # see a guest
MOVE = "VM.Migrate"
POWER = "VM.PowerMgmt"  # shut a guest down and start it
REBOOT = "Sys.PowerMgmt"  # reboot a node, which only rolling maintenance needs
ROLLING = (REBOOT, POWER)  # what the service's account needs for rolling maintenance beside all else, and is given only when asked
_NAMED = 5  # guests named in a sentence


def permissions(api: Api) -> Row | None:
    """What the caller may do, by path; None where that is not told, so that nothing is concluded from it."""
    try:
        held = api.get("/access/permissions")
    except ApiError:
        return None
    return table(held) if isinstance(held, dict) else None


def granted(held: Row, path: str, privilege: str) -> bool:
    """Whether /access/permissions grants the privilege on the path: a key there is a grant, its value only says if it is inherited.

    Where the path is not listed, the nearest one above that is decides (pve-access-control RPCEnvironment.pm: deeper roles replace others).
    """
    return privilege in table(held[path]) if path in held else inherited(held, path, privilege)


def holds(api: Api, path: str, privilege: str, user: str = "") -> bool:
    """Whether the caller, or another user or token, holds the privilege on the path, asked for this path alone; PveError.

    The list of all paths leaves out those where the caller holds nothing, as by role NoAccess (pve-access-control RPCEnvironment.pm,
    get_effective_permissions), and what is above them would seem to hold there.
    """
    about = {"path": path, **({"userid": user} if user else {})}
    return privilege in table(table(api.get("/access/permissions", about)).get(path))


def audits(held: Row | None) -> bool:
    """Whether the caller may certainly move no guest at all: its plans are then made as for anybody, and only not started."""
    return held is not None and not any(MOVE in table(there) for there in held.values())


def movable(cluster: Cluster, user: str, held: Row | None) -> Cluster:
    """The cluster with the guests marked that a caller who may move others may not move."""
    if held is None or audits(held):
        return cluster
    words = f"{user} has no right to migrate it ({MOVE})"
    return replace(cluster, guests=tuple(
        guest if granted(held, f"/vms/{guest.vmid}", MOVE) else replace(guest, blockers=(*guest.blockers, words))
        for guest in cluster.guests
    ))  # fmt: skip


def lacking_to_move(user: str, held: Row | None, moves: Iterable[Move]) -> str:
    """What the caller lacks to carry the moves out, in a sentence; "" where nothing speaks against it."""
    denied = sorted({move.vmid for move in moves if held is not None and not granted(held, f"/vms/{move.vmid}", MOVE)})
    if not denied:
        return ""
    more = f" and {len(denied) - _NAMED} more" if len(denied) > _NAMED else ""
    return f"{user} may not carry this plan out: it needs {MOVE} on {', '.join(f'/vms/{vmid}' for vmid in denied[:_NAMED])}{more}."


def lacking_power(user: str, held: Row | None, vmids: Iterable[int]) -> str:
    """What the caller lacks to shut these guests down and start them, in a sentence; "" where nothing speaks against it."""
    denied = [f"/vms/{vmid}" for vmid in vmids if held is not None and not granted(held, f"/vms/{vmid}", POWER)]
    return f"{user} may not carry this plan out: it needs {POWER} on {', '.join(denied[:_NAMED])}." if denied else ""


def lacking_reboot(user: str, node: str) -> str:
    """That an account may not reboot a node, and what to do about it."""
    return f"{user} may not reboot {node}: it needs {REBOOT} on /nodes/{node} (setup --reboot grants it)"


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
