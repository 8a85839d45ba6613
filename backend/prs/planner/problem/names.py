"""Names that the configuration and tags give: which nodes and guests they mean, and those that mean nothing. Pure; case never counts.

A word of an ignore list is a name or VMID with `*` and `?`, or a range of VMIDs (100-199); with `!` before it, an exception to the others.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from prs.model import Cluster, Policy
from prs.similar import in_brackets

TAG_HEADS = ("plb_ignore", "plb_affinity", "plb_anti_affinity", "plb_pin", "plb_apart")
# What ProxLB before 1.1 called its tags (its docs/03_configuration.md).
_OLD_HEADS = {"plb_include": "plb_affinity", "plb_exclude": "plb_anti_affinity"}
_RANGE = re.compile(r"(\d+)-(\d+)")
_CLOSE = 0.8  # likeness (0..1) from which a tag is taken for a misspelt one


class Ignored:
    """An ignore list: which names and VMIDs it means."""

    def __init__(self, words: Sequence[str]) -> None:
        self._only = [word.lower() for word in words if not word.startswith("!")]
        self._but = [word[1:].lower() for word in words if word.startswith("!")]
        self._plain = frozenset(word for word in self._only if not _special(word))
        self._others = [word for word in self._only if _special(word)]

    def has(self, *names: str) -> bool:
        """True when a word means one of these names, which belong to one guest or node, and no exception does."""
        known = [name.lower() for name in names]
        meant = any(name in self._plain for name in known) or any(_means(word, name) for word in self._others for name in known)
        return meant and not any(_means(word, name) for word in self._but for name in known)


def _special(word: str) -> bool:
    return any(mark in word for mark in "*?[") or bool(_RANGE.fullmatch(word))


def _means(word: str, name: str) -> bool:
    span = _RANGE.fullmatch(word)
    if span and name.isdigit() and int(span[1]) <= int(name) <= int(span[2]):
        return True
    return fnmatchcase(name, word)


def unmatched(cluster: Cluster, policy: Policy) -> list[str]:
    """The words of ignore lists that fit nothing in the cluster, and tags that look like rules and are none, one sentence each."""
    nodes = [node.name for node in cluster.nodes]
    guests = [(guest.name, str(guest.vmid)) for guest in cluster.guests]
    found = _stray("ignore_nodes", policy.ignore_nodes, [(name,) for name in nodes], nodes, "no node of this cluster is called that")
    found += _stray("ignore_vms", policy.ignore_guests, guests, [name for name, _ in guests], "no guest that can be seen fits it")
    return found + _stray_storages(cluster, policy) + (_stray_tags(cluster) if policy.tags else [])


def _stray_storages(cluster: Cluster, policy: Policy) -> list[str]:
    known = sorted({storage.name for storage in cluster.storages})
    named = dict.fromkeys(word for name, others in policy.storages for word in (name, *others) if word.lower() not in ("*", "any"))
    lower = {name.lower() for name in known}
    return [
        f"[storages] names {word}, but no node has a storage called that{in_brackets(word, known)}."
        for word in named if known and word.lower() not in lower
    ]  # fmt: skip


def _stray(option: str, words: Iterable[str], items: Sequence[tuple[str, ...]], known: list[str], why: str) -> list[str]:
    found, called = [], {name.lower() for names in items for name in names}
    for word in words:
        plain = word.removeprefix("!").lower()
        if plain not in called and not (_special(plain) and any(_means(plain, name) for name in called)):
            found.append(f"{option} names {word}, but {why}{in_brackets(plain, known)}.")
    return found


def _stray_tags(cluster: Cluster) -> list[str]:
    """Tags that begin like those of ProxLB, or nearly so, and are no rule."""
    bearers: dict[str, list[str]] = {}
    for guest in cluster.guests:
        for tag in guest.tags if not guest.template else ():
            if not tag.lower().startswith(TAG_HEADS):
                bearers.setdefault(tag, []).append(guest.label)
    found = []
    for tag, labels in sorted(bearers.items()):
        if meant := _meant(tag):
            who = labels[0] + (f" and {len(labels) - 1} more" if len(labels) > 1 else "")
            found.append(f"Tag {tag} of {who} means nothing{meant}.")
    return found


def _meant(tag: str) -> str:
    """What a tag was probably meant to be, in words; "" when it does not look like one of ProxLB's."""
    name = re.sub(r"[^a-z0-9]+", "_", tag.lower())
    for old, new in _OLD_HEADS.items():
        if name.startswith(old):
            return f" (it is one of ProxLB before 1.1; did you mean {new}{name.removeprefix(old)}?)"
    parts = name.split("_")
    guesses = [
        (difflib.SequenceMatcher(None, head, "_".join(parts[:count])).ratio(), "_".join([head, *parts[count:]]))
        for head in TAG_HEADS for count in range(1, len(parts) + 1)
    ]  # fmt: skip
    like, best = max(guesses)
    if like >= _CLOSE:
        return f" (did you mean {best}?)"
    return f" (known are {', '.join(f'{head}_*' for head in TAG_HEADS)})" if re.match(r"plb([^a-z0-9]|$)", tag.lower()) else ""
