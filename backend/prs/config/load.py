"""Loads prs.conf into immutable settings, or says everything that is wrong with it at once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from prs.config import sections
from prs.config.ini import Entry, Lines, read_lines
from prs.config.mistakes import read_value, shown
from prs.config.options import BY_NAME, OPTIONS, SECTIONS
from prs.endpoint import Endpoint
from prs.errors import ConfigError
from prs.model import Policy
from prs.similar import in_brackets

DEFAULT_PATH = Path("/etc/proxmox-rebalancing-service/prs.conf")


@dataclass(frozen=True, slots=True)
class Web:
    """Location the web interface listens, who may embed it, and the API it asks (no hosts: that of the node it runs on)."""

    address: str = ""
    port: int = 8017
    origins: tuple[str, ...] = ()
    api: Endpoint = field(default_factory=lambda: Endpoint(hosts=(), timeout=40.0))  # without credentials


@dataclass(frozen=True, slots=True)
class Settings:
    """What the administrator configured; `schedule` in seconds. Its repr shows no secret."""

    source: Path
    policy: Policy = field(default_factory=Policy)
    endpoint: Endpoint | None = None  # None: no host or credentials yet, so only jobs that bring their own can run
    daemon: bool = True
    schedule: float = 86400.0
    dry_run: bool = False
    log_level: str = "info"
    state_dir: Path = Path("/var/lib/prs")
    run_dir: Path = Path("/run/prs")  # in memory only
    keep_days: int = 90  # days that ended jobs stay in the journal,
    keep_size: int = 256 * 2**20  # unless it grows beyond so many bytes
    web: Web = field(default_factory=Web)
    missing: tuple[str, ...] = ()  # why there is no endpoint, one sentence each
    warnings: tuple[str, ...] = ()

    @property
    def credentials_dir(self) -> Path:
        """Location the tickets wait that jobs of web users log in with."""
        return self.run_dir / "credentials"

    def require_endpoint(self) -> Endpoint:
        """Give the endpoint; raise ConfigError that names the missing options when there is none."""
        if self.endpoint is None:
            raise ConfigError(list(self.missing))
        return self.endpoint


@dataclass(frozen=True, slots=True)
class _Values:
    """The value of every option, given or default, the line of each given one, and which of those are given empty."""

    values: dict[tuple[str, str], Any]
    lines: dict[tuple[str, str], int]
    empty: set[tuple[str, str]] = field(default_factory=set)

    def get(self, section: str, name: str) -> Any:
        return self.values[section, name]

    def line(self, name: str) -> int:
        return self.lines.get(("proxmox", name), 0)

    def lacks(self, name: str) -> bool:
        """Whether an option of [proxmox] is not given, or given empty (one that is given wrongly is told of already)."""
        return not self.line(name) or ("proxmox", name) in self.empty


_TOKEN = "a token is written api_token: user@realm!name=secret"
# What other programs around Proxmox VE call these options.
_ELSEWHERE = {
    **dict.fromkeys(("token_id", "token_secret", "token_name", "token_value", "token", "api_token_id", "api_token_secret"), _TOKEN),
    **dict.fromkeys(("user", "username", "login"), "the user is written api_user: user@realm"),
    **dict.fromkeys(("pass", "password", "api_password"), "the password is written api_pass: PASSWORD"),
    **dict.fromkeys(("host", "hosts", "api_hosts", "api_url", "url_api"), "the API's hosts are written api_host: HOST,HOST"),
    **dict.fromkeys(("ssl_verification", "verify_tls", "insecure"), "checking the API's certificate is written verify_ssl: 1 or 0"),
}


def load_settings(path: Path | str) -> Settings:
    """Read the file at `path`; raise ConfigError with all mistakes, each with file, line, what was found and what is allowed."""
    path = Path(path)
    lines = read_lines(path)
    mistakes = list(lines.mistakes)
    found = _judge(lines, mistakes)
    pools, domains = sections.read_pools(lines, mistakes), sections.read_domains(lines, mistakes)
    missing = _credentials(found, mistakes)
    if mistakes:
        raise ConfigError([f"{path} line {line}: {sentence}." for line, sentence in sorted(mistakes)])
    return Settings(
        source=path,
        policy=replace(_policy(found), pools=pools, domains=domains),
        endpoint=None if missing else _endpoint(found),
        daemon=found.get("service", "daemon"),
        schedule=found.get("service", "schedule"),
        dry_run=found.get("service", "dry_run"),
        log_level=found.get("service", "log_level"),
        state_dir=found.get("service", "state_dir"),
        run_dir=found.get("service", "run_dir"),
        keep_days=found.get("service", "keep_days"),
        keep_size=found.get("service", "keep_size"),
        web=_web(found),
        missing=tuple(f"{path}: {sentence}." for sentence in missing),
        warnings=tuple(_warnings(path, lines, found)),
    )


def _judge(lines: Lines, mistakes: list[tuple[int, str]]) -> _Values:
    """Check each entry against the table and read its value; add what is wrong to `mistakes`."""
    found = _Values({key: option.read(option.default) for key, option in BY_NAME.items()}, {})
    for name, line in lines.sections.items():
        if name not in SECTIONS and not sections.is_place(name):
            known = (*SECTIONS, *sections.SECTIONS)
            allowed = ", ".join(f"[{section}]" for section in known)
            mistakes.append((line, f"unknown section [{shown(name)}]{in_brackets(name, known)}; allowed are {allowed}"))
    for entry in lines.entries:
        option = BY_NAME.get((entry.section, entry.name))
        key = entry.section, entry.name
        if option is None:
            if entry.section in (*SECTIONS, ""):
                mistakes.append((entry.line, _unknown(entry)))
        elif key in found.lines:
            mistakes.append((entry.line, f"[{entry.section}] {entry.name} is given a second time (first on line {found.lines[key]})"))
        else:
            found.lines[key] = entry.line
            found.empty.update(() if entry.value else (key,))
            found.values[key] = read_value(option, entry, mistakes, found.values[key])
    return found


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


def _credentials(found: _Values, mistakes: list[tuple[int, str]]) -> list[str]:
    """Give what is missing before PVE can be called; a half-done set of credentials is a mistake."""
    user, password = found.get("proxmox", "api_user"), found.get("proxmox", "api_pass")
    owner, token, _ = found.get("proxmox", "api_token")
    hosts = found.get("proxmox", "api_host")
    tokens, passwords = found.line("api_token"), found.line("api_pass")
    if token and password:
        mistakes.append((max(tokens, passwords), "[proxmox] api_pass and api_token are both given: keep one of them"))
    if token and not (owner or user):
        mistakes.append((tokens, "[proxmox] api_token names no user: write user@realm!name=secret, or give api_user"))
    if owner and user and owner != user:
        mistakes.append((tokens, f"[proxmox] api_token belongs to '{shown(owner)}', but api_user is '{shown(user)}'"))
    if password and not user and not found.line("api_user"):
        mistakes.append((passwords, "[proxmox] api_pass is given without api_user"))
    if user and not (password or token) and found.lacks("api_token"):
        mistakes.append((found.line("api_user"), "[proxmox] api_user is given without api_pass or api_token"))
    if (user or token) and not found.line("api_host"):
        mistakes.append((max(found.line("api_user"), tokens), "[proxmox] a user is given without api_host"))
    if (user or token or mistakes) and ("proxmox", "api_host") in found.empty:
        mistakes.append((found.line("api_host"), "[proxmox] api_host is empty: name at least one host"))
    missing = [] if hosts else ["[proxmox] api_host is not set"]
    return missing if token or (user and password) else [*missing, "[proxmox] api_user and api_pass, or api_token, are not set"]


def _endpoint(found: _Values) -> Endpoint:
    owner, token_name, token_value = found.get("proxmox", "api_token")
    return Endpoint(
        hosts=found.get("proxmox", "api_host"),
        user=owner or found.get("proxmox", "api_user"),
        password=found.get("proxmox", "api_pass"),
        token_name=token_name,
        token_value=token_value,
        verify=found.get("proxmox", "verify_ssl"),
        ca_file=found.get("proxmox", "ca_file"),
        timeout=found.get("proxmox", "timeout"),
    )


def _web(found: _Values) -> Web:
    trust = {"verify": found.get("proxmox", "verify_ssl"), "ca_file": found.get("proxmox", "ca_file")}
    return Web(
        address=found.get("web", "address"),
        port=found.get("web", "port"),
        origins=found.get("web", "origins"),
        api=Endpoint(hosts=found.get("web", "api_host"), timeout=found.get("proxmox", "timeout"), **trust),
    )


def _policy(found: _Values) -> Policy:
    return Policy(
        method=found.get("balancing", "method"),
        ignore_nodes=found.get("balancing", "ignore_nodes"),
        ignore_guests=found.get("balancing", "ignore_vms"),
        tags=found.get("balancing", "tags"),
        spread=found.get("balancing", "spread"),
        max_moves=found.get("balancing", "max_moves"),
        max_bytes=found.get("balancing", "max_gib"),
        containers=found.get("balancing", "containers"),
        memory_reserve=found.get("balancing", "memory_reserve"),
        link_speed=found.get("balancing", "link_speed"),
        unlike_cpus=found.get("balancing", "unlike_cpus"),
        ha_guests=found.get("balancing", "ha_guests"),
        spare=found.get("balancing", "spare"),
        parallel_total=found.get("balancing", "parallel"),
        parallel_node=found.get("balancing", "parallel_node"),
    )


def _warnings(path: Path, lines: Lines, found: _Values) -> list[str]:
    secret = found.get("proxmox", "api_pass") or found.get("proxmox", "api_token")[2]
    warnings = []
    if secret and lines.others_read:
        warnings.append(f"{path} holds a secret and every user of this machine can read it: chmod 640 {path}")
    if not found.get("proxmox", "verify_ssl"):
        line = found.line("verify_ssl")
        warnings.append(f"{path} line {line}: with verify_ssl: 0 anyone who answers in the API's place gets the credentials; see ca_file")
        if found.get("proxmox", "ca_file"):
            warnings.append(f"{path} line {found.line('ca_file')}: ca_file has no effect while verify_ssl is 0")
    return warnings
