"""The simulated cluster's clock and links: time jumps, speed is shared, a busy guest takes longer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from simcluster import InProcessApi
from simcluster.clock import Clock
from simcluster.nouns import GiB
from simcluster.physics import Links
from simcluster.process import Cancelled, Copy, Failed, Hang, Process, Steps, Wait
from simcluster.scenes import small
from simcluster.tasklog import Log, disk_line, duration, size


def test_events_happen_at_their_own_time_and_in_order() -> None:
    """A jump over several events shows each of them its own time; equal times keep the order in which they were asked for."""
    clock, seen = Clock(100.0), []
    for when, name in ((7.0, "c"), (3.0, "a"), (3.0, "b")):
        clock.after(when, lambda name=name: seen.append((name, clock.now)))  # type: ignore[misc]
    cancelled = clock.after(5.0, lambda: seen.append(("never", clock.now)))
    cancelled.cancel()
    assert clock.next_event() == 103.0
    clock.sleep(3600.0)
    assert seen == [("a", 103.0), ("b", 103.0), ("c", 107.0)]
    assert clock.time() == 3700.0


def test_an_action_may_ask_for_another_one_within_the_same_jump() -> None:
    """What an event starts ends within the same jump when it is short enough."""
    clock, seen = Clock(0.0), []

    def first() -> None:
        clock.after(1.0, lambda: seen.append(clock.now))

    clock.after(1.0, first)
    clock.sleep(10.0)
    assert seen == [2.0]


def flows(speeds: dict[str, float]) -> tuple[Clock, Links, dict[str, float], Callable[[str], Callable[[], None]]]:
    """A clock, links, and a place where the ends of flows are noted by name."""
    clock, ends = Clock(0.0), {}
    links = Links(clock, lambda node: speeds.get(node, 100.0))

    def end(name: str) -> Callable[[], None]:
        return lambda: ends.update({name: clock.now})

    return clock, links, ends, end


def test_one_flow_takes_size_over_the_slower_link() -> None:
    """The slower of the two nodes decides."""
    clock, links, ends, end = flows({"b": 50.0})
    links.start("a", "b", 1000.0, float("inf"), 0.0, end("x"))
    clock.sleep(100)
    assert ends == {"x": pytest.approx(20.0)}


def test_parallel_flows_share_a_link_and_speed_up_when_one_ends() -> None:
    """Two flows out of one node get half each; the longer one goes on at full speed."""
    clock, links, ends, end = flows({})
    links.start("a", "b", 500.0, float("inf"), 0.0, end("short"))
    links.start("a", "c", 1000.0, float("inf"), 0.0, end("long"))
    clock.sleep(100)
    assert ends == {"short": pytest.approx(10.0), "long": pytest.approx(15.0)}


def test_both_directions_of_a_link_are_independent() -> None:
    """A node sends and receives at full speed at once."""
    clock, links, ends, end = flows({})
    links.start("a", "b", 1000.0, float("inf"), 0.0, end("there"))
    links.start("b", "a", 1000.0, float("inf"), 0.0, end("back"))
    clock.sleep(100)
    assert ends == {"there": pytest.approx(10.0), "back": pytest.approx(10.0)}


def test_dirty_memory_is_copied_again() -> None:
    """At half the link's speed of writing, a copy takes twice as long and sends twice as much."""
    clock, links, ends, end = flows({})
    flow = links.start("a", "b", 1000.0, float("inf"), 50.0, end("x"))
    clock.sleep(5)
    assert flow.share(clock.now) == pytest.approx(0.25)
    clock.sleep(100)
    assert ends == {"x": pytest.approx(20.0)}
    assert flow.at(clock.now).sent == pytest.approx(2000.0)


def test_a_guest_faster_than_the_link_still_arrives() -> None:
    """It takes twenty times as long, no more."""
    clock, links, ends, end = flows({})
    links.start("a", "b", 1000.0, float("inf"), 500.0, end("x"))
    clock.sleep(1000)
    assert ends == {"x": pytest.approx(200.0)}


