"""Groups of guests that are kept apart from each other, while members of one group may share a node. Pure.

Said by a pool's `apart_from`, or by tags `plb_apart_SET_GROUP`: guests whose tags name one SET and different GROUPs never share a node
(asked for as ProxLB issue 35, which has no tag for it).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import combinations, product

from prs.model import Guest, Pool, Rule

TAG = "plb_apart"


def of_tags(marks: Mapping[str, Iterable[int]]) -> tuple[list[Rule], list[str]]:
    """The rules that tags in lower case and the vmids that bear them make, and what of them is not understood, in words."""
    sets, odd = defaultdict[str, dict[str, set[int]]](dict), list[str]()
    for mark, vmids in sorted(marks.items()):
        name, _, group = mark.removeprefix(TAG).removeprefix("_").rpartition("_")
        if not name or not group:
            odd.append(f"Tag {mark} keeps nobody apart: write {TAG}_SET_GROUP, with one SET and a GROUP for each group of guests.")
            continue
        sets[name].setdefault(group, set()).update(vmids)
    return [rule for name, groups in sets.items() for rule in _between("tag", f"{TAG}_{name}", list(groups.values()))], odd


def of_pools(pools: Iterable[Pool], members: Mapping[str, Collection[int]]) -> tuple[list[Rule], list[str]]:
    """The rules that the pools' `apart_from` makes, with the vmids of each pool, and which of its names fit no guest, in words."""
    pairs = dict[tuple[str, str], None]()
    odd = list[str]()
    for pool in pools:
        for other in pool.apart_from:
            if not members.get(other):
                words = "a pool that does not exist, or whose guests cannot be seen"
                odd.append(f"Pool {pool.name} of the configuration is apart from {other}, {words}.")
            pairs[min(pool.name, other), max(pool.name, other)] = None
    found = [_between("pool", f"{one} and {other}", [members.get(one, ()), members.get(other, ())]) for one, other in sorted(pairs)]
    return [rule for rules in found for rule in rules], odd


def _between(source: str, name: str, groups: Iterable[Collection[int]]) -> Iterator[Rule]:
    """One rule for each pair of guests of different groups; who is in both keeps apart from the others, not from itself."""
    pairs = {(min(pair), max(pair)) for one, other in combinations(groups, 2) for pair in product(one, other) if pair[0] != pair[1]}
    yield from (Rule(name, "apart", pair, source=source) for pair in sorted(pairs))


def grouped(guests: Iterable[Guest]) -> dict[str, list[int]]:
    """The tags of this kind in lower case, each with the vmids that bear it."""
    found = defaultdict[str, list[int]](list)
    for guest in guests:
        for mark in {tag.lower() for tag in guest.tags if tag.lower().startswith(TAG)}:
            found[mark].append(guest.vmid)
    return found
