"""PVE's HA manager: the CRM decides every 10 s, the LRM of each node carries out (pve-ha-manager HA/Manager.pm, HA/LRM.pm).

Rounds run only while there is something to do; whatever may give it work calls `wake`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simcluster import migration, obstacles
from simcluster.access import ROOT
from simcluster.ha_rules import Resource, Rules
from simcluster.nouns import Guest
from simcluster.process import Failed, Steps, Wait

if TYPE_CHECKING:
    from simcluster.tasks import Task
    from simcluster.world import World

ROUND = 10.0
LRM_DELAY = 4.0  # the LRM looks every 5 s
WORKERS = 4
FENCE_DELAY, FENCED_AFTER = 60.0, 120.0  # seconds after a node's death


@dataclass
class Service:
    """What the manager knows of one resource."""

    sid: str
    node: str
    state: str = "started"
    target: str = ""
    maintenance_node: str = ""
    task: str = ""  # UPID of the migration the LRM runs for it
    failed: bool = False


class Ha:
    """The HA stack of the cluster."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.resources: dict[str, Resource] = {}
        self.rules = Rules()
        self.services: dict[str, Service] = {}
        self.node_status: dict[str, str] = {}
        self.maintenance_requests: dict[str, bool] = {}  # node -> wanted, not yet seen by the CRM
        self.in_maintenance: set[str] = set()
        self.commands: list[tuple[str, str]] = []
        self._due = False

    def add(self, resource: Resource) -> None:
        """Put a guest under HA."""
        self.resources[resource.sid] = resource
        guest = self.guest(resource.sid)
        if guest is not None:
            self.services[resource.sid] = Service(resource.sid, guest.node, "started" if guest.running else "stopped")
        for node in self._world.online():
            self.node_status.setdefault(node, "online")

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
        return (self._world.online() or [""])[0] if self.node_status else ""

    def online(self) -> list[str]:
        """Give the nodes HA would put resources on."""
        return [node for node in self._world.online() if self.node_status.get(node, "online") == "online"]

    # requests

    def blocking(self, guest: Guest) -> dict[str, list[dict[str, str]]]:
        """Give node -> resources that must not meet the guest; empty on PVE 8, which has no such rules."""
        found: dict[str, list[dict[str, str]]] = {}
        if self.managed(guest):
            for sid in self.rules.partners(guest.sid, "negative"):
                service = self.services.get(sid)
                if service:
                    for node in {service.node, service.target} - {""}:
                        found.setdefault(node, []).append({"sid": sid, "cause": "resource-affinity"})
        return found

    def dependent(self, guest: Guest) -> list[str]:
        """Give the resources that move along with the guest."""
        return self.rules.partners(guest.sid, "positive")

    def request(self, guest: Guest, target: str, user: str) -> str:
        """Start the `hamigrate` task that asks for a move, and give its UPID: it ends OK long before the guest moves."""
        return self._world.tasks.start(guest.node, "hamigrate", str(guest.vmid), user, lambda task: self._ask(task, guest, target)).upid

    def _ask(self, task: Task, guest: Guest, target: str) -> Steps:
        what = "VM" if guest.kind == "qemu" else "CT"
        task.log.add(f"Requesting HA migration for {what} {guest.vmid} to node {target}")
        yield Wait(1.0)
        for against in self.blocking(guest).get(target, []):
            task.log.add(f"cannot migrate resource '{guest.sid}' to node '{target}':")
            task.log.add(f"- resource '{against['sid']}' on target node '{target}' in negative affinity with resource '{guest.sid}'")
        if self.blocking(guest).get(target):
            raise Failed(f"command 'ha-manager migrate {guest.sid} {target}' failed: exit code 2")
        for sid in self.dependent(guest):
            task.log.add(f"also migrate resource '{sid}' in positive affinity with resource '{guest.sid}' to target node '{target}'")
        if self._world.faults.refuses(task):
            self._world.tell("ha", f"the HA manager ignores the request to migrate {guest.sid} to {target}")
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
        """See to it that the next round takes place."""
        if not self._due and (self.services or self.maintenance_requests or self.node_status):
            self._due = True
            now = self._world.clock.now
            self._world.clock.at((now // ROUND + 1) * ROUND, self._round)

    # the CRM's round

    def _round(self) -> None:
        self._due = False
        if not self._world.quorate:
            self._world.clock.after(ROUND, self.wake)
            return
        self._look_at_nodes()
        for sid, target in self.commands:
            self._obey(sid, target)
        self.commands.clear()
        for sid in sorted(self.services, key=lambda sid: int(sid.partition(":")[2])):
            self._next_state(self.services[sid])
        self._world.clock.after(LRM_DELAY, self._lrm)
        if self._busy():
            self.wake()

    def _busy(self) -> bool:
        moving = any(service.state in ("migrate", "relocate", "fence", "recovery") for service in self.services.values())
        waiting = any(self._world.nodes[service.node].alive is False for service in self.services.values())
        pending = any(self.node_status.get(node) != "maintenance" for node in self.in_maintenance & set(self._world.online()))
        returning = any(service.maintenance_node for service in self.services.values()) and not self.in_maintenance
        evacuating = any(service.node in self.in_maintenance and service.state == "started" for service in self.services.values())
        return moving or waiting or pending or returning or evacuating or bool(self.maintenance_requests)

    def _look_at_nodes(self) -> None:
        now = self._world.clock.now
        for node in self._world.nodes.values():
            before = self.node_status.get(node.name, "online" if node.alive else "unknown")
            dead = now - node.died
            if not node.alive:
                hurt = any(service.node == node.name for service in self.services.values())
                status = "fence" if hurt and FENCE_DELAY <= dead else "unknown"
            elif node.name in self.in_maintenance:
                status = "maintenance"
            else:
                status = "online"
            if before != status:
                self._world.tell("ha", f"HA sees node {node.name} as {status}")
            self.node_status[node.name] = status
        for name, on in sorted(self.maintenance_requests.items()):
            if self._world.nodes[name].alive and on:
                self.in_maintenance.add(name)
            elif not on:
                self.in_maintenance.discard(name)
        self.maintenance_requests.clear()

    def _obey(self, sid: str, target: str) -> None:
        service, resource = self.services.get(sid), self.resources.get(sid)
        taken = {found.target or found.node for other in self.rules.partners(sid, "negative") if (found := self.services.get(other))}
        reason = (
            "it is not known" if service is None or resource is None
            else "it is in error state" if service.state == "error"
            else "the target is not online" if target not in self.online()
            else "it is there already" if service.node == target
            else "a resource it must keep apart from is there" if target in taken
            else ""
        )  # fmt: skip
        if reason or service is None:
            self._world.tell("ha", f"HA ignores the request to migrate {sid} to {target}: {reason}")
            return
        for each in [service, *(self.services[other] for other in self.rules.partners(sid, "positive") if other in self.services)]:
            if each.node != target:
                self._move(each, target)

    def _next_state(self, service: Service) -> None:
        guest, resource = self.guest(service.sid), self.resources.get(service.sid)
        if guest is None or resource is None:
            return
        if service.state in ("migrate", "relocate"):
            self._moved(service, guest)
        elif not self._world.nodes[service.node].alive:
            self._recover(service, guest, resource)
        elif service.state in ("started", "stopped"):
            service.node = guest.node
            service.state = "started" if guest.running else "stopped"
            target = self._wanted(service, resource) if service.state == "started" else ""
            if target and target != service.node:
                self._move(service, target)

    def _moved(self, service: Service, guest: Guest) -> None:
        """See whether the LRM is through with a move."""
        dead = not self._world.nodes[service.node].alive
        if guest.node == service.target or service.failed or (dead and not service.task):
            if service.failed:
                self._world.tell("ha", f"HA service {service.sid} - migration failed, stays on {guest.node}")
            service.node, service.target, service.task, service.failed = guest.node, "", "", False
            service.state = "started" if self.resources[service.sid].state == "started" else "stopped"
            if service.node == service.maintenance_node:
                service.maintenance_node = ""

    def _move(self, service: Service, target: str) -> None:
        guest = self.guest(service.sid)
        if guest is None:
            return
        if service.node in self.in_maintenance and not service.maintenance_node:
            service.maintenance_node = service.node
        if not guest.running:  # a stopped service just changes its place
            with self._world.change(service.node, target, guest=guest):
                guest.node = service.node = target
            self._world.migrations[guest.vmid] += 1
            self._world.tell("ha", f"HA moves stopped {service.sid} to {target}")
            return
        service.state, service.target = "migrate" if guest.kind == "qemu" else "relocate", target
        self._world.tell("ha", f"HA moves {service.sid} from {service.node} to {target}")

    def _recover(self, service: Service, guest: Guest, resource: Resource) -> None:
        dead = self._world.clock.now - self._world.nodes[service.node].died
        if dead < FENCED_AFTER:
            service.state = "fence" if dead >= FENCE_DELAY else service.state
            return
        service.state = "recovery"
        target = self._select(service, resource)
        if target:
            with self._world.change(target, guest=guest):
                guest.node, guest.status, guest.lock, guest.born = target, "running", "", self._world.clock.now
            service.node, service.state, service.task, service.target = target, "started", "", ""
            self._world.tell("ha", f"HA recovers {service.sid} on {target}")

    # placement

    def _wanted(self, service: Service, resource: Resource) -> str:
        """Give the node a started service should be on, "" to leave it."""
        home = service.maintenance_node
        if home and home in self.online():
            return home
        if service.node not in self.online():
            return self._select(service, resource)
        wish = self.rules.wish(resource)
        best = wish.best(self.online())
        outside = service.node not in best or service.node in self.rules.avoided(service.sid)
        if outside and (self.rules.failback(resource) or (wish.strict and service.node not in wish.nodes)):
            return self._select(service, resource)
        clash = any(self.services[other].node == service.node for other in self.rules.partners(service.sid, "negative") if other in self.services)
        if clash and service.sid == max([service.sid, *self.rules.partners(service.sid, "negative")]):
            return self._select(service, resource)
        return ""

    def _select(self, service: Service, resource: Resource) -> str:
        """Choose a node as CRS `basic` does: the rules' best nodes, then the one with the fewest services."""
        others = {sid: (found.target or found.node) for sid, found in self.services.items() if sid != service.sid}
        apart = {others.get(sid) for sid in self.rules.partners(service.sid, "negative")} | self.rules.avoided(service.sid)
        together = [others[sid] for sid in self.rules.partners(service.sid, "positive") if sid in others]
        nodes = [node for node in self.rules.wish(resource).best(self.online()) if node not in apart]
        joined = [node for node in nodes if node in together]
        count = list(others.values())
        return min(joined or nodes, key=lambda node: (count.count(node), node), default="")

    # the LRMs

    def _lrm(self) -> None:
        for service in sorted(self.services.values(), key=lambda service: service.sid):
            guest = self.guest(service.sid)
            if guest is None or service.state not in ("migrate", "relocate") or service.task or service.failed:
                continue
            if guest.node == service.target:
                continue
            if not self._world.nodes[service.node].alive:
                continue
            busy = sum(1 for other in self.services.values() if other.task and other.node == service.node)
            if busy < int(self._world.options.get("max_workers", WORKERS)):
                self._carry_out(service, guest)

    def _carry_out(self, service: Service, guest: Guest) -> None:
        words = obstacles.storages(self._world, guest, service.target, lambda disk: disk.storage)
        words = words or (f"VM is locked ({guest.lock})" if guest.lock else "") or ("" if guest.node == service.node else "not here")
        if words:
            self._world.tell("ha", f"HA cannot migrate {service.sid} to {service.target}: {words}")
            service.failed = True
            return
        order = migration.Order(guest, service.target, True, True, by_ha=True)

        def over(task: Task) -> None:
            service.failed = task.exitstatus != "OK" and guest.node != service.target
            service.task = ""
            self._world.clock.after(LRM_DELAY, self._lrm)
            self.wake()

        service.task = "starting"
        task = migration.start(self._world, order, ROOT, over)
        if task.running:
            service.task = task.upid

    def status(self) -> dict[str, Any]:
        """Give the services as the manager's status file has them."""
        return {
            sid: {
                "state": service.state, "node": service.node, "uid": f"{sid}", "running": int(service.state == "started"),
                **({"target": service.target} if service.target else {}),
                **({"maintenance_node": service.maintenance_node} if service.maintenance_node else {}),
            }
            for sid, service in sorted(self.services.items())
        }  # fmt: skip
