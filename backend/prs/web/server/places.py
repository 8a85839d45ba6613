"""Who is connected: each client gets so many places, and whoever has waited longest for nothing makes room for the next one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

EACH = 100  # connections of one client at the same time
TOTAL = 500  # of all clients together
WAITING = 48 * 2**20  # bytes of answers that all clients together have still to take: each is held in memory until then


@dataclass(eq=False, slots=True)
class Place:
    """One connection since a monotonic time: `leave` ends it, `served` answers it has had.

    `busy` while it is being worked for, `sending` so many bytes that its client has to take before that goes on.
    """

    client: str
    leave: Callable[[], None]
    busy: bool = False
    sending: int = 0
    served: int = 0
    since: float = field(default_factory=time.monotonic)


class Places:
    """The places that are taken, oldest first. Not for threads: a greenlet is not interrupted here."""

    def __init__(self, each: int = EACH, total: int = TOTAL, waiting: int = WAITING) -> None:
        self._each, self._total, self._waiting = each, total, waiting
        self._taken: dict[str, dict[Place, None]] = {}

    def take(self, client: str, leave: Callable[[], None]) -> Place | None:
        """A place for a new connection, for which one of the same client, or of the one with most of them, may have to leave.

        None when there is no room, because all of them are being worked on.
        """
        mine = self._taken.get(client, {})
        crowded = mine if len(mine) >= self._each else None
        if crowded is None and sum(map(len, self._taken.values())) >= self._total:
            crowded = max(self._taken.values(), key=len)
        if crowded is not None and not self._make_room(crowded):
            return None
        place = Place(client, leave)
        self._taken.setdefault(client, {})[place] = None
        return place

    def give_back(self, place: Place) -> None:
        """The connection has ended, or is about to."""
        mine = self._taken.get(place.client, {})
        mine.pop(place, None)
        if not mine:
            self._taken.pop(place.client, None)

    def send(self, place: Place, size: int) -> None:
        """So many bytes are on their way to the client, 0 = taken. Too much ends the oldest of the client with most."""
        place.sending = size
        waits: Callable[[dict[Place, None]], int] = lambda places: sum(place.sending for place in places)  # noqa: E731
        while size and sum(map(waits, self._taken.values())) > self._waiting:
            slow = next(place for place in max(self._taken.values(), key=waits) if place.sending)
            self.give_back(slow)
            slow.leave()

    def close_kept(self) -> None:
        """End the connections that are only kept for a further request."""
        for place in [place for mine in self._taken.values() for place in mine]:
            if place.served and not place.busy:
                place.leave()

    def _make_room(self, taken: dict[Place, None]) -> bool:
        """End the oldest connection that waits: those that never asked anything first, those that are slow to take an answer last."""
        waiting = [place for place in taken if place.sending or not place.busy]
        waiting.sort(key=lambda place: (place.sending > 0, place.served > 0))
        if waiting:
            self.give_back(waiting[0])
            waiting[0].leave()
        return bool(waiting)
