"""One round of the CRM, every 10 s: node states, commands, the next state of every service (pve-ha-manager HA/Manager.pm)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simcluster import ha_lrm
from simcluster.ha_rules import Resource, number
from simcluster.nouns import Guest

if TYPE_CHECKING:
    from simcluster.ha import Service
    from simcluster.world import World

FENCE_DELAY, FENCED_AFTER = 60.0, 120.0  # seconds after a node's death
AGAIN = 10.0


class Crm:
    """The manager at work on a world's HA state."""

    def __init__(self, world: World) -> None:
        self._world, self._ha = world, world.ha

    def round(self) -> None:
        """Do one round; it asks for another one while anything is unfinished."""
        if not self._world.quorate:
            self._world.clock.after(AGAIN, self._ha.wake)
            return
        before = self._ha.status()
        self._look_at_nodes()
        for sid, target in self._ha.commands:
            self._obey(sid, target)
        self._ha.commands.clear()
        for sid in sorted(self._ha.services, key=number):
            self._next_state(self._ha.services[sid])
        self._world.clock.after(ha_lrm.DELAY, lambda: ha_lrm.work(self._world))
        if self._unfinished() or self._ha.status() != before:
            self._ha.wake()

    def _unfinished(self) -> bool:
        ha, nodes = self._ha, self._world.nodes
        changing = any((ha.node_status.get(name) == "maintenance") != (name in ha.in_maintenance) for name in nodes if nodes[name].alive)
        return bool(ha.maintenance_requests) or changing or any(self._restless(service) for service in ha.services.values())

    def _restless(self, service: Service) -> bool:
        """True for a service that is moving, on a dead node, to be driven away, or to come home (one that is bound elsewhere is not)."""
        ha = self._ha
        driven = service.node in ha.in_maintenance and service.state == "started"
        home = service.maintenance_node
        homeward = home != "" and home not in ha.in_maintenance and home in self._best(service, ha.resources[service.sid])
        return service.state in ("migrate", "relocate") or not self._world.nodes[service.node].alive or driven or homeward

    def _look_at_nodes(self) -> None:
        ha, now = self._ha, self._world.clock.now
        for node in self._world.nodes.values():
            before = ha.node_status.get(node.name, "online" if node.alive else "unknown")
            status = "maintenance" if node.name in ha.in_maintenance else "online"
            if not node.alive:
                hurt = any(service.node == node.name for service in ha.services.values())
                status = "fence" if hurt and now - node.died >= FENCE_DELAY else "unknown"
            if before != status:
                self._world.tell("ha", f"HA sees node {node.name} as {status}")
            ha.node_status[node.name] = status
        for name, on in sorted(ha.maintenance_requests.items()):
            if on and self._world.nodes[name].alive:
                ha.in_maintenance.add(name)
            elif not on:
                ha.in_maintenance.discard(name)
        ha.maintenance_requests.clear()

    def _obey(self, sid: str, target: str) -> None:
        """Carry out a migrate command, or ignore it with no more than a line in the syslog."""
        ha = self._ha
        service = ha.services.get(sid)
        # One that is on its way to the target, or away from it, is no hindrance to the manager (Manager.pm, queue_resource_motion).
        rivals = [ha.services[other] for other in ha.partners(sid, "negative")]
        taken = {rival.node for rival in rivals if rival.target in ("", rival.node)}
        reason = (
            "it is not known" if service is None or ha.guest(sid) is None
            else "it is in error state" if service.state == "error"
            else "the target is not online" if target not in ha.online()
            else "it is there already" if service.node == target
            else "a resource it must keep apart from is there" if target in taken
            else ""
        )  # fmt: skip
        if reason or service is None:
            self._world.tell("ha", f"HA ignores the request to migrate {sid} to {target}: {reason}")
            return
        for each in [service, *(ha.services[other] for other in ha.partners(sid, "positive"))]:
            if each.node != target:
                self._move(each, target)

    def _next_state(self, service: Service) -> None:
        guest, resource = self._ha.guest(service.sid), self._ha.resources[service.sid]
        if guest is None or service.state == "error":
            return
        if service.state in ("migrate", "relocate"):
            self._look_at_move(service, guest, resource)
        elif not self._world.nodes[service.node].alive:
            self._recover(service, guest, resource)
        else:
            service.node, service.state = guest.node, "started" if guest.running else "stopped"
            home = service.maintenance_node
            if home and home not in self._ha.in_maintenance and (home == service.node or not guest.running):
                service.maintenance_node = ""
            target = self._wanted(service, resource) if guest.running else ""
            if target and target != service.node:
                self._move(service, target)

    def _look_at_move(self, service: Service, guest: Guest, resource: Resource) -> None:
        """See whether the LRM is through with a move."""
        lost = not self._world.nodes[service.node].alive and not service.task
        if service.task and self._world.nodes[service.node].alive:
            return
        if guest.node == service.target or service.failed or lost:
            if service.failed:
                self._world.tell("ha", f"HA service {service.sid} - migration failed, stays on {guest.node}")
            service.node, service.target, service.task, service.failed = guest.node, "", "", False
            service.state = "started" if resource.state == "started" else "stopped"
            if service.node == service.maintenance_node:
                service.maintenance_node = ""

    def _move(self, service: Service, target: str) -> None:
        guest = self._ha.guest(service.sid)
        if guest is None:
            return
        if guest.running:
            if service.node in self._ha.in_maintenance:
                service.maintenance_node = service.node
            elif service.maintenance_node and service.node != service.maintenance_node:
                service.maintenance_node = ""  # the way back is tried once, and any other move makes the manager forget it
            service.state, service.target = "migrate" if guest.kind == "qemu" else "relocate", target
            self._world.tell("ha", f"HA moves {service.sid} from {service.node} to {target}")
        else:  # a stopped service just changes its place
            self._world.place(guest, target)
            service.node = target

    def _recover(self, service: Service, guest: Guest, resource: Resource) -> None:
        """Bring a service of a dead node up elsewhere once the node is fenced; one that only reboots is waited for."""
        if self._world.nodes[service.node].rebooting:
            service.state = "freeze"
            return
        dead = self._world.clock.now - self._world.nodes[service.node].died
        if dead < FENCED_AFTER:
            service.state = "fence" if dead >= FENCE_DELAY else service.state
            return
        service.state = "recovery"
        target = self._select(service, resource)
        if target:
            self._world.tell("ha", f"HA recovers {service.sid} on {target}")
            self._world.place(guest, target, "running" if resource.state == "started" else "stopped")
            service.node, service.state, service.task, service.target = target, resource.state, "", ""

    def _wanted(self, service: Service, resource: Resource) -> str:
        """Give the node a started service should be on, "" to leave it."""
        ha, online = self._ha, self._ha.online()
        if service.maintenance_node and service.maintenance_node in self._best(service, resource):
            return service.maintenance_node
        if service.node not in online:
            return self._select(service, resource)
        wish = ha.rules.wish(resource)
        outside = service.node not in wish.best(online) or service.node in ha.rules.avoided(service.sid)
        if outside and (ha.rules.failback(resource) or (wish.strict and service.node not in wish.nodes)):
            return self._select(service, resource)
        rivals = [sid for sid in ha.partners(service.sid, "negative") if ha.services[sid].node == service.node]
        return self._select(service, resource) if rivals and number(service.sid) > max(map(number, rivals)) else ""

    def _best(self, service: Service, resource: Resource) -> list[str]:
        """Give the nodes that rules leave for a service; guests that are bound together hold each other where most of them are."""
        ha = self._ha
        others = {sid: (found.target or found.node) for sid, found in ha.services.items() if sid != service.sid}
        rivals = [ha.services[sid] for sid in ha.partners(service.sid, "negative")]
        # A rival on its way is kept from on both of its nodes (Usage.pm, get_used_service_nodes).
        apart = {node for rival in rivals for node in (rival.node, rival.target)} | ha.rules.avoided(service.sid)
        nodes = [node for node in ha.rules.wish(resource).best(ha.online()) if node not in apart]
        together = [others[sid] for sid in ha.partners(service.sid, "positive") if others.get(sid) in nodes]
        return [max(sorted(set(together)), key=together.count)] if together else nodes

    def _select(self, service: Service, resource: Resource) -> str:
        """Choose a node as CRS `basic` does: the rules' best nodes, then the one with the fewest services; "" when none is left.

        A service that is moving counts on both of its nodes; memory counts nowhere (Usage/Basic.pm).
        """
        places = [{found.node, found.target} for sid, found in self._ha.services.items() if sid != service.sid]
        return min(self._best(service, resource), key=lambda node: (sum(node in both for both in places), node), default="")
