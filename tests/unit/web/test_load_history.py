"""Loads over time as the API gives them: equal steps, means and the widest spread, and of several nodes' memories the fullest."""

from __future__ import annotations

from typing import Any

from prs.engine.loads.history import Slot
from prs.model import HALF_HOUR
from prs.web.load_history import course, merged, span

NOW = 1_790_000_100.0


def slot(readings: int, spread: float | None, **memory: float) -> Slot:
    return Slot(readings, {name: (readings, share, share / 2) for name, share in memory.items()}, (spread, 0.1) if spread else None)


def test_a_day_and_a_week_have_half_hours_and_a_month_steps_of_two() -> None:
    assert span(1, NOW)[1:] == (HALF_HOUR, 48)
    assert span(7, NOW)[1:] == (HALF_HOUR, 336)
    assert span(31, NOW)[1:] == (4 * HALF_HOUR, 372)
    for days in (1, 7, 31):
        start, step, count = span(days, NOW)
        assert start + (count - 1) * step <= NOW < start + count * step


def test_long_steps_have_the_mean_of_their_half_hours_and_the_widest_spread() -> None:
    slots = {8: slot(6, 0.2, a=0.5, b=0.3), 9: slot(2, 0.4, a=0.9), 11: slot(1, None, a=0.5)}
    found = course(slots, 8 * HALF_HOUR, 4 * HALF_HOUR, 2)
    assert found["readings"] == [9, 0]
    assert found["spread"] == {"memory": [0.4, None], "cpu": [0.1, None]}
    assert [(row["node"], row["memory"]) for row in found["nodes"]] == [("a", [0.5889, None]), ("b", [0.3, None])]


def test_each_step_is_told_by_the_node_that_has_the_most_readings_of_it() -> None:
    own = course({8: slot(6, 0.2, a=0.5), 10: slot(1, 0.9, a=0.1)}, 8 * HALF_HOUR, HALF_HOUR, 3)
    later = course({9: slot(3, 0.3, b=0.7), 10: slot(5, 0.4, a=0.6)}, 9 * HALF_HOUR, HALF_HOUR, 3)
    found = merged(own, [later])
    assert found["readings"] == [6, 3, 5]
    assert found["spread"]["memory"] == [0.2, 0.3, 0.4]
    assert {row["node"]: row["memory"] for row in found["nodes"]} == {"a": [0.5, None, 0.6], "b": [None, 0.7, None]}


def test_columns_of_another_node_that_are_too_short_or_of_other_steps_do_no_harm() -> None:
    own = course({8: slot(1, 0.2, a=0.5)}, 8 * HALF_HOUR, HALF_HOUR, 2)
    short: dict[str, Any] = {"start": own["start"], "step": HALF_HOUR, "readings": [9, 9, 9], "spread": {"memory": [], "cpu": [0.1]},
                             "nodes": [{"node": "a", "memory": [0.3], "cpu": []}]}  # fmt: skip
    assert merged(own, [{**short, "step": 7200.0}]) == own
    found = merged(own, [short])
    assert found["nodes"] == [{"node": "a", "memory": [0.3, None], "cpu": [None, None]}]
    assert found["spread"] == {"memory": [None, None], "cpu": [0.1, None]}
