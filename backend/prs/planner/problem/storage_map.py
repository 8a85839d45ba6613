"""Which storage of its target a local disk lands on: one of the same name, or one that the policy's map allows. Pure.

What PVE copies to what (pve-storage Plugin.pm, ZFSPoolPlugin.pm, LVMPlugin.pm, BTRFSPlugin.pm: volume_export_formats): the disks of a
running VM are mirrored by QEMU from any storage to any other; its TPM state, cloud-init drive and detached disks, what is switched off,
and every container, are sent as streams (qemu-server QemuMigrate.pm scan_local_volumes), and not every storage takes every one.
PVE's HA manager takes no map along.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product

from prs.model import Guest, Policy, Storage, Volume
from prs.planner.quantities import gib

ANY, ELSE = "any", "*"  # every local storage of the target; every storage that has no line of its own
TAKES = {  # what a storage of each type takes as a stream
    "dir": ("raw", "qcow2", "vmdk", "tar"), "btrfs": ("raw", "tar", "btrfs"), "lvm": ("raw",), "lvmthin": ("raw",), "zfspool": ("zfs",),
}  # fmt: skip
CONTENT = {"qemu": "images", "lxc": "rootdir"}
MOST_LANDINGS = 64  # of the ways to spread guests' disks over the storages of a node, so many are looked at


@dataclass(frozen=True, slots=True, order=True)
class Landing:
    """One way to put guests' disks on a node: bytes by storage there, and (vmid, from, to) of each storage that they leave."""

    needs: tuple[tuple[str, int], ...]
    pairs: tuple[tuple[int, str, str], ...]

    def renamed(self, vmid: int) -> tuple[tuple[str, str], ...]:
        """The storages that the guest's disks leave for others of another name, as (from, to), ascending."""
        return tuple(sorted((here, there) for one, here, there in self.pairs if one == vmid and here != there))


