"""Holds what the layers say against the table of options: the value that counts, where it comes from, and every mistake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from prs.config import sections
from prs.config.ini import Entry
from prs.config.layers import Layer
from prs.config.mistakes import read_value, shown
from prs.config.options import BY_NAME, OPTIONS, SECTIONS
from prs.model import Mode, Pool
from prs.similar import in_brackets

Place = tuple[int, int]  # number of the layer and line in it; (-1, 0): nowhere
NOWHERE: Place = (-1, 0)
Mistakes = list[tuple[Place, str]]
# What speaks for all nodes may be said of all nodes only.
_OF_A_CLUSTER = {
    ("service", name)
    for name in (
        "schedule", "quiet", "wait_for_backups", "after_return", "on_return", "paused_until", "run_at", "dry_run", "automation", "notify",
        "keep_days", "keep_size",
    )
}


def of_the_cluster(section: str, name: str) -> bool:
    """Whether the cluster-wide policy may set this option of the table."""
    return section == "balancing" or (section, name) in _OF_A_CLUSTER


@dataclass(frozen=True, slots=True)
class Found:
    """The value of every option, given or default, the place and the text of each given one, and the named sections."""

    values: dict[tuple[str, str], Any]
    places: dict[tuple[str, str], Place] = field(default_factory=dict)
    texts: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)
    pools: dict[str, Pool] = field(default_factory=dict)
    domains: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    storages: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    guests: dict[int, Mode] = field(default_factory=dict)

    def get(self, section: str, name: str) -> Any:
        """The value that counts."""
        return self.values[section, name]

    def place(self, name: str) -> Place:
        """Where an option of [proxmox] is given; NOWHERE."""
        return self.places.get(("proxmox", name), NOWHERE)

    def given(self, name: str) -> bool:
        """Whether an option of [proxmox] is given at all, also wrongly or empty."""
        return ("proxmox", name) in self.places

    def empty(self, name: str) -> bool:
        """Whether an option of [proxmox] is given with nothing behind it."""
        return self.texts.get(("proxmox", name)) == ""


_TOKEN = "a token is written api_token: user@realm!name=secret"
# What other programs around Proxmox VE call these options.
_ELSEWHERE = {
    **dict.fromkeys(("token_id", "token_secret", "token_name", "token_value", "token", "api_token_id", "api_token_secret"), _TOKEN),
    **dict.fromkeys(("user", "username", "login"), "the user is written api_user: user@realm"),
    **dict.fromkeys(("pass", "password", "api_password"), "the password is written api_pass: PASSWORD"),
    **dict.fromkeys(("host", "hosts", "api_hosts", "api_url", "url_api"), "the API's hosts are written api_host: HOST,HOST"),
    **dict.fromkeys(("ssl_verification", "verify_tls", "insecure"), "checking the API's certificate is written verify_ssl: 1 or 0"),
}


def resolve(layers: Sequence[Layer], mistakes: Mistakes) -> Found:
    """Read every layer; add what is wrong to `mistakes`."""
    found = Found({key: option.read(option.default) for key, option in BY_NAME.items()})
    for number, layer in enumerate(layers):
        own = list(layer.lines.mistakes)
        _options(layer, number, found, own)
        found.pools.update({pool.name: pool for pool in sections.read_pools(layer.lines, own)})
        found.guests.update(sections.read_guests(layer.lines, own))
        if domains := sections.read_domains(layer.lines, own):
            found.domains[:] = domains
        if storages := sections.read_storages(layer.lines, own):
            found.storages[:] = storages
        mistakes += [((number, line), sentence) for line, sentence in own]
    return found


def _options(layer: Layer, number: int, found: Found, mistakes: list[tuple[int, str]]) -> None:
    """Check each entry of a layer against the table and read its value."""
    for name, line in layer.lines.sections.items():
        if name not in SECTIONS and not sections.is_place(name):
            known = (*SECTIONS, *sections.SECTIONS)
            allowed = ", ".join(f"[{section}]" for section in known)
            mistakes.append((line, f"unknown section [{shown(name)}]{in_brackets(name, known)}; allowed are {allowed}"))
    for entry in layer.lines.entries:
        key = entry.section, entry.name
        option, before = BY_NAME.get(key), found.places.get(key, NOWHERE)
        if option is None:
            if entry.section in (*SECTIONS, ""):
                mistakes.append((entry.line, _unknown(entry)))
        elif before[0] == number:
            mistakes.append((entry.line, f"[{entry.section}] {entry.name} is given a second time (first on line {before[1]})"))
        elif layer.policy and not of_the_cluster(*key):
            mistakes.append((entry.line, f"[{entry.section}] {entry.name} is each node's own: write it into prs.conf"))
        else:
            found.places[key], found.texts[key] = (number, entry.line), entry.value
            found.values[key] = read_value(option, entry, mistakes, found.values[key])


def _unknown(entry: Entry) -> str:
    """Say why no option has this name, and which one may have been meant."""
    homes = [option.section for option in OPTIONS if option.name == entry.name]
    if other := _ELSEWHERE.get(entry.name):
        return f"[{entry.section or 'proxmox'}] has no option '{entry.name}': {other}"
    if not entry.section:
        home = f"; it belongs under [{homes[0]}]" if homes else ""
        return f"option '{entry.name}' stands before the first [section]{home}"
    names = [option.name for option in OPTIONS if option.section == entry.section]
    if homes:
        return f"[{entry.section}] has no option '{entry.name}'; it belongs under [{homes[0]}]"
    return f"[{entry.section}] has no option '{entry.name}'{in_brackets(entry.name, names)}; allowed are {', '.join(names)}"
