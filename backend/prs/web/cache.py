"""A small memory with an expiry date for what PVE said, safe for many threads."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Cache(Generic[T]):
    """Holds at most `size` values, each for `seconds`."""

    def __init__(self, seconds: float, size: int) -> None:
        self._seconds, self._size = seconds, size
        self._held: OrderedDict[Hashable, tuple[float, T]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> T | None:
        """The value, or None when there is none or it is too old."""
        with self._lock:
            found = self._held.get(key)
            return found[1] if found and found[0] > time.monotonic() else None

    def put(self, key: Hashable, value: T) -> None:
        """Hold the value; the oldest one makes room."""
        with self._lock:
            self._held.pop(key, None)
            self._held[key] = (time.monotonic() + self._seconds, value)
            while len(self._held) > self._size:
                self._held.popitem(last=False)

    def drop(self, key: Hashable) -> None:
        """Forget the value."""
        with self._lock:
            self._held.pop(key, None)