class StorageMap:
    """The landing of volumes; all that a guest has on one storage lands on one other, as PVE's map is by storage."""

    def __init__(self, policy: Policy, storages: Mapping[tuple[str, str], Storage]) -> None:
        self._lines = {name.lower(): names for name, names in policy.storages}
        self._storages = storages
        self._local: dict[str, list[Storage]] = {}
        for storage in storages.values():
            if not storage.shared:
                self._local.setdefault(storage.node, []).append(storage)

    def landing(self, guest: Guest, volume: Volume, target: str) -> tuple[str, str]:
        """The storage of the target on which the volume lands, and "" or why there is none."""
        gone = next((names for node, names in guest.unavailable if node == target), ())
        own = self._storages.get((volume.storage, target)) if volume.storage not in gone else None
        there = f"storage {volume.storage} is not available on {target}"
        if guest.node == target or not (self._lines.keys() & {volume.storage.lower(), ELSE}) or guest.ha:
            if own is not None and own.active:
                return volume.storage, ""
            return "", there + (", and PVE's HA manager takes no other" if guest.ha and self._lines else "")
        fitting, refused = self._sorted_out(guest, volume.storage, target, gone)
        if not fitting:
            return "", "; ".join([there, *refused]) if own is None or not own.active else "; ".join(refused)
        size = sum(other.size for other in guest.volumes if other.storage == volume.storage)
        roomy = [storage for storage in fitting if storage.total - storage.used >= size]
        return (roomy or fitting)[0].name, ""

    def _sorted_out(self, guest: Guest, name: str, target: str, gone: Collection[str]) -> tuple[list[Storage], list[str]]:
        """The storages of the target that take what the guest has on that one, room aside, and why the others do not."""
        fitting, refused = list[Storage](), list[str]()
        for storage in self._choices(name, target, gone):
            reason = self._refusal(guest, name, storage)
            (refused.append(reason) if reason else fitting.append(storage))
        return fitting, refused

    def landings(self, guests: Sequence[Guest], target: str) -> tuple[Landing, ...]:
        """The ways to put the guests' disks on that node, the preferred one first; () where they land by their own names only.

        Room is no matter here: it depends on what else moves.
        """
        sizes = dict[tuple[int, str], int]()
        choices = dict[tuple[int, str], list[str]]()
        for guest in guests:
            gone = next((names for node, names in guest.unavailable if node == target), ())
            for volume in guest.volumes:
                key = (guest.vmid, volume.storage)
                sizes[key] = sizes.get(key, 0) + volume.size
                if key not in choices:
                    first = self.landing(guest, volume, target)[0] or volume.storage
                    mapped = not guest.ha and self._lines.keys() & {volume.storage.lower(), ELSE}
                    fitting = self._sorted_out(guest, volume.storage, target, gone)[0] if mapped else []
                    choices[key] = list(dict.fromkeys([storage.name for storage in fitting] or [first]))
        if all(names == [key[1]] for key, names in choices.items()):
            return ()
        found = dict[tuple[tuple[str, int], ...], Landing]()
        for names in islice(product(*choices.values()), MOST_LANDINGS):
            needs = dict[str, int]()
            for size, name in zip(sizes.values(), names, strict=True):
                needs[name] = needs.get(name, 0) + size
            pairs = tuple((vmid, here, there) for (vmid, here), there in zip(choices, names, strict=True))
            found.setdefault(tuple(sorted(needs.items())), Landing(tuple(sorted(needs.items())), pairs))
        return tuple(found.values())

    def _choices(self, name: str, target: str, gone: Collection[str]) -> list[Storage]:
        """Storages of the target in the order in which they are tried: its own name first, unless the map gives it a later place."""
        listed = self._lines.get(name.lower(), self._lines.get(ELSE, ()))
        local = sorted(self._local.get(target, ()), key=lambda storage: (storage.used - storage.total, storage.name))
        order = dict.fromkeys([name] if name.lower() not in map(str.lower, listed) else [])
        for word in listed:
            order.update(dict.fromkeys(storage.name for storage in local if word.lower() in (ANY, storage.name.lower())))
        return [found for one in order if one not in gone and (found := self._storages.get((one, target))) is not None]

    def _refusal(self, guest: Guest, name: str, storage: Storage) -> str:
        where, content = f"storage {storage.name} of {storage.node}", CONTENT[guest.kind]
        if not storage.active:
            return f"{where} is not active"
        if storage.content and content not in storage.content:
            return f"{where} does not take content type {content}"
        if storage.name == name:
            return ""
        here = self._storages.get((name, guest.node))
        plugin, takes = here.plugin if here else "", TAKES.get(storage.plugin)
        if takes is None:
            return f"{where} is of type {storage.plugin or 'unknown'}, to which PVE copies no disk"
        mirrored = guest.kind == "qemu" and guest.running
        sent = [volume for volume in guest.volumes if volume.storage == name and (volume.streamed or not mirrored)]
        wrong = next((volume for volume in sent if _stream(plugin, volume) not in takes), None)
        if wrong is None:
            return ""
        kind = "a container's volumes" if guest.kind == "lxc" else "the disks of a stopped VM"
        what = f"its disk {wrong.name}, which is not mirrored," if mirrored else kind
        form = " as qcow2" if _stream(plugin, wrong) == "qcow2" else ""
        return f"{where} is of type {storage.plugin}, and {what} cannot be sent there from type {plugin or 'unknown'}{form}"


def _stream(plugin: str, volume: Volume) -> str:
    """What PVE sends of a volume on a storage of that type: its image as it is, files, or what ZFS or Btrfs make of it."""
    if plugin == "zfspool":
        return "zfs"
    if plugin == "btrfs" and volume.snapshots:
        return "btrfs"
    return {"qcow2": "qcow2", "vmdk": "vmdk", "subvol": "tar"}.get(volume.name.rpartition(".")[2], "raw")


def held(guests: Iterable[Guest]) -> dict[str, int]:
    """Bytes by storage that the guests' volumes take where they are."""
    found = dict[str, int]()
    for guest in guests:
        for volume in guest.volumes:
            found[volume.storage] = found.get(volume.storage, 0) + volume.size
    return found


def short(size: int, storage: str, free: int, node: str) -> str:
    """That a storage lacks room, in words."""
    return f"needs {gib(size)} on storage {storage}, which has {gib(max(0, free))} free on {node}"
