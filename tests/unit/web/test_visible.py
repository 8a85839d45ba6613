"""One list of jobs of several nodes: whatever one of them tells of its own, the others' stay in sight."""

from __future__ import annotations

from typing import Any

import pytest

from prs.web.visible import claimed_twice, newest


def jobs(node: str, count: int, last: float) -> list[dict[str, Any]]:
    """The newest at `last`, each a second older than the one before."""
    return [{"id": f"{node}-{number:03}", "host": node, "created": last - number} for number in range(count)]


@pytest.mark.parametrize("last", [10.0**12, 1000.0], ids=["the year 33658", "now"])
@pytest.mark.parametrize("nodes", [3, 32])
def test_no_node_gets_the_newest_jobs_of_another_out_of_sight(last: float, nodes: int) -> None:
    lists = {f"pve{number}": jobs(f"pve{number}", 30, 500.0 - number) for number in range(1, nodes)}
    told = newest({**lists, "bad": jobs("bad", 200, last)}, 20)
    for node, own in lists.items():
        assert [job for job in told if job["host"] == node][: max(1, 20 // (2 * nodes))] == own[: max(1, 20 // (2 * nodes))]
    assert len([job for job in told if job["host"] == "bad"]) == 20
    assert len(told) <= 20 + max(10, nodes)
    assert told == sorted(told, key=lambda job: -job["created"])


def test_the_newest_of_all_are_there_without_a_gap() -> None:
    lists = {"pve1": jobs("pve1", 20, 1000.0), "pve2": jobs("pve2", 20, 995.5), "pve3": jobs("pve3", 2, 10.0)}
    told = newest(lists, 20)
    everything = sorted((job for own in lists.values() for job in own), key=lambda job: -job["created"])
    assert told[:20] == everything[:20]
    assert told[20:] == lists["pve3"]


def test_few_jobs_are_all_there() -> None:
    assert newest({}, 20) == newest({"pve1": []}, 20) == []
    assert newest({"pve1": jobs("pve1", 5, 9.0), "pve2": []}, 20) == jobs("pve1", 5, 9.0)
    assert newest({"pve1": jobs("pve1", 5, 9.0), "pve2": jobs("pve2", 1, 3.0)}, 1) == [*jobs("pve1", 1, 9.0), *jobs("pve2", 1, 3.0)]


def test_who_lists_a_job_of_another_is_found() -> None:
    one, two = jobs("pve1", 3, 9.0), jobs("pve2", 3, 9.0)
    assert claimed_twice({"pve1": one, "pve2": two, "pve3": []}) == {}
    assert claimed_twice({"pve1": one, "pve2": [*two, one[1]], "pve3": [one[1]]}) == {
        "pve1": ["pve2", "pve3"], "pve2": ["pve1", "pve3"], "pve3": ["pve1", "pve2"],
    }  # fmt: skip
    assert claimed_twice({"pve1": [*one, one[0]]}) == {}
