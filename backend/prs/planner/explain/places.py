"""A placement in words: why a node is the best for a guest, why another one is worse, and the answer in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from prs.model import Guest, Headroom, Placed
from prs.planner.quantities import listed, points

MOST = "it leaves the nodes most level"
ALIKE = 0.0005  # fraction under which two figures look the same
SHOWN = 3  # reasons of one guest in a sentence


class View(Protocol):
    """What is compared: the outlook of the cluster with the guest on a node."""

    @property
    def spread(self) -> float:
        """Of the method, fraction."""

    @property
    def deviation(self) -> float:
        """Of the method, fraction."""

    @property
    def off(self) -> int:
        """Guests off the nodes that rules prefer."""

    @property
    def headroom(self) -> Headroom | None:
        """Room for the loss of a node."""


def best(name: str, first: View, others: Sequence[View]) -> str:
    """Why the first node comes before the others, of which the next one is the first."""
    spread = f"the spread is then {points(first.spread)}"
    if not others:
        return f"{name} is the only node where it can go; {spread}"
    why = difference(first, others[0])
    if why == MOST and any(other.spread < first.spread for other in others):  # one that comes behind for something that counts more
        why = "it leaves the nodes more level than the next"
    return f"{why or 'no other node leaves the cluster better'}; {spread}"


def difference(first: View, second: View) -> str:
    """What makes the first better than the second, the first thing that does; "" where no figure shows it."""
    if _safe(first) and not _safe(second):
        return "it keeps room for the loss of any one node"
    if first.off < second.off:
        return "rules prefer it"
    if second.spread - first.spread >= ALIKE:
        return MOST
    return "it leaves the nodes a little more level than the next" if second.deviation - first.deviation >= ALIKE else ""


def worse(first: View, other: View) -> str:
    """Why the other node is not the best."""
    if _safe(first) and not _safe(other) and other.headroom:
        return f"takes away room for the loss of a node: {_lower(other.headroom.sentence)}"
    if first.off < other.off:
        return "rules prefer other nodes for it"
    if other.spread - first.spread >= ALIKE:
        return f"leaves the nodes less level: a spread of {points(other.spread)} instead of {points(first.spread)}"
    if other.deviation - first.deviation >= ALIKE:
        return "leaves the nodes a little less level, with the same spread"
    return "as good as the best"


def folded(reasons: Sequence[str]) -> str:
    """Why each of the nodes takes a guest not, in a line: of many nodes the first reasons."""
    shown = list(dict.fromkeys(reasons))[:SHOWN]
    more = sum(reason not in shown for reason in reasons)
    nodes = "node has" if more == 1 else "nodes have"
    return "; ".join([*shown, *([f"{more} more {nodes} no place for it either"] if more else [])])


def _safe(view: View) -> bool:
    return view.headroom is None or view.headroom.fits


def _lower(sentence: str) -> str:
    return (sentence[:1].lower() + sentence[1:]).rstrip(".")


def summary(guests: Sequence[Placed], sure: bool) -> str:
    """Where all guests go, or for which there is no place; `sure` when that is proven for the guests together."""
    lost = [guest for guest in guests if not guest.node]
    if not lost:
        where = [f"{guest.name} on {guest.node}" for guest in guests]
        return f"Best: {listed(where)}."
    which = listed([guest.name for guest in lost])
    if len(guests) == 1:
        return f"There is no place for {which} while no other guest moves: {lost[0].reason}."
    if sure or len(lost) == len(guests):
        return f"There is no place for all {len(guests)} guests while no other guest moves; none is left for {which}."
    return f"No place was found for all {len(guests)} guests while no other guest moves; none is left for {which}."


def better(guest: Guest, placed: Placed, stays: str) -> str:
    """Whether another node would be better for a guest that exists."""
    if stays:
        return f"{guest.label} cannot leave {guest.node}: {stays}."
    if placed.node == guest.node:
        return f"{guest.label} is best where it is, on {guest.node}."
    spread = next(one.spread for one in placed.candidates if one.node == guest.node)
    now = f"{points(spread)} on {guest.node}"
    return f"{guest.label} would be better on {placed.node}: {placed.reason}, instead of {now}."
