"""Location the service can reach the API and with which certificate authorities, read from the node it runs on."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from prs.setup.tools import SetupError, Tools

CLUSTER_CA = Path("/etc/pve/pve-root-ca.pem")


@dataclass(frozen=True, slots=True)
class Place:
    """Hosts of the API in the order to try them, and the CA file that vouches for them ("" = the system's authorities)."""

    hosts: tuple[str, ...]
    ca_file: str


def this_node(tools: Tools) -> str:
    """The name of this node as the cluster knows it."""
    for entry in tools.get("/cluster/status"):
        if entry["type"] == "node" and int(entry.get("local", 0)):
            return str(entry["name"])
    raise SetupError("the cluster does not tell the name of this node; is pve-cluster running?")


def places(tools: Tools, node: str) -> list[Place]:
    """The ways to reach the API, the likeliest first: this node, then the others."""
    own = next((entry for entry in tools.get(f"/nodes/{node}/certificates/info") if entry["filename"] == "pveproxy-ssl.pem"), None)
    nodes = [entry for entry in tools.get("/cluster/status") if entry["type"] == "node" and entry.get("ip")]
    nodes.sort(key=lambda entry: (not int(entry.get("local", 0)), entry["name"]))
    # The node's own certificate names its addresses (pve-cluster PVE/Cluster/Setup.pm); one from elsewhere names what its owner chose.
    found = [Place(tuple(_host(entry["ip"]) for entry in nodes), str(CLUSTER_CA))] if nodes else []
    if own:
        names = tuple(_host(name) for name in own.get("san", ()) if "*" not in name)
        found = [Place(names, "")] if names else []
    if not found:
        raise SetupError("no address of this node's API is known; write api_host into prs.conf by hand")
    return found


def _host(name: str) -> str:
    try:
        return f"[{name}]" if ipaddress.ip_address(name).version == 6 else name
    except ValueError:
        return name
