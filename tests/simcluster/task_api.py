"""/nodes/{node}/tasks and /cluster/tasks (pve-manager PVE/API2/Tasks.pm, PVE/API2/Cluster.pm)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from simcluster.errors import bad_parameter, denied
from simcluster.gate import may
from simcluster.routes import Call, Page, route
from simcluster.tasks import Task

if TYPE_CHECKING:
    from simcluster.world import World

UPID = re.compile(r"UPID:[a-zA-Z0-9-]+:[0-9A-F]{8}:[0-9A-F]{8,9}:[0-9A-F]{8}:[^:\s]+:[^:\s]*:[^:\s]+:")
RECENT = 25  # finished tasks per node in /cluster/tasks


def _row(task: Task) -> dict[str, Any]:
    row: dict[str, Any] = {
        "upid": task.upid, "node": task.node, "pid": task.pid, "pstart": task.pstart, "starttime": int(task.start),
        "type": task.type, "id": task.id, "user": task.user.partition("!")[0],
    }  # fmt: skip
    if "!" in task.user:
        row["tokenid"] = task.user.partition("!")[2]
    return row


def _listed(task: Task) -> dict[str, Any]:
    return _row(task) if task.end is None else {**_row(task), "endtime": int(task.end), "status": task.exitstatus}


def _broadcast(task: Task) -> dict[str, Any]:
    """Give a task as nodes tell each other of it: an ended one without its process (pve-common RESTEnvironment.pm active_workers)."""
    row = _listed(task)
    if task.end is not None:
        row.pop("pid")
        row["saved"] = "1"
    return row


def find(world: World, call: Call) -> Task:
    """Give the task named in the path, or raise PVE's refusals for bad, unknown and foreign ones."""
    upid = str(call.values["upid"])
    if not UPID.fullmatch(upid):
        raise bad_parameter(upid="unable to parse worker upid")
    task = world.tasks.all.get(upid)
    if task is None or task.node != call.node:
        raise bad_parameter(upid="no such task")
    if not world.tasks.visible(call.user, task) and not may(world, call.user, f"/nodes/{call.node}", "Sys.Audit"):
        raise denied(f"/nodes/{call.node}", "Sys.Audit")
    return task


@route("GET", "/nodes/{node}/tasks/{upid}/status")
def status(world: World, call: Call) -> dict[str, Any]:
    """Give one task's status object."""
    task = find(world, call)
    row = {**_row(task), "status": "running" if task.running else "stopped"}
    return row if task.running else {**row, "exitstatus": task.exitstatus}


@route("GET", "/nodes/{node}/tasks/{upid}/log")
def log(world: World, call: Call) -> Page:
    """Give lines of a task's log, numbered from 1."""
    lines = find(world, call).log.lines(world.clock.now) or ["no content"]
    start, limit = call.values.get("start", 0), call.values.get("limit", 50)
    chosen = lines[start : start + limit if limit else None]
    page = Page({"n": number, "t": text} for number, text in enumerate(chosen, start + 1))
    page.total = len(lines)
    return page


@route("DELETE", "/nodes/{node}/tasks/{upid}")
def stop(world: World, call: Call) -> None:
    """Stop a task: one's own, or any with Sys.Modify on the node."""
    upid = str(call.values["upid"])
    if not UPID.fullmatch(upid):
        raise bad_parameter(upid="unable to parse worker upid")
    task = world.tasks.all.get(upid)
    if task is None or task.node != call.node:
        raise bad_parameter(upid="no such task")
    if not world.tasks.visible(call.user, task) and not may(world, call.user, f"/nodes/{call.node}", "Sys.Modify"):
        raise denied(f"/nodes/{call.node}", "Sys.Modify")
    world.tasks.cancel(task)


@route("GET", "/nodes/{node}/tasks")
def index(world: World, call: Call) -> Page:
    """List a node's tasks, newest first; `source` says whether running ones, ended ones or both."""
    values, source = call.values, call.values.get("source", "archive")
    audit = may(world, call.user, f"/nodes/{call.node}", "Sys.Audit")
    wanted = [
        task
        for task in reversed(world.tasks.all.values())
        if task.node == call.node
        and (audit or world.tasks.visible(call.user, task))
        and (source == "all" or task.running == (source == "active"))
        and str(values.get("vmid", task.id)) == task.id
        and values.get("typefilter", task.type) == task.type
        and int(task.start) >= values.get("since", 0)
        and int(task.start) <= values.get("until", task.start)
        and values.get("userfilter", "") in task.user
        and not (values.get("errors") and task.exitstatus in ("OK", None))
    ]
    start, limit = values.get("start", 0), values.get("limit", 50)
    page = Page({**_listed(task), **({"status": "RUNNING"} if task.running else {})} for task in wanted[start:][: limit or None])
    page.total = len(wanted)
    return page


@route("GET", "/cluster/tasks")
def cluster(world: World, call: Call) -> list[dict[str, Any]]:
    """List running and recent tasks of all nodes; without Sys.Audit on / only one's own."""
    audit = may(world, call.user, "/", "Sys.Audit")
    rows: list[dict[str, Any]] = []
    for node in world.nodes.values():
        mine = [task for task in reversed(world.tasks.all.values()) if task.node == node.name] if node.alive else []
        mine = [task for task in mine if audit or world.tasks.visible(call.user, task)]
        rows += [_broadcast(task) for task in mine if task.running]
        rows += [_broadcast(task) for task in mine if not task.running][:RECENT]
    return sorted(rows, key=lambda row: (-row["starttime"], row["upid"]))
