"""What the API tells about the cluster: privileges, quorum, storages, versions, HA, and PVE's own auto-rebalance."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from prs.errors import ApiError, Unreachable
from prs.pve.api import Api, quote
from prs.pve.check.findings import Finding
from prs.pve.read import ha, resources
from prs.pve.read.permissions import POWER, REBOOT, granted
from prs.pve.read.values import flag, rows, table, text

# What each is for; without the first four parts of the cluster are invisible or nothing can be moved.
NEEDED = {
    "VM.Audit": ("/vms", "see guests and their load"),
    "VM.Migrate": ("/vms", "migrate guests"),
    "Sys.Audit": ("/", "see nodes, HA rules and tasks"),
    "Datastore.Audit": ("/storage", "see storages and their use"),
}
USEFUL = {
    "Sys.Modify": ("/", "cancel a migration that somebody else, or the HA manager, has started"),
    "SDN.Audit": ("/sdn", "see whether a node has the bridges of a guest"),
    "VM.Config.Disk": ("/vms", "see how much of a local storage each guest uses (method disk)"),
}
# For a map of [storages] (qemu-server PVE/API2/Qemu.pm migrate_vm, parameter targetstorage): without them PVE refuses each such migration.
MAPS = {
    "VM.Config.Disk": ("/vms", "let local disks land on storages of other names ([storages])"),
    "Datastore.AllocateSpace": ("/storage", "let local disks land on storages of other names ([storages])"),
}
BAD_STATES = {"fence": "being fenced", "unknown": "unknown to the HA manager", "gone": "gone for the HA manager"}


def check_cluster(api: Api, maps: bool = False) -> list[Finding]:
    """All findings of one login, with `maps` also on what maps of storages need.

    What cannot be read is a finding too. LoginFailed passes through.
    """
    parts: list[tuple[str, Callable[[Api], list[Finding]]]] = [
        ("privileges", partial(_privileges, maps=maps)), ("quorum", _quorum), ("storages", _storages), ("versions", _versions),
        ("HA", _ha), ("auto-rebalance", _auto_rebalance), ("rolling maintenance", _rolling),
    ]  # fmt: skip
    findings: list[Finding] = []
    for name, part in parts:
        try:
            findings += part(api)
        except (ApiError, Unreachable) as error:
            findings.append(Finding(name, None, f"cannot be read: {error}"))
    return findings


def _privileges(api: Api, maps: bool) -> list[Finding]:
    held, needed = table(api.get("/access/permissions")), NEEDED | (MAPS if maps else {})
    missing = {name: want for name, want in needed.items() if not granted(held, want[0], name)}
    findings = [Finding("privileges", True, f"{api.user} holds {', '.join(needed)}")]
    if missing:
        words = "; ".join(f"{name} on {path} is missing, needed to {purpose}" for name, (path, purpose) in missing.items())
        paths = {path for path, _ in missing.values()}
        findings = [Finding("privileges", False, words, _grant(api.user, paths.pop() if len(paths) == 1 else "/", needed))]
    for name, (path, purpose) in USEFUL.items():
        if name not in needed and not granted(held, path, name):
            findings.append(Finding("privileges", None, f"{name} on {path} is missing; it would allow to {purpose}"))
    return findings


def _grant(user: str, path: str, needed: Iterable[str]) -> str:
    role = f"as root on a node: pveum role add PRS --privs '{' '.join(needed)}'; pveum acl modify {path}"
    owner, token, _ = user.partition("!")
    if token:  # a token has no right that its user lacks
        return f"{role} --tokens '{user}' --roles PRS; pveum acl modify {path} --users '{owner}' --roles PRS"
    return f"{role} --users '{user}' --roles PRS"


def _quorum(api: Api) -> list[Finding]:
    status = rows(api.get("/cluster/status"))
    cluster = next((row for row in status if row.get("type") == "cluster"), None)
    if cluster is None:
        return [Finding("quorum", False, "this is a single node and no cluster: there is nowhere to migrate to", "join nodes with pvecm")]
    down = sorted(text(row, "name") for row in status if row.get("type") == "node" and not flag(row, "online"))
    if not flag(cluster, "quorate"):
        return [Finding("quorum", False, f"cluster {text(cluster, 'name')} has no quorum", "bring a majority of the nodes back online")]
    findings = [Finding("quorum", True, f"cluster {text(cluster, 'name')} has quorum")]
    if down:
        findings.append(Finding("nodes", False, f"offline: {', '.join(down)}", "guests there can neither be moved nor counted"))
    return findings


def _storages(api: Api) -> list[Finding]:
    data = rows(api.get("/cluster/resources"))
    online = {text(row, "node") for row in data if row.get("type") == "node" and row.get("status") == "online"}
    found = [storage for storage in resources.storages(data) if storage.node in online]
    if not found:
        return [Finding("storages", None, "no storage can be seen", "grant Datastore.Audit on /storage")]
    dead = [f"{storage.name} on {storage.node}" for storage in found if not storage.active]
    findings = []
    if dead:
        findings.append(Finding("storages", False, f"inactive: {', '.join(dead)}", "guests on it cannot be migrated; check the storage"))
    where = {storage.name: {one.node for one in found if one.name == storage.name} for storage in found if storage.shared}
    partial = {name: nodes for name, nodes in where.items() if nodes != online}
    words = [f"shared by all nodes: {', '.join(sorted(set(where) - set(partial))) or 'none'}"]
    words += [f"{name} only on {', '.join(sorted(nodes))}" for name, nodes in sorted(partial.items())]
    words.append(f"local for guests: {', '.join(sorted({one.name for one in found if resources.holds_guests(one)})) or 'none'}")
    return [*findings, Finding("storages", None if partial else True, "; ".join(words))]


def _versions(api: Api) -> list[Finding]:
    online = [text(row, "node") for row in rows(api.get("/nodes")) if row.get("status") == "online"]
    versions: dict[str, list[str]] = {}
    silent: list[str] = []
    for node in sorted(online):
        try:
            versions.setdefault(text(table(api.get(f"/nodes/{quote(node)}/version")), "version"), []).append(node)
        except (ApiError, Unreachable):
            silent.append(node)
    words = "; ".join(f"{version} on {', '.join(nodes)}" for version, nodes in sorted(versions.items()))
    findings = [Finding("versions", None, f"no answer from {', '.join(silent)}")] if silent else []
    if len({version.rpartition(".")[0] for version in versions}) > 1:
        remedy = "finish the upgrade; until then guests can safely go to the same or a newer release only"
        return [*findings, Finding("versions", False, f"the nodes run different releases of PVE: {words}", remedy)]
    return [*findings, Finding("versions", True, f"PVE {words}")] if words else findings


def _ha(api: Api) -> list[Finding]:
    status = table(api.get("/cluster/ha/status/manager_status"))
    manager = ha.manager(status)
    services = table(table(status.get("manager_status")).get("service_status"))
    findings = []
    broken = sorted(str(sid) for sid, service in services.items() if table(service).get("state") == "error")
    if broken:
        remedy = "disable, mend and start them again; until then they stay where they are"
        findings.append(Finding("HA", False, f"in error state: {', '.join(broken)}", remedy))
    for node, state in manager.states:
        if state in BAD_STATES:
            findings.append(Finding("HA", False, f"{node} is {BAD_STATES[state]}", "look at the node and at ha-manager status"))
        elif state == "maintenance":
            findings.append(Finding("HA", None, f"{node} is in maintenance mode: nothing is moved there"))
    if manager.disarmed:
        findings.append(Finding("HA", None, f"HA is disarmed ({manager.disarmed})"))
    if findings:
        return findings
    return [Finding("HA", True, f"{manager.master} is the HA manager's master" if manager.master else "HA is not in use")]


def _auto_rebalance(api: Api) -> list[Finding]:
    options = table(api.get("/cluster/options"))
    if ha.auto_rebalance(options):
        words = "PVE's own auto-rebalance is on: guests managed by HA are left to it, but for those excluded from it in HA > Resources"
        remedy = "to have them balanced here, turn it off in Datacenter > Options > Cluster Resource Scheduling, or see prs.conf, ha_guests"
        return [Finding("auto-rebalance", None, words, remedy)]
    if not granted(table(api.get("/access/permissions")), "/", "Sys.Audit"):  # PVE then leaves out most options without a word
        return [Finding("auto-rebalance", None, "whether PVE moves HA guests by itself cannot be seen without Sys.Audit on /")]
    return [Finding("auto-rebalance", True, "PVE does not move guests by itself")]


def _rolling(api: Api) -> list[Finding]:
    """Whether nodes may be rebooted: a right that setup gives only when asked, so its absence is no problem."""
    held = table(api.get("/access/permissions"))
    if granted(held, "/nodes", REBOOT):
        shuts = "" if granted(held, "/vms", POWER) else f", but shut no guest down ({POWER} on /vms; setup --reboot grants it)"
        return [Finding("rolling maintenance", True, f"{api.user} may reboot nodes (drain --reboot){shuts}")]
    words = f"{REBOOT} on /nodes is missing, so drain --reboot is not possible; setup --reboot grants it to the account of setup"
    return [Finding("rolling maintenance", True, words)]
