"""The benchmark of calm says itself what ours misses of its goals."""

from __future__ import annotations

import pytest

from benchmark import calm
from benchmark.calm import SCENES, Figures, Rule, judged, live


def row(rule: str, moves: int, widest: float, hot: int = 6) -> Figures:
    return Figures(rule, moves, spreads=[0.01, widest], hot=hot)


@pytest.mark.parametrize(
    ("ours", "other", "missed"),
    [
        (row("ours", 5, 0.10), row("other", 10, 0.10), []),
        (row("ours", 6, 0.10), row("other", 10, 0.10), ["1.07 guests moved per 100 and day are more than 1"]),
        (row("ours", 5, 0.10), row("other", 10, 0.09), ["other has a lower widest spread"]),
        (row("ours", 5, 0.10), row("other", 11, 0.09), []),
        (row("ours", 5, 0.10), row("other", 500, 0.10, 5), ["other has fewer hours above 85 %"]),
    ],
)
def test_what_misses_a_goal_is_named(ours: Figures, other: Figures, missed: list[str]) -> None:
    assert judged(SCENES["3/20"], [ours, other]) == missed


def test_an_idle_cluster_may_move_nothing() -> None:
    assert judged(SCENES["3/20 idle"], [row("ours", 1, 0.01, 0)]) == ["0.18 guests moved per 100 and day are more than 0"]


def test_hours_that_no_rule_can_avoid_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """While one of three nodes is down for six hours, the other two use more than 85 % together."""
    monkeypatch.setattr(calm, "WARM", 0)
    monkeypatch.setattr(calm, "LENGTH", 17)
    found = live(SCENES["3/20"], Rule())
    assert (found.least, found.moves) == (6, 0)
    assert found.hot > 6
