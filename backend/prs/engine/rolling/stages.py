"""A round of rolling maintenance as a value, and how it may go on: a table of steps, and functions from state to state. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from prs.engine.rolling.hooks import Hook
from prs.errors import PlanError
from prs.model import Policy

Stage = Literal["waiting", "draining", "hook", "rebooting", "back", "filling", "done", "skipped", "failed"]
StepName = Literal[
    "gates", "before-drain", "drain", "shut-down", "after-drain", "last-gates", "before-reboot", "reboot", "return", "by-hand",
    "gates-again", "flags", "after-boot", "fill", "start-up", "over",
]  # fmt: skip
# The steps of a node's turn in their order, and the stage that people see meanwhile. Hooks bear the names of their folders.
STEPS: tuple[tuple[StepName, Stage], ...] = (
    ("gates", "waiting"), ("before-drain", "hook"), ("drain", "draining"), ("shut-down", "draining"), ("after-drain", "hook"),
    ("last-gates", "rebooting"), ("before-reboot", "hook"), ("reboot", "rebooting"), ("return", "rebooting"), ("by-hand", "waiting"),
    ("gates-again", "back"), ("flags", "back"), ("after-boot", "hook"), ("fill", "filling"), ("start-up", "filling"),
)  # fmt: skip
HOOKS: tuple[StepName, ...] = ("before-drain", "after-drain", "before-reboot", "after-boot")
RIDES: tuple[StepName, ...] = ("shut-down", "start-up")  # of guests that cannot move and ride along
LONGEST = 400  # characters of a sentence in the round's file
Ending = Literal["", "failed", "skipped"]
State = Literal["running", "done", "failed", "stopped"]
Verb = Literal["pause", "resume", "stop", "skip"]
_ORDER = tuple(step for step, _ in STEPS)
# Nodes serviced together wait for one another before each of these: all are empty before the first is looked at for the last time, ...
_RENDEZVOUS: tuple[StepName, ...] = ("last-gates", "reboot", "return", "gates-again", "fill")


@dataclass(frozen=True, slots=True)
class Visit:
    """One node: its step `since` when (Unix), the `job` in the journal of `host` that the step waits for, and what must be known later.

    `guests` were on it when its turn began, `uptime` (s) before its reboot, `told` to reboot (Unix); `noout` and `mode` (HA maintenance)
    are, or may be, set because of it, `held`: it is kept empty by a drain of the round. `rides` are, or may be, shut down because of it;
    `hooks` were begun, each noted before it was. `skip`: the user wants no more done for it;
    `ending` is how the turn ends although its steps are gone on with, `away` that the node is not there. `message` says what is waited
    for, until when (Unix, 0 = not limited). Nodes with the same `batch` are serviced together; one of batch 0 is alone.
    """

    node: str
    step: StepName = "gates"
    since: float = 0.0
    job: str = ""
    host: str = ""
    guests: tuple[int, ...] = ()
    uptime: float = 0.0
    told: float = 0.0
    noout: bool = False
    mode: bool = False
    held: bool = False
    rides: tuple[int, ...] = ()
    hooks: tuple[Hook, ...] = ()
    skip: bool = False
    ending: Ending = ""
    away: bool = False
    message: str = ""
    until: float = 0.0
    batch: int = 0

    @property
    def stage(self) -> Stage:
        """What people see."""
        return (self.ending or "done") if self.step == "over" else dict(STEPS)[self.step]

    @property
    def begun(self) -> bool:
        """Whether anything was done for this node."""
        return self.step != "gates"

    @property
    def under_way(self) -> bool:
        """Whether something was done for this node that is not over yet."""
        return self.begun and self.step != "over"

    @property
    def part(self) -> int:
        """How many of the places where nodes that are serviced together wait for one another lie behind it."""
        step = "return" if self.step == "by-hand" and self.uptime else "reboot" if self.step == "by-hand" else self.step
        return len(_RENDEZVOUS) + 1 if step == "over" else sum(_ORDER.index(step) >= _ORDER.index(place) for place in _RENDEZVOUS)

    @property
    def hook(self) -> Hook | None:
        """The hook of the step at hand, as far as it is noted."""
        return next((one for one in self.hooks if one.stage == self.step), None)

    @property
    def halted(self) -> bool:
        """Whether the hook of the step at hand has not ended well: a user has to say how it goes on."""
        return bool(not self.ending and (one := self.hook) and one.state != "running" and one.trouble)


@dataclass(frozen=True, slots=True)
class RoundOptions:
    """What the user has chosen: reboot, or only drain and wait for them; the site's hooks; the guests that may be shut down meanwhile.

    `stages` are those hooks that there were where the round began.
    """

    reboot: bool = True
    hooks: bool = False
    rides: tuple[int, ...] = ()
    maintenance: bool = True  # HA maintenance mode may be switched
    stages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Round:
    """Several nodes, one after the other or a few together. `holder` alone carries it; `generation` grows with each change of the holder.

    `renewed` (Unix) is the holder's last sign; `handed`: the holder was given the round by another and has not taken it yet.
    """

    id: str
    user: str
    created: float
    policy: Policy
    turns: tuple[Visit, ...]
    options: RoundOptions = RoundOptions()
    holder: str = ""
    generation: int = 1
    renewed: float = 0.0
    handed: bool = False
    request: Literal["", "pause", "stop"] = ""
    state: State = "running"
    ended: float = 0.0
    message: str = ""

    @property
    def open(self) -> bool:
        """True until it has ended."""
        return self.state == "running"

    @property
    def flagged(self) -> bool:
        """Whether Ceph's flag noout is, or may be, set because of it; also of one that has ended while the flag could not be taken back."""
        return any(turn.noout for turn in self.turns)

    @property
    def together(self) -> tuple[Visit, ...]:
        """The nodes that are serviced together now and have not ended: one, or a batch; none when all have."""
        first = next((turn for turn in self.turns if turn.step != "over"), None) if self.open else None
        if first is None or not first.batch:
            return (first,) if first else ()
        return tuple(turn for turn in self.turns if turn.batch == first.batch and turn.step != "over")

    @property
    def turn(self) -> Visit | None:
        """Whose turn it is: of the nodes that are serviced together the one that is behind the others; None when all have ended.

        After a failure, and once a stop is asked for, none of them begins any more.
        """
        left, ends = self.together, self.request == "stop" or any(turn.ending == "failed" for turn in self.turns)
        begun = [turn for turn in left if turn.under_way] if ends else []
        return min(begun or left, key=lambda turn: turn.part, default=None)

    @property
    def paused(self) -> bool:
        """Whether it rests: between two nodes, or batches, because somebody has asked for that, or at a hook that has not ended well."""
        turn, begun = self.turn, any(turn.under_way for turn in self.turns)
        return turn is not None and (turn.halted or (self.request == "pause" and not begun))

    def besides(self, node: str) -> tuple[str, ...]:
        """The other nodes that were emptied, or are away, because they are serviced together with this one."""
        batch = next(turn.batch for turn in self.turns if turn.node == node)
        others = (turn for turn in self.turns if batch and turn.batch == batch and turn.node != node)
        return tuple(turn.node for turn in others if turn.under_way or turn.away)


