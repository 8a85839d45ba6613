"""Which ways lead to the web interface of the node that answers: its own port, and Proxmox VE's, where the bridge package is installed."""

from __future__ import annotations

import socket

from prs.errors import ApiError, PveError
from prs.pve.api import Api
from prs.pve.check.findings import Finding
from prs.pve.http.hosts import host_and_port

LIMIT = 3.0  # seconds for a connection
UNIT = "pve-proxmox-rebalancing-service-ui"


def check_web(api: Api, place: str, port: int) -> list[Finding]:
    """A finding for each way that is there, at `place` (host:port of the API); none at all where there is no web interface."""
    host, _ = host_and_port(place)
    return [*_bridge(api, host, port), *(_port(host, port) if port else [])]


def _bridge(api: Api, host: str, port: int) -> list[Finding]:
    name = "web through PVE"
    try:
        answer = api.get("/prs/healthz")
    except ApiError as error:
        if error.status != 501:
            return [Finding(name, False, f"{host}: {error.message}", f"on that node: systemctl status {UNIT}")]
        if port:
            return []
        words = f"{host} has no web interface: [web] port is 0, and no bridge package is installed"
        return [Finding(name, False, words, "install pve-proxmox-rebalancing-service-bridge, or set the port")]
    except PveError as error:
        return [Finding(name, False, f"{host}: {error}", f"on that node: systemctl status {UNIT}")]
    if isinstance(answer, dict) and answer.get("status") == 200:
        return [Finding(name, True, f"the web interface of {host} answers through Proxmox VE's own port")]
    return [Finding(name, False, f"{host} answers oddly at /prs", "is another version of the bridge package installed there?")]


def _port(host: str, port: int) -> list[Finding]:
    try:
        with socket.create_connection((host, port), timeout=LIMIT):
            return [Finding("web", True, f"the web interface of {host} accepts connections on port {port}")]
    except OSError:
        return []  # not installed there, or behind a firewall: nothing that the service itself needs
