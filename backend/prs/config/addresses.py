"""Reads the values of prs.conf that are hosts, addresses and pages; as those of values.py, each raises ValueError with a hint."""

from __future__ import annotations

import ipaddress
import re

_HOST_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?")


def host(value: str) -> str:
    """Read `host`, `host:port`, `[IPv6]`, `[IPv6]:port` or a bare IPv6 address; IPv6 comes back in brackets."""
    if "//" in value:
        raise ValueError("it is a URL: write the host without https:// and path")
    name, port = value, ""
    if bracketed := re.fullmatch(r"\[([^\]]+)\](?::(.*))?", value):
        name, port = bracketed[1], value.partition("]")[2]
    elif value.count(":") == 1:
        name, colon, digits = value.partition(":")
        port = colon + digits
    if port and not (re.fullmatch(r":[0-9]{1,5}", port) and 0 < int(port[1:]) < 65536):
        raise ValueError(f"{value!r:.60} has no port from 1 to 65535")
    if bracketed or ":" in name:
        return f"[{_ipv6(name)}]{port}"
    if not _HOST_NAME.fullmatch(name):
        raise ValueError(f"{value!r:.60} is neither a host name nor an IP address")
    return name + port


def listen_address(value: str) -> str:
    """Read an IP address, or nothing."""
    return str(ipaddress.ip_address(value.strip("[]"))) if value else ""


def origin(value: str) -> str:
    """Read the origin of a page as browsers send it: https://host or https://host:port, in small letters."""
    found = re.fullmatch(r"https://(.+)", value.lower())
    if not found or "/" in found[1]:
        raise ValueError("write https:// and the host, without a path")
    return f"https://{host(found[1])}".removesuffix(":443")


def page_address(value: str) -> str:
    """Read the address of a page, or nothing."""
    return origin(value) if value else ""


def _ipv6(name: str) -> str:
    try:
        return str(ipaddress.IPv6Address(name))
    except ValueError:
        raise ValueError(f"{name!r:.60} is no IPv6 address") from None
