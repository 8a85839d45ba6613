"""Sizes, shares, differences of shares and lists as the planner's sentences show them."""

from __future__ import annotations

from collections.abc import Sequence

GIB = 2**30
SHOWN = 3  # of a list that are named


def gib(size: float) -> str:
    """The size in bytes as people read it."""
    return f"{size / GIB:.1f} GiB"


def rate(speed: float) -> str:
    """Bytes per second as people read them."""
    return f"{speed / GIB:.1f} GiB/s" if speed >= GIB else f"{speed / 2**20:.0f} MiB/s"


def points(value: float) -> str:
    """A spread in percentage points."""
    return f"{value * 100:.1f} points"


def percent(load: float, total: float) -> str:
    """A load as a percentage of its capacity."""
    return f"{load / total * 100:.1f}%" if total else f"{load:.0f}"


def span(seconds: float) -> str:
    """A time that something takes."""
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def listed(words: Sequence[str]) -> str:
    """The words as a list in a sentence; of a long one the first few, and how many more there are."""
    shown = [*words[:SHOWN], f"{len(words) - SHOWN} more"] if len(words) > SHOWN else list(words)
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else "".join(shown)