def run(steps: Callable[[], Steps]) -> tuple[Clock, Process, list[Exception | None]]:
    """A started process and the list its end is noted in."""
    clock = Clock(0.0)
    ended: list[Exception | None] = []
    process = Process(clock, Links(clock, lambda node: 100.0), steps(), ended.append)
    process.start()
    return clock, process, ended


def test_a_process_waits_copies_and_ends() -> None:
    """Its end comes after exactly what it waited for."""
    times: list[float] = []

    def steps() -> Steps:
        yield Wait(5.0)
        yield Copy("a", "b", 1000.0, 50.0)
        times.append(clock.now)

    clock, _, ended = run(steps)
    clock.sleep(100)
    assert times == [pytest.approx(25.0)]
    assert ended == [None]


def test_an_interruption_reaches_the_process_where_it_waits() -> None:
    """It can clean up, taking time for it, and then ends with the reason."""

    def steps() -> Steps:
        try:
            yield Copy("a", "b", 1e9, 50.0)
        except Cancelled:
            yield Wait(2.0)
            raise

    clock, process, ended = run(steps)
    clock.sleep(10)
    process.interrupt(Cancelled("interrupted by signal"))
    assert ended == []
    clock.sleep(2)
    assert [str(why) for why in ended] == ["interrupted by signal"]
    assert clock.next_event() is None


def test_a_hanging_process_ends_only_by_interruption() -> None:
    """Days make no difference."""

    def steps() -> Steps:
        yield Hang()

    clock, process, ended = run(steps)
    clock.sleep(7 * 86400)
    assert ended == []
    process.interrupt(Failed("enough"))
    assert [str(why) for why in ended] == ["enough"]


@pytest.mark.parametrize(("value", "words"), [(5, "5.0 B"), (1536, "1.5 KiB"), (25.7 * 2**30, "25.7 GiB"), (2.0**50, "1.0 PiB")])
def test_sizes_are_written_as_pve_does(value: float, words: str) -> None:
    """One decimal, binary units."""
    assert size(value) == words


@pytest.mark.parametrize(("seconds", "words"), [(0, "0s"), (59, "59s"), (374, "6m 14s"), (3723, "1h 2m 3s"), (90000, "1d 1h")])
def test_durations_are_written_as_pve_does(seconds: float, words: str) -> None:
    """Only the units that are not zero."""
    assert duration(seconds) == words


def test_a_log_grows_by_a_line_a_second_and_is_the_same_whenever_it_is_read() -> None:
    """Reading early does not change what is read later."""
    clock = Clock(0.0)
    links = Links(clock, lambda node: 1.0 * GiB)
    early, late = Log(), Log()

    def begin(log: Log) -> None:
        log.follow(links.start("a", f"b{id(log)}", 4.0 * GiB, 0.4 * GiB, 0.0, lambda: log.add("done")), disk_line("scsi0", "drive"))

    begin(early)
    begin(late)
    clock.sleep(2.5)
    assert early.lines(clock.now) == [
        "drive-scsi0: transferred 409.6 MiB of 4.0 GiB (10.00%) in 1s",
        "drive-scsi0: transferred 819.2 MiB of 4.0 GiB (20.00%) in 2s",
    ]
    clock.sleep(60)
    assert early.lines(clock.now) == late.lines(clock.now)
    assert late.lines(clock.now)[-2:] == ["drive-scsi0: transferred 4.0 GiB of 4.0 GiB (100.00%) in 10s, ready", "done"]


def test_the_same_world_tells_the_same_story_twice() -> None:
    """Deterministic to the letter, logs included."""

    def story() -> list[str]:
        world = small()
        api = InProcessApi(world)
        upid = api.post("/nodes/pve1/qemu/106/migrate", {"target": "pve3", "online": 1, "with-local-disks": 1})
        api.post("/nodes/pve1/qemu/102/migrate", {"target": "pve3", "online": 1})
        world.clock.sleep(400)
        return world.story() + [line["t"] for line in api.get(f"/nodes/pve1/tasks/{upid}/log", {"limit": 0})]

    assert story() == story()
