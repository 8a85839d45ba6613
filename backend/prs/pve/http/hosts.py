"""Where a host of the list is, and as whom calls are made."""

from __future__ import annotations

import re

from prs.endpoint import Endpoint

PORT = 8006  # pveproxy
__all__ = ["PORT", "Endpoint", "caller", "host_and_port", "where"]


def host_and_port(text: str) -> tuple[str, int]:
    """Split "host", "host:port", "[v6]", "[v6]:port" or a bare IPv6 address; ValueError in words for anything else."""
    bracketed = re.fullmatch(r"\[([0-9A-Fa-f:.%\w]+)\](?::(\d+))?", text)
    if bracketed:
        host, port = bracketed.groups()
    elif text.count(":") > 1:
        host, port = text, None
    else:
        host, colon, port = text.partition(":")
        port = port if colon else None
    if not re.fullmatch(r"[\w.:%-]+", host) or (port is not None and not re.fullmatch(r"[0-9]+", port)):
        raise ValueError(f"'{text}' is not a host, host:port, IPv6 address or [IPv6 address]:port")
    found = int(port) if port else PORT
    if not 0 < found < 65536:
        raise ValueError(f"'{text}': port {found} does not exist")
    return host, found


def where(text: str) -> str:
    """The host of the list as the network part of a URL: "n1:8006", "[fd00::1]:8006"; ValueError as above."""
    host, port = host_and_port(text)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def caller(endpoint: Endpoint) -> str:
    """Who the calls are made as: the user, or the token's id."""
    return f"{endpoint.user}!{endpoint.token_name}" if endpoint.token_name else endpoint.user
