"""Loads prs.conf and its layers into immutable settings, or says everything that is wrong with them at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from prs.config import last_good
from prs.config.calendar import Calendar
from prs.config.ini import parse
from prs.config.layers import ACCOUNT, PVE, Layer, files_over, read_layers, shared_files, unmounted
from prs.config.mistakes import HIDDEN, shown
from prs.config.options import OPTIONS
from prs.config.resolve import Found, Mistakes, Place, resolve
from prs.config.windows import Window
from prs.endpoint import Endpoint
from prs.errors import ConfigError
from prs.model import Policy

DEFAULT_PATH = Path("/etc/proxmox-rebalancing-service/prs.conf")


@dataclass(frozen=True, slots=True)
class Web:
    """Where the web interface listens, who may embed it, and the API it asks (no hosts: that of the node it runs on)."""

    address: str = ""
    port: int = 8017
    origins: tuple[str, ...] = ()
    api: Endpoint = field(default_factory=lambda: Endpoint(hosts=(), timeout=40.0))  # without credentials


@dataclass(frozen=True, slots=True)
class Origin:
    """What is written for an option, without secrets, and where: a file with its line, or `default`."""

    section: str
    name: str
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Settings:
    """What the administrator configured; `schedule` and `after_return` in seconds, moments in Unix time. Its repr shows no secret."""

    source: Path
    policy: Policy = field(default_factory=Policy)
    endpoint: Endpoint | None = None  # None: no host or credentials yet, so only jobs that bring their own can run
    daemon: bool = True
    schedule: float = 86400.0  # between two runs, when there is no calendar
    calendar: Calendar | None = None
    quiet: tuple[Window, ...] = ()  # no run by schedule begins in these
    wait_for_backups: bool = False
    after_return: float = 0.0  # a run by schedule waits until every node has been up for so long
    on_return: bool = False  # and then there is one
    paused_until: float = 0.0
    run_at: float = 0.0  # one run more
    automation: Literal["off", "suggest", "on"] = "on"
    notify: str = "notice"  # the least grave that the administrator is notified of, as prs.engine.daemon.notices has them
    dry_run: bool = False
    log_level: str = "info"
    state_dir: Path = Path("/var/lib/prs")
    run_dir: Path = Path("/run/prs")  # in memory only
    keep_days: int = 90  # days that ended jobs stay in the journal,
    keep_size: int = 256 * 2**20  # unless it grows beyond so many bytes
    web: Web = field(default_factory=Web)
    mistakes: tuple[str, ...] = ()  # in files that others write: those are not in force, their last good versions are
    missing: tuple[str, ...] = ()  # why there is no endpoint, one sentence each
    unmounted: bool = False  # /etc/pve is: what the cluster wants, and its account, cannot be known
    warnings: tuple[str, ...] = ()
    origins: tuple[Origin, ...] = field(default=(), compare=False)  # of every option of the table, in its order

    @property
    def level(self) -> Literal["off", "suggest", "on"]:
        """What becomes of a run by schedule; with dry_run none is started."""
        return "suggest" if self.dry_run and self.automation == "on" else self.automation

    @property
    def lacks_account(self) -> bool:
        """True when there is no endpoint because nobody has made an account, as far as that can be known."""
        return self.endpoint is None and not self.mistakes and not self.unmounted

    @property
    def credentials_dir(self) -> Path:
        """Where the tickets wait that jobs of web users log in with."""
        return self.run_dir / "credentials"

    def require_endpoint(self) -> Endpoint:
        """Give the endpoint; raise ConfigError that names the missing options when there is none."""
        if self.endpoint is None:
            raise ConfigError(list(self.missing))
        return self.endpoint


def load_settings(path: Path | str, account: str = "", pve: Path | None = None) -> Settings:
    """Read the file at `path` and the layers below and above it; raise ConfigError with all mistakes, each with file and line.

    `account` is the text of the cluster's account, "" where there is none; `pve` stands for /etc/pve, which counts for DEFAULT_PATH only.
    Where all mistakes are in files that others write (the cluster's policy.conf, prs.conf.d), their last good versions count; without
    one there is no endpoint, because what is wanted is not known.
    """
    path = Path(path)
    cluster = cluster_of(path, pve)
    try:
        return _load(path, cluster, account, {})
    except ConfigError as error:
        wrong = error
    broken = [file for file, _ in shared_files(path, cluster) if str(file) in wrong.sources]
    if not broken or len(broken) != len(wrong.sources):
        raise wrong
    own = resolve(read_layers(path, None, instead=dict.fromkeys(files_over(path))), [])
    instead = last_good.in_place_of(broken, own.get("service", "state_dir"))
    try:
        settings = _load(path, cluster, account, instead)
    except ConfigError:
        raise wrong from None
    unknown = tuple(f"{file} cannot be used, and no good version of it is known." for file, copy in instead.items() if copy is None)
    settings = replace(settings, mistakes=(*wrong.mistakes, *last_good.words(instead)))
    return replace(settings, endpoint=None, missing=(*wrong.mistakes, *unknown)) if unknown else settings


def keep_good(settings: Settings, pve: Path | None = None) -> None:
    """Keep what has just been loaded, if all of it is good, for the day when it is not. OSError."""
    if not settings.mistakes:
        last_good.keep(settings.source, cluster_of(settings.source, pve), settings.state_dir)


def account_alone(text: str) -> Endpoint | None:
    """The endpoint that the text of the cluster's account gives by itself, None if it gives none or is damaged."""
    found = resolve([Layer(ACCOUNT, parse(text))], [])
    return None if _credentials(found, Mistakes()) else _endpoint(found)


def cluster_of(path: Path, pve: Path | None = None) -> Path | None:
    """Where the cluster's own layer is; it belongs to the installed service's file only."""
    return pve or (PVE if path == DEFAULT_PATH else None)


def _load(path: Path, cluster: Path | None, account: str, instead: Mapping[Path, Path | None]) -> Settings:
    layers, mistakes = read_layers(path, cluster, account, instead), Mistakes()
    found = resolve(layers, mistakes)
    absent = cluster is not None and unmounted(cluster)
    missing = [f"{cluster} is not mounted: what the cluster wants is not known"] if absent else []
    missing += [f"{path}: {sentence}" for sentence in _credentials(found, mistakes)]
    if mistakes:
        where = [(layers[number].source, line, sentence) for (number, line), sentence in sorted(mistakes)]
        raise ConfigError([f"{source} line {line}: {sentence}." for source, line, sentence in where], [source for source, *_ in where])
    return Settings(
        source=path,
        policy=replace(_policy(found), pools=tuple(found.pools.values()), domains=tuple(found.domains), storages=tuple(found.storages),
                       guests=tuple(sorted(found.guests.items()))),
        endpoint=None if missing else _endpoint(found),
        daemon=found.get("service", "daemon"),
        **_when(found),
        automation=found.get("service", "automation"),
        notify=found.get("service", "notify"),
        dry_run=found.get("service", "dry_run"),
        log_level=found.get("service", "log_level"),
        state_dir=found.get("service", "state_dir"),
        run_dir=found.get("service", "run_dir"),
        keep_days=found.get("service", "keep_days"),
        keep_size=found.get("service", "keep_size"),
        web=_web(found),
        unmounted=absent,
        missing=tuple(f"{sentence}." for sentence in (*missing, *([_SETUP] if missing and PVE.is_dir() else []))),
        warnings=tuple(_warnings(layers, found)),
        origins=tuple(_origins(layers, found)),
    )


def _origins(layers: Sequence[Layer], found: Found) -> Iterator[Origin]:
    """Where the value of each option comes from, in the order of the table."""
    for option in OPTIONS:
        key = option.section, option.name
        if key in found.places:
            number, line = found.places[key]
            text = HIDDEN if option.secret and found.texts[key] else found.texts[key]
            yield Origin(*key, text, f"{layers[number].source} line {line}")
        else:
            yield Origin(*key, option.default, "default")


_SETUP = "On one node of the cluster, as root, `proxmox-rebalancing-service setup` makes an account for all of them"


def _credentials(found: Found, mistakes: Mistakes) -> list[str]:
    """Give what is missing before PVE can be called; a half-done set of credentials is a mistake."""
    user, password = found.get("proxmox", "api_user"), found.get("proxmox", "api_pass")
    owner, token, _ = found.get("proxmox", "api_token")
    hosts = found.get("proxmox", "api_host")
    tokens, passwords = found.place("api_token"), found.place("api_pass")
    if token and password:
        mistakes.append((max(tokens, passwords), "[proxmox] api_pass and api_token are both given: keep one of them"))
    if token and not (owner or user):
        mistakes.append((tokens, "[proxmox] api_token names no user: write user@realm!name=secret, or give api_user"))
    if owner and user and owner != user:
        mistakes.append((tokens, f"[proxmox] api_token belongs to '{shown(owner)}', but api_user is '{shown(user)}'"))
    if password and not user and not found.given("api_user"):
        mistakes.append((passwords, "[proxmox] api_pass is given without api_user"))
    if user and not (password or token) and (not found.given("api_token") or found.empty("api_token")):
        mistakes.append((found.place("api_user"), "[proxmox] api_user is given without api_pass or api_token"))
    if (user or token) and not found.given("api_host"):
        mistakes.append((max(found.place("api_user"), tokens), "[proxmox] a user is given without api_host"))
    if (user or token or mistakes) and found.empty("api_host"):
        mistakes.append((found.place("api_host"), "[proxmox] api_host is empty: name at least one host"))
    missing = [] if hosts else ["[proxmox] api_host is not set"]
    return missing if token or (user and password) else [*missing, "[proxmox] api_user and api_pass, or api_token, are not set"]


def _endpoint(found: Found) -> Endpoint:
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


def _when(found: Found) -> dict[str, Any]:
    when = found.get("service", "schedule")
    names = ("quiet", "wait_for_backups", "after_return", "on_return", "paused_until", "run_at")
    chosen = {"calendar": when} if isinstance(when, Calendar) else {"schedule": when}
    return chosen | {name: found.get("service", name) for name in names}


def _web(found: Found) -> Web:
    trust = {"verify": found.get("proxmox", "verify_ssl"), "ca_file": found.get("proxmox", "ca_file")}
    return Web(
        address=found.get("web", "address"),
        port=found.get("web", "port"),
        origins=found.get("web", "origins"),
        api=Endpoint(hosts=found.get("web", "api_host"), timeout=found.get("proxmox", "timeout"), **trust),
    )


def _policy(found: Found) -> Policy:
    policy = Policy().levelling(found.get("balancing", "method"))
    return replace(
        policy,
        pressure_over=found.get("balancing", "pressure_over"),
        memory=found.get("balancing", "memory"),
        overcommit=found.get("balancing", "overcommit"),
        ignore_nodes=found.get("balancing", "ignore_nodes"),
        ignore_guests=found.get("balancing", "ignore_vms"),
        tags=found.get("balancing", "tags"),
        spread=found.get("balancing", "spread"),
        weights=found.get("balancing", "weights"),
        only_over=found.get("balancing", "only_over"),
        idle_under=found.get("balancing", "idle_under"),
        hot=found.get("balancing", "hot"),
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


def _warnings(layers: Sequence[Layer], found: Found) -> list[str]:
    warnings = []
    for number in {found.place(name)[0] for name in ("api_pass", "api_token") if found.given(name) and not found.empty(name)}:
        if layers[number].lines.others_read:
            source = layers[number].source
            warnings.append(f"{source} holds a secret and every user of this machine can read it: chmod 640 {source}")
    if not found.get("proxmox", "verify_ssl"):
        where = _where(layers, found.place("verify_ssl"))
        warnings.append(f"{where}: with verify_ssl: 0 anyone who answers in the API's place gets the credentials; see ca_file")
        if found.get("proxmox", "ca_file"):
            warnings.append(f"{_where(layers, found.place('ca_file'))}: ca_file has no effect while verify_ssl is 0")
    return warnings


def _where(layers: Sequence[Layer], place: Place) -> str:
    return f"{layers[place[0]].source} line {place[1]}"