def begin(
    round_id: str, user: str, nodes: Sequence[str], policy: Policy, options: RoundOptions, holder: str, now: float,
    batches: Mapping[str, int] | None = None,
) -> Round:  # fmt: skip
    """A new round, carried by `holder`, that has done nothing yet. Nodes with the same number in `batches` are serviced together."""
    turns = tuple(Visit(node, since=now, batch=(batches or {}).get(node, 0)) for node in nodes)
    return Round(round_id, user, now, policy, turns, options, holder, renewed=now)


def applies(options: RoundOptions, step: StepName) -> bool:
    """Whether a step is part of a round with these options."""
    if step in HOOKS:
        return options.hooks and (options.reboot or step in ("before-drain", "after-drain"))
    if step in RIDES:
        return bool(options.rides)
    if step in ("reboot", "return"):
        return options.reboot
    return step != "by-hand" or not options.reboot


def passed(one: Round, now: float, **changes: Any) -> Round:
    """The step at hand is done; `changes` are fields of the turn that its doing has brought. The last step ends the turn."""
    turn = current(one)
    later = [step for step in _ORDER[_ORDER.index(turn.step) + 1 :] if applies(one.options, step) and not (turn.ending and step in HOOKS)]
    if turn.away and turn.step == "flags":
        later = []
    changed: dict[str, Any] = {"message": turn.message if turn.ending else "", **changes}
    step: StepName = later[0] if later else "over"
    return onward(one, _settled(with_turn(one, replace(turn, **changed, step=step, since=now, job="", host="", until=0.0)), now), now)


