"""What the tests of migrations share: to ask for one as the product does, and to look at its task."""

from __future__ import annotations

from simcluster import InProcessApi, World


def start(world: World, vmid: int, target: str, user: str = "root@pam", **params: object) -> str:
    """Ask for a migration as the product does, and give the UPID."""
    guest = world.guests[vmid]
    values: dict[str, object] = {"target": target, **{name.replace("_", "-"): value for name, value in params.items()}}
    if guest.running and not params:
        values |= {"restart": 1} if guest.kind == "lxc" else {"online": 1, "with-local-disks": 1}
    upid: str = InProcessApi(world, user).post(f"/nodes/{guest.node}/{guest.kind}/{vmid}/migrate", values)
    return upid


def ended(world: World, upid: str) -> str:
    """The exit status of a task, "" while it runs."""
    return world.tasks.all[upid].exitstatus or ""


def log(world: World, upid: str) -> list[str]:
    """A task's log."""
    return world.tasks.all[upid].log.lines(world.clock.time())
