"""Whom an address belongs to, and by which way a call has come."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

BRIDGE = "prs.bridge"  # set to a Told in the WSGI environment of what comes through pveproxy (prs.web.server.bridge); no header can set it


@dataclass(slots=True)
class Told:
    """What the application tells of a call while it goes on."""

    user: str = ""  # whose ticket or token it has, as PVE has said; "" until then


def plain(address: str) -> str:
    """An address as people and firewalls know it: a socket for both families shows IPv4 ones inside IPv6."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(getattr(found, "ipv4_mapped", None) or address)


def client_of(address: str) -> str:
    """Whom an address belongs to: IPv4 addresses each their own, IPv6 ones by /64, which is what one machine gets."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))
