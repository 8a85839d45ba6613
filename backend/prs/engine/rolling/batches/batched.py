"""Which nodes of a round are serviced together, and what keeps one from joining those before it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from prs.engine.rolling.stages import LONGEST, Round, current, onward
from prs.pve.read.quorum import Votes

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides it: the votes, who is online, the nodes with daemons of Ceph, the nodes' racks (none: {}), and why not all are known."""

    votes: Votes
    online: Collection[str]
    ceph: Collection[str] = ()
    racks: Mapping[str, str] = field(default_factory=dict)
    untold: str = ""


@dataclass(frozen=True, slots=True)
class Batches:
    """The nodes in their order, those together that are serviced together, and why a node does not join those before it."""

    groups: Sequence[Sequence[str]]
    reasons: Mapping[str, str]

    @property
    def numbers(self) -> dict[str, int]:
        """The number of each node's batch, 0: it is alone."""
        return {node: number if len(group) > 1 else 0 for number, group in enumerate(self.groups, 1) for node in group}


def batched(nodes: Sequence[str], at_once: int, facts: Facts) -> Batches:
    """Put nodes that follow one another together, up to so many at once; the order stays as it is."""
    groups: list[list[str]] = []
    reasons = dict[str, str]()
    for node in nodes:
        words = _apart(groups[-1], node, facts) if groups and len(groups[-1]) < at_once else ""
        if groups and len(groups[-1]) < at_once and not words:
            groups[-1].append(node)
        else:
            groups.append([node])
            reasons |= {node: words} if words else {}
    return Batches(groups, reasons)


def _apart(group: Sequence[str], node: str, facts: Facts) -> str:
    """Why the node is not serviced together with these, "" for nothing."""
    # Ceph tells of one daemon at a time whether it can do without it (GET /nodes/NODE/ceph/cmd-safety).
    if bad := [name for name in (*group, node) if name in facts.ceph]:
        return f"{bad[0]} runs daemons of Ceph, and is serviced alone"
    first, own = facts.racks.get(group[0], ""), facts.racks.get(node, "")
    if facts.racks and (not own or own != first):
        return f"{node} is not in the rack of {group[0]}: only nodes of one rack are down at once"
    if facts.untold:
        return f"whether {node} and {group[0]} stand in one rack is not known: {facts.untold}"
    left = facts.votes.of({name for name in facts.online if name not in (*group, node)})
    if left < facts.votes.needed:
        total = sum(facts.votes.nodes.values()) + facts.votes.device
        return f"without {', '.join((*group, node))} only {left} of {total} votes are left, too few for a quorum"
    return ""


def looked(batches: Batches, look: Callable[[str, Sequence[str]], T], lacks: Callable[[T], str]) -> tuple[list[list[T]], dict[str, str]]:
    """The turns of all nodes by batch, and the reasons; who cannot be emptied beside those before it follows them, as in the round.

    `look` is asked about a node and its batch, () for one that is alone; `lacks` says why it cannot be emptied, "" when it can.
    """
    left, found, reasons = [*batches.groups], list[list[T]](), dict(batches.reasons)
    while left:
        group, turns = left.pop(0), list[T]()
        for number, node in enumerate(group):
            turn = look(node, group if len(group) > 1 else ())
            if turns and (words := lacks(turn)):
                reasons[node] = f"not together with {', '.join(group[:number])}: {words}"
                left.insert(0, group[number:])
                break
            turns.append(turn)
        found.append(turns)
    return found, reasons


def postponed(one: Round, now: float, words: str) -> Round:
    """The turn at hand, of which nothing is done yet, does not join those it was to be serviced with: it follows, with those after it."""
    turn = current(one)
    names = [each.node for each in one.together if not each.begun]
    later = names[names.index(turn.node) :]
    batch = max(each.batch for each in one.turns) + 1 if len(later) > 1 else 0
    moved = {name: replace(each, batch=batch, since=now) for each in one.turns if (name := each.node) in later}
    moved[turn.node] = replace(moved[turn.node], message=words[:LONGEST], until=0.0)
    return onward(one, replace(one, turns=tuple(moved.get(each.node, each) for each in one.turns)), now)


def separated(one: Round) -> Round:
    """The nodes at hand, none of which is begun, follow one another: together they would leave nobody to carry the round."""
    words, names = "is serviced alone: no service of another node would be there to carry the round", {each.node for each in one.together}
    return replace(one, turns=tuple(
        replace(turn, batch=0, message=f"{turn.node} {words}") if turn.node in names else turn for turn in one.turns
    ))  # fmt: skip
