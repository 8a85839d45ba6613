"""The fixed limits: what may go where, whatever else moves. Each answers with its reason in words, "" when nothing stands against it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from prs.model import CUT_OFF_LOCK, Cluster, Guest, Mode, Move, Node, Policy, unlocking
from prs.planner.problem.domains import Domains
from prs.planner.problem.hardware import Hardware
from prs.planner.problem.names import Ignored, unmatched
from prs.planner.problem.node_rules import NodeRules
from prs.planner.problem.storage_map import StorageMap
from prs.planner.problem.tags_and_pools import Alone, read_tags_and_pools
from prs.planner.quantities import gib

WISHES: dict[Mode, str] = {
    "automatic": "is moved as plans want it", "ask": "is moved only by plans that somebody has started",
    "drains": "is moved only to empty its node", "never": "is never to be moved",
}  # fmt: skip
MOVABLE = ("running", "paused", "stopped")


class FixedLimits:
    """The fixed limits of a snapshot: those that do not depend on where other guests are. `drain` names the node being emptied."""

    def __init__(self, cluster: Cluster, policy: Policy, drain: str = "", stopped: bool = True) -> None:
        self.cluster, self.policy, self.drain, self.stopped = cluster, policy, drain, stopped
        self._ignored_nodes, self._ignored_guests = Ignored(policy.ignore_nodes), Ignored(policy.ignore_guests)
        self.nodes = {node.name: node for node in sorted(cluster.nodes, key=lambda node: node.name)}
        self.guests = {guest.vmid: guest for guest in sorted(cluster.guests, key=lambda guest: guest.vmid)}
        grown = self._at_most()
        self.closed = {name: reason for name, node in self.nodes.items() if (reason := self._closed(node))}
        self.open = tuple(name for name in self.nodes if name not in self.closed)
        self.storages = {(storage.name, storage.node): storage for storage in cluster.storages}
        self.storage_map = StorageMap(policy, self.storages)
        self.hardware = Hardware(self.nodes, policy.unlike_cpus == "warn")
        self._modes: dict[int, Mode] = dict(policy.guests)
        self._migrating = frozenset(cluster.migrating)
        self._wishes = dict(policy.targets) if drain else {}
        found = read_tags_and_pools(cluster, policy, (bool(drain) and stopped) or policy.stopped)
        self._alone, self._lost = found.ignored, found.lost
        self.rules = tuple(sorted((*cluster.rules, *found.rules), key=lambda rule: (rule.name, rule.source, rule.kind)))
        self.domains = Domains(policy, self.nodes, self.open, drain)
        self.wide, words = self.domains.wide(self.rules, self.guests)  # the `apart` rules that hold across failure domains
        self.warnings = (*unmatched(cluster, policy), *found.warnings, *words, *grown)
        everywhere = frozenset(self.nodes) | {guest.node for guest in cluster.guests}
        self.node_rules = NodeRules(self.rules, self.open, everywhere, bool(drain))
        self._replicas: dict[int, list[str]] = defaultdict(list)
        for job in cluster.replications:
            self._replicas[job.vmid].append(job.target)
        self._mirror()

    def _at_most(self) -> tuple[str, ...]:
        """Count guests of the drained node whose load is not known yet with all the memory they may use; what to say about them.

        They have just been started or have just arrived, and a drain need not wait for their figures.
        """
        young = {
            vmid: guest for vmid, guest in self.guests.items()
            if self.drain and guest.node == self.drain and guest.problem and guest.status in ("running", "paused") and guest.memory_max
        }  # fmt: skip
        for vmid, guest in young.items():
            self.guests[vmid] = replace(guest, problem="", memory=max(guest.memory, guest.memory_max))
        if not young:
            return ()
        first = next(iter(young.values()))
        who = first.label + (f" and {len(young) - 1} more" if len(young) > 1 else "")
        return (f"The load of {who} is not known ({first.problem}), so all the memory that it may use is counted.",)

    def _mirror(self) -> None:
        """Count the disks of replicated guests with their nodes: only what changed travels, and each node keeps the bytes that it has.

        PVE turns the job round after the move (pve-guest-common ReplicationConfig.pm switch_replication_job_target).
        """
        for vmid, targets in self._replicas.items():
            guest = self.guests.get(vmid)
            if guest is None or guest.node not in self.nodes or not any(target in self.open for target in targets):
                continue
            node = self.nodes[guest.node]
            self.nodes[guest.node] = replace(node, disk_host=node.disk_host + guest.disk)
            self.guests[vmid] = replace(guest, disk=0, volumes=())

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
        if self._ignored_nodes.has(node.name):
            return "ignored by the configuration"
        return ""

    def fixed(self, guest: Guest) -> str:
        """Why this guest cannot leave its node, wherever to."""
        node = self.nodes.get(guest.node)
        if node is None or not node.online:
            return f"its node {guest.node} is offline"
        if not node.member:
            return f"its node {guest.node} is left alone: {node.problem}"
        if guest.node in self.closed and guest.node != self.drain:
            return f"its node {guest.node} is left alone: {self.closed[guest.node]}"
        return self._ignored(guest) or self._state(guest) or self._content(guest)

    def _ignored(self, guest: Guest) -> str:
        if alone := self.left_alone(guest):
            return alone.reason
        if guest.ha and self.cluster.auto_rebalance and guest.auto_rebalance and self.policy.ha_guests == "leave" and not self.drain:
            return "left to PVE's own auto-rebalance, which is on and manages it"
        return ""

    def wish(self, guest: Guest) -> tuple[Mode, Alone | None]:
        """How the guest may be moved by the administrator's wish, and what says so; what is said of it alone goes over all else."""
        if guest.vmid in self._modes:
            mode = self._modes[guest.vmid]
            return mode, Alone("configuration", "guests", WISHES[mode])
        if guest.vmid in self._alone:
            return "never", self._alone[guest.vmid]
        if self._ignored_guests.has(guest.name, str(guest.vmid)):
            return "never", Alone("configuration", "ignore_vms", "is ignored by the configuration")
        return "automatic", None

    def left_alone(self, guest: Guest) -> Alone | None:
        """What leaves the guest where it is in this plan; None when nothing does."""
        mode, alone = self.wish(guest)
        asked = bool(self.drain) or not self.policy.unattended
        free = {"automatic": True, "ask": asked, "drains": guest.node == self.drain, "never": False}[mode]
        return self.lost(guest) if free or self.policy.ignored else alone

    def lost(self, guest: Guest) -> Alone | None:
        """What binds the guest to nodes that this cluster does not have; None when nothing does."""
        return self._lost.get(guest.vmid)

    def _state(self, guest: Guest) -> str:
        if guest.template:
            return "is a template: it runs nowhere and stays"
        waits = guest.occupied and bool(self.drain) and guest.node == self.drain
        if guest.lock == CUT_OFF_LOCK and guest.vmid not in self._migrating:
            return f"is locked ({guest.lock}), and no migration of it runs: {unlocking(guest.kind, guest.vmid, guest.node)}"
        if guest.lock and not waits:
            return f"is locked ({guest.lock})"
        if guest.vmid in self._migrating:
            return "is being migrated right now"
        if guest.ha == "error":
            return "is in HA error state, which an administrator has to clear"
        # A stopped VM shows as prelaunch while its backup runs (vzdump starts it paused), and is stopped again afterwards.
        asleep = waits and guest.status == "prelaunch"
        if guest.status == "unknown" and guest.problem:
            return f"its state is not known: {guest.problem}"
        if guest.status not in MOVABLE and not asleep:
            return f"is in state {guest.status}, in which PVE does not migrate it safely"
        if guest.problem and not asleep and not (self.drain and not guest.running):
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
        """True when only `NodeRules.welcome` may refuse an open node that has the local storage needed: `refusal` need not be asked."""
        chosen = self.policy.avoid or guest.vmid in self._wishes
        return not (chosen or guest.targets is not None or guest.refused or guest.unavailable or guest.volumes
                    or guest.vmid in self._replicas) and self.hardware.plain(guest)

    def refusal(self, guest: Guest, target: str) -> str:
        """Why this guest may never go to that node, whatever else moves."""
        if target not in self.nodes:
            return f"there is no node {target}"
        if target in self.closed:
            return f"{target} is excluded: {self.closed[target]}"
        if target in self.policy.avoid:
            return f"{target} is left out as a target of this plan"
        if (wish := self._wishes.get(guest.vmid, target)) != target:
            return f"it is to go to {wish}, by choice"
        for name, reason in guest.refused:
            if name == target:
                return f"PVE refuses {target}: {reason}"
        lacking = set(next((names for node, names in guest.unavailable if node == target), ())) - {one.storage for one in guest.volumes}
        if lacking:
            return f"PVE refuses {target}: storage {min(lacking)} is not available there"
        if guest.targets is not None and target not in guest.targets:
            return f"PVE does not allow {target} for it"
        return (self.node_rules.unwanted(guest, target, mere=False) or self._replica(guest, target) or self._disks(guest, target)
                or self.hardware.refusal(guest, target))

    def cautions(self, moves: Iterable[Move]) -> tuple[str, ...]:
        """What speaks against moves that the policy allows all the same, one sentence each."""
        moves = list(moves)
        words = [self.hardware.caution(self.guests[move.vmid], move.target) for move in moves]
        words += [self._script(self.guests[move.vmid], move.target) for move in moves]
        return tuple(filter(None, words))

    def _script(self, guest: Guest, target: str) -> str:
        """That a hook script has to be on the target too, where PVE does not show that it is."""
        script, there = guest.hookscript, self.nodes[target]
        storage = self.storages.get((script.partition(":")[0], target))
        if not script or (storage and storage.shared) or script in (there.scripts or ()):
            return ""
        return (f"{guest.label} starts on {target} only if its hook script {script} is there too: this account is not shown it "
                "(that needs Datastore.Allocate on the storage)")

    def onward(self, guest: Guest, here: str, target: str) -> str:
        """Why the guest may not go from another node than its own to that one: a node on the way may be newer than both."""
        return self.hardware.refusal(replace(guest, node=here), target) if here != guest.node else ""

    def growth(self, guest: Guest) -> int:
        """Bytes it may use more on another node than it does now. A drain does not count them: where it gets narrow, PVE squeezes again."""
        return 0 if self.drain else guest.grows

    def bond(self, vmid: int, others: Iterable[int]) -> str:
        """The rule that keeps the guest together with all of these; "" where none by itself does."""
        mates = {vmid, *others}
        return next((f"{rule.source} {rule.name}" for rule in self.rules if rule.kind == "together" and mates.issubset(rule.guests)), "")

    def _replica(self, guest: Guest, target: str) -> str:
        replicas = self._replicas.get(guest.vmid)
        if not replicas or target in replicas:
            return ""
        if guest.running:
            return f"it is replicated to {', '.join(sorted(replicas))}, and only there it may go"
        there = sorted(set(replicas) & set(self.open))
        return f"it is replicated to {', '.join(there)}, where only what changed has to be copied" if there else ""

    def _disks(self, guest: Guest, target: str) -> str:
        for volume in guest.volumes:
            if reason := self.storage_map.landing(guest, volume, target)[1]:
                return reason
        return f"{target} has no local storage for its {gib(guest.disk)} of disks" if guest.disk and not self.nodes[target].disk else ""
