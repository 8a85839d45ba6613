"""The arithmetic of the memory of loads: means by half hour, and what they let expect of the next ones. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from prs.model import Cluster, Forecast, Reading

DAY, WEEK = 48, 336  # half hours
KEPT = 2 * WEEK  # half hours that are remembered
AHEAD = DAY  # half hours that a plan looks ahead
ENOUGH = DAY  # half hours of memory without which nothing is expected
LATELY = 4  # half hours whose level against the same half hours of earlier days or weeks is carried on
Pair = tuple[float, float]  # memory (bytes), cpu (cores)
Mean = tuple[int, float, float]  # number of readings, memory, cpu
Series = tuple[tuple[float, ...], tuple[float, ...]]
Key = TypeVar("Key", int, str)


@dataclass(frozen=True)
class HalfHour:
    """Means of the readings of one half hour; fields as in Reading."""

    guests: Mapping[int, Mean] = field(default_factory=dict)
    nodes: Mapping[str, Mean] = field(default_factory=dict)
    hosts: Mapping[str, Mean] = field(default_factory=dict)

    def added(self, reading: Reading) -> HalfHour:
        """These means with one reading more; who is missing in it keeps the mean of those that had it."""
        return HalfHour(_added(self.guests, reading.guests), _added(self.nodes, reading.nodes), _added(self.hosts, reading.hosts))


def _added(means: Mapping[Key, Mean], now: Mapping[Key, Pair]) -> dict[Key, Mean]:
    found = dict(means)
    for key, (memory, cpu) in now.items():
        count, old_memory, old_cpu = found.get(key, (0, 0.0, 0.0))
        found[key] = (count + 1, old_memory + (memory - old_memory) / (count + 1), old_cpu + (cpu - old_cpu) / (count + 1))
    return found


def reading_of(cluster: Cluster) -> Reading:
    """The loads of a snapshot; guests and nodes whose figures are not known are left out."""
    guests = {one.vmid: (float(one.memory), one.cpu) for one in cluster.guests if one.running and not one.problem}
    hosts = {one.name: (float(one.memory_host), one.cpu_host) for one in cluster.nodes if one.online and not one.problem}
    used = dict(hosts)
    for one in cluster.guests:
        if one.vmid in guests and one.node in used:
            memory, cpu = used[one.node]
            used[one.node] = memory + one.memory, cpu + one.cpu
    return Reading(guests, used, hosts)


def wanted(number: int) -> list[int]:
    """The half hours that a forecast made in half hour `number` looks at: the last ones, those of the weeks before, and of the days."""
    ahead = range(number - LATELY + 1, number + AHEAD)
    weeks = [half - WEEK * back for half in ahead for back in (1, 2)]
    days = [half - DAY * back for half in ahead for back in range(1, WEEK // DAY)]
    return sorted({*range(number - LATELY + 1, number + 1), *weeks, *days} - set(range(number + 1, number + AHEAD)))


def forecast(cluster: Cluster, halves: Mapping[int, HalfHour], number: int, recent: frozenset[int] = frozenset()) -> Forecast | None:
    """What the guests and nodes of the cluster are expected to use from half hour `number` on; None with less than a day of memory.

    Half hours are numbered in local time. The next ones are taken to be as the same half hour of the last two weeks, or of the last days
    where no week is remembered, shifted by what the last two hours were above or below that. Who is not remembered stays as it is now.
    """
    oldest = min(halves, default=number)
    if number - oldest < ENOUGH:
        return None
    past = {half: _past(halves, half) for half in range(number - LATELY + 1, number + AHEAD)}
    lately = [half for half in range(number - LATELY + 1, number + 1) if half in halves]
    guests = {
        guest.vmid: _series(number, lately, past, halves, _guests, guest.vmid, (guest.memory, guest.cpu))
        for guest in cluster.guests if guest.running and not guest.problem
    }  # fmt: skip
    hosts = {
        node.name: _series(number, lately, past, halves, _hosts, node.name, (node.memory_host, node.cpu_host))
        for node in cluster.nodes if not node.problem
    }  # fmt: skip
    return Forecast((number - oldest) / DAY, guests, hosts, recent)


def _guests(half: HalfHour) -> Mapping[int, Mean]:
    return half.guests


def _hosts(half: HalfHour) -> Mapping[str, Mean]:
    return half.hosts


def _past(halves: Mapping[int, HalfHour], number: int) -> list[HalfHour]:
    """The half hours that number `number` is taken to be like."""
    weeks = [halves[number - WEEK * back] for back in (1, 2) if number - WEEK * back in halves]
    return weeks or [halves[number - DAY * back] for back in range(1, WEEK // DAY) if number - DAY * back in halves]


def _series(
    number: int, lately: Sequence[int], past: Mapping[int, Sequence[HalfHour]], halves: Mapping[int, HalfHour],
    table: Callable[[HalfHour], Mapping[Key, Mean]], key: Key, now: Pair,
) -> Series:
    """Memory and cpu of one guest or host in the half hours ahead."""
    usual = {half: _mean([mean for one in ones if (mean := table(one).get(key))]) for half, ones in past.items()}
    shifts = [(mean[1] - was[0], mean[2] - was[1]) for half in lately if (was := usual[half]) and (mean := table(halves[half]).get(key))]
    shift = (sum(one[0] for one in shifts) / len(shifts), sum(one[1] for one in shifts) / len(shifts)) if shifts else (0.0, 0.0)
    level = _mean([mean for half in lately if (mean := table(halves[half]).get(key))]) or now
    memory, cpu = list[float](), list[float]()
    for half in range(number, number + AHEAD):
        was = usual[half] if shifts else None
        memory.append(was[0] + shift[0] if was else float(level[0]))
        cpu.append(was[1] + shift[1] if was else level[1])
    return tuple(memory), tuple(max(0.0, one) for one in cpu)


def _mean(means: Sequence[Mean]) -> Pair | None:
    if not means:
        return None
    return sum(one[1] for one in means) / len(means), sum(one[2] for one in means) / len(means)
