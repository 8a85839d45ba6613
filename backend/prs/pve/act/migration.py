"""What carrying out a plan needs of PVE, each one small function; none of them repeats a request or waits."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from prs.errors import ApiError, Unreachable
from prs.model import Kind, Move, Volume
from prs.pve.act.task_log import Log, amount, read
from prs.pve.api import Api, quote
from prs.pve.read.preconditions import Preconditions, qemu_preconditions, refusals
from prs.pve.read.resources import COPYING, MIGRATIONS, ha_state, nowhere, running_migrations, template, vmid
from prs.pve.read.tolerant import listed, told
from prs.pve.read.values import Row, flag, rows, table, text, whole

# The HA manager's `hamigrate` only passes a request on; the other two copy (qemu-server API2/Qemu.pm, pve-container API2/LXC.pm).
LOG_LINES = 5000


@dataclass(frozen=True, slots=True)
class Location:
    """Where a guest's configuration is now, and how it stands."""

    node: str
    status: str = ""  # PVE's word; "unknown" when its node is silent
    lock: str = ""
    ha: str = ""  # HA service state, "" = not managed
    node_online: bool = True
    kind: Kind = "qemu"
    name: str = ""
    template: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """A task's state. `gone`: PVE no longer knows it, so its end must be read from the guest itself."""

    running: bool
    exitstatus: str = ""  # "OK", "WARNINGS: 1", or PVE's words for the failure; "" while it runs
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Precheck:
    """Why PVE would not carry out a move, in words ("" if it would), and what travels: local disks, and connections if the source can."""

    words: str = ""
    volumes: tuple[Volume, ...] = ()
    connections: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a migration is: bytes, bytes per second, seconds (None = unknown) and the log's last line."""

    done: int
    total: int
    speed: float = 0.0
    seconds_left: float | None = None
    line: str = ""
    log: Log = field(default=Log(), repr=False)


def locate_all(api: Api) -> dict[int, Location]:
    """Where every guest is that the caller may see, by vmid; one call. ApiError (status 200) where a row does not say it.

    An answer without any node is none: PVE lists the nodes to whoever asks (pve-manager API2/Cluster.pm resources).
    """
    data = rows(api.get("/cluster/resources"))
    if not any(row.get("type") == "node" for row in data):
        raise ApiError(200, "what PVE answered /cluster/resources with names no node")
    if lost := nowhere(data):
        raise ApiError(200, f"PVE does not say where {', '.join(lost)} is")
    online = {text(row, "node"): text(row, "status") == "online" for row in data if row.get("type") == "node"}
    return {vmid(row): _where(row, online) for row in data if row.get("type") in ("qemu", "lxc") and vmid(row)}


def locate(api: Api, vmid: int, kind: Kind | None = None) -> Location | None:
    """Where one guest is; None if there is none of that vmid (and kind)."""
    found = locate_all(api).get(vmid)
    return found if found is None or kind in (None, found.kind) else None


def _where(row: Row, online: dict[str, bool]) -> Location:
    kind: Kind = "lxc" if row.get("type") == "lxc" else "qemu"
    node = text(row, "node")
    return Location(
        node, text(row, "status") or "unknown", text(row, "lock"), ha_state(row), online.get(node, False), kind, text(row, "name"),
        template(row),
    )  # fmt: skip


def sighting(api: Api, node: str, kind: Kind, vmid: int) -> str:
    """The guest's status as that node itself reports it (for a VM QEMU's own word, such as paused); "" if it is not there."""
    try:
        data = table(api.get(f"/nodes/{quote(node)}/{kind}/{vmid}/status/current"))
    except ApiError as error:
        if _not_there(error):
            return ""
        raise
    status = text(data, "status")
    return text(data, "qmpstatus") or status if status == "running" else status


