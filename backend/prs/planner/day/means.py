"""The arithmetic of the memory of loads: means by half hour, and what they let expect of the next ones. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from prs.model import Cluster, Forecast, Reading

DAY, WEEK = 48, 336  # half hours
AHEAD = DAY  # half hours that a plan looks ahead
ENOUGH = DAY  # half hours of memory without which nothing is expected
LATELY = 4  # half hours whose level against the same half hours of earlier days or weeks is carried on
KEPT = 2 * WEEK + LATELY  # half hours that are remembered: also of the last two hours the same ones two weeks ago
WEEKS, DAYS = (WEEK, 2 * WEEK), tuple(DAY * back for back in range(1, WEEK // DAY))  # so far back are the half hours that are alike
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
        return HalfHour(added(self.guests, reading.guests), added(self.nodes, reading.nodes), added(self.hosts, reading.hosts))


def added(means: Mapping[Key, Mean], now: Mapping[Key, Pair]) -> dict[Key, Mean]:
    """The means with one reading more of those that are in it."""
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
    alike = {half - back for half in ahead for back in (*WEEKS, *DAYS)}
    return sorted({*range(number - LATELY + 1, number + 1), *alike} - set(range(number + 1, number + AHEAD)))


def forecast(cluster: Cluster, halves: Mapping[int, HalfHour], number: int, recent: frozenset[int] = frozenset()) -> Forecast | None:
    """What the guests and nodes of the cluster are expected to use from half hour `number` on; None with less than a day of memory.

    Half hours are numbered in local time. The next ones are taken to be as the same half hour of the last two weeks, or of the last days
    where no week is remembered, each shifted by what the last two hours were above or below its own. Who is not remembered stays as it is.
    """
    oldest = min(halves, default=number)
    if number - oldest < ENOUGH:
        return None
    guests, hosts = _Past(halves, number, _guests), _Past(halves, number, _hosts)
    return Forecast(
        (number - oldest) / DAY,
        {one.vmid: guests.series(one.vmid, (one.memory, one.cpu)) for one in cluster.guests if one.running and not one.problem},
        {one.name: hosts.series(one.name, (one.memory_host, one.cpu_host)) for one in cluster.nodes if not one.problem},
        recent,
    )  # fmt: skip


def _guests(half: HalfHour) -> Mapping[int, Mean]:
    return half.guests


def _hosts(half: HalfHour) -> Mapping[str, Mean]:
    return half.hosts


class _Past(Generic[Key]):
    """What is remembered of the half hours that those from the last two hours to the end of the coming day are held against."""

    def __init__(self, halves: Mapping[int, HalfHour], number: int, table: Callable[[HalfHour], Mapping[Key, Mean]]) -> None:
        span = range(number - LATELY + 1, number + AHEAD)
        empty: Mapping[Key, Mean] = {}
        rows = {back: [table(halves[half - back]) if half - back in halves else empty for half in span] for back in (0, *WEEKS, *DAYS)}
        self.lately: list[Mapping[Key, Mean]] = rows[0][:LATELY]
        self.weeks: list[list[Mapping[Key, Mean]]] = [rows[back] for back in WEEKS]
        self.days: list[list[Mapping[Key, Mean]]] = [rows[back] for back in DAYS]

    def series(self, key: Key, now: Pair) -> Series:
        """Memory and cpu in the half hours ahead."""
        lately = [row.get(key) for row in self.lately]
        level = _mean([mean for mean in lately if mean]) or (float(now[0]), now[1])
        expected = _means(lately, self.weeks, key)
        if None in expected:
            expected = [week or day for week, day in zip(expected, _means(lately, self.days, key), strict=True)]
        memory, cpu = [(one or level)[0] for one in expected], [max(0.0, (one or level)[1]) for one in expected]
        return tuple(memory), tuple(cpu)


def _means(lately: Sequence[Mean | None], past: Sequence[Sequence[Mapping[Key, Mean]]], key: Key) -> list[Pair | None]:
    """The mean of earlier days or weeks for each half hour ahead; None where none of them is remembered."""
    known = [one for rows in past if (one := _carried(lately, rows, key))]
    return [_mean([one for one in ones if one]) for ones in zip(*known, strict=True)] if known else [None] * AHEAD


def _carried(lately: Sequence[Mean | None], rows: Sequence[Mapping[Key, Mean]], key: Key) -> list[Mean | None]:
    """One earlier day or week as it would be at the level of the last two hours; [] where nothing tells how far it was from that."""
    past = [row.get(key) for row in rows]
    pairs = [(mean, was) for mean, was in zip(lately, past, strict=False) if mean and was]
    if not pairs:
        return []
    memory, cpu = (sum(mean[place] - was[place] for mean, was in pairs) / len(pairs) for place in (1, 2))
    return [(was[0], was[1] + memory, was[2] + cpu) if was else None for was in past[LATELY - 1:]]


def _mean(means: Sequence[Mean]) -> Pair | None:
    if not means:
        return None
    return sum(one[1] for one in means) / len(means), sum(one[2] for one in means) / len(means)
