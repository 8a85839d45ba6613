"""`check`: say in plain words whether everything is as needed, and what to do where it is not; changes nothing."""

from __future__ import annotations

import grp
import os
import pwd
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from prs.cli import exits
from prs.cli.call import Call
from prs.cli.journal_of import held_of
from prs.cli.plan_view import finding_text, findings_summary
from prs.config.layers import files_over
from prs.config.load import Settings
from prs.endpoint import Endpoint
from prs.engine.journal.hold import Hold
from prs.errors import ConfigError, PveError
from prs.helper.client import PVE
from prs.model import Policy
from prs.planner.problem.fixed_limits import FixedLimits
from prs.pve.check.check import check, node_names
from prs.pve.check.findings import Finding
from prs.pve.read.snapshot import read_cluster

WEB, READERS, JOURNAL = "prs-web", "prs-journal", "journal.sqlite"  # the web interface's user, the group that reads the journal, and it
HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # ProtectHome and PrivateTmp of the units


def act(call: Call) -> int:
    """Show each finding as soon as it is known; the exit code says whether one of them is a problem."""
    found = []
    for finding in findings(call):
        found.append(finding)
        if not call.json:
            call.print(finding_text(finding, call.style))
    problems = sum(finding.ok is False for finding in found)
    if call.json:
        call.print_json({"findings": found, "problems": problems})
    else:
        call.print(f"\n{findings_summary(problems)}\n")
    return exits.FOUND if problems else exits.DONE


def findings(call: Call) -> Iterator[Finding]:
    """Check from the inside out: configuration, journal, then the way to the cluster and the cluster itself."""
    try:
        settings = call.settings(quiet=True)
    except ConfigError as error:
        for mistake in error.mistakes:
            yield Finding("configuration", False, mistake)
        return
    yield from configuration(settings)
    yield journal(settings.state_dir)
    with suppress(KeyError, PermissionError):  # no web interface here, or nothing that this user could tell of it
        yield from web_reads(settings.state_dir, pwd.getpwnam(WEB))
    if settings.endpoint is not None:
        yield from check(settings.endpoint, settings.web.port, bool(settings.policy.storages))
        yield from placement(call, settings.endpoint, settings.policy)
    if held := held_of(settings):
        yield from kept_empty(held, node_names(settings.endpoint) if settings.endpoint else frozenset())


def kept_empty(held: Mapping[str, Hold], nodes: Collection[str]) -> Iterator[Finding]:
    """Name the nodes that get no guest, and those of them that are no longer in the cluster; `nodes` is empty if it cannot be asked."""
    for node, one in sorted(held.items()):
        if nodes and node not in nodes:
            yield Finding("drained", False, f"{node} is {one.reason}, but the cluster has no such node", f"release {node} --stay")
        else:
            yield Finding("drained", None, f"{node} gets no guest: {one.reason}", f"release {node} ends that")


def placement(call: Call, endpoint: Endpoint, policy: Policy) -> Iterator[Finding]:
    """Name what ignore lists, pools and failure domains, where there are any, name that the cluster does not have, and such tags."""
    if not (policy.pools or policy.domains or policy.ignore_nodes or policy.ignore_guests):
        return
    try:
        warnings = FixedLimits(read_cluster(call.connect(endpoint), time.time(), history=0.0), policy).warnings
    except PveError as error:
        yield Finding("placement", None, f"whether the names in the configuration fit the cluster cannot be seen: {error}")
        return
    for warning in warnings:
        yield Finding("placement", None, warning.removesuffix("."), "correct the option, the section, or the tag")
    if not warnings:
        yield Finding("placement", True, "the names in the configuration fit the cluster")


def configuration(settings: Settings) -> Iterator[Finding]:
    """Say whether the configuration is complete, and what in it is unwise."""
    for mistake in settings.mistakes:
        yield Finding("configuration", False, mistake, "correct that file, or remove it; the service reads it again by itself")
    yield from unread(settings)
    if settings.endpoint is None and not settings.mistakes:
        yield Finding("configuration", False, " ".join(settings.missing), _remedy(settings))
    elif not settings.mistakes:
        yield Finding("configuration", True, f"{settings.source} is complete")
    for warning in settings.warnings:
        yield Finding("configuration", None, warning)


def unread(settings: Settings) -> Iterator[Finding]:
    """Name what root may read and the service's user, whom the journal belongs to, may not."""
    try:
        user = pwd.getpwuid(settings.state_dir.stat().st_uid)
    except (OSError, KeyError):
        return
    if os.geteuid() != 0 or user.pw_uid == 0:
        return
    groups = os.getgrouplist(user.pw_name, user.pw_gid)
    for path in (settings.source, *files_over(settings.source)):
        with suppress(FileNotFoundError):
            found = path.stat()
            shift = 6 if found.st_uid == user.pw_uid else 3 if found.st_gid in groups else 0
            if not found.st_mode >> shift & 4:
                remedy = f"chgrp {grp.getgrgid(user.pw_gid).gr_name} {path} && chmod 640 {path}"
                yield Finding("configuration", False, f"{user.pw_name}, as which the service runs, may not read {path}", remedy)


def web_reads(state_dir: Path, user: pwd.struct_passwd) -> Iterator[Finding]:
    """Name the first thing that keeps the web interface from reading the journal in another directory than the package's own."""
    if any(state_dir.is_relative_to(place) for place in HIDDEN):
        yield Finding("journal", False, f"{state_dir} is hidden from the services by their units", "set state_dir elsewhere: /srv/prs")
        return
    groups = {*os.getgrouplist(user.pw_name, user.pw_gid), *(group.gr_gid for group in grp.getgrall() if group.gr_name == READERS)}
    files = sorted(state_dir.glob(f"{JOURNAL}*")) if state_dir.is_dir() else []
    for path in (*reversed(state_dir.parents), state_dir, *files):
        needed, remedy = (4, f"chmod 640 {path}") if path in files else (5, f"chmod 750 {path}") if path == state_dir else (1, "")
        try:
            found = path.stat()
        except FileNotFoundError:
            return
        shift = 6 if found.st_uid == user.pw_uid else 3 if found.st_gid in groups else 0
        if found.st_mode >> shift & needed != needed:
            remedy = f"chgrp {READERS} {path} && {remedy}" if remedy else f"chmod o+x {path}, or set state_dir elsewhere"
            yield Finding("journal", False, f"{user.pw_name}, as which the web interface runs, may not read {path}", remedy)
            return


def _remedy(settings: Settings) -> str:
    """How the service gets an account on this machine."""
    by_hand = f"fill in the section [proxmox] of {settings.source}"
    return f"as root, on one node of the cluster: proxmox-rebalancing-service setup (or {by_hand})" if PVE.is_dir() else by_hand


def journal(state_dir: Path) -> Finding:
    """Say whether this user can keep the journal in the directory."""
    if state_dir.is_dir():
        if os.access(state_dir, os.R_OK | os.W_OK | os.X_OK):
            return Finding("journal", True, f"{state_dir} can be written")
        return Finding("journal", False, f"{state_dir} cannot be written by this user", "run this as the service's user or as root")
    parent = next(one for one in state_dir.parents if one.exists())
    if parent.is_dir() and not state_dir.exists() and os.access(parent, os.W_OK | os.X_OK):
        return Finding("journal", True, f"{state_dir} does not exist yet and can be created")
    return Finding("journal", False, f"{state_dir} is no directory and this user cannot create it", f"as root: mkdir -p {state_dir}")
