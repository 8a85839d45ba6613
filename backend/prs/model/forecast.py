"""What loads are expected to be, as immutable values; units as in prs.model.cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

HALF_HOUR = 1800.0  # seconds


@dataclass(frozen=True)
class Reading:
    """Loads at one moment as (memory, cpu): of guests by vmid, and by node of all that it uses and of what it uses beside its guests."""

    guests: Mapping[int, tuple[float, float]]
    nodes: Mapping[str, tuple[float, float]]
    hosts: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Forecast:
    """Expected loads by half hour, the first of which is the one at hand: (memory, cpu) of guests and of what nodes use beside guests."""

    days: float = 0.0  # length of the memory of loads behind it
    guests: Mapping[int, tuple[tuple[float, ...], tuple[float, ...]]] = field(default_factory=dict)  # by vmid
    hosts: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] = field(default_factory=dict)  # by node
    recent: frozenset[int] = frozenset()  # vmids that a plan has moved in the last day


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a plan expects of the coming day: the widest spread of all its half hours, and the hours with a node above the limit."""

    hours: float  # that it looks ahead
    limit: float  # load (fraction) above which a node is hot
    widest_before: float  # if nothing is done
    widest_after: float
    mean_before: float
    mean_after: float
    hot_before: float  # hours
    hot_after: float
    sentence: str = ""
