"""Reads the body of an answer to a bound: pveproxy passes on what another node says, and that one may be hostile."""

from __future__ import annotations

import zlib
from typing import Any

import requests
import urllib3

OF_HOST = 32 * 2**20  # bytes of an answer of the host itself: /cluster/resources of 10 000 guests has 5 MiB,
OF_NODE = 4 * 2**20  # and of one that it may have from another node; as values in memory, the worst JSON takes 24 times as much
PART = 64 * 1024
_GZIP = 16 + zlib.MAX_WBITS
CODINGS = "gzip"  # what is asked for (pveproxy knows no other one, PVE/APIServer/AnyEvent.pm) and unpacked here


class Unread(Exception):
    """The body is no body of PVE's: too long, also when it is unpacked, or packed in another way."""


def most(url: str) -> int:
    """How many bytes an answer of the path (from /api2 on) may have."""
    return OF_NODE if url.startswith(("/api2/json/nodes/", "/api2/json/prs/")) else OF_HOST


def read_body(response: requests.Response, limit: int) -> None:
    """Read and unpack the body of a response that was asked for as a stream; Unread, requests.RequestException, urllib3's HTTPError."""
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("identity", "", CODINGS):
        raise Unread("packed in a way that was not asked for")
    packed = zlib.decompressobj(_GZIP) if coding == CODINGS else None
    found, size = list[bytes](), 0
    while part := response.raw.read(PART, decode_content=False):
        part = _unpacked(packed, part, limit + 1 - size) if packed else part
        size += len(part)
        if size > limit:
            raise Unread(f"longer than {limit // 2**20} MiB")
        found.append(part)
    response._content, response._content_consumed = b"".join(found), True


def _unpacked(packed: Any, part: bytes, limit: int) -> bytes:
    """What comes of a part, up to a limit: a thousand bytes are packed into one."""
    try:
        unpacked: bytes = packed.decompress(part, limit)
    except zlib.error:
        raise Unread("packed, but cannot be unpacked") from None
    return unpacked


BROKEN = (requests.RequestException, urllib3.exceptions.HTTPError)
