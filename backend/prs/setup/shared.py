"""The account where root of every node reads it: below /etc/pve/priv, with a mark for the services that it has changed.

pmxcfs keeps files below priv from everybody but root (pve-cluster pmxcfs/cfs-utils.c), and gives them to all nodes.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Mapping
from pathlib import Path

from prs.setup.tools import SetupError

PVE = Path("/etc/pve")
FOLDER = "proxmox-rebalancing-service"
EVERY = "account"  # the file for nodes that have none of their own: they joined after setup


def available() -> bool:
    """True where files below /etc/pve/priv can be kept, that is on a node."""
    return (PVE / "priv").is_dir()


def read(node: str) -> str:
    """The text of the account as the node's service reads it, "" where there is none."""
    folder = PVE / "priv" / FOLDER
    found = next((path for path in (folder / f"{node}.conf", folder / f"{EVERY}.conf") if path.exists()), None)
    return found.read_text(encoding="utf-8") if found else ""


def texts() -> dict[str, str]:
    """What was written, by node; empty where nothing was."""
    return {path.stem: path.read_text(encoding="utf-8") for path in (PVE / "priv" / FOLDER).glob("*.conf")}


def write(wanted: Mapping[str, str]) -> str:
    """Write the texts, by node, in the place of all there are, and then the mark; a sentence of what was done. SetupError."""
    folder = PVE / "priv" / FOLDER
    try:
        folder.mkdir(exist_ok=True)
        for node, text in wanted.items():
            draft = folder / f"{node}.tmp"
            draft.write_text(text, encoding="utf-8")
            draft.replace(folder / f"{node}.conf")
        for path in folder.iterdir():
            if path.name not in {f"{node}.conf" for node in wanted}:
                path.unlink()  # of a node that has left the cluster, or half written
        (PVE / FOLDER).mkdir(exist_ok=True)
        (PVE / FOLDER / "account").write_text(f"{time.time():.6f}\n", encoding="utf-8")
    except OSError as error:
        raise _refused(folder, error) from error
    return f"wrote the account for all nodes into {folder}"


def remove() -> str:
    """Remove what `write` has written; a sentence of what was done, "" if there was nothing. SetupError."""
    folder = PVE / "priv" / FOLDER
    if not folder.is_dir():
        return ""
    try:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        (PVE / FOLDER / "account").unlink(missing_ok=True)
    except OSError as error:
        raise _refused(folder, error) from error
    return f"removed the account of all nodes from {folder}"


def _refused(folder: Path, error: OSError) -> SetupError:
    hint = " (has the cluster quorum?)" if error.errno == errno.EACCES else ""
    return SetupError(f"{folder} cannot be written: {error.strerror}{hint}")