def gone(api: Api, move: Move) -> bool:
    """Whether a guest that the cluster's list lacks is truly gone: the list can come back short (pve-cluster Cluster.pm).

    It is read once more, both nodes of the move are asked, and whether its number is free. ApiError or Unreachable if one of them
    cannot say: who may not see the guest gets 403 before a node looks for it (pve-manager HTTPServer.pm rest_handler).
    """
    seen = locate(api, move.vmid) is not None or any(sighting(api, node, move.kind, move.vmid) for node in (move.source, move.target))
    return not seen and free(api, move.vmid)


def free(api: Api, vmid: int) -> bool:
    """Whether the cluster has no guest of that number, seen or hidden (pve-manager API2/Cluster.pm nextid, which anybody may ask)."""
    try:
        api.get("/cluster/nextid", {"vmid": vmid})
    except ApiError as error:
        if "already exists" in str(error):
            return False
        raise
    return True


def _not_there(error: ApiError) -> bool:
    return error.status == 500 and "does not exist" in error.message


def precheck(api: Api, move: Move) -> Precheck:
    """What PVE says to the move now. Unreachable if nobody can say. Of a container PVE tells no disks."""
    path = _path(move)
    try:
        data = told(api, path) if move.kind == "qemu" else table(api.get(path))
    except ApiError as error:
        if error.status == 501:
            return Precheck()  # PVE 8 has no such call for containers (pve-container before 6.0.8)
        return Precheck(f"PVE: {error}")
    verdict = qemu_preconditions(data) if move.kind == "qemu" else Preconditions(refused=refusals(data.get("not-allowed-nodes")))
    gone = {name for node, names in verdict.unavailable if node == move.target for name in names} - dict(move.storages).keys()
    reasons = [*verdict.blockers, *(words for node, words in verdict.refused if node == move.target)]
    reasons += [f"storage {name} is not available there" for name in sorted(gone)]
    if verdict.targets is not None and move.target not in verdict.targets and not reasons:
        reasons.append(f"PVE does not allow {move.target}")
    return Precheck("; ".join(reasons), verdict.volumes, verdict.connections)


def carries_connections(api: Api, node: str) -> bool:
    """Whether a VM that comes to the node can bring its connections along, which its firewall else drops (PVE 9)."""
    try:
        return flag(table(api.get(f"/nodes/{quote(node)}/capabilities/qemu/migration")), "has-dbus-vmstate")
    except (ApiError, Unreachable):
        return False


def start(api: Api, move: Move, connections: bool = False) -> str:
    """Start the move and give its task's UPID; `connections`: both nodes can carry those of a firewalled VM over.

    ApiError: refused; Unreachable: it may have started all the same.
    """
    params: dict[str, object] = {"target": move.target}
    if move.running:
        # The same checks run for guests under HA, whose manager then ignores these parameters (qemu-server API2/Qemu.pm).
        params["restart" if move.kind == "lxc" else "online"] = 1
        if move.kind == "qemu":
            # Any attached local volume needs it, whatever its size, even one whose size PVE does not know; without one it means nothing.
            params["with-local-disks"] = 1
            params |= {"with-conntrack-state": 1} if connections else {}
    if move.storages:
        # Storages that are not named keep their names (pve-common JSONSchema.pm map_id).
        params["targetstorage" if move.kind == "qemu" else "target-storage"] = ",".join(f"{here}:{there}" for here, there in move.storages)
    upid = api.post(_path(move), params)
    if not isinstance(upid, str) or not re.fullmatch(r"UPID:[!-~]+", upid):
        raise Unreachable(f"PVE gave no task for the migration of {move.vmid}; it may have been started all the same")
    return upid


def _path(move: Move) -> str:
    return f"/nodes/{quote(move.source)}/{move.kind}/{move.vmid}/migrate"


def task(api: Api, upid: str) -> Task:
    """The state of a task."""
    try:
        data = table(api.get(f"{_task_path(upid)}/status"))
    except ApiError as error:
        if "no such task" in (error.message + str(error.errors)):
            return Task(running=False, gone=True)
        raise
    if text(data, "status") != "stopped":
        return Task(running=True)
    return Task(running=False, exitstatus=text(data, "exitstatus") or "unexpected status")


