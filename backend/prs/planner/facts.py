"""The fixed limits: what may go where, whatever else moves. Each answers with its reason in words, "" when nothing stands against it."""

from __future__ import annotations

from collections import defaultdict
from fnmatch import fnmatchcase

from prs.model import Cluster, Guest, Node, Policy, Rule

GIB = 2**30
MOVABLE = ("running", "paused", "stopped")


def gib(size: float) -> str:
    """The size in bytes as people read it."""
    return f"{size / GIB:.1f} GiB"


class Facts:
    """The fixed limits of a snapshot: those that do not depend on where other guests are. `drain` names the node being emptied."""

    def __init__(self, cluster: Cluster, policy: Policy, drain: str = "", stopped: bool = True) -> None:
        self.cluster, self.policy, self.drain, self.stopped = cluster, policy, drain, stopped
        self.nodes = {node.name: node for node in sorted(cluster.nodes, key=lambda node: node.name)}
        self.guests = {guest.vmid: guest for guest in sorted(cluster.guests, key=lambda guest: guest.vmid)}
        self.closed = {name: reason for name, node in self.nodes.items() if (reason := self._closed(node))}
        self.open = tuple(name for name in self.nodes if name not in self.closed)
        self.storages = {(storage.name, storage.node): storage for storage in cluster.storages}
        self._ignored_words = frozenset(policy.ignore_guests)
        self._ignored_patterns = tuple(word for word in policy.ignore_guests if any(mark in word for mark in "*?["))
        self._migrating = frozenset(cluster.migrating)
        self.bound: dict[int, list[Rule]] = defaultdict(list)
        for rule in sorted(cluster.rules, key=lambda rule: rule.name):
            if rule.kind == "nodes":
                for vmid in rule.guests:
                    self.bound[vmid].append(rule)
        self._replicas: dict[int, list[str]] = defaultdict(list)
        for job in cluster.replications:
            self._replicas[job.vmid].append(job.target)

    def _closed(self, node: Node) -> str:
        """Why no guest may enter this node (nor leave it, unless it is the one being drained)."""
        if not node.online:
            return "offline"
        if node.name == self.drain:
            return "being drained"
        if node.problem:
            return node.problem
        if node.ha not in ("", "online"):
            return f"in HA state {node.ha}"
        if node.name in self.policy.ignore_nodes:
            return "ignored by the configuration"
        return ""

    def fixed(self, guest: Guest) -> str:
        """Why this guest cannot leave its node, wherever to."""
        node = self.nodes.get(guest.node)
        if node is None or not node.online:
            return f"its node {guest.node} is offline"
        if guest.node in self.closed and guest.node != self.drain:
            return f"its node {guest.node} is left alone: {self.closed[guest.node]}"
        return self._ignored(guest) or self._state(guest) or self._content(guest)

    def _ignored(self, guest: Guest) -> str:
        for word in (guest.name, str(guest.vmid)):
            if word in self._ignored_words or any(fnmatchcase(word, pattern) for pattern in self._ignored_patterns):
                return "is ignored by the configuration"
        if guest.ha and self.cluster.auto_rebalance and not self.drain:
            return "left to PVE's own auto-rebalance, which is on and manages it"
        return ""

    def _state(self, guest: Guest) -> str:
        if guest.template:
            return "is a template: it runs nowhere and stays"
        if guest.lock:
            return f"is locked ({guest.lock})"
        if guest.vmid in self._migrating:
            return "is being migrated right now"
        if guest.ha == "error":
            return "is in HA error state, which an administrator has to clear"
        if guest.status not in MOVABLE:
            return f"is in state {guest.status}, in which PVE does not migrate it safely"
        if guest.problem and not (self.drain and not guest.running):
            return f"its load is not known: {guest.problem}"
        if guest.status == "stopped":
            return "" if (self.drain and self.stopped) or self.policy.stopped else "is stopped and has no load"
        if guest.kind == "lxc" and not self.policy.containers:
            return "is a running container, and moving it would restart it (not allowed by the configuration)"
        return ""

    @staticmethod
    def _content(guest: Guest) -> str:
        return "; ".join(guest.blockers)

    def plain(self, guest: Guest) -> bool:
        """True when `refusal` gives "" for every open node that has the local storage the guest needs, so that it need not be asked."""
        return not (guest.vmid in self.bound or guest.targets is not None or guest.refused or guest.volumes
                    or guest.vmid in self._replicas)

    def refusal(self, guest: Guest, target: str) -> str:
        """Why this guest may never go to that node, whatever else moves."""
        if target not in self.nodes:
            return f"there is no node {target}"
        if target in self.closed:
            return f"{target} is excluded: {self.closed[target]}"
        for name, reason in guest.refused:
            if name == target:
                return f"PVE refuses {target}: {reason}"
        if guest.targets is not None and target not in guest.targets:
            return f"PVE does not allow {target} for it"
        return self.unwanted(guest, target) or self._replica(guest, target) or self._disks(guest, target)

    def unwanted(self, guest: Guest, target: str) -> str:
        """The `nodes` rule, strict or not, that would rather have the guest elsewhere: on the open nodes of the highest priority."""
        for rule in self.bound.get(guest.vmid, ()):
            names = {name for name, _ in rule.nodes}
            if rule.avoid:
                if target in names and (rule.strict or any(name not in names for name in self.open)):
                    return f"{rule.source} {rule.name} keeps it away from {target}"
                continue
            usable = {name: priority for name, priority in rule.nodes if name in self.open}
            if not usable and not rule.strict:
                continue
            best = {name for name, priority in usable.items() if priority == max(usable.values())}
            if target not in best:
                only = ", ".join(sorted(best)) or "no node that is open"
                return f"{rule.source} {rule.name} wants it on {only}"
        return ""

    def forbidden(self, guest: Guest, place: str) -> str:
        """The strict rule that keeps the guest off this node, in words; "" when none does."""
        for rule in self.bound.get(guest.vmid, ()):
            if rule.strict and rule.avoid == (place in {name for name, _ in rule.nodes}):
                return f"{rule.source} {rule.name}, which keeps it away from {place}"
        return ""

    def _replica(self, guest: Guest, target: str) -> str:
        replicas = self._replicas.get(guest.vmid)
        if replicas and target not in replicas:
            return f"it is replicated to {', '.join(sorted(replicas))}, and only there it may go"
        return ""

    def _disks(self, guest: Guest, target: str) -> str:
        if guest.disk and not self.nodes[target].disk:
            return f"{target} has no local storage for its {gib(guest.disk)} of disks"
        for volume in guest.volumes:
            storage = self.storages.get((volume.storage, target))
            if storage is None or not storage.active:
                return f"storage {volume.storage} is not available on {target}"
        return ""
