"""Loads of nodes: means of minutes, fresh after each change, the cache that ZFS gives back not counted."""

from __future__ import annotations

from typing import Any

import pytest

from prs.model import Guest, Node
from prs.pve.read.load import Histories, with_load
from prs.pve.read.rrd import guest_mean, newest, node_mean, reclaimable
from prs.pve.read.snapshot import read_cluster
from simcluster import InProcessApi
from simcluster.scenes import small

GiB, MiB = 2**30, 2**20
NOW = 1_000_000.0
NODE = Node("pve1", memory=64 * GiB, cpu=16.0)


def row(ago: float, memory: float, cpu: float = 0.5, **more: Any) -> dict[str, Any]:
    return {"time": NOW - ago, "memused": memory * GiB, "memtotal": 64 * GiB, "cpu": cpu, "maxcpu": 16, **more}


def now_row(memory: float, cpu: float) -> dict[str, Any]:
    return {"type": "node", "node": "pve1", "status": "online", "mem": memory * GiB, "maxmem": 64 * GiB, "cpu": cpu, "maxcpu": 16}


def load(rows: list[Any], guests: list[Guest], window: float = 1800.0, **more: Any) -> tuple[Node, tuple[Guest, ...]]:
    data = more.get("data", [now_row(20, 0.25)])
    past = Histories(NOW, window, {"pve1": rows})
    found, known = with_load((NODE,), tuple(guests), data, more.get("tasks", []), past)
    return found[0], known


def guest(memory: float = 4, cpu: float = 2.0) -> Guest:
    return Guest(101, "db01", "qemu", "pve1", memory=int(memory * GiB), cpu=cpu)


def test_the_host_has_what_the_guests_do_not_use_of_the_nodes_mean() -> None:
    node, _ = load([row(120, 10, 0.25), row(60, 12, 0.75), row(5000, 60, 1.0)], [guest()])
    assert node.memory_host == 7 * GiB
    assert node.cpu_host == 6.0


def test_a_nodes_own_figure_is_the_truth_and_the_guests_cpu_is_held_to_its_mean() -> None:
    """Guests' figures know nothing of merged pages; the present figure counts where it is more than the mean."""
    node, guests = load([row(60, 3, 0.0625)], [guest(4, 2.0), guest(4, 6.0)], data=[now_row(3, 0.25)])
    assert node.memory_host + sum(one.memory for one in guests) == 3 * GiB
    node, guests = load([row(60, 3, 0.0625)], [guest(4, 2.0), guest(4, 6.0)], data=[now_row(7, 0.25)])
    assert node.memory_host + sum(one.memory for one in guests) == 7 * GiB
    assert node.cpu_host == pytest.approx(0)
    assert [one.cpu for one in guests] == pytest.approx([0.25, 0.75])


@pytest.mark.parametrize("tasks", [[{"type": "qmigrate", "id": "101", "node": "pve2", "endtime": int(NOW - 5)}],
                                   [{"type": "qmigrate", "id": "101", "node": "pve2"}]])  # fmt: skip
def test_a_guest_that_has_just_come_counts_although_its_nodes_figure_is_older(tasks: list[Any]) -> None:
    """The list names the node at once, pvestatd counts the guest some seconds later."""
    node, guests = load([row(60, 3)], [guest(4, 2.0), guest(4, 6.0)], data=[now_row(3, 0.25)], tasks=tasks)
    assert node.memory_host + sum(one.memory for one in guests) == 8 * GiB


def test_a_departure_ends_the_time_the_mean_reaches_back() -> None:
    rows = [row(600, 40), row(300, 40), row(150, 40), row(100, 10), row(60, 10)]  # the third row may hold figures of before
    gone = [{"node": "pve1", "type": "qmigrate", "id": "102", "endtime": int(NOW - 180)}]
    assert load(rows, [])[0].memory_host == 28 * GiB
    assert load(rows, [], tasks=gone)[0].memory_host == 10 * GiB
    backup = [{"node": "pve1", "type": "vzdump", "id": "102", "endtime": int(NOW - 180)}]
    assert load(rows, [], tasks=backup)[0].memory_host == 28 * GiB


def test_an_arrival_shows_in_the_guests_uptime() -> None:
    rows = [row(600, 10), row(300, 10), row(60, 14)]
    came = {"type": "qemu", "node": "pve1", "vmid": 101, "uptime": 150}
    assert load(rows, [guest()], data=[now_row(20, 0.25), came])[0].memory_host == 10 * GiB


def test_right_after_a_change_the_present_sample_counts() -> None:
    gone = [{"node": "pve1", "type": "qmigrate", "id": "102", "endtime": int(NOW - 30)}]
    node, _ = load([row(60, 40)], [guest()], tasks=gone)
    assert (node.memory_host, node.cpu_host) == (16 * GiB, 2.0)


def test_without_a_window_the_present_sample_counts() -> None:
    assert load([row(60, 40)], [guest()], window=0.0)[0].memory_host == 16 * GiB


@pytest.mark.parametrize("window", [1800.0, 0.0])
def test_cache_of_zfs_beyond_its_floor_is_not_used_memory(window: float) -> None:
    node, _ = load([row(60, 20, arcsize=10 * GiB)], [guest()], window=window)
    assert node.memory_host == (20 - 4 - (10 - 2)) * GiB  # the floor is 1/32 of 64 GiB


