"""Edits the text of the cluster's policy.conf: comments, order and what is not known here stay as they are; nothing is read or written."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prs.config.ini import Entry, Lines, parse
from prs.config.layers import Layer
from prs.config.mistakes import shown
from prs.config.options import POOL_OPTIONS, SECTIONS
from prs.config.resolve import Mistakes, resolve
from prs.config.sections import PLACES, is_place
from prs.errors import ConfigError

LARGEST = 64 * 1024  # bytes of the whole text
SHORTEST = 3  # characters of the name of what is taken out
LONGEST = 4096  # characters of a value
SECRET = re.compile("pass|token|secret|key")  # names of options whose values are shown to nobody
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9._/*-]{0,199}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HEAD = re.compile(r"\s*[^:=]*[:=][ \t]*")  # of a line `option: value`, all that stands before the value
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")  # as prs.config.ini counts lines


@dataclass(frozen=True, slots=True)
class Change:
    """What became of an option: the texts of its value before and after, None where it is not set."""

    name: str
    before: str | None
    after: str | None

    @property
    def words(self) -> str:
        """The change in a few words."""
        return f"{self.name}: {_told(self.before)} -> {_told(self.after)}"


def _told(value: str | None) -> str:
    return "not set" if value is None else shown(value) or "empty"


def digest(data: bytes) -> str:
    """What tells one version of the file from another (SHA-256 in hex); a file that is not there counts as an empty one."""
    return hashlib.sha256(data).hexdigest()


def place_of(key: str) -> tuple[str, str]:
    """Section and option that SECTION.NAME names; `pool.NAME.OPTION` for a pool, with option "" for all of that pool."""
    section, _, name = key.partition(".")
    if section.lower() != "pool":
        return section.lower(), name.lower()
    pool, _, option = name.rpartition(".")
    if option.lower() in {one.name for one in POOL_OPTIONS}:
        return f"pool {pool}", option.lower()
    return f"pool {name}", ""


def key_of(entry: Entry) -> str:
    """An entry's name as it is written here."""
    return f"{entry.section.replace(' ', '.', 1)}.{entry.name}" if entry.section else entry.name


def wrong_lines(text: str) -> dict[int, str]:
    """What is wrong with the text, by line, as the services read it."""
    found = Mistakes()
    resolve([Layer("policy.conf", parse(text), policy=True)], found)
    return {line: sentence for (_, line), sentence in sorted(found)}


def removable(key: str) -> bool:
    """Whether what has this name can be taken out by it."""
    return bool(_KEY.fullmatch(key)) and len(key) >= SHORTEST


def edit(text: str, wanted: Mapping[str, str], unwanted: Iterable[str] = (), whole: bool = False) -> tuple[str, list[Change]]:
    """The text with each SECTION.NAME of `wanted` set to its value and those of `unwanted` taken out, and what changed.

    A name of a whole section, other than a pool's or one that nobody knows, takes all of it out only where `whole` says that this is meant.
    ConfigError with everything that is wrong with the names, the values, or the text that would come of it; what only takes mistakes
    out of a text that has more of them is good.
    """
    taken = tuple(dict.fromkeys(unwanted))
    wrong = [words for key, value in wanted.items() if (words := _unfit(key, value))]
    wrong += [f"{shown(key)}: is no name of an option" for key in taken if not _KEY.fullmatch(key)]
    wrong += [f"{shown(key)}: is both set and taken out" for key in taken if key in wanted]
    if wrong:
        raise ConfigError(wrong)
    changes, before = list[Change](), text
    for key in taken:
        text, gone = _without(text, key)
        wrong += [] if gone else [f"{key}: is not set in the policy"]
        wrong += [f"{key}: is a whole section: {'; '.join(map(_was, gone))}"] if not whole and _known_section(key) and gone else []
        changes += gone
    for key, value in wanted.items():
        text, change = _with(text, key, value.strip(" \t"))
        changes += [change] if change.before != change.after else []
    left = _mistakes(text, wanted)
    mended = not wanted and len(left) < len(_mistakes(before, {}))
    if wrong := [*wrong, *([] if mended else left)]:
        raise ConfigError(wrong)
    return text, changes


