"""The memory of loads on disk: bounded, pruned, and lost without harm."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from prs.engine.loads.memory import LoadMemory, half_hour
from prs.model import HALF_HOUR, Cluster, Guest, Node, Reading
from prs.planner.day.means import KEPT

NOW = 1_790_000_000.0
READING = Reading({100: (2.0**30, 0.5)}, {"a": (2.0**31, 1.5)}, {"a": (2.0**30, 1.0)})


def numbers(memory: LoadMemory) -> list[int]:
    """What the file holds."""
    with closing(sqlite3.connect(memory.path)) as db:
        return [row[0] for row in db.execute("SELECT number FROM halves ORDER BY number")]


@pytest.fixture
def memory(tmp_path: Path) -> LoadMemory:
    return LoadMemory(tmp_path / "loads.sqlite")


def test_readings_of_a_half_hour_become_its_mean(memory: LoadMemory) -> None:
    start = NOW - NOW % HALF_HOUR
    memory.add(READING, start)
    memory.add(Reading({100: (2.0**31, 1.5)}, {}, {}), start + 300)
    (half,) = LoadMemory(memory.path).halves([half_hour(start)]).values()
    assert half.guests == {100: (2, 1.5 * 2**30, 1.0)}
    assert half.nodes == {"a": (1, 2.0**31, 1.5)}
    assert half.hosts == {"a": (1, 2.0**30, 1.0)}
    assert memory.path.stat().st_mode & 0o007 == 0


def test_two_weeks_are_kept_and_no_future(memory: LoadMemory) -> None:
    for back in (KEPT + 5, KEPT, KEPT - 10, 1, -3):
        memory.add(READING, NOW - back * HALF_HOUR)
    memory.add(READING, NOW)
    number = half_hour(NOW)
    assert numbers(memory) == [number - KEPT + 10, number - 1, number]


def test_a_day_of_it_makes_a_forecast_and_less_makes_none(memory: LoadMemory) -> None:
    cluster = Cluster(nodes=(Node("a", memory=2**36, cpu=8.0),), guests=(Guest(100, "", "qemu", "a", memory=2**30, cpu=0.5),))
    assert memory.forecast(cluster, NOW) is None
    assert not memory.path.exists()
    for back in range(48, -1, -1):
        memory.add(READING, NOW - back * HALF_HOUR)
    found = memory.forecast(cluster, NOW, frozenset({100}))
    assert found
    assert found.guests[100][0] == (2.0**30,) * 48
    assert found.recent == {100}


def test_a_damaged_file_is_told_once_and_begun_anew(memory: LoadMemory, caplog: pytest.LogCaptureFixture) -> None:
    memory.path.write_bytes(b"no database at all" * 100)
    with caplog.at_level(logging.WARNING):
        assert memory.halves([1]) == {}
        memory.add(READING, NOW)
    assert [record.message.count("damaged and begun anew") for record in caplog.records] == [1]
    assert numbers(memory) == [half_hour(NOW)]


def test_a_damaged_row_counts_as_not_remembered(memory: LoadMemory) -> None:
    memory.add(READING, NOW)
    with closing(sqlite3.connect(memory.path)) as db, db:
        db.execute("UPDATE halves SET body = ?", (b"x",))
    assert memory.halves([half_hour(NOW)]) == {}
    memory.add(READING, NOW)
    assert memory.halves([half_hour(NOW)])[half_hour(NOW)].guests == {100: (1, 2.0**30, 0.5)}


def test_a_folder_that_cannot_be_written_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    memory = LoadMemory(tmp_path / "missing" / "loads.sqlite")
    with caplog.at_level(logging.WARNING):
        memory.add(READING, NOW)
        memory.add(READING, NOW)
    assert len(caplog.records) == 1
    assert "cannot be used" in caplog.text
