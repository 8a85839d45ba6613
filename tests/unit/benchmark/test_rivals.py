"""How rivals are fed and scored in the benchmark, without any of them installed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from benchmark import rival_proxlb, rivals


def instance() -> dict[str, Any]:
    """Two nodes, all three guests on the first."""
    guest = {"type": "vm", "node": "a", "mem": 10, "maxmem": 16, "cpu": 0.5, "vcpu": 2, "disk": 0}
    return {
        "nodes": [{"name": name, "mem": 100, "mem_host": 5, "cpu": 8, "disk": 0} for name in ("a", "b")],
        "guests": [{**guest, "id": 1}, {**guest, "id": 2, "type": "ct", "pin": ["a"]}, {**guest, "id": 3, "ignore": True}],
        "anti_affinity": [[1, 2]], "affinity": [[1, 3]], "drain": None,
    }


REFERENCE = {"before": {"sd": 0.15}, "sd_at_k": {"1": 0.05, "2": 0.05}, "tau": 0.1, "cost": 10.0}


class Walk:
    """Stands for the scorer's walk: each move takes 0.1 off the spread and 0.05 off the deviation, and a move of guest 9 breaks a limit."""

    def __init__(self, _: Mapping[str, Any], moves: list[tuple[int, str]]) -> None:
        self.count = len(moves)
        self.broken = ["guest 9: mem of b"] if any(guest == 9 for guest, _ in moves) else []
        self.path = [{"spread": 0.3 - 0.1 * step, "sd": 0.15 - 0.05 * step, "cost": 10.0 * step} for step in range(len(moves) + 1)]


@pytest.fixture
def score() -> ModuleType:
    module = ModuleType("score")
    module.BUDGETS, module.Walk = (1, 2), Walk  # type: ignore[attr-defined]
    return module


def test_a_plan_is_scored_by_its_first_moves(score: ModuleType) -> None:
    row = rivals.figures(score, instance(), REFERENCE, [(1, "b"), (2, "b"), (3, "b")])
    assert row["E"] == pytest.approx((0.5 + 1.0) / 2)
    assert row["C"] == pytest.approx(10.0 / 20.0)
    assert rivals.quality([row]) == pytest.approx(50 * (0.75 + 0.5))


def test_broken_limits_and_missed_aims_score_nothing(score: ModuleType) -> None:
    assert rivals.figures(score, instance(), REFERENCE, [(9, "b"), (2, "b")]) == {
        "E": 0.0, "C": 0.0, "moves": 2, "broken": ["guest 9: mem of b"]}
    assert rivals.figures(score, instance(), REFERENCE, [])["C"] == 0.0


def test_no_move_is_right_where_none_is_needed(score: ModuleType) -> None:
    level = {**REFERENCE, "tau": 0.3, "cost": 0.0}
    assert rivals.figures(score, instance(), level, [])["C"] == 1.0


def test_steps_of_hbal_are_read() -> None:
    text = "Trying to minimize the CV...\n    1. 12 n1    => n2      0.35 a=fa:n2\n   10. 7 n1    => n3      0.09 a=fa:n3\n\nFinal\n"
    assert rivals.hbal_moves(text) == [(12, "n2"), (7, "n3")]


def test_hbal_gets_its_text_format() -> None:
    lines = rivals.hbal_text(instance(), False).splitlines()
    assert lines[2].startswith("a|100|5|65|") and "|8|N|group|" in lines[2]  # noqa: PT018
    assert lines[5:8] == ["1|10|1|2|running|Y|a||ext|apart:0|1", "2|10|1|2|running|Y|a||ext|apart:0|1", "3|10|1|2|running|Y|a||ext||1"]
    assert "1|10|1|10|running" in rivals.hbal_text(instance(), True)


def test_proxlb_gets_nodes_and_guests_as_it_reads_them() -> None:
    assert rival_proxlb.nodes(instance())["a"]["memory"]["used_percent"] == pytest.approx(35.0)
    fed = rival_proxlb.guests(instance())
    assert list(fed) == ["1", "3", "2"]
    assert fed["1"]["anti_affinity_groups"] == ["anti_affinity_0"]
    assert fed["3"]["ignore"] is True
    assert fed["2"]["node_relationships"] == ["a"]


def test_what_is_not_installed_or_too_slow_is_said(score: ModuleType, tmp_path: Path) -> None:
    name = "syn-s1-over-1"
    (tmp_path / "instances").mkdir()
    (tmp_path / "instances" / f"{name}.json").write_text(json.dumps(instance()))
    (tmp_path / "references.json").write_text(json.dumps({name: REFERENCE}))

    def late(path: Path, given: Mapping[str, Any]) -> rivals.Moves:
        raise subprocess.TimeoutExpired("slow", rivals.LIMIT)

    some = [rivals.Rival("absent", "not installed: get it", late), rivals.Rival("slow", "", late),
            rivals.Rival("good", "", lambda path, given: [(1, "b"), (2, "b")])]
    lines = rivals.compare(score, tmp_path, {name: {"E": 1.0, "C": 1.0}, "syn-s5-over-1": {"E": 1.0, "C": 1.0}}, some)
    assert "on 1 instances" in lines[0]
    assert "not installed: get it" in lines[2]
    assert f"too slow on {name}" in lines[3]
    assert lines[4].split() == ["good", "1", "62.5", "100.0", "1.6", "0"]
