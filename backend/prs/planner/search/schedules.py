"""Which annealing searches are made for a cluster of so many units: the fewer the units, the more of them and the more different.

The figures were found by trial on the instances of `make bench`, for plans as cheap and as level as they get in some seconds; heat is in
the unit of what is searched for (seconds of moving, or the variance at the start), steps are counted so that speed decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

SMALL, BROAD, LARGE = 400, 1200, 3000  # units up to which a cluster counts as such; beyond, a search takes too long to be made as often
HURRY = 2  # the first searches, which find most of what the others improve on, are all that is made in a hurry

# -- the cheapest plan to a spread: heat in seconds of moving -------------------------------------------------------------

SMALL_STEPS, STEPS_PER_UNIT = 16000, 300  # steps of one search in a small cluster: so many for each unit, as more find nothing new
COOL, WARM, HOT, HOTTEST = 10.0, 100.0, 300.0, 1000.0  # a few moves may get dearer; whole detours; everything may
GENTLE, STEEP = (0.2, 20.0), (1.0, 3.0)  # first price of load outside the bands, and by how much it grows to the end
BROAD_STEPS, LARGE_STEPS = 60000, 40000  # steps in larger clusters: fewer where each takes longer
HUGE_STEPS = 150000  # steps beyond LARGE: with fewer not every unit is tried on several nodes
BROAD_HEAT, BROAD_PRICES = 5.0, (0.1, 100.0)  # many units make small steps: cooler, and the prices rise from next to nothing
BROAD_CENTER, HUGE_CENTER = 10, 20  # changes between two looks at where the bands lie: a look takes as long as there are nodes
DETOUR_STEPS = 100000  # for loads that only move by detours, after all others have found nothing
DETOURS = ((60.0, (3.0, 5.0)), (30.0, (1.0, 20.0)))  # heat and prices of those two searches in larger clusters
DETOUR_CENTER = 5
GUARDED_FROM = 3  # several things to reach need more heat: so many of the cool searches are left out
GUARDED_SEEDS = (14, 15)  # and the hottest one is made with these seeds as well
PRUNING_STEPS, PRUNING_PRICES = 60000, (10.0, 1.0)  # prices that are high all along keep a plan within the bands while moves are taken back

# -- the most level cluster: heat as a share of the variance at the start ---------------------------------------------------

LEVEL_STEPS, LEVEL_STEPS_PER_UNIT = 20000, 500  # steps of one search
CAREFUL_STEPS = 40000  # where only changes count that can be made as they stand, fewer of those tried are any good
FROM_BEST = (0.3, 1e-4, 1e-6)  # on from the beam's plan: heat as a share of its variance and of that at the start; and at the end
COLD_START, WARM_START, HOT_START = (0.02, 1e-4), (0.1, 1e-4), (2.0, 1e-3)  # from where all are at home: heat at start and end
POLISH = (0.02, 1e-5)  # once more from the best plan, in small steps


@dataclass(frozen=True, slots=True)
class Schedule:
    """How a search goes: steps, heat in the objective's unit at start and end, prices of the aims at start and by how much they grow."""

    steps: int
    hot: float
    cold: float
    price: float = 1.0
    ramp: float = 1.0
    seed: int = 1
    enough: float = -1.0  # a value at which nothing better need be looked for
    center: int = 1  # accepted changes between two looks at where the band should be
    strict: bool = False  # units change places only where one of them can go first


@dataclass(frozen=True, slots=True)
class Start:
    """A search for the most level cluster: whether it goes on from the beam's plan, and the heat at start and end (variance).

    In a `strict` one changes must fit as they stand.
    """

    from_best: bool
    hot: float
    cold: float
    strict: bool = False


def to_spread(units: int) -> tuple[list[Schedule], list[Schedule]]:
    """The searches for the cheapest plan, and those that follow when they find none: hotter, for loads that only move by detours.

    Prices start low, so that the moves which pay most come first, and end high, so that nothing is left outside the band.
    """
    if units <= SMALL:
        steps = min(SMALL_STEPS, STEPS_PER_UNIT * units)
        cool = [_to_bands(steps, COOL, GENTLE, seed, strict=seed == 2) for seed in (1, 2, 3)]
        warm = [_to_bands(steps, WARM, GENTLE, 4), _to_bands(steps, WARM, GENTLE, 5, strict=True)]
        hard = [_to_bands(steps, hot, GENTLE, seed) for hot, seed in ((WARM, 6), (WARM, 7), (HOT, 8), (HOT, 9))]
        return [*cool, *warm, _to_bands(steps, HOTTEST, STEEP, 10, cold=0.5)], hard
    hard = [_to_bands(DETOUR_STEPS, hot, prices, seed, DETOUR_CENTER) for (hot, prices), seed in zip(DETOURS, (11, 12), strict=True)]
    if units <= LARGE:
        steps = LARGE_STEPS if units > BROAD else BROAD_STEPS
        return [_to_bands(steps, BROAD_HEAT, BROAD_PRICES, seed, BROAD_CENTER, strict=seed == 2) for seed in (1, 2)], hard
    return [_to_bands(HUGE_STEPS, BROAD_HEAT, BROAD_PRICES, seed, HUGE_CENTER) for seed in (1, 2)], hard


def _to_bands(
    steps: int, hot: float, prices: tuple[float, float], seed: int, center: int = 1, strict: bool = False, cold: float = 1.0
) -> Schedule:
    """A search that ends where hardly a change that costs a second is taken; `prices`: see GENTLE."""
    return Schedule(steps, hot, cold, *prices, seed, center=center, strict=strict)


def guarded(units: int, runs: list[Schedule]) -> list[Schedule]:
    """The same searches where other resources must stay level, too."""
    if units > SMALL:
        return runs
    return [*runs[GUARDED_FROM:], *(replace(runs[-1], seed=seed) for seed in GUARDED_SEEDS)]


def pruning(units: int) -> Schedule:
    """A search that starts within the bands and stays there mostly, because their prices are high all along."""
    center = 1 if units <= SMALL else BROAD_CENTER
    return _to_bands(min(PRUNING_STEPS, STEPS_PER_UNIT * units), COOL, PRUNING_PRICES, 21, center)


def to_level(units: int, start: float, best: float) -> Iterator[tuple[bool, Schedule]]:
    """The searches for the most level cluster, and whether each goes on from the beam's plan.

    `start` and `best` are the variances now and after that plan.
    """
    share, more, cold = FROM_BEST
    starts = [Start(True, share * best + more * start, cold * start)]
    if units <= SMALL:
        starts += [_from_home(start, heat) for heat in (COLD_START, WARM_START, HOT_START)]
    elif units <= BROAD:
        starts += [_from_home(start, COLD_START), _from_home(start, COLD_START, strict=True)]
    if units <= BROAD:
        starts.append(_from_home(start, HOT_START, strict=True))
    for seed, one in enumerate(starts, 1):
        steps = CAREFUL_STEPS if one.strict and units > SMALL else min(LEVEL_STEPS, LEVEL_STEPS_PER_UNIT * units)
        yield one.from_best, Schedule(steps, one.hot, one.cold, seed=seed, strict=one.strict)


def _from_home(start: float, heat: tuple[float, float], strict: bool = False) -> Start:
    hot, cold = heat
    return Start(False, hot * start, cold * start, strict)


def polishing(units: int, start: float) -> Schedule | None:
    """One more search for the most level cluster, from the best plan found; None where a larger cluster would take too long."""
    hot, cold = POLISH
    return Schedule(CAREFUL_STEPS, hot * start, cold * start, seed=9, strict=True) if SMALL < units <= BROAD else None
