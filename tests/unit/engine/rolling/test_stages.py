"""A round's states: the order of its steps, what breaks a turn off, and that every way of going on comes to an end."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prs.codec import from_json, to_json
from prs.engine.rolling.holders import handed, taken
from prs.engine.rolling.hooks import Hook, HookState
from prs.engine.rolling.stages import STEPS, Round, RoundOptions, Verb, begin, broken_off, noted, passed, waits
from prs.engine.rolling.wishes import asked, leaving, left
from prs.errors import PlanError
from prs.model import Policy

ALL = RoundOptions(hooks=True, rides=(104,))


def new(options: RoundOptions | None = None, *nodes: str) -> Round:
    return begin("0123456789ab", "root@pam", nodes or ("pve2", "pve1"), Policy(), options or RoundOptions(), "pve3", 100.0)


def walked(one: Round) -> list[str]:
    """The steps of the first node's turn when all goes well."""
    node, steps = one.turns[0].node, list[str]()
    while (turn := one.turn) is not None and turn.node == node:
        steps.append(turn.step)
        one = passed(one, 200.0)
    return steps


def at(one: Round, step: str) -> Round:
    """The round when its first node is at this step."""
    while (turn := one.turn) is not None and turn.step != step:
        one = passed(one, 150.0)
    return one


def test_only_what_was_chosen_is_done() -> None:
    everything = [step for step, _ in STEPS]
    assert walked(new(ALL)) == [step for step in everything if step != "by-hand"]
    assert walked(new()) == ["gates", "drain", "last-gates", "reboot", "return", "gates-again", "flags", "fill"]
    assert walked(new(RoundOptions(reboot=False))) == ["gates", "drain", "last-gates", "by-hand", "gates-again", "flags", "fill"]


def test_every_stage_has_its_word() -> None:
    one, stages = new(ALL), list[str]()
    while (turn := one.turn) is not None and turn.node == "pve2":
        stages.append(turn.stage)
        one = passed(one, 1.0)
    assert set(stages) == {"waiting", "draining", "hook", "rebooting", "back", "filling"}
    assert one.turns[0].stage == "done"


@pytest.mark.parametrize(
    ("step", "then"),
    [("gates", None), ("before-drain", "flags"), ("drain", "flags"), ("last-gates", "flags"), ("gates-again", "flags"),
     ("after-boot", "fill"), ("fill", "start-up"), ("start-up", None)],
)  # fmt: skip
def test_trouble_leads_home(step: str, then: str | None) -> None:
    """What was done is taken back: flags, guests that ride along, guests that were moved. No further node begins."""
    one = broken_off(at(new(ALL), step), "no room", 300.0)
    assert (one.turn.step if one.turn else None) == then
    while one.turn:
        assert one.turn.node == "pve2"
        one = passed(waits(one, "a gate", 400.0), 310.0)
    assert (one.state, one.message, one.turns[0].stage, one.turns[1].step) == ("failed", "pve2: no room", "failed", "gates")


def test_a_node_that_is_away_is_not_filled() -> None:
    one = broken_off(at(new(ALL), "return"), "pve2 is not back", 300.0, away=True)
    assert one.turn is not None
    assert one.turn.step == "flags"
    assert passed(one, 310.0).state == "failed"


def test_two_troubles_are_both_told() -> None:
    one = broken_off(broken_off(at(new(), "drain"), "no room", 300.0), "noout stays", 301.0)
    assert one.turns[0].message == "no room; noout stays"


def test_pause_comes_after_the_node() -> None:
    one = asked(at(new(), "drain"), "pause", "", 1.0)
    assert not one.paused
    one = at(one, "gates") if one.turn and one.turn.step == "gates" else at(passed(at(one, "fill"), 2.0), "gates")
    assert one.paused
    assert not asked(one, "resume", "", 3.0).paused
    with pytest.raises(PlanError, match="paused already"):
        asked(one, "pause", "", 3.0)


@pytest.mark.parametrize("state", ["failed", "hung", "unknown"])
def test_a_hook_that_has_not_ended_well_rests_until_a_user_speaks(state: HookState) -> None:
    one = at(new(ALL), "before-reboot")
    running = noted(one, hooks=(Hook("before-drain", "done", 0), Hook("before-reboot", "running")))
    assert not running.paused
    with pytest.raises(PlanError, match="is not paused"):
        asked(running, "resume", "", 3.0)
    bad = noted(one, hooks=(Hook("before-drain", "done", 0), Hook("before-reboot", state)), message="no way")
    assert bad.paused
    again = asked(bad, "resume", "", 3.0)
    assert again.turn is not None
    assert (again.paused, again.turn.step, [hook.stage for hook in again.turn.hooks]) == (False, "before-reboot", ["before-drain"])
    over = left(asked(bad, "skip", "pve2", 3.0), 4.0)
    assert over.turn is not None
    assert (over.turn.step, over.turn.ending, over.turn.message) == ("flags", "skipped", "no way; skipped by the user")


