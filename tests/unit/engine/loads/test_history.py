"""The history of loads: means and the widest spread by half hour, bounded to a month, read by who may only read, lost without harm."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from prs.engine.loads.history import KEPT, LoadHistory
from prs.engine.loads.link_speeds import TABLE as SPEEDS
from prs.engine.loads.memory import LoadMemory, opened
from prs.model import HALF_HOUR, Node, Reading

NOW = 1_790_000_100.0
SLOT = int(NOW // HALF_HOUR)
NODES = tuple(Node(name, memory=2**34, cpu=8.0) for name in ("a", "b", "c"))


def reading(**memory: float) -> Reading:
    """Nodes that use so much of their memory (fraction), and of their cores a tenth of that."""
    return Reading({}, {name: (share * 2**34, share * 0.8) for name, share in memory.items()}, {})


@pytest.fixture
def history(tmp_path: Path) -> LoadHistory:
    return LoadHistory(tmp_path / "loads.sqlite")


def test_nodes_have_their_mean_and_the_spread_is_the_widest_at_one_moment(history: LoadHistory) -> None:
    history.add(reading(a=0.75, b=0.25, c=0.5), NODES, frozenset, NOW)
    history.add(reading(a=0.25, b=0.5), NODES, frozenset, NOW + 300)
    (slot, one), = history.since(SLOT).items()
    assert (slot, one.readings) == (SLOT, 2)
    assert one.nodes == {"a": (2, 0.5, 0.05), "b": (2, 0.375, 0.0375), "c": (1, 0.5, 0.05)}
    assert one.spread == (0.5, 0.05)


def test_only_nodes_that_take_part_make_the_spread_and_all_are_shown(history: LoadHistory) -> None:
    ill = (NODES[0], replace(NODES[1], ha="maintenance"), NODES[2])
    history.add(reading(a=0.75, b=0.0, c=0.5), ill, frozenset, NOW)
    history.add(reading(a=0.9, b=0.0, c=0.5), ill, lambda nodes: {"a"}, NOW + 300)
    one = history.since(SLOT)[SLOT]
    assert set(one.nodes) == {"a", "b", "c"}
    assert one.spread == (0.25, 0.025)


def test_a_cluster_of_one_node_has_no_spread(history: LoadHistory) -> None:
    history.add(reading(a=0.75), NODES[:1], frozenset, NOW)
    assert history.since(SLOT)[SLOT].spread is None


def test_a_month_is_kept_and_no_future(history: LoadHistory) -> None:
    for back in (KEPT + 3, KEPT, KEPT - 5, 1, -3):
        history.add(reading(a=0.5), NODES, frozenset, NOW - back * HALF_HOUR)
    history.add(reading(a=0.5), NODES, frozenset, NOW)
    assert list(history.since(SLOT - KEPT)) == [SLOT - KEPT + 5, SLOT - 1, SLOT]


def test_a_month_of_32_nodes_takes_less_than_a_megabyte(history: LoadHistory) -> None:
    nodes = tuple(Node(f"pve{number}", memory=2**34, cpu=8.0) for number in range(32))
    loads = reading(**{node.name: 0.31 + 0.013 * place for place, node in enumerate(nodes)})
    history.add(loads, nodes, frozenset, NOW)
    with closing(sqlite3.connect(history.path)) as db, db:
        db.execute("INSERT INTO history SELECT slot - value, body FROM history, "
                   "(WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT ?) SELECT value FROM n)", (KEPT - 1,))
    assert len(history.since(SLOT - KEPT + 1)) == KEPT
    assert history.path.stat().st_size < 1_000_000


def test_a_file_of_an_earlier_version_and_one_of_no_use_have_no_history(history: LoadHistory) -> None:
    assert history.since(0) == {}
    opened(history.path, SPEEDS).close()
    assert history.since(0) == {}
    LoadMemory(history.path).add(reading(a=0.5), NOW)
    history.add(reading(a=0.5), NODES, frozenset, NOW)
    with closing(sqlite3.connect(history.path)) as db, db:
        db.execute("INSERT INTO history VALUES (?, ?)", (SLOT - 1, b"nothing packed"))
    assert list(history.since(SLOT - 1)) == [SLOT]
    history.path.write_bytes(b"no database at all" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        history.since(0)
    history.add(reading(a=0.5), NODES, frozenset, NOW)  # fails nobody
