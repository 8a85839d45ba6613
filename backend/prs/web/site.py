"""Location things are on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prs.helper.client import SOCKET

PAGES = Path("/usr/share/pve-proxmox-rebalancing-service-ui/www")


@dataclass(frozen=True, slots=True)
class Site:
    """Location things are on this machine."""

    node: str  # this node's name
    pve: Path = Path("/etc/pve")
    helper: Path = SOCKET
    pages: Path = PAGES
    shared: Mapping[str, Path] = field(default_factory=dict)  # URL folder -> directory of the node's own web files
