"""PVE's HA stack as the API sees it: what is under HA, what is asked of it, and what it says (pve-ha-manager)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simcluster import ha_crm
from simcluster.ha_rules import Resource, Rules
from simcluster.nouns import Guest
from simcluster.process import Failed, Steps, Wait

if TYPE_CHECKING:
    from simcluster.tasks import Task
    from simcluster.world import World

ROUND = 10.0  # seconds between rounds of the CRM


@dataclass
class Service:
    """What the manager knows of one resource."""

    sid: str
    node: str
    state: str = "started"
    target: str = ""
    maintenance_node: str = ""  # where it was before maintenance drove it away
    task: str = ""  # UPID of the migration the LRM runs for it
    failed: bool = False


class Ha:
    """The HA stack of the cluster. Rounds run only while there is something to do: whatever may give it work calls `wake`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.resources: dict[str, Resource] = {}
        self.rules = Rules()
        self.services: dict[str, Service] = {}
        self.node_status: dict[str, str] = {}  # empty = HA never ran
        self.maintenance_requests: dict[str, bool] = {}  # node -> wanted, not yet seen by the CRM
        self.in_maintenance: set[str] = set()
        self.commands: list[tuple[str, str]] = []
        self.lock_holder = ""  # the node whose CRM has the manager's lock and keeps it while it is online; "": the first one online
        self._due = False

    def add(self, resource: Resource) -> None:
        """Put a guest under HA; a guest that is off is wanted off."""
        guest = self.guest(resource.sid)
        self.resources[resource.sid] = resource
        if guest is not None:
            if not guest.running and resource.state == "started":
                resource.state = "stopped"
            if resource.state != "ignored":
                self.services[resource.sid] = Service(resource.sid, guest.node, "started" if guest.running else "stopped")
        for node in self._world.online():
            self.node_status.setdefault(node, "online")

    def remove(self, sid: str) -> None:
        """Take a guest out of HA."""
        self.resources.pop(sid, None)
        self.services.pop(sid, None)

    def guest(self, sid: str) -> Guest | None:
        """Give the guest behind a resource."""
        return self._world.guests.get(int(sid.partition(":")[2]))

    def managed(self, guest: Guest) -> bool:
        """True when the HA manager moves the guest, not the API."""
        resource = self.resources.get(guest.sid)
        return resource is not None and resource.state != "ignored"

    @property
    def master(self) -> str:
        """The node whose CRM is in charge, "" when HA never ran."""
        online = self._world.online()
        return (self.lock_holder if self.lock_holder in online else (online or [""])[0]) if self.node_status else ""

    def online(self) -> list[str]:
        """Give the nodes HA would put resources on."""
        return [node for node in self._world.online() if self.node_status.get(node, "online") == "online"]

    def blocking(self, guest: Guest) -> dict[str, list[dict[str, str]]]:
        """Give node -> resources that must not meet the guest; empty on PVE 8, which has no such rules."""
        found: dict[str, list[dict[str, str]]] = {}
        if self.managed(guest):
            for sid in self.partners(guest.sid, "negative"):
                service = self.services.get(sid)
                # One that is on its way blocks neither of its nodes (HA/Config.pm, get_resource_motion_info).
                if service and service.target in ("", service.node):
                    found.setdefault(service.node, []).append({"sid": sid, "cause": "resource-affinity"})
        return found

    def dependent(self, guest: Guest) -> list[str]:
        """Give the resources that move along with the guest."""
        return self.partners(guest.sid, "positive")

    def state(self, sid: str) -> str:
        """Give the state that the manager has for a resource, else the configured one; "" for none."""
        service, resource = self.services.get(sid), self.resources.get(sid)
        return service.state if service else resource.state if resource else ""

    def partners(self, sid: str, affinity: str) -> list[str]:
        """Give the resources that the manager keeps together with or apart from another; one that is ignored binds nothing."""
        there = self.resources.get(sid)
        if there is None or there.state == "ignored":
            return []
        return [other for other in self.rules.partners(sid, affinity) if other in self.services]

    def request(self, guest: Guest, target: str, user: str) -> str:
        """Start the `hamigrate` task that asks for a move, and give its UPID: it ends OK long before the guest moves."""
        return self._world.tasks.start(guest.node, "hamigrate", str(guest.vmid), user, lambda task: self._ask(task, guest, target)).upid

    def _ask(self, task: Task, guest: Guest, target: str) -> Steps:
        what = "VM" if guest.kind == "qemu" else "CT"
        task.log.add(f"Requesting HA migration for {what} {guest.vmid} to node {target}")
        yield Wait(1.0)
        blocking = self.blocking(guest).get(target, [])
        for against in blocking:
            task.log.add(f"cannot migrate resource '{guest.sid}' to node '{target}':")
            task.log.add(f"- resource '{against['sid']}' on target node '{target}' in negative affinity with resource '{guest.sid}'")
        if blocking:
            raise Failed(f"command 'ha-manager migrate {guest.sid} {target}' failed: exit code 2")
        for sid in self.dependent(guest):
            task.log.add(f"also migrate resource '{sid}' in positive affinity with resource '{guest.sid}' to target node '{target}'")
        if task.ignored:
            self._world.tell("ha", f"HA ignores the request to migrate {guest.sid} to {target}")
        else:
            self.queue(guest.sid, target)

    def queue(self, sid: str, target: str) -> None:
        """Put a migrate command before the CRM."""
        self.commands.append((sid, target))
        self.wake()

    def maintenance(self, node: str, on: bool) -> None:
        """Ask for a node's maintenance mode; seen by the CRM in its next round, without effect for a node that is down."""
        self.maintenance_requests[node] = on
        self.wake()

    def wake(self) -> None:
        """See to it that the CRM's next round takes place."""
        if not self._due and (self.services or self.maintenance_requests or self.node_status):
            self._due = True
            self._world.clock.at((self._world.clock.now // ROUND + 1) * ROUND, self._round)

    def _round(self) -> None:
        self._due = False
        ha_crm.Crm(self._world).round()

    def status(self) -> dict[str, Any]:
        """Give the services as the manager's status file has them."""
        return {
            sid: {
                "state": service.state, "node": service.node, "uid": sid, "running": int(service.state == "started"),
                **({"target": service.target} if service.target else {}),
                **({"maintenance_node": service.maintenance_node} if service.maintenance_node else {}),
            }
            for sid, service in sorted(self.services.items())
        }  # fmt: skip
