"""What is to know of the storages that a guest's volumes lie on, beside what Proxmox VE's preconditions for a migration say."""

from __future__ import annotations

from dataclasses import replace

from prs.model import Cluster, Guest, Volume
from prs.pve.read.disks import contents, forbidden_contents
from prs.pve.read.node_facts import NodeFacts
from prs.pve.read.preconditions import Preconditions
from prs.pve.read.values import Row, text

UNSIZED = "PVE tells none, and the listing of its storage does not show it to this account (that needs VM.Config.Disk on the guest)"

def sized(facts: NodeFacts, node: str, volumes: tuple[Volume, ...]) -> tuple[Volume, ...]:
    """The volumes with the sizes that PVE did not tell: of detached disks and lines without size=, as the storage's listing has them."""
    return tuple(
        volume if volume.size else replace(volume, size=facts.sizes(node, volume.storage).get(volume.name, 0)) for volume in volumes
    )


def with_sizes(facts: NodeFacts, cluster: Cluster, guest: Guest, verdict: Preconditions) -> Preconditions:
    """The volumes with their sizes; one that is of no known size cannot be planned with.

    A storage that does not allow such volumes lists none: what is wrong is said there, and it is not a matter of rights.
    """
    volumes = sized(facts, guest.node, verdict.volumes)
    needs = "rootdir" if guest.kind == "lxc" else "images"
    unfit = {one.name for one in cluster.storages if one.content and needs not in one.content}
    unknown = [one.name for one in volumes if not one.size and "cloudinit" not in one.name and one.storage not in unfit]
    words = tuple(f"the size of its disk {name} is not known: {UNSIZED}" for name in unknown)
    return replace(verdict, volumes=volumes, blockers=(*verdict.blockers, *words))


def on_storages(cluster: Cluster, guest: Guest, config: Row, verdict: Preconditions) -> Preconditions:
    """What is wrong with the guest's storages that PVE's preconditions call does not say: content types, detached and shared ones."""
    allowed = {storage.name: storage.content for storage in cluster.storages if storage.content}
    script = text(config, "hookscript").partition(":")[0]
    used = {volid.partition(":")[0] for volid in contents(config, guest.kind)}
    gone = {node: set(storages) for node, storages in verdict.unavailable}
    for node, storages in _lacking(cluster, guest.node, used):
        gone[node] = gone.get(node, set()) | storages
    known = {node for node, _ in verdict.refused}
    scriptless = _lacking(cluster, guest.node, {script}) if script else []
    words = f"storage {script} is not available there, and its hook script is on it"
    refused = tuple((node, words) for node, _ in scriptless if node not in known)
    return replace(
        verdict,
        blockers=(*verdict.blockers, *forbidden_contents(config, guest.kind, allowed)),
        refused=(*verdict.refused, *refused),
        unavailable=tuple((node, tuple(sorted(storages))) for node, storages in sorted(gone.items())),
    )


def _lacking(cluster: Cluster, source: str, used: set[str]) -> list[tuple[str, set[str]]]:
    """Nodes that lack storages the guest uses, or cannot reach one that others do; one not even seen on its own node is not judged."""
    where = {name: {one.node for one in cluster.storages if one.name == name} for name in used}
    reached = {name: {one.node for one in cluster.storages if one.name == name and one.active} or where[name] for name in used}
    seen = {name: places & reached[name] for name, places in where.items() if source in places}
    found = ((node.name, {name for name, places in seen.items() if node.name not in places}) for node in cluster.nodes)
    return [(node, missing) for node, missing in found if missing and node != source]