def noted(one: Round, **changes: Any) -> Round:
    """The step at hand goes on, with these changes of the turn."""
    return with_turn(one, replace(current(one), **changes))


def hooked(turn: Visit, found: Hook) -> tuple[Hook, ...]:
    """The turn's hooks with this one in the place of what was known of it."""
    return (*(each for each in turn.hooks if each.stage != found.stage), found)


def waits(one: Round, words: str, until: float = 0.0) -> Round:
    """What is waited for, and until when at the most; a reason why the turn ends early stays to be read."""
    turn = current(one)
    return one if turn.ending else with_turn(one, replace(turn, message=words[:LONGEST], until=until))


def broken_off(one: Round, words: str, now: float, ending: Ending = "failed", away: bool = False) -> Round:
    """The turn cannot, or is not to, go on: what was done for it is taken back, as far as the node is there, and then it ends.

    A second trouble on that way is added to the first, and its step left.
    """
    before, turn = one, current(one)
    # What has come last, which may name what stays behind, is told in whole.
    said = f"{turn.message[: max(0, LONGEST - len(words) - 2)]}; {words}" if turn.ending and turn.message else words
    turn = replace(turn, message=said[:LONGEST], until=0.0, job="", host="", ending=turn.ending or ending, away=turn.away or away)
    if turn.ending == "skipped" and ending == "failed":
        turn = replace(turn, ending="failed")
    one = _taken_back(one, turn, now) if turn.ending == "failed" else one
    if not turn.begun:
        return onward(before, _settled(with_turn(one, replace(turn, step="over", since=now)), now), now)
    if _ORDER.index(turn.step) < _ORDER.index("flags"):
        return onward(before, with_turn(one, replace(turn, step="flags", since=now)), now)
    one = with_turn(one, turn)
    return passed(one, now)


def onward(before: Round, one: Round, now: float) -> Round:
    """The round after a change: where it is another node's turn now, what that waits for is waited for from now on."""
    turn, last = one.turn, before.turn
    return one if turn is None or (last and last.node == turn.node) else with_turn(one, replace(turn, since=now))


def _taken_back(one: Round, failed: Visit, now: float) -> Round:
    """The round with what was done for the nodes beside this one taken back, as far as they are up: it ends with a failure."""
    words = f"taken back, as {failed.node} has failed"
    for turn in one.together:
        up = turn.under_way and _ORDER.index(turn.step) < _ORDER.index("return")
        if turn.node != failed.node and up and not turn.ending:
            one = with_turn(one, replace(turn, step="flags", since=now, job="", host="", until=0.0, ending="skipped", message=words))
    return one


def early(turn: Visit) -> bool:
    """Whether the node is not told to reboot yet, so that what was done can simply be taken back."""
    untold = _ORDER.index(turn.step) < _ORDER.index("reboot") or (turn.step == "reboot" and not turn.uptime)
    return turn.halted or turn.step == "by-hand" or untold


def _settled(one: Round, now: float) -> Round:
    """The round after a turn has ended: over with the last node, and with the first that has failed, once those beside it are over."""
    if any(turn.under_way for turn in one.turns):
        return one
    if bad := [turn for turn in one.turns if turn.step == "over" and turn.ending == "failed"]:
        words = "; ".join(f"{turn.node}: {turn.message}" for turn in bad)
        return replace(one, state="failed", ended=now, message=words[:LONGEST])
    if all(turn.step == "over" for turn in one.turns):
        words = "; ".join(f"{turn.node}: {turn.message}" for turn in one.turns if turn.message)
        return replace(one, state="stopped" if one.request == "stop" else "done", ended=now, message=words[:LONGEST])
    return one


def current(one: Round) -> Visit:
    """Whose turn it is; PlanError when all have had theirs."""
    turn = one.turn
    if turn is None:
        raise PlanError("the round has ended")
    return turn


def with_turn(one: Round, turn: Visit) -> Round:
    """The round with this in the place of what was known of the node."""
    return replace(one, turns=tuple(turn if each.node == turn.node else each for each in one.turns))
