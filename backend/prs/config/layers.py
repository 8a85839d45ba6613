"""The layers of settings, lowest first: cluster-wide policy, the cluster's account, the node's own file, and the folder beside it.

Below them all are the defaults of the program. A later layer wins, option by option; pools, domains and storages as a whole.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from prs.config.ini import Lines, parse, read_lines
from prs.errors import ConfigError

PVE = Path("/etc/pve")
# Below PVE: what root's helper writes for all nodes, readable for group www-data.
POLICY = "proxmox-rebalancing-service/policy.conf"
ACCOUNT_MARK = "proxmox-rebalancing-service/account"  # names no secret; it changes whenever the account does
ACCOUNT = "the account of the cluster"


@dataclass(frozen=True, slots=True)
class Layer:
    """One source of settings: what it is called in messages, what it holds, and whether it speaks for the whole cluster."""

    source: str
    lines: Lines
    policy: bool = False


def folder_of(path: Path) -> Path:
    """The folder whose *.conf files go over the file at `path`; programs write there, and never into the file."""
    return path.with_name(path.name + ".d")


def files_over(path: Path) -> list[Path]:
    """The files of that folder, in the order they are read."""
    folder = folder_of(path)
    return sorted(folder.glob("*.conf")) if folder.is_dir() else []


def read_layers(path: Path, pve: Path | None, account: str = "") -> list[Layer]:
    """Read every layer there is; `pve` None leaves the cluster's own out. ConfigError with everything that cannot be read."""
    found, mistakes = list[Layer](), list[str]()
    files = [(path, False), *((more, False) for more in files_over(path))]
    if pve is not None and (pve / POLICY).exists():
        files.insert(0, (pve / POLICY, True))
    for file, policy in files:
        try:
            found.append(Layer(str(file), read_lines(file), policy))
        except ConfigError as error:
            mistakes += error.mistakes
    if mistakes:
        raise ConfigError(mistakes)
    if account:
        found.insert(1 if found[0].policy else 0, Layer(ACCOUNT, parse(account)))
    return found


def unmounted(pve: Path) -> bool:
    """True on a node whose /etc/pve is there and empty: what the cluster wants cannot be known then."""
    try:
        return pve.is_dir() and not any(pve.iterdir())
    except PermissionError:
        return False


def signature(path: Path, pve: Path) -> tuple[tuple[str, int, int], ...]:
    """What changes when a program writes a layer: name, time and size of each such file (the node's own file is its administrator's)."""
    found = []
    for file in (pve / POLICY, pve / ACCOUNT_MARK, *files_over(path)):
        try:
            status = os.stat(file)
        except OSError:
            continue
        found.append((str(file), status.st_mtime_ns, status.st_size))
    return tuple(found)
