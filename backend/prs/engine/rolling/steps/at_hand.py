"""The round whose step is at hand, with what every step has: the account of the host that carries it, and how it goes on."""

from __future__ import annotations

from collections.abc import Callable

from prs.engine.clock import Clock
from prs.engine.drain.ha_maintenance import Switch
from prs.engine.drain.holds import Holds
from prs.engine.rolling.deeds import Asked
from prs.engine.rolling.gates import closed_gate
from prs.engine.rolling.stages import Round, Visit, broken_off, noted, passed, waits
from prs.pve.api import Api

PATIENCE = 900.0  # how long (s) PVE may give no answer


class AtHand:
    """`one` is the round as it was written last; `keep` writes it, which fails when it is another host's."""

    def __init__(self, api: Api, holds: Holds, clock: Clock, host: str, switch: Switch | None, keep: Callable[[Round], Round]) -> None:
        self.api, self.holds, self.journal, self.clock, self.host, self.switch = api, holds, holds.journal, clock, host, switch
        self._keep = keep
        self.one: Round

    def note(self, **changes: object) -> Visit:
        """Write something down about the turn before it happens. RoundChanged, HelperError."""
        self.one = self._keep(noted(self.one, **changes))
        turn = self.one.turn
        assert turn is not None, "a note ends no turn"
        return turn

    @property
    def asked(self) -> Asked:
        """What is noted of a request to PVE."""
        return Asked(self.one.user, "round", self.one.id)

    def passed(self, **changes: object) -> Round:
        """The step has gone well: the next one."""
        return passed(self.one, self.clock.time(), **changes)

    def broken(self, words: str, away: bool = False) -> Round:
        """The turn does not go well, for this reason."""
        return broken_off(self.one, words, self.clock.time(), away=away)

    def shut(self, turn: Visit, when: str, back: bool = False) -> Round | None:
        """How it goes on while a gate is shut; None when all are open. `back`: the node has rebooted."""
        gate = closed_gate(self.api, self.clock.time(), turn.node, back, self.one.besides(turn.node))
        if gate is None:
            return None
        until = turn.since + gate.limit
        return self.broken(f"{when}: {gate.reason}") if self.clock.time() >= until else waits(self.one, f"{when}: {gate.reason}", until)


def message(turn: Visit, words: str) -> dict[str, object]:
    """What the turn says from now on, as a change of it."""
    said = "; ".join(filter(None, [turn.message if turn.ending else "", words]))
    return {"message": said[:400]} if said else {}
