"""What happens to nodes and guests beside migrations: nodes die and return, guests are started, stopped, created, deleted, moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simcluster import migration
from simcluster.errors import SceneError
from simcluster.nouns import Guest, Node
from simcluster.process import Failed

if TYPE_CHECKING:
    from simcluster.world import World

SHUTDOWN_TIME, BOOT_TIME = 20.0, 90.0


class Life:
    """The events of a world; each is told in its log. Tests call them, and so do faults."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.boot_time = BOOT_TIME  # a server with much memory and many disks needs ten minutes

    def _node(self, name: str) -> Node:
        if name not in self._world.nodes:
            raise SceneError(f"there is no node {name!r}")
        return self._world.nodes[name]

    def _guest(self, vmid: int) -> Guest:
        if vmid not in self._world.guests:
            raise SceneError(f"there is no guest {vmid}")
        return self._world.guests[vmid]

    # nodes

    def kill(self, name: str) -> None:
        """Cut a node's power: its guests are gone, its tasks too, what was being sent to it fails."""
        node, world = self._node(name), self._world
        if not node.alive:
            return
        self._freeze(node)
        world.tell("node", f"{name} dies")
        node.alive, node.died = False, world.clock.now
        world.tasks.die(name)
        for guest in world.on(name):
            with world.change(guest=guest):
                guest.status = "stopped"
        world.ha.wake()

    def power_off(self, name: str, reboot: bool) -> None:
        """Shut a node and its guests down; with `reboot` it comes back by itself, and HA waits for it (shutdown policy conditional)."""
        node = self._node(name)
        self._world.tell("node", f"{name} is told to {'reboot' if reboot else 'shut down'}")

        def off() -> None:
            node.rebooting = reboot
            self.kill(name)
            if reboot:
                self._world.clock.after(self.boot_time, lambda: self.revive(name))

        self._world.clock.after(SHUTDOWN_TIME, off)

    def revive(self, name: str) -> None:
        """Boot a dead node; its guests stay off but for those that HA or `onboot` wants to run."""
        node, world = self._node(name), self._world
        if node.alive:
            return
        node.holes.append((node.died, world.clock.now))
        node.alive, node.rebooting, node.born = True, False, world.clock.now
        node.kernel = node.kernel_installed or node.kernel
        self._thaw(node)
        world.tell("node", f"{name} is back")
        for guest in world.on(name):
            resource = world.ha.resources.get(guest.sid)
            if (resource.state == "started") if resource is not None else guest.config.get("onboot"):
                with world.change(name, guest=guest):
                    guest.status, guest.born, guest.lock = "running", world.clock.now, ""
        world.ha.wake()

    def silence(self, name: str) -> None:
        """Stop a node's pvestatd: its figures stand still, and are gone after five minutes."""
        node = self._node(name)
        if node.silent is not None or not node.alive:
            return
        self._freeze(node)
        node.silent = self._world.clock.now
        self._world.tell("node", f"{name} reports no metrics any more")

    def speak(self, name: str) -> None:
        """Let a node's pvestatd report again."""
        node = self._node(name)
        if node.silent is not None:
            node.holes.append((node.silent, self._world.clock.now))
        node.silent = None
        self._thaw(node)
        self._world.tell("node", f"{name} reports metrics again")

    def _freeze(self, node: Node) -> None:
        world = self._world
        figures = world.metrics.node(node.name, world.memory_used(node.name), world.cpu_used(node.name))
        world.metrics.frozen_node[node.name] = figures
        world.metrics.frozen[node.name] = {guest.vmid: world.metrics.seen(guest) for guest in world.on(node.name)}

    def _thaw(self, node: Node) -> None:
        if node.alive and node.silent is None:
            self._world.metrics.frozen.pop(node.name, None)
            self._world.metrics.frozen_node.pop(node.name, None)

    def quorum(self, there: bool) -> None:
        """Lose or regain the quorum of the whole cluster."""
        self._world.quorate = there
        self._world.tell("node", "quorum is regained" if there else "quorum is lost")

    # guests

    def stop(self, vmid: int) -> None:
        """Have a guest powered off by somebody; a migration of it fails, and HA wants it off from then on."""
        guest, world = self._guest(vmid), self._world
        self._break_off(guest, f"VM {vmid} not running")
        with world.change(guest.node, guest=guest):
            guest.status = "stopped"
        self._want(guest, "stopped")
        world.tell("guest", f"{guest.label} is stopped")

    def start(self, vmid: int) -> None:
        """Have a guest powered on by somebody where it is."""
        guest, world = self._guest(vmid), self._world
        with world.change(guest.node, guest=guest):
            guest.status, guest.born = "running", world.clock.now
        self._want(guest, "started")
        world.tell("guest", f"{guest.label} is started on {guest.node}")

    def _want(self, guest: Guest, state: str) -> None:
        resource = self._world.ha.resources.get(guest.sid)
        if resource is not None and resource.state in ("started", "stopped"):
            resource.state = state
            self._world.ha.wake()

    def load(self, vmid: int, memory: int | None = None, cpu: float | None = None) -> None:
        """Change what a guest uses (bytes, cores)."""
        guest, world = self._guest(vmid), self._world
        with world.change(guest.node, guest=guest):
            guest.memory = guest.memory if memory is None else memory
            guest.cpu = guest.cpu if cpu is None else cpu
        world.tell("guest", f"{guest.label} uses {guest.memory / 2**30:.1f} GiB and {guest.cpu:g} cores now")

    def vanish(self, vmid: int) -> None:
        """Delete a guest with everything that names it."""
        guest, world = self._guest(vmid), self._world
        self._break_off(guest, f"VM {vmid} not running")
        with world.change(guest.node):
            del world.guests[vmid]
        world.metrics.forget(vmid)
        world.ha.remove(guest.sid)
        world.tell("guest", f"{guest.label} is deleted")

    def appear(self, guest: Guest) -> None:
        """Create a guest."""
        world = self._world
        if guest.vmid in world.guests:
            raise SceneError(f"there is a guest {guest.vmid} already")
        with world.change(self._node(guest.node).name):
            world.adopt(guest)
        world.metrics.born(guest)
        world.tell("guest", f"{guest.label} appears on {guest.node}")

    def lock(self, vmid: int, word: str) -> None:
        """Set a guest's configuration lock, "" removes it."""
        guest = self._guest(vmid)
        guest.lock = word
        self._world.tell("guest", f"{guest.label} is locked ({word})" if word else f"{guest.label} is not locked any more")

    def move(self, vmid: int, target: str, user: str = "admin@pam") -> None:
        """Let somebody else migrate a guest."""
        guest = self._guest(vmid)
        if guest.node != self._node(target).name:
            migration.start(self._world, migration.Order(guest, target, True, True), user)

    def cancel(self, vmid: int) -> None:
        """Let somebody else stop the migration of a guest; without effect when there is none."""
        for task in self._world.tasks.running("qmigrate", "vzmigrate"):
            if task.vmid == vmid:
                self._world.tasks.cancel(task)

    def _break_off(self, guest: Guest, words: str) -> None:
        for task in self._world.tasks.running("qmigrate", "vzmigrate"):
            if task.upid == guest.migrating and task.process and not task.moved:
                task.process.interrupt(Failed(words))

    # accounts

    def disable(self, user: str, disabled: bool = True) -> None:
        """Disable or enable a user."""
        self._world.access.users[user].enabled = not disabled
        self._world.tell("access", f"user {user} is {'disabled' if disabled else 'enabled'}")

    def expire(self, user: str = "") -> None:
        """Let all tickets issued so far expire, of one user or of all."""
        self._world.sessions.expire(user)
        self._world.tell("access", f"the tickets of {user or 'all users'} have expired")
