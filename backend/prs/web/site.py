"""Where things are on this machine, as the web's process may see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PAGES = Path("/usr/share/pve-proxmox-rebalancing-service-ui/www")
# URL folder -> directory, as pveproxy maps them (pve-manager PVE/Service/pveproxy.pm).
SHARED = {
    "pve2/ext6": "/usr/share/javascript/extjs",
    "pve2/fa": "/usr/share/fonts-font-awesome",
    "pve2/css": "/usr/share/pve-manager/css",
    "pve2/images": "/usr/share/pve-manager/images",
    "pwt": "/usr/share/javascript/proxmox-widget-toolkit",
}


@dataclass(frozen=True, slots=True)
class Site:
    """Where things are on this machine."""

    node: str  # this node's name
    authority: Path = Path("/etc/pve/pve-root-ca.pem")  # the cluster's certificate authority
    pages: Path = PAGES
    shared: Mapping[str, Path] = field(default_factory=dict)  # URL folder -> directory of the node's own web files
