"""Means by half hour, and what they let expect of the coming day."""

from __future__ import annotations

from math import cos, pi

import pytest

from prs.model import Cluster, Guest, Node, Reading
from prs.planner.day.means import AHEAD, DAY, KEPT, WEEK, HalfHour, forecast, reading_of, wanted

GIB = 2**30


def cluster(memory: float = 4.0) -> Cluster:
    return Cluster(nodes=(Node("a", memory=64 * GIB, cpu=16.0, memory_host=GIB), Node("b", memory=64 * GIB, cpu=16.0)),
                   guests=(Guest(100, "web", "qemu", "a", memory=round(memory * GIB), cpu=1.0),))


def remembered(numbers: range, memory: dict[int, float] | None = None) -> dict[int, HalfHour]:
    """Half hours in which guest 100 used 4 GiB and 2 more or less over the day."""
    found = {}
    for number in numbers:
        use = 4 + 2 * cos(2 * pi * number / DAY) if memory is None else memory.get(number, 4.0)
        found[number] = HalfHour().added(Reading({100: (use * GIB, 1.0)}, {"a": ((use + 1) * GIB, 1.5)}, {"a": (GIB, 0.5)}))
    return found


def test_a_mean_counts_only_readings_that_had_the_guest() -> None:
    half = HalfHour().added(Reading({1: (4.0, 1.0), 2: (8.0, 1.0)}, {}, {})).added(Reading({1: (6.0, 3.0)}, {}, {}))
    assert half.guests == {1: (2, 5.0, 2.0), 2: (1, 8.0, 1.0)}


def test_less_than_a_day_lets_expect_nothing() -> None:
    assert forecast(cluster(), {}, 1000) is None
    assert forecast(cluster(), remembered(range(1000 - DAY + 1, 1001)), 1000) is None
    assert forecast(cluster(), remembered(range(1000 - DAY, 1001)), 1000) is not None


@pytest.mark.parametrize("days", [1, 5, 7, 14])
def test_a_day_curve_is_expected_to_come_again(days: int) -> None:
    number = 20 * WEEK
    found = forecast(cluster(), remembered(range(number - days * DAY, number + 1)), number)
    assert found
    assert found.days == days
    assert found.guests[100][0] == pytest.approx([(4 + 2 * cos(2 * pi * half / DAY)) * GIB for half in range(number, number + AHEAD)])
    assert found.hosts["a"][0] == pytest.approx([GIB] * AHEAD)


def test_weekdays_are_taken_from_weeks_before_and_not_from_yesterday() -> None:
    number = 20 * WEEK
    busy = {half: 8.0 for week in (1, 2) for half in range(number - week * WEEK + 10, number - week * WEEK + 20)}
    found = forecast(cluster(), remembered(range(number - 2 * WEEK + 1, number + 1), busy), number)
    assert found
    assert [round(use / GIB) for use in found.guests[100][0][8:22]] == [4, 4, *[8] * 10, 4, 4]


def test_what_has_grown_since_is_carried_on() -> None:
    number = 20 * WEEK
    grown = dict.fromkeys(range(number - 3, number + 1), 7.0)
    found = forecast(cluster(), remembered(range(number - 8 * DAY, number + 1), grown), number)
    assert found
    assert found.guests[100][0] == pytest.approx([7.0 * GIB] * AHEAD)


@pytest.mark.parametrize("forgotten", [range(0), range(WEEK - 2, WEEK + 20), range(2 * WEEK, KEPT), range(2 * WEEK + 20, KEPT)])
def test_steady_growth_goes_on_whatever_is_missing_of_the_memory(forgotten: range) -> None:
    """Each half hour is held against its own like: else the level would drop, or jump, where a week is forgotten."""
    number = 20 * WEEK
    kept = remembered(range(number - KEPT + 1, number + 1), {number - back: 20 - back / DAY for back in range(KEPT)})
    found = forecast(cluster(20), {half: one for half, one in kept.items() if number - half not in forgotten}, number)
    assert found
    assert found.guests[100][0] == pytest.approx([(20 + half / DAY) * GIB for half in range(AHEAD)], rel=0.002)


def test_what_is_kept_is_all_that_a_forecast_looks_at() -> None:
    assert min(wanted(20 * WEEK)) == 20 * WEEK - KEPT + 1


def test_who_is_not_remembered_stays_as_it_is_now() -> None:
    new = Guest(200, "new", "qemu", "b", memory=3 * GIB, cpu=0.5)
    scene = Cluster(nodes=cluster().nodes, guests=(*cluster().guests, new))
    found = forecast(scene, remembered(range(1000 - DAY, 1001)), 1000)
    assert found
    assert found.guests[200] == ((3.0 * GIB,) * AHEAD, (0.5,) * AHEAD)
    assert found.hosts["b"] == ((0.0,) * AHEAD, (0.0,) * AHEAD)


def test_a_forecast_looks_at_no_half_hour_of_the_future() -> None:
    numbers = wanted(20 * WEEK)
    assert max(numbers) == 20 * WEEK
    assert min(numbers) > 18 * WEEK - 4


def test_a_snapshot_gives_the_reading_of_what_is_known() -> None:
    scene = Cluster(nodes=(*cluster().nodes, Node("c", online=False, problem="offline")),
                    guests=(*cluster().guests, Guest(101, "", "qemu", "a", "stopped"),
                            Guest(102, problem="new", memory=5, name="", kind="qemu", node="b")))
    hosts = {"a": (GIB, 0.0), "b": (0.0, 0.0)}
    assert reading_of(scene) == Reading({100: (4.0 * GIB, 1.0)}, {"a": (5.0 * GIB, 1.0), "b": (0.0, 0.0)}, hosts)
