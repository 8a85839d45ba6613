"""How fast the link between two nodes is, from the task logs of migrations that have finished (qemu-server QemuMigrate.pm)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from prs.pve.act.task_log import size_in_bytes
from prs.pve.api import Api, quote
from prs.pve.read.values import Row, number, rows, text

LEAST, SHORTEST = 2**28, 3.0  # bytes and seconds of a copy whose speed says something about the link: the log's times are whole seconds
LOG_LINES = 5000
_STAMP = "%Y-%m-%d %H:%M:%S"
_TARGET = re.compile(r"starting migration of VM \d+ to node '([^']+)' \(([^)]+)\)")
_SENT = re.compile(r"migration completed, transferred ([\d.]+ [KMGTP]?i?B) VM-state")


@dataclass(frozen=True, slots=True)
class Seen:
    """What one finished migration showed: nodes, the target's address on the network that it took, and bytes per second (0: nothing)."""

    source: str
    target: str = ""
    network: str = ""
    speed: float = 0.0


def finished(tasks: list[Row]) -> list[Row]:
    """The rows of /cluster/tasks of VMs' migrations that went well, newest first."""
    good = [row for row in tasks if text(row, "type") == "qmigrate" and text(row, "status") == "OK" and number(row, "endtime")]
    return sorted(good, key=lambda row: -(number(row, "endtime") or 0.0))


def seen(api: Api, task: Row) -> Seen:
    """What the log of a finished migration shows, one call; PveError."""
    node = text(task, "node")
    path = f"/nodes/{quote(node)}/tasks/{quote(text(task, 'upid'))}/log"
    return shown(node, [text(row, "t") for row in rows(api.get(path, {"start": 0, "limit": LOG_LINES}))])


def shown(source: str, lines: Sequence[str]) -> Seen:
    """What the lines show: bytes of memory that were sent in the time of the copy.

    PVE's own "average migration speed" counts the memory that the guest may use, also what never travelled.
    """
    target, begun, ended, sent = ("", ""), None, None, 0.0
    for line in lines:
        if match := _TARGET.search(line):
            target = match[1], match[2]
        elif "starting online/live migration" in line:
            begun = _time(line)
        elif match := _SENT.search(line):
            ended, sent = _time(line), size_in_bytes(match[1])
    if not target[0] or begun is None or ended is None or sent < LEAST or (took := (ended - begun).total_seconds()) < SHORTEST:
        return Seen(source)
    return Seen(source, *target, sent / took)


def _time(line: str) -> datetime | None:
    try:
        return datetime.strptime(line[:19], _STAMP)
    except ValueError:
        return None
