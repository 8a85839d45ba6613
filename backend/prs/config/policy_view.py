"""What the cluster's policy.conf says, and what of it is in force on this node: where a file of the node wins, which one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from prs.config.ini import parse
from prs.config.layers import POLICY, files_over, read_layers
from prs.config.load import Origin, Settings, load_settings
from prs.config.mistakes import shown
from prs.config.options import DOMAIN, GUEST, OPTIONS, POOL_OPTIONS, STORAGE, Option
from prs.config.policy_edit import SECRET, digest, key_of, removable, wrong_lines
from prs.config.resolve import of_the_cluster
from prs.errors import ConfigError


@dataclass(frozen=True, slots=True)
class PolicyOption:
    """An option that the policy may set. `policy`: its text there, None = not set; `value`: what is in force on this node, from `source`.

    `overruled`: the policy sets it, and a file of the node goes over it.
    """

    name: str
    policy: str | None
    value: str
    source: str
    overruled: bool
    default: str
    allowed: str
    words: str


@dataclass(frozen=True, slots=True)
class WrongEntry:
    """What keeps the policy from being in force, in the file's `line`. `text`: its value, or what stands in an unknown section; "" where
    it may be a secret. `reason`: what is wrong with it; `removable`: it can be taken out by its name."""

    name: str
    text: str
    line: int
    reason: str
    removable: bool


@dataclass(frozen=True, slots=True)
class PolicyView:
    """The policy as a node reads it. `digest` names this version of the file; `mistakes`: why it, or another layer, is not in force;
    `wrong`: the entries with mistakes, each of which may be taken out."""

    file: str
    digest: str
    options: tuple[PolicyOption, ...]
    mistakes: tuple[str, ...]
    wrong: tuple[WrongEntry, ...] = ()


def policy_file(pve: Path) -> Path:
    """Where the policy is; ConfigError on a machine that has no /etc/pve."""
    with suppress(OSError):  # of a pmxcfs that has died, which reading tells
        if not pve.is_dir():
            raise ConfigError([f"there is no {pve} here: the policy of a cluster is written on one of its nodes, or in its web interface"])
    return pve / POLICY


def read_policy(pve: Path) -> tuple[str, str]:
    """The text of the policy ("" where there is none) and its digest; ConfigError when it cannot be read or is not text."""
    file = policy_file(pve)
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        data = b""
    except OSError as error:
        raise ConfigError([f"{file}: cannot be read: {error.strerror or error}."]) from None
    try:
        return data.decode("utf-8-sig"), digest(data)
    except UnicodeDecodeError:
        raise ConfigError([f"{file}: is not text in UTF-8: mend it by hand."]) from None


def view(path: Path, pve: Path) -> PolicyView:
    """The policy below `pve` as the node whose own file is at `path` reads it; ConfigError for what is wrong with that file."""
    settings, wrong = load_settings(path, pve=pve), tuple[str, ...]()
    try:
        text, version = read_policy(pve)
    except ConfigError as error:
        text, wrong, version = "", tuple(error.mistakes), digest(_bytes(policy_file(pve)))
    entries = {key_of(entry): entry.value for entry in parse(text).entries}
    over = _over(path)
    options = [*_plain(settings, entries), *_named(str(policy_file(pve)), text, over)]
    mistakes = tuple(dict.fromkeys((*settings.mistakes, *wrong)))
    return PolicyView(str(policy_file(pve)), version, tuple(options), mistakes, tuple(wrong_entries(text)))


def wrong_entries(text: str) -> Iterator[WrongEntry]:
    """The entries, and the unknown sections, of a policy's text that have mistakes."""
    lines, why = parse(text), wrong_lines(text)
    for line, reason in why.items():
        entries = [entry for entry in lines.entries if entry.line == line]
        name = key_of(entries[0]) if entries else next((name for name, place in lines.sections.items() if place == line), "")
        if name:
            within = entries or [entry for entry in lines.entries if entry.section == name]
            told = [entry.value if entries else f"{entry.name}: {entry.value}" for entry in within if not SECRET.search(entry.name)]
            yield WrongEntry(name.replace(" ", ".", 1), "; ".join(map(shown, told)), line, reason, removable(name.replace(" ", ".", 1)))


def _bytes(file: Path) -> bytes:
    """What is in the file, nothing where that cannot be read."""
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _plain(settings: Settings, entries: Mapping[str, str]) -> Iterator[PolicyOption]:
    """The options that are always there."""
    origins: dict[tuple[str, str], Origin] = {(one.section, one.name): one for one in settings.origins}
    above = {str(settings.source), *map(str, files_over(settings.source))}
    for option in OPTIONS:
        if of_the_cluster(option.section, option.name):
            key, origin = f"{option.section}.{option.name}", origins[option.section, option.name]
            overruled = key in entries and origin.source.rpartition(" line ")[0] in above
            yield _option(key, option, entries.get(key), origin.text, origin.source, overruled)


def _named(file: str, text: str, over: Mapping[str, tuple[str, str]]) -> Iterator[PolicyOption]:
    """Those of pools, domains, storages and single guests that the policy sets; a node's file replaces all but the last as a whole."""
    table: dict[str, Option] = {option.name: option for option in POOL_OPTIONS}
    for entry in parse(text).entries:
        word = entry.section.partition(" ")[0]
        option = table.get(entry.name) if word == "pool" else {"domains": DOMAIN, "storages": STORAGE, "guests": GUEST}.get(word)
        if option is not None:
            same = [source for key, (_, source) in over.items() if _same(key, entry.section) and word != "guests"]
            replaced = same[0] if same else over.get(key_of(entry), ("", ""))[1]
            value, source = over.get(key_of(entry), ("", replaced)) if replaced else (entry.value, f"{file} line {entry.line}")
            yield _option(key_of(entry), option, entry.value, value, source, bool(replaced))


def _same(key: str, section: str) -> bool:
    return key.startswith(section.replace(" ", ".", 1) + ".")


def _option(key: str, option: Option, policy: str | None, value: str, source: str, overruled: bool) -> PolicyOption:
    return PolicyOption(key, policy, value, source, overruled, option.default, option.allowed, option.doc)


def _over(path: Path) -> dict[str, tuple[str, str]]:
    """What the node's own files say, with the place; a file that cannot be read says nothing here."""
    try:
        layers = read_layers(path, None)
    except ConfigError:
        layers = read_layers(path, None, instead=dict.fromkeys(files_over(path)))
    return {key_of(entry): (entry.value, f"{layer.source} line {entry.line}") for layer in layers for entry in layer.lines.entries}
