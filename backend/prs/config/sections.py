"""Reads the sections of prs.conf with names of the administrator's choice: [pool NAME], and lines of [domains], [storages] and [guests]."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from prs.config.ini import Entry, Lines
from prs.config.mistakes import read_value, shown
from prs.config.options import DOMAIN, GUEST, POOL_OPTIONS, STORAGE
from prs.config.values import POOL_NAME
from prs.model import Mode, Pool
from prs.similar import in_brackets

Domains = tuple[tuple[str, tuple[str, ...]], ...]
Storages = tuple[tuple[str, tuple[str, ...]], ...]
SECTIONS = ("pool NAME", "domains", "storages", "guests")
PLACES = ("domains", "storages", "guests")  # of which each line has a name of the administrator's choice
_VMID = re.compile("[1-9][0-9]{0,8}")


def is_place(section: str) -> bool:
    """True for a section that is read here."""
    return section in PLACES or section.split(maxsplit=1)[:1] == ["pool"]


def read_pools(lines: Lines, mistakes: list[tuple[int, str]]) -> tuple[Pool, ...]:
    """Read each [pool NAME] in the order of the file; add what is wrong to `mistakes`."""
    pools = []
    for section, line in lines.sections.items():
        word, _, name = section.partition(" ")
        if word != "pool":
            continue
        if not POOL_NAME.fullmatch(name):
            mistakes.append((line, f"[{shown(section)}] names no pool: write [pool NAME], with letters, digits and . _ - in the name"))
        pools.append(_pool(name, line, [entry for entry in lines.entries if entry.section == section], mistakes))
    return tuple(pools)


def _pool(name: str, line: int, entries: Sequence[Entry], mistakes: list[tuple[int, str]]) -> Pool:
    options = {option.name: option for option in POOL_OPTIONS}
    values: dict[str, Any] = {}
    seen: dict[str, int] = {}
    for entry in entries:
        section = f"[{shown(entry.section)}]"
        if entry.name not in options:
            mistakes.append((entry.line, f"{section} has no option '{entry.name}'{in_brackets(entry.name, list(options))}; "
                             f"allowed are {', '.join(options)}"))
        elif entry.name in seen:
            mistakes.append((entry.line, f"{section} {entry.name} is given a second time (first on line {seen[entry.name]})"))
        else:
            seen[entry.name] = entry.line
            value = read_value(options[entry.name], entry, mistakes)
            values |= {entry.name: value} if value is not None else {}
    if "strict" in seen and "nodes" not in seen:
        mistakes.append((seen["strict"], f"[pool {shown(name)}] strict says how nodes are meant, and there are no nodes"))
    if name in values.get("apart_from", ()):
        words = "apart_from names the pool itself: keep: apart keeps its own guests apart"
        mistakes.append((seen["apart_from"], f"[pool {shown(name)}] {words}"))
    values["included"] = values.get("ignore") is False
    if not entries:
        mistakes.append((line, f"[pool {shown(name)}] says nothing: give it {', '.join(list(options)[:-1])}"))
    return Pool(name, **values)


def read_domains(lines: Lines, mistakes: list[tuple[int, str]]) -> Domains:
    """Read the lines of [domains] in the order of the file; add what is wrong to `mistakes`."""
    found: dict[str, tuple[str, ...]] = {}
    first: dict[str, int] = {}
    homes: dict[str, tuple[str, int]] = {}
    for entry in (entry for entry in lines.entries if entry.section == "domains"):
        if entry.name in found:
            mistakes.append((entry.line, f"[domains] {entry.name} is given a second time (first on line {first[entry.name]})"))
            continue
        found[entry.name], first[entry.name] = read_value(DOMAIN, entry, mistakes) or (), entry.line
        for node in found[entry.name]:
            domain, line = homes.setdefault(node.lower(), (entry.name, entry.line))
            if line != entry.line:
                mistakes.append((entry.line, f"[domains] {entry.name}: {node} is in domain {domain} already (line {line})"))
    return tuple(found.items())


def read_storages(lines: Lines, mistakes: list[tuple[int, str]]) -> Storages:
    """Read the lines of [storages] in the order of the file; add what is wrong to `mistakes`."""
    found: dict[str, tuple[str, ...]] = {}
    first: dict[str, int] = {}
    for entry in (entry for entry in lines.entries if entry.section == "storages"):
        name = entry.name.lower()
        if name in first:
            mistakes.append((entry.line, f"[storages] {entry.name} is given a second time (first on line {first[name]})"))
            continue
        found[entry.name], first[name] = read_value(STORAGE, entry, mistakes) or (), entry.line
    return tuple(found.items())


def read_guests(lines: Lines, mistakes: list[tuple[int, str]]) -> dict[int, Mode]:
    """Read the lines of [guests]: how each guest may be moved, by its VMID."""
    found: dict[int, Mode] = {}
    first: dict[str, int] = {}
    for entry in (entry for entry in lines.entries if entry.section == "guests"):
        if not _VMID.fullmatch(entry.name):
            mistakes.append((entry.line, f"[guests] '{shown(entry.name)}' is no VMID: write 101: ask"))
        elif entry.name in first:
            mistakes.append((entry.line, f"[guests] {entry.name} is given a second time (first on line {first[entry.name]})"))
        else:
            first[entry.name] = entry.line
            if (mode := read_value(GUEST, entry, mistakes)) is not None:
                found[int(entry.name)] = mode
    return found
