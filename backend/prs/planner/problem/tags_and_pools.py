"""Rules that tags and pools make of guests: ProxLB's tags (`plb_*`), and the pools of the configuration. Pure.

ProxLB (credativ/ProxLB proxlb/models/tags.py, docs/03_configuration.md) reads tags by their beginning: `plb_ignore*` leaves a guest
alone, guests with the same `plb_affinity*` tag belong together and those with the same `plb_anti_affinity*` tag apart, and each
`plb_pin_NODE` allows one node. PVE writes tags in lower case (unless `tag-style` says otherwise), so case never counts here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from prs.model import Cluster, Guest, Policy, Pool, Rule
from prs.planner.problem import groups_apart
from prs.similar import in_brackets

IGNORE, TOGETHER, APART, PIN = "plb_ignore", "plb_affinity", "plb_anti_affinity", "plb_pin"


class Alone(NamedTuple):
    """What leaves a guest where it is: a tag or pool (`source`, `name`), and why in words."""

    source: str
    name: str
    reason: str


@dataclass
class TagsAndPools:
    """What tags and pools say: rules with source `tag` or `pool`, guests that stay, and what in it cannot be.

    `ignored` are to be left alone, `lost` are bound to nodes that there are not; both by vmid.
    """

    rules: list[Rule] = field(default_factory=list)
    ignored: dict[int, Alone] = field(default_factory=dict)
    lost: dict[int, Alone] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def read_tags_and_pools(cluster: Cluster, policy: Policy, stopped: bool = False) -> TagsAndPools:
    """The rules that guests' tags and the policy's pools make; templates run nowhere and are bound by none.

    A stopped guest keeps with others only where such guests are moved too (`stopped`), else it would hold them back.
    """
    found = TagsAndPools()
    nodes = {node.name.lower(): node.name for node in cluster.nodes}
    if policy.tags:
        _tags([guest for guest in cluster.guests if guest.tags and not guest.template], nodes, policy, stopped, found)
    known = sorted({guest.pool for guest in cluster.guests} - {""})
    for pool in sorted(policy.pools, key=lambda pool: pool.name):
        members = [guest for guest in cluster.guests if in_pool(guest.pool, pool.name)]
        if not members:
            words = f"Pool {pool.name} of the configuration does not exist, or no guest of it can be seen"
            found.warnings.append(f"{words}{in_brackets(pool.name, known)}.")
        _pool(pool, members, nodes, policy, stopped, found)
    _groups(cluster, policy, found)
    for domain, names in sorted(policy.domains):
        if unknown := _unknown(names, nodes):
            found.warnings.append(f"Domain {domain} of the configuration names {unknown}.")
    found.rules = [rule for rule in found.rules if f"{rule.source} {rule.name}" not in policy.relaxed]
    return found


def _groups(cluster: Cluster, policy: Policy, found: TagsAndPools) -> None:
    """Add the groups that are kept apart from groups."""
    guests = [guest for guest in cluster.guests if not guest.template]
    names = {name for pool in policy.pools for name in (pool.name, *pool.apart_from)}
    vmids = {name: [guest.vmid for guest in guests if in_pool(guest.pool, name)] for name in names}
    tagged = groups_apart.of_tags(groups_apart.grouped(guests)) if policy.tags else ([], [])
    for rules, odd in (tagged, groups_apart.of_pools(sorted(policy.pools, key=lambda pool: pool.name), vmids)):
        found.rules.extend(rules)
        found.warnings.extend(odd)


def _tags(guests: Iterable[Guest], nodes: dict[str, str], policy: Policy, stopped: bool, found: TagsAndPools) -> None:
    """Add what tags say."""
    sets: dict[str, list[Guest]] = defaultdict(list)
    pins: dict[tuple[str, ...], list[Guest]] = defaultdict(list)
    for guest in sorted(guests, key=lambda guest: guest.vmid):
        marks = sorted({tag.lower() for tag in guest.tags if tag[:4].lower() == "plb_"})
        for mark in marks:
            if mark.startswith(IGNORE) and not policy.ignored:
                found.ignored[guest.vmid] = Alone("tag", mark, f"tag {mark} leaves it where it is")
            elif mark.startswith((TOGETHER, APART)):
                sets[mark].append(guest)
        if wanted := tuple(mark for mark in marks if mark.startswith(PIN)):
            pins[wanted].append(guest)
    for mark, bound in sorted(sets.items()):
        found.rules.append(_keep("tag", mark, "together" if mark.startswith(TOGETHER) else "apart", bound, stopped))
    for wanted, pinned in sorted(pins.items()):
        _pin(wanted, pinned, nodes, found)


def _keep(source: str, name: str, kind: Literal["together", "apart"], guests: Iterable[Guest], stopped: bool) -> Rule:
    """The rule that keeps these guests together or apart."""
    bound = (guest.vmid for guest in guests if kind == "apart" or stopped or guest.status != "stopped")
    return Rule(name, kind, tuple(sorted(bound)), source=source)


def _pin(marks: tuple[str, ...], guests: list[Guest], nodes: dict[str, str], found: TagsAndPools) -> None:
    """Bind guests to any of the nodes that their tags name; a pin to nowhere must not set a guest free."""
    places = {mark: nodes.get(mark.removeprefix(PIN).removeprefix("_"), "") for mark in marks}
    allowed = sorted(name for name in places.values() if name)
    if allowed:
        vmids = tuple(guest.vmid for guest in guests)
        name = " or ".join(mark for mark in marks if places[mark])
        found.rules.append(Rule(name, "nodes", vmids, tuple((place, 0) for place in allowed), source="tag"))
    for mark in marks:
        if not places[mark]:
            fate = "its other pins hold" if allowed else "it stays where it is"
            what = guests[0].label + (f" and {len(guests) - 1} more" if len(guests) > 1 else "")
            hint = in_brackets(mark.removeprefix(PIN).removeprefix("_"), list(nodes.values()))
            found.warnings.append(f"Tag {mark} of {what} names no node of this cluster{hint}: {fate}.")
            if not allowed:
                alone = Alone("tag", mark, f"tag {mark} pins it to a node that this cluster does not have")
                found.lost.update({guest.vmid: alone for guest in guests})


def _pool(pool: Pool, members: list[Guest], nodes: dict[str, str], policy: Policy, stopped: bool, found: TagsAndPools) -> None:
    """Add what the configuration says of a pool."""
    if unknown := _unknown(pool.nodes, nodes):
        found.warnings.append(f"Pool {pool.name} of the configuration names {unknown}.")
    guests = [guest for guest in members if not guest.template]
    vmids = tuple(sorted(guest.vmid for guest in guests))
    if pool.ignore and not policy.ignored:
        left = (guest.vmid for guest in guests if _innermost(policy.pools, guest.pool) is pool)
        found.ignored.update(dict.fromkeys(left, Alone("pool", pool.name, f"its pool {pool.name} is ignored by the configuration")))
    if pool.keep and vmids:
        found.rules.append(_keep("pool", pool.name, pool.keep, guests, stopped))
    allowed = tuple((name, 0) for name in sorted({nodes[name.lower()] for name in pool.nodes if name.lower() in nodes}))
    if allowed and vmids:
        found.rules.append(Rule(pool.name, "nodes", vmids, allowed, strict=pool.strict, source="pool"))
    elif pool.nodes and pool.strict:
        alone = Alone("pool", pool.name, f"its pool {pool.name} is bound to nodes that this cluster does not have")
        found.lost.update(dict.fromkeys(vmids, alone))


def _innermost(pools: Iterable[Pool], name: str) -> Pool | None:
    """Of the pools that a guest of this one is in, the innermost of which it is said whether it is ignored."""
    said = (pool for pool in pools if (pool.ignore or pool.included) and in_pool(name, pool.name))
    return max(said, key=lambda pool: len(pool.name), default=None)


def _unknown(names: Iterable[str], nodes: dict[str, str]) -> str:
    unknown = sorted(name for name in names if name.lower() not in nodes)
    if not unknown:
        return ""
    hints = (name + in_brackets(name, list(nodes.values())) for name in unknown)
    return f"{', '.join(hints)}, {'a node' if len(unknown) == 1 else 'nodes'} that this cluster does not have"


def in_pool(pool: str, name: str) -> bool:
    """True for a guest of that pool or of one nested in it (pve-access-control: parent/child); case does not count."""
    return f"{pool.lower()}/".startswith(f"{name.lower()}/")
