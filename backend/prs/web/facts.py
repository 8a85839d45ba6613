"""What the inbox tells the web of this node and its cluster, remembered for a few seconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prs.codec import from_json
from prs.engine.journal.automation import Balancing
from prs.engine.journal.hold import Hold
from prs.errors import ModelError
from prs.pve.roster import Roster
from prs.web.access.single_flight import SingleFlight
from prs.web.api.refusal import Refusal
from prs.web.cache import Cache

FRESH = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Facts:
    """`held`: the nodes that are kept empty; `guests`: the cluster's list of guests as text; `nodes`: each node's certificate as PEM.

    `nodes` is None on a machine that is no node of a cluster; `balancing`: how automatic balancing stands here.
    `round` says why the cluster's round of maintenance cannot be read; `trouble` why nothing of it is known, "" when it is.
    """

    held: Mapping[str, Hold] = field(default_factory=dict)
    guests: str = ""
    nodes: Mapping[str, str] | None = None
    trouble: str = ""
    balancing: Balancing | None = None
    round: str = ""

    @property
    def roster(self) -> Roster:
        """The cluster's own list of guests."""
        return Roster(self._text)

    def _text(self) -> str:
        if not self.guests:
            raise FileNotFoundError("there is no list of guests")
        return self.guests


class Known:
    """Asks anew when what is known is older than FRESH; safe for many threads."""

    def __init__(self, look: Callable[[], Any]) -> None:
        self._look = look
        self._known: Cache[Facts] = Cache(FRESH, 1)
        self._asking: SingleFlight[Facts] = SingleFlight()

    def get(self) -> Facts:
        """What is known; never raises."""
        return self._known.get("") or self._asking.ask("", self._ask)

    def forget(self) -> None:
        """Something has just been changed."""
        self._known.drop("")

    def _ask(self) -> Facts:
        try:
            found = _facts(self._look())
        except Refusal as error:
            found = Facts(nodes={}, trouble=f"which nodes are kept empty is not known: {error}")
        self._known.put("", found)
        return found


def _facts(told: Any) -> Facts:
    try:
        held = [from_json(Hold, one) for one in told["held"]]
        standing = from_json(Balancing, told["balancing"])
        return Facts({one.node: one for one in held}, told["guests"], told["nodes"], balancing=standing, round=str(told["round"]))
    except (ModelError, KeyError, TypeError):
        raise Refusal(503, "unavailable", "The inbox is of another version: systemctl restart the service.") from None
