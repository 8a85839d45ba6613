"""Where the service can reach the API, and with which certificate authorities, read from the node it runs on."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from pathlib import Path

from prs.setup.tools import SetupError, Tools

CLUSTER_CA = Path("/etc/pve/pve-root-ca.pem")


@dataclass(frozen=True, slots=True)
class Place:
    """Hosts of the API in the order to try them, and the CA file that vouches for them ("" = the system's authorities)."""

    hosts: tuple[str, ...]
    ca_file: str
    guessed: bool = False  # the node did not tell its certificate


def this_node(tools: Tools) -> str:
    """The name of this node as the cluster knows it."""
    for entry in tools.get("/cluster/status"):
        if entry["type"] == "node" and int(entry.get("local", 0)):
            return str(entry["name"])
    raise SetupError("the cluster does not tell the name of this node; is pve-cluster running?")


def nodes(tools: Tools) -> list[str]:
    """The names of all nodes."""
    return sorted(str(entry["name"]) for entry in tools.get("/cluster/status") if entry["type"] == "node")


def places(tools: Tools, node: str) -> Place:
    """The way in which a node reaches the API: itself first, then the others; SetupError if no address is known."""
    try:
        files = tools.get(f"/nodes/{node}/certificates/info")
    except SetupError:
        # It is offline, or does not tell: its certificate is then most likely the cluster's.
        return replace(common(tools, node), guessed=True)
    own = next((entry for entry in files if entry["filename"] == "pveproxy-ssl.pem"), None)
    # The node's own certificate names its addresses (pve-cluster PVE/Cluster/Setup.pm); one from elsewhere names what its owner chose.
    if own:
        if names := tuple(_host(name) for name in own.get("san", ()) if "*" not in name):
            return Place(names, "")
        raise SetupError("no address of this node's API is known; write api_host into prs.conf by hand")
    return common(tools, node)


def common(tools: Tools, first: str = "") -> Place:
    """The way through every node's own address and the cluster's authority, with node `first`, if any, before the others."""
    found = [entry for entry in tools.get("/cluster/status") if entry["type"] == "node" and entry.get("ip")]
    found.sort(key=lambda entry: (entry["name"] != first, entry["name"]))
    if not found:
        raise SetupError("no address of this node's API is known; write api_host into prs.conf by hand")
    return Place(tuple(_host(entry["ip"]) for entry in found), str(CLUSTER_CA))


def _host(name: str) -> str:
    try:
        return f"[{name}]" if ipaddress.ip_address(name).version == 6 else name
    except ValueError:
        return name