def test_a_cache_that_has_grown_counts_in_each_row_for_what_it_was_then() -> None:
    node, _ = load([row(300, 20, arcsize=3 * GiB), row(240, 20, arcsize=3 * GiB), row(60, 26, arcsize=9 * GiB)], [guest()])
    assert node.memory_host == (19 - 4) * GiB


@pytest.mark.parametrize("history", [1800.0, 0.0])
def test_the_cache_of_a_simulated_node(history: float) -> None:
    """PVE 9 tells it; on PVE 8 it cannot be told from memory in use, which is the safe side."""
    found = {}
    for flavour in ("8", "9"):
        world = small("8" if flavour == "8" else "9")
        before = read_cluster(InProcessApi(world), world.clock.time(), history=history).nodes[2].memory_host
        world.nodes["pve3"].arc = 22 * GiB
        found[flavour] = read_cluster(InProcessApi(world), world.clock.time(), history=history).nodes[2].memory_host - before
    assert found == {"8": 22 * GiB, "9": 2 * GiB}


@pytest.mark.parametrize(
    ("memory", "arc", "free"), [(64 * GiB, 10 * GiB, 8 * GiB), (64 * GiB, GiB, 0), (512 * MiB, 100 * MiB, 68 * MiB), (64 * GiB, None, 0)]
)
def test_the_floor_of_the_cache(memory: int, arc: int | None, free: int) -> None:
    rows: list[Any] = [
        {"time": NOW, "memtotal": memory, "arcsize": arc},
        {"time": NOW - 60, "memtotal": memory, "arcsize": 63 * GiB if arc else None},
    ]
    assert reclaimable(rows) == free


@pytest.mark.parametrize(
    ("rows", "up", "words"),
    [
        ([], 0, "no load history yet"),
        ([{"time": NOW - 60}], 0, "no load history yet"),
        ([row(800, 10)], 0, "no figures for 13 minutes (is pvestatd running on it?)"),
        ([row(800, 10)], 301, "no figures for 13 minutes (is pvestatd running on it?)"),
        ([row(800, 10)], 300, ""),
        ([], 300, ""),
        ([row(290, 10)], 0, ""),
    ],
)
def test_a_history_that_stops_makes_the_node_unusable_unless_it_has_just_booted(rows: list[Any], up: int, words: str) -> None:
    """The uptime is the node's own report: 0 is none."""
    past = Histories(NOW, 1800.0, {"pve1": rows, "pve2": [row(60, 1)]})
    found, _ = with_load((NODE,), (), [now_row(20, 0.25) | ({"uptime": up} if up else {})], [], past)
    assert found[0].problem == words
    assert bool(found[0].memory_host) is not bool(words)


@pytest.mark.parametrize(("up", "cache"), [(200, 0), (3600, 30 - 2)])
def test_the_cache_from_before_a_boot_is_not_taken_off_what_the_node_uses_now(up: int, cache: int) -> None:
    past = Histories(NOW, 0.0, {"pve1": [row(280, 50, arcsize=30 * GiB)], "pve2": [row(60, 1)]})
    found, _ = with_load((NODE,), (), [now_row(40, 0.25) | {"uptime": up}], [], past)
    assert found[0].memory_host == (40 - cache) * GiB


def test_a_wrong_clock_on_this_machine_is_told_and_does_no_harm() -> None:
    past = Histories(NOW + 3600, 1800.0, {"pve1": [row(60, 10)]})
    found, _ = with_load((NODE,), (), [now_row(20, 0.25)], [], past)
    assert (found[0].problem, found[0].memory_host) == ("", 10 * GiB)
    why = "the node that answers was away until now, or one of the clocks is wrong"
    assert past.problems == (f"The newest figures that PVE shows are 61 minutes old by this machine's clock: {why}",)
    behind = Histories(NOW - 3600, 1800.0, {"pve1": [row(0, 10)]})
    assert behind.problems == ("This machine's clock is 60 minutes behind the cluster's figures",)
    assert Histories(NOW, 1800.0, {"pve1": [row(60, 10)]}).problems == ()


def test_rows_without_a_sample_are_no_rows() -> None:
    assert newest([row(60, 1), {"time": NOW, "cpu": 0.5}]) == NOW - 60
    assert node_mean([{"time": NOW, "memused": GiB}], 0.0) is None


def test_a_guests_mean_needs_three_rows_in_which_it_ran() -> None:
    ran: list[Any] = [{"time": NOW - 60 * step, "mem": 2 * GiB, "memhost": 3 * GiB, "cpu": 0.5, "maxcpu": 4} for step in range(3)]
    idle: list[Any] = [{"time": NOW - 60 * step, "mem": 0, "memhost": 0, "cpu": 0, "maxcpu": 4} for step in range(3, 9)]
    found = guest_mean([*ran, *idle], NOW - 1800)
    assert found is not None
    assert (found.memory, found.cpu) == (3 * GiB, 2.0)
    assert guest_mean([*ran[:2], *idle], NOW - 1800) is None
    assert guest_mean(ran, NOW) is None
