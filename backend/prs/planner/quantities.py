"""Sizes, shares and differences of shares as the planner's sentences show them."""

from __future__ import annotations

GIB = 2**30


def gib(size: float) -> str:
    """The size in bytes as people read it."""
    return f"{size / GIB:.1f} GiB"


def points(value: float) -> str:
    """A spread in percentage points."""
    return f"{value * 100:.1f} points"


def percent(load: float, total: float) -> str:
    """A load as a percentage of its capacity."""
    return f"{load / total * 100:.1f}%" if total else f"{load:.0f}"