def progress(api: Api, upid: str, memory: int, disk: int, last: Progress | None = None) -> Progress:
    """How far a migration is, from its task log; given the last answer, only what was written since is fetched."""
    known = last.log if last else Log()
    data = rows(api.get(f"{_task_path(upid)}/log", {"start": max(known.number - 1, 0), "limit": LOG_LINES}))
    lines = [(whole(row, "n"), text(row, "t")) for row in data]
    if [line for _, line in lines] == ["no content"]:  # PVE's word for an empty file (pve-common Tools.pm dump_logfile)
        lines = []
    log = read(lines, known)
    found = amount(log, memory, disk)
    return Progress(found.done, found.total, found.speed, found.seconds_left, log.line, log)


def error(api: Api, upid: str) -> str:
    """What a failed task's log names as the error, in PVE's words; "" if it names none or may not be read."""
    try:
        data = rows(api.get(f"{_task_path(upid)}/log", {"start": 0, "limit": LOG_LINES}))
    except (ApiError, Unreachable):
        return ""
    return _cause([text(row, "t") for row in data])


def _cause(lines: list[str]) -> str:
    """The error of a migration's log: where its line only points elsewhere, what stands there (QemuMigrate.pm, LXC/Migrate.pm)."""
    told = [line.partition("ERROR: ")[2].strip() for line in lines if "ERROR: " in line and "TASK ERROR" not in line]
    if not told:
        return ""
    first = re.sub(r"^(migration aborted \(duration [\d:]+\): |online migrate failure - )", "", told[0])
    if "check log" in first:
        found = [line[line.index("can't migrate local") :].strip() for line in lines if "can't migrate local" in line]
        return "; ".join(dict.fromkeys(found)) or first
    if first.startswith("remote command failed"):
        found = [remote[1].strip() for line in lines if (remote := re.search(r" (\[[\w.-]+\] .+)", line))]
        return f"{first}: {found[-1]}" if found else first
    return first


def find_task(api: Api, node: str, vmid: int, since: float, known: Collection[str] = ()) -> str:
    """The UPID of a migration of the guest that `node` began at or after `since`, other than the `known` ones; "" if there is none.

    The task that copies is preferred to the HA manager's request, and a later one to an earlier.
    """
    params = {"source": "all", "vmid": vmid, "since": max(int(since), 0), "limit": 200}
    try:
        found = listed(api, f"/nodes/{quote(node)}/tasks", params)
    except (ApiError, Unreachable):
        # The node is down: the cluster still knows its running and its last 25 tasks (pve-manager API2/Cluster.pm).
        found = [row for row in listed(api, "/cluster/tasks") if text(row, "node") == node]
    fitting = [
        row for row in found
        if text(row, "type") in MIGRATIONS and text(row, "id") == str(vmid) and whole(row, "starttime") >= int(since)
        and text(row, "upid") not in known
    ]  # fmt: skip
    best = max(fitting, key=lambda row: (text(row, "type") in COPYING, whole(row, "starttime"), text(row, "upid")), default={})
    return text(best, "upid")


def cancel(api: Api, upid: str) -> None:
    """Stop a task. What is left afterwards must be looked at: PVE kills it after 5 s (pve-common RESTEnvironment.pm)."""
    api.delete(_task_path(upid))


def migrating(api: Api) -> dict[int, str]:
    """The UPIDs of the migration tasks that run anywhere in the cluster, by vmid."""
    return running_migrations(listed(api, "/cluster/tasks"))


def _task_path(upid: str) -> str:
    parts = upid.split(":")
    if len(parts) < 8 or parts[0] != "UPID":
        raise ApiError(400, f"'{upid}' is not the id of a task")
    return f"/nodes/{quote(parts[1])}/tasks/{quote(upid)}"
