"""What a run by schedule waits for although it is due: a window, a pause, a backup, a node that has just come back."""

from __future__ import annotations

from prs.config.load import Settings
from prs.config.windows import open_until
from prs.pve.api import Api
from prs.pve.read.resources import uptimes
from prs.pve.read.values import rows, text, whole

BEFORE_BACKUP = 1800.0  # seconds before a backup job in which no run begins

Wait = tuple[str, float]  # for what, and until when if that is known (Unix time, else 0)


def not_now(settings: Settings, now: float) -> Wait | None:
    """What the settings say against a run at Unix time `now`."""
    if settings.paused_until > now:
        return "the end of the pause", settings.paused_until
    until = open_until(settings.quiet, now)
    return ("the end of the quiet window", until) if until else None


def busy(api: Api, settings: Settings, now: float) -> Wait | None:
    """What goes on in the cluster that a run waits for; PveError. Asks nothing that the settings do not ask for."""
    if settings.after_return:
        up = uptimes(rows(api.get("/cluster/resources")))
        node = min(up, key=lambda name: (up[name], name), default="")
        if node and up[node] < settings.after_return:
            return f"{node} to have been up for {settings.after_return / 60:.0f} minutes", now + settings.after_return - up[node]
    if not settings.wait_for_backups:
        return None
    nodes = {text(row, "node") for row in rows(api.get("/cluster/tasks")) if text(row, "type") == "vzdump" and not whole(row, "endtime")}
    if nodes:
        return f"the end of the backup on {', '.join(sorted(nodes))}", 0.0
    for job in rows(api.get("/cluster/backup")):
        # `enabled` is left out where it was never changed (pve-manager PVE/VZDump/JobBase.pm); `next-run` comes with every enabled job.
        due = whole(job, "next-run")
        if str(job.get("enabled", 1)) != "0" and now <= due < now + BEFORE_BACKUP:
            return f"backup job {text(job, 'id')}, which is due within half an hour", 0.0
    return None
