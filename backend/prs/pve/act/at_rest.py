"""What a node's shutdown would cut off, or lose: its backups and other work on disks, and storage replications to and from it."""

from __future__ import annotations

from prs.errors import ApiError
from prs.pve.api import Api, quote
from prs.pve.read.values import Row, flag, rows, text, whole

# PVE's types of tasks that end badly when their node goes down (pve-manager, qemu-server, pve-container: fork_worker).
CUT_OFF = {
    "vzdump": "a backup", "qmrestore": "a restore", "vzrestore": "a restore", "qmclone": "a clone", "vzclone": "a clone",
    "qmmove": "the move of a disk", "move_volume": "the move of a disk", "imgcopy": "an upload", "download": "a download",
    "aptupdate": "an update of the package lists", "cephcreateosd": "the creation of an OSD", "cephdestroyosd": "the removal of an OSD",
}  # fmt: skip
# The daemons of PVE that a node needs to serve guests (pve-manager PVE/API2/Services.pm lists them with others).
SERVICES = ("corosync", "pve-cluster", "pve-ha-crm", "pve-ha-lrm", "pvedaemon", "pveproxy", "pvescheduler", "pvestatd")
_NAMED = 3


def busy(api: Api, node: str) -> str:
    """Which tasks run on the node that its shutdown would cut off, in words; "" for none. ApiError."""
    found = [row for row in rows(api.get("/cluster/tasks")) if text(row, "node") == node and not row.get("endtime")]
    work = [(CUT_OFF[text(row, "type")], text(row, "id")) for row in found if text(row, "type") in CUT_OFF]
    words = [f"{what} of {name}" if name else what for what, name in work]
    more = f" and {len(words) - _NAMED} more" if len(words) > _NAMED else ""
    return f"on {node} {'runs' if len(words) == 1 else 'run'} {', '.join(sorted(words)[:_NAMED])}{more}" if words else ""


def replicating(api: Api, node: str, online: list[str]) -> tuple[str, str]:
    """Replications of the node, as source or target, that run now, and those whose last run failed, each in words; "" for none. ApiError.

    A job's state is told by the node that it runs on, which is the guest's (pve-manager PVE/API2/Replication.pm).
    """
    if not any(not flag(row, "disable") for row in rows(api.get("/cluster/replication"))):
        return "", ""
    jobs: list[Row] = []
    for name in online:
        found = rows(api.get(f"/nodes/{quote(name)}/replication"))
        jobs += [row for row in found if node in (name, text(row, "target")) and not flag(row, "disable")]
    running = [_job(row) for row in jobs if row.get("pid")]
    failed = [_failed(row) for row in jobs if whole(row, "fail_count")]
    return f"replication runs of {', '.join(running[:_NAMED])}" if running else "", "; ".join(failed[:_NAMED])


def _job(row: Row) -> str:
    return f"{text(row, 'guest')} to {text(row, 'target')}"


def _failed(row: Row) -> str:
    error = text(row, "error").strip()
    return f"the replication of {_job(row)} has failed {whole(row, 'fail_count')} times" + (f" ({error})" if error else "")


def services(api: Api, node: str) -> str:
    """Which of PVE's enabled services do not run on the node, in words; "" for none, or where an older PVE does not tell. ApiError."""
    try:
        found = rows(api.get(f"/nodes/{quote(node)}/services"))
    except ApiError as error:
        if error.status == 501:
            return ""
        raise
    down = [
        f"{text(row, 'name')} ({text(row, 'state') or 'no state'})" for row in found
        if text(row, "name") in SERVICES and text(row, "unit-state") == "enabled" and text(row, "state") != "running"
    ]  # fmt: skip
    return f"on {node} services of PVE do not run: {', '.join(sorted(down))}" if down else ""
