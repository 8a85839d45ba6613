"""What a node's shutdown would cut off, or lose: its backups and other work on disks, and storage replications to and from it."""

from __future__ import annotations

from prs.errors import ApiError
from prs.model import Cluster
from prs.pve.api import Api, quote
from prs.pve.read.tolerant import listed
from prs.pve.read.values import Row, flag, table, text, whole

# PVE's types of tasks that end badly when their node goes down (pve-manager, qemu-server, pve-container: fork_worker).
CUT_OFF = {
    "vzdump": "a backup", "qmrestore": "a restore", "vzrestore": "a restore", "qmclone": "a clone", "vzclone": "a clone",
    "qmmove": "the move of a disk", "move_volume": "the move of a disk", "imgcopy": "an upload", "download": "a download",
    "aptupdate": "an update of the package lists", "cephcreateosd": "the creation of an OSD", "cephdestroyosd": "the removal of an OSD",
}  # fmt: skip
# The daemons of PVE that a node needs to serve guests (pve-manager PVE/API2/Services.pm lists them with others).
SERVICES = ("corosync", "pve-cluster", "pve-ha-crm", "pve-ha-lrm", "pvedaemon", "pveproxy", "pvescheduler", "pvestatd")
OVERDUE = 1800.0  # seconds: PVE's scheduler looks every minute, and one replication waits for another of the same node
_NAMED = 3


def busy(api: Api, node: str) -> str:
    """Which tasks run on the node that its shutdown would cut off, in words; "" for none. ApiError."""
    found = [row for row in listed(api, "/cluster/tasks") if text(row, "node") == node and not row.get("endtime")]
    work = [(CUT_OFF[text(row, "type")], text(row, "id")) for row in found if text(row, "type") in CUT_OFF]
    words = [f"{what} of {name}" if name else what for what, name in work]
    more = f" and {len(words) - _NAMED} more" if len(words) > _NAMED else ""
    return f"on {node} {'runs' if len(words) == 1 else 'run'} {', '.join(sorted(words)[:_NAMED])}{more}" if words else ""


def replicating(api: Api, node: str, online: list[str], now: float) -> tuple[str, str]:
    """Replications of the node, as source or target, that run now, and replicas that are not fresh, each in words; "" for none. ApiError.

    Not fresh: the last run has failed, there was none yet, or the next one is overdue, as of a scheduler that stands still.

    A job's state is told by the node that it runs on, which is the guest's (pve-manager PVE/API2/Replication.pm).
    """
    if not any(not flag(row, "disable") for row in listed(api, "/cluster/replication")):
        return "", ""
    jobs: list[Row] = []
    for name in online:
        found = listed(api, f"/nodes/{quote(name)}/replication")
        jobs += [row for row in found if node in (name, text(row, "target")) and not flag(row, "disable")]
    running = [_job(row) for row in jobs if row.get("pid")]
    failed = [words for row in jobs if (words := _stale(row, now))]
    return f"replication runs of {', '.join(running[:_NAMED])}" if running else "", "; ".join(failed[:_NAMED])


def _job(row: Row) -> str:
    return f"{text(row, 'guest')} to {text(row, 'target')}"


def _stale(row: Row, now: float) -> str:
    """Why the replica is not fresh; "" while it is. The times are Unix seconds (pve-guest-common ReplicationState.pm, pve-manager Jobs)."""
    if failed := whole(row, "fail_count"):
        error = text(row, "error").strip()
        often = "once" if failed == 1 else f"{failed} times"
        return f"the replication of {_job(row)} has failed {often}" + (f" ({error})" if error else "")
    last, due = whole(row, "last_sync") or 0, whole(row, "next_sync") or 0
    if not last:
        return f"there is no replica of {_job(row)} yet"
    if not row.get("pid") and due and now - due > OVERDUE:
        return f"the replica of {_job(row)} is {(now - last) / 60:.0f} minutes old, and the next one overdue by {(now - due) / 60:.0f}"
    return ""


def not_started(api: Api, cluster: Cluster, node: str) -> str:
    """Which guests of the node are to start at boot and do not run yet, in words; those under HA are the HA manager's. ApiError."""
    off = [one for one in cluster.guests if one.node == node and not one.running and not one.template and not one.ha]
    names = [one.label for one in off if flag(table(api.get(f"/nodes/{quote(node)}/{one.kind}/{one.vmid}/config")), "onboot")]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    do = "does" if len(names) == 1 else "do"
    return f"{', '.join(names[:_NAMED])}{more} should have started with {node} and {do} not run" if names else ""


def services(api: Api, node: str) -> str:
    """Which of PVE's enabled services do not run on the node, in words; "" for none, or where an older PVE does not tell. ApiError."""
    try:
        found = listed(api, f"/nodes/{quote(node)}/services")
    except ApiError as error:
        if error.status == 501:
            return ""
        raise
    down = [
        f"{text(row, 'name')} ({text(row, 'state') or 'no state'})" for row in found
        if text(row, "name") in SERVICES and text(row, "unit-state") == "enabled" and text(row, "state") != "running"
    ]  # fmt: skip
    return f"on {node} services of PVE do not run: {', '.join(sorted(down))}" if down else ""
