"""The history of loads as the API gives it: columns of equal steps, and what several nodes remember of them made into one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from prs.engine.loads.history import Slot
from prs.model import HALF_HOUR

Json = dict[str, Any]
KINDS = ("memory", "cpu")
WEEK = 7  # days up to which each half hour is told
WIDE = 4  # half hours that are told as one of a longer time


def span(days: int, now: float) -> tuple[float, float, int]:
    """Start (Unix time) and length (seconds) of the first of so many steps, the last of which is the one at hand."""
    step = HALF_HOUR * (1 if days <= WEEK else WIDE)
    count = round(days * 86_400 / step)
    return (now // step - count + 1) * step, step, count


def course(slots: Mapping[int, Slot], start: float, step: float, count: int) -> Json:
    """The columns; None in them where nothing is remembered."""
    wide = round(step / HALF_HOUR)
    first = round(start / HALF_HOUR)
    steps = [[slots[number] for number in range(begin, begin + wide) if number in slots]
             for begin in range(first, first + count * wide, wide)]  # fmt: skip
    names = sorted({name for ones in steps for one in ones for name in one.nodes})
    return {
        "start": start, "step": step, "readings": [sum(one.readings for one in ones) for ones in steps],
        "spread": {kind: [_widest(ones, place) for ones in steps] for place, kind in enumerate(KINDS)},
        "nodes": [{"node": name, **{kind: [_mean(ones, name, place) for ones in steps] for place, kind in enumerate(KINDS, 1)}}
                  for name in names],
    }  # fmt: skip


def _widest(ones: Iterable[Slot], place: int) -> float | None:
    return max((one.spread[place] for one in ones if one.spread), default=None)


def _mean(ones: Iterable[Slot], name: str, place: int) -> float | None:
    found = [one.nodes[name] for one in ones if name in one.nodes]
    readings = sum(mean[0] for mean in found)
    return round(sum(mean[0] * mean[place] for mean in found) / readings, 4) if readings else None


def merged(own: Json, others: Iterable[Json]) -> Json:
    """Each step as the node tells it that has the most readings of it: who leads takes them, and that changes."""
    count = len(own["readings"])
    at: list[tuple[int, Json, int]] = [(readings, own, place) for place, readings in enumerate(own["readings"])]
    for other in others:
        if other["step"] != own["step"]:
            continue
        shift = round((other["start"] - own["start"]) / own["step"])
        for place, readings in enumerate(other["readings"]):
            if 0 <= place + shift < count and readings > at[place + shift][0]:
                at[place + shift] = readings, other, place
    told = {id(one): {row["node"]: row for row in one["nodes"]} for _, one, _ in at}
    names = sorted({name for rows in told.values() for name in rows})
    return {
        **own, "readings": [readings for readings, _, _ in at],
        "spread": {kind: [_at(one["spread"][kind], place) for _, one, place in at] for kind in KINDS},
        "nodes": [{"node": name, **{kind: [_at(told[id(one)].get(name, {}).get(kind, ()), place) for _, one, place in at]
                                    for kind in KINDS}} for name in names],
    }  # fmt: skip


def _at(column: Any, place: int) -> Any:
    """What another node tells may be shorter than it says."""
    return column[place] if place < len(column) else None
