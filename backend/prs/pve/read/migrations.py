"""Migrations that run now, among the rows of /cluster/tasks."""

from __future__ import annotations

from prs.pve.read.values import Row, digits, text, whole

COPYING = ("qmigrate", "vzmigrate")
MIGRATIONS = (*COPYING, "hamigrate")


def running_migrations(tasks: list[Row]) -> dict[int, str]:
    """The running migrations among rows of /cluster/tasks, where a running task has no end time."""
    found: dict[int, str] = {}
    for row in sorted(tasks, key=lambda row: text(row, "type") in COPYING):
        vmid = digits(text(row, "id"))
        if text(row, "type") in MIGRATIONS and not whole(row, "endtime") and vmid is not None:
            found[vmid] = text(row, "upid")
    return found
