"""Ceph on the nodes themselves: its health judged check by check, which of its daemons may be stopped, and the flag noout."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from prs.errors import ApiError
from prs.pve.api import Api, quote
from prs.pve.read.tolerant import told
from prs.pve.read.values import Row, flag, rows, table, text

# What does not matter to a node's absence, by PVE's own rolling restart (pve-manager PVE/Ceph/Services.pm, BENIGN_HEALTH_CHECKS).
BENIGN = frozenset({
    "MON_CLOCK_SKEW", "RECENT_CRASH", "TELEMETRY_CHANGED", "AUTH_INSECURE_GLOBAL_ID_RECLAIM_ALLOWED", "AUTH_INSECURE_GLOBAL_ID_RECLAIM",
    "BLUESTORE_DISK_SIZE_MISMATCH", "BLUESTORE_SLOW_OP_ALERT", "PG_NOT_SCRUBBED", "PG_NOT_DEEP_SCRUBBED", "LARGE_OMAP_OBJECTS",
})  # fmt: skip
# The flags that may be set meanwhile (BENIGN_OSDMAP_FLAGS there; of Ceph's own ones PVE's list of flags tells none).
BENIGN_FLAGS = frozenset({"noout", "noscrub", "nodeep-scrub", "notieragent"})
NOOUT = "/cluster/ceph/flags/noout"
_NAMED = 3  # checks and daemons named in a sentence
_KINDS = ("osd", "mon", "mds")  # the daemons of which cmd-safety tells
# PVE's words where there is no Ceph (pve-manager PVE/Ceph/Tools.pm); any other error may be Ceph's own, as while its monitors are silent.
_NONE = re.compile(r"binary not installed|pveceph configuration not (initialized|enabled)|ceph not fully configured")


def unhealthy(health: Row, flags: Collection[str]) -> str:
    """Why a node should not go down now, from Ceph's `health` and the flags that are set; "" when nothing speaks against it."""
    status, checks = text(health, "status"), table(health.get("checks"))
    if status == "HEALTH_OK":
        return ""
    bad = [words for name in sorted(checks) if (words := _check(name, table(checks[name]), flags))]
    # An error is one whatever it is called, and a warning that does not say why is not known to be harmless.
    if not bad and status == "HEALTH_WARN" and checks:
        return ""
    more = f" and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
    return f"Ceph reports {status or 'no health'}" + (f": {'; '.join(bad[:_NAMED])}{more}" if bad else "")


def _check(name: str, found: Row, flags: Collection[str]) -> str:
    if name in BENIGN:
        return ""
    if name == "OSDMAP_FLAGS" and flags:
        bad = sorted(set(flags) - BENIGN_FLAGS)
        return f"the flags {', '.join(bad)} are set" if bad else ""
    message = text(table(found.get("summary")), "message")
    return f"{name} ({message})" if message else name


def _none(error: ApiError) -> bool:
    """Whether PVE says that there is no Ceph where it was asked; one that does not know the call knows none either."""
    return error.status == 501 or bool(_NONE.search(error.message))


def trouble(api: Api) -> str:
    """Why Ceph on the nodes is not well, in words; "" when it is, or when there is none."""
    try:
        health = table(table(api.get("/cluster/ceph/status")).get("health"))
    except ApiError as error:
        return "" if _none(error) else f"Ceph's health {'may not be read' if error.status == 403 else 'is not known'}: {error}"
    asked = "OSDMAP_FLAGS" in table(health.get("checks"))
    return unhealthy(health, [text(row, "name") for row in rows(api.get("/cluster/ceph/flags")) if flag(row, "value")] if asked else [])


def daemons(api: Api, node: str) -> list[tuple[str, str]]:
    """The node's OSDs, monitors and metadata servers as (kind, id), from /cluster/ceph/metadata; empty where there is no Ceph. ApiError."""
    try:
        found = told(api, "/cluster/ceph/metadata")
    except ApiError as error:
        if not _none(error):
            raise
        return []
    # OSDs are a list, the others are keyed NAME@HOST (pve-manager PVE/API2/Cluster/Ceph.pm).
    osds = [("osd", text(row, "id")) for row in rows(found.get("osd")) if text(row, "hostname") == node]
    named: list[tuple[str, str]] = []
    for kind in _KINDS[1:]:
        entries: Mapping[str, object] = table(found.get(kind))
        pairs = (key.rpartition("@") for key in sorted(entries))
        named += [(kind, name) for name, _, host in pairs if host == node]
    return osds + named


def hosts(api: Api) -> frozenset[str]:
    """The nodes on which Ceph is installed, which also those tell on which it is not (pve-manager PVE/API2/Cluster/Ceph.pm). ApiError."""
    try:
        return frozenset(table(table(api.get("/cluster/ceph/metadata", {"scope": "versions"})).get("node")))
    except ApiError as error:
        if not _none(error):
            raise
        return frozenset()


def elsewhere(api: Api, node: str) -> bool:
    """Whether the node has Ceph and the one that is asked has none: nothing is known of it here, nor can its flags be set. ApiError."""
    try:
        api.get("/cluster/ceph/status")
    except ApiError as error:
        return _none(error) and node in hosts(api)
    return False


def unsafe(api: Api, node: str) -> str:
    """Which of the node's daemons Ceph would miss (GET /nodes/NODE/ceph/cmd-safety), in words; "" when each may be stopped. ApiError."""
    kept, here = [], daemons(api, node)
    if not here and elsewhere(api, node):
        return f"{node} has Ceph, and only a node with Ceph can ask which of its daemons may be stopped ({', '.join(sorted(hosts(api)))})"
    for kind, name in here:
        answer = table(api.get(f"/nodes/{quote(node)}/ceph/cmd-safety", {"service": kind, "id": name, "action": "stop"}))
        if not flag(answer, "safe"):
            words = text(answer, "status")
            kept.append(f"{kind}.{name} ({words})" if words else f"{kind}.{name}")
    more = f" and {len(kept) - _NAMED} more" if len(kept) > _NAMED else ""
    return f"Ceph cannot do without {', '.join(kept[:_NAMED])}{more} of {node} now" if kept else ""


def has_osds(api: Api, node: str) -> bool:
    """Whether the node holds data of Ceph, so that its absence would have it copied elsewhere after some minutes. ApiError."""
    return any(kind == "osd" for kind, _ in daemons(api, node))


def noout(api: Api) -> bool:
    """Whether the flag is set: then the data of a node that is down is not copied elsewhere. ApiError."""
    return bool(api.get(NOOUT))


def set_noout(api: Api, on: bool) -> None:
    """Set or clear the flag (needs Sys.Modify on /). ApiError, Unreachable."""
    api.put(NOOUT, {"value": int(on)})