def _known_section(key: str) -> bool:
    """Whether this names all of a section, of which several options may be set."""
    section, name = place_of(key)
    return not name and (section in SECTIONS or section in PLACES)


def _was(change: Change) -> str:
    name = change.name.partition(".")[2]
    return name if SECRET.search(name) else f"{name}: {shown(change.before or '')}"


def _unfit(key: str, value: str) -> str:
    section, name = place_of(key)
    if not _KEY.fullmatch(key) or not name or not section:
        return f"{shown(key)}: is no name of an option: write SECTION.NAME, such as balancing.spread, pool.NAME.keep or domains.NAME"
    if _CONTROL.search(value):
        return f"{key}: the value holds a control character or a second line"
    return f"{key}: the value is longer than {LONGEST} characters" if len(value) > LONGEST else ""


def _mistakes(text: str, wanted: Mapping[str, str]) -> list[str]:
    """Everything that is wrong with the text, as the services read it; what was asked for is named, the rest by its line."""
    if len(text.encode()) > LARGEST:
        return [f"the policy would be longer than {LARGEST // 1024} KiB"]
    lines, found = parse(text), Mistakes()
    resolve([Layer("policy.conf", lines, policy=True)], found)
    asked = {place_of(key): key for key in wanted}
    keys = {entry.line: asked.get((entry.section, entry.name)) for entry in lines.entries}
    keys |= {line: next((key for key in wanted if place_of(key)[0] == name), None) for name, line in lines.sections.items()}
    told = [(keys.get(line), line, sentence) for (_, line), sentence in sorted(found)]
    return [f"{key}: {sentence}." if key else f"policy.conf line {line}: {sentence}." for key, line, sentence in told]


def _with(text: str, key: str, value: str) -> tuple[str, Change]:
    """The text with the option set: in its line, else behind the last one of its section, else in a section of its own."""
    section, name = place_of(key)
    lines, found = _LINE.findall(text), parse(text)
    end = "\r\n" if "\r\n" in text else "\n"
    here = [entry for entry in found.entries if (entry.section, entry.name) == (section, name)]
    written = f"{key.rpartition('.')[2] if section.startswith('pool ') else key.partition('.')[2]}: {value}"
    if here:
        first = here[0].line - 1
        head = _HEAD.match(lines[first])
        lines[first] = f"{head[0] if head else ''}{value}{end}"
        for entry in reversed(here[1:]):
            del lines[entry.line - 1]
        return "".join(lines), Change(key, here[0].value, value)
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += end
    if (place := _last_line(found, section)) is None:
        lines += [end] if lines and lines[-1].strip() else []
        lines += [f"[{section}]{end}", f"{written}{end}"]
    else:
        lines.insert(place, f"{written}{end}")
    return "".join(lines), Change(key, None, value)


def _last_line(found: Lines, section: str) -> int | None:
    """The line, counted from 1, behind which one more option of the section goes; None without such a section."""
    places = [entry.line for entry in found.entries if entry.section == section]
    return max(places) if places else found.sections.get(section)


def _without(text: str, key: str) -> tuple[str, list[Change]]:
    """The text without the option (where a section is named, without all of it), and what was taken out."""
    lines, found = _LINE.findall(text), parse(text)
    section, name = place_of(key)
    here = [entry for entry in found.entries if key_of(entry).lower() == key.lower()]  # also one that is none of ours
    if here:
        section = here[0].section
    else:
        whole_one = next((one for one in found.sections if one.replace(" ", ".", 1).lower() == key.lower()), "")
        section, name = (whole_one, "") if whole_one else (section, name)
        here = [entry for entry in found.entries if entry.section == section and name in ("", entry.name)]
    gone = {entry.line for entry in here}
    # The section of a pool that says nothing is a mistake, as is one that nobody knows.
    bare = section.startswith("pool ") or (section not in SECTIONS and not is_place(section))
    if bare and all(entry.line in gone for entry in found.entries if entry.section == section):
        gone |= {found.sections[section]} if section in found.sections else set()
    kept = [line for number, line in enumerate(lines, 1) if number not in gone]
    whole = not here and bool(gone)
    return "".join(kept), [Change(key_of(entry), entry.value, None) for entry in here] or [Change(section, "", None)] * whole
