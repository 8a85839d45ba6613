"""/cluster/backup: the backup jobs (pve-manager PVE/API2/Backup.pm index: Sys.Audit on /)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simcluster.routes import Call, route

if TYPE_CHECKING:
    from simcluster.world import World


@route("GET", "/cluster/backup")
def index(world: World, call: Call) -> list[dict[str, Any]]:
    """List the jobs; one that is enabled tells when it runs next, one that never was disabled does not say `enabled`."""
    return [dict(job) for job in world.backup_jobs]
