"""The layers of settings, lowest first: cluster-wide policy, the cluster's account, the node's own file, and the folder beside it.

Below them all are the defaults of the program. A later layer wins, option by option; pools, domains and storages as a whole.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
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


def shared_files(path: Path, pve: Path | None) -> list[tuple[Path, bool]]:
    """The files beside the one at `path` that exist, lowest first, each with whether it speaks for the whole cluster."""
    over = [(file, False) for file in files_over(path)]
    return [(pve / POLICY, True), *over] if pve is not None and _may_exist(pve / POLICY) else over


def _may_exist(file: Path) -> bool:
    """False only where it is certain that there is none: below a pmxcfs that has died not even a look is answered."""
    try:
        os.stat(file)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        pass  # whoever reads it says why that fails
    return True


def read_layers(path: Path, pve: Path | None, account: str = "", instead: Mapping[Path, Path | None] | None = None) -> list[Layer]:
    """Read every layer there is; `pve` None leaves the cluster's own out. ConfigError with everything that cannot be read.

    `instead` names what is read in the place of a shared file, None for nothing.
    """
    found, mistakes, sources = list[Layer](), list[str](), list[str]()
    files = [((instead or {}).get(file, file), policy) for file, policy in shared_files(path, pve)]
    below = sum(policy for _, policy in shared_files(path, pve))
    files.insert(below, (path, False))
    for file, policy in files:
        if file is None:
            continue
        try:
            found.append(Layer(str(file), read_lines(file), policy))
        except ConfigError as error:
            mistakes += error.mistakes
            sources.append(str(file))
    if mistakes:
        raise ConfigError(mistakes, sources)
    if account:
        found.insert(sum(layer.policy for layer in found), Layer(ACCOUNT, parse(account)))
    return found


def unmounted(pve: Path) -> bool:
    """True on a node whose /etc/pve is there and empty: what the cluster wants cannot be known then."""
    try:
        return pve.is_dir() and not any(pve.iterdir())
    except OSError:
        return False


def signature(path: Path, pve: Path) -> tuple[tuple[str, int, int], ...]:
    """What changes when a program writes a layer: name, time and size of each such file (the node's own file is its administrator's).

    Of the policy also what stands in it: the cluster file system counts in whole seconds (pve-cluster pmxcfs/memdb.c).
    """
    found = []
    with suppress(OSError):
        found.append((hashlib.sha256((pve / POLICY).read_bytes()).hexdigest(), 0, 0))
    for file in (pve / POLICY, pve / ACCOUNT_MARK, *files_over(path)):
        try:
            status = os.stat(file)
        except OSError:
            continue
        found.append((str(file), status.st_mtime_ns, status.st_size))
    return tuple(found)