@pytest.mark.parametrize("verb", ["skip", "stop"])
def test_a_node_is_filled_after_a_hook_that_fails_when_it_is_back(verb: Verb) -> None:
    bad = noted(at(new(ALL), "after-boot"), hooks=(Hook("after-boot", "failed", 1),), message="no way")
    one = left(asked(bad, verb, "pve2", 3.0), 4.0)
    assert one.turn is not None
    assert (one.turn.step, one.turn.ending) == ("fill", "skipped")


def test_no_hook_runs_for_a_turn_that_is_taken_back() -> None:
    one, steps = broken_off(at(new(ALL), "drain"), "no room", 3.0), list[str]()
    while one.turn:
        steps.append(one.turn.step)
        one = passed(one, 4.0)
    assert steps == ["flags", "fill", "start-up"]


def test_a_stop_takes_back_and_begins_no_other() -> None:
    one = left(asked(at(new(), "drain"), "stop", "", 1.0), 2.0)
    assert one.turn is not None
    assert (one.turn.step, one.turn.ending) == ("flags", "skipped")
    one = left(passed(passed(one, 3.0), 4.0), 5.0)
    assert (one.state, one.turns[0].stage, one.turns[1].step) == ("stopped", "skipped", "gates")


def test_a_stop_during_a_reboot_waits_for_the_node() -> None:
    one = noted(at(new(), "return"), told=5.0)
    one = asked(one, "stop", "", 6.0)
    assert not leaving(one)
    with pytest.raises(PlanError, match="pve2 reboots"):
        asked(one, "skip", "pve2", 8.0)


def test_a_node_can_be_left_out() -> None:
    one = asked(new(), "skip", "pve1", 1.0)
    assert [turn.stage for turn in one.turns] == ["waiting", "skipped"]
    with pytest.raises(PlanError, match="has had its turn"):
        asked(one, "skip", "pve1", 2.0)
    with pytest.raises(PlanError, match="not part"):
        asked(one, "skip", "pve9", 2.0)


def test_who_drains_by_hand_says_when_it_goes_on() -> None:
    one = asked(at(new(RoundOptions(reboot=False)), "by-hand"), "resume", "", 9.0)
    assert one.turn is not None
    assert one.turn.step == "gates-again"
    with pytest.raises(PlanError, match="is not paused"):
        asked(one, "resume", "", 10.0)


def test_another_host_goes_on_at_the_same_step_without_the_job() -> None:
    one = noted(at(new(), "drain"), job="abcdefabcdef", host="pve3", guests=(1, 2))
    same = taken(one, "pve3", 500.0)
    assert (same.generation, same.turns[0].job) == (1, "abcdefabcdef")
    other = taken(one, "pve1", 500.0)
    assert (other.generation, other.holder, other.turns[0].job, other.turns[0].step) == (2, "pve1", "", "drain")
    assert other.turns[0].guests == (1, 2)
    assert taken(handed(one, "pve1", 1.0), "pve1", 2.0).handed is False


VERBS: tuple[Verb, ...] = ("pause", "resume", "stop", "skip")
EVENTS = st.lists(st.sampled_from(["pass", "pass", "pass", "fail", "away", "take", *VERBS]), max_size=80)


@given(EVENTS, st.booleans(), st.booleans())
@example(["pass", "pass", "pass", "stop", "pass"], True, False)
def test_whatever_happens_it_ends_and_takes_its_flags_back(events: list[str], reboot: bool, hooks: bool) -> None:
    one = new(RoundOptions(reboot, hooks, (7,) if hooks else ()), "pve1", "pve2", "pve3")
    flagged = set[str]()
    for now, event in enumerate([*events, *["resume", "pass"] * 80]):
        one = left(one, float(now)) if leaving(one) else one  # the carrier's next look, which may be at the flags already
        if (turn := one.turn) is None:
            break
        one = step_on(one, event, float(now))
        assert from_json(Round, json.loads(json.dumps(to_json(one)))) == one
        flagged |= {turn.node} if turn.step == "reboot" else set()
        flagged -= {turn.node} if turn.step == "flags" and event in ("pass", "fail", "away") else set()
    assert not one.open
    assert not flagged
    assert one.state != "done" or all(turn.stage in ("done", "skipped") for turn in one.turns)


def step_on(one: Round, event: str, now: float) -> Round:
    """The round after something has happened."""
    one = left(one, now) if leaving(one) else one
    if one.turn is None or (one.paused and event == "pass"):
        return one
    simple: dict[str, Any] = {"pass": passed, "fail": lambda one, now: broken_off(one, "trouble", now),
                              "away": lambda one, now: broken_off(one, "gone", now, away=True),
                              "take": lambda one, now: taken(replace(one, handed=True), "pve9", now)}  # fmt: skip
    if event in simple:
        found: Round = simple[event](one, now)
        return found
    try:
        return asked(one, next(verb for verb in VERBS if verb == event), one.turn.node, now)
    except PlanError:
        return one
