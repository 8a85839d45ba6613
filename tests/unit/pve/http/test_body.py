"""A body that is packed a thousandfold is not unpacked any further than to its bound."""

from __future__ import annotations

import io
import tracemalloc
import zlib
from typing import Any

import pytest
import requests

from prs.pve.http.body import PART, Unread, read_body


class Raw(io.BytesIO):
    """A stream as urllib3 gives it."""

    def read(self, size: int | None = -1, decode_content: bool = True) -> bytes:
        assert not decode_content, "urllib3 would unpack without a bound"
        return super().read(size)


def test_a_bomb_takes_no_more_memory_than_its_bound() -> None:
    packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    bomb = b"".join([*(packer.compress(bytes(2**20)) for _ in range(40)), packer.flush()])
    assert len(bomb) < PART, "one part of it is all of it"
    response: Any = requests.Response()
    response.headers["Content-Encoding"], response.raw = "gzip", Raw(bomb)
    tracemalloc.start()
    try:
        with pytest.raises(Unread, match="longer than 1 MiB"):
            read_body(response, 2**20)
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()
