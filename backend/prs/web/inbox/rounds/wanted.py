"""A round as a caller asks for it, and all that speaks against beginning it: their rights, this node's service, another round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from prs.engine.journal.lock import other_at_work
from prs.engine.loads.link_speeds import with_speeds
from prs.engine.rolling.others import no_other
from prs.engine.rolling.runs import ACCOUNT, AT_WORK
from prs.engine.rolling.stages import RoundOptions
from prs.errors import ApiError, HelperError, PlanError, RoundUnknown
from prs.helper import hooks
from prs.helper.client import alive_nodes, shared_round
from prs.helper.hooks import hook_troubles
from prs.model import Cluster, Policy
from prs.planner.problem.riding import riding
from prs.pve.api import Api
from prs.pve.read.permissions import POWER, REBOOT, holds, lacking_reboot
from prs.pve.read.snapshot import read_cluster
from prs.pve.roster import listed, scope, unproven, with_hidden
from prs.similar import in_brackets
from prs.web.access.auth import Caller
from prs.web.api.refusal import Refusal
from prs.web.inbox.desk import Desk
from prs.web.inbox.plans import asked_policy
from prs.web.round_json import refused_begin


@dataclass(frozen=True, slots=True)
class Wanted:
    """The nodes in their order and how each is treated; `hooks` are the stages for which this node has a hook, with what is wrong."""

    nodes: tuple[str, ...]
    policy: Policy
    options: RoundOptions
    hooks: dict[str, str]
    untold: str = ""  # why it is not known which hooks there are
    at_once: int = 1


def wanted(desk: Desk, who: Caller, asked: dict[str, Any]) -> Wanted:
    """Read a RoundRequest; Refusal."""
    rides, kill_after = tuple(sorted(map(int, asked.get("rides", ())))), int(asked.get("kill_after", 0))
    if kill_after and not rides:
        raise Refusal(400, "invalid", "The request is not as described.", ["kill_after: belongs to rides, of which there is none"])
    known, untold = dict[str, str](), ""
    try:
        known = hook_troubles(hooks.SOCKET)
    except HelperError as error:
        untold = str(error)
    console = not who.rights.refusal("Sys.Console")
    runs_hooks = asked.get("hooks", bool(known) or bool(untold))
    options = RoundOptions(
        reboot=asked.get("reboot", True), hooks=runs_hooks, stages=tuple(known) if runs_hooks else (), rides=rides,
        maintenance=asked.get("maintenance", console and desk.helper.exists()),
    )  # fmt: skip
    policy = replace(asked_policy(with_speeds(desk.settings.policy, desk.settings.state_dir), asked), rides=rides, kill_after=kill_after)
    return Wanted(tuple(asked["nodes"]), policy, options, known, untold, asked.get("at_once", 1))


def seen(desk: Desk, who: Caller, one: Wanted) -> Cluster:
    """The cluster as the caller sees it; PlanError where the round speaks of nodes or guests that there are not, PveError."""
    cluster = with_hidden(read_cluster(desk.api(who), desk.now(), history=0.0), desk.holds.roster, who.name)
    names = [node.name for node in cluster.nodes]
    for name in one.nodes:
        if name not in names:
            raise PlanError(f"there is no node {name}{in_brackets(name, names)}")
        riding(cluster, one.policy, name)
    return cluster


def lacking(desk: Desk, who: Caller, one: Wanted, cluster: Cluster) -> list[str]:
    """What the caller lacks of the rights for all that the round does with the service's account, each in words. PveError."""
    return list(dict.fromkeys(_lacking(desk.api(who), desk, who, one, cluster)))


def _lacking(api: Api, desk: Desk, who: Caller, one: Wanted, cluster: Cluster) -> Iterator[str]:
    if words := refused_begin(who):
        yield words
    # What is listed of the rights tells nothing of a node or guest on which the caller has none: PVE is asked about each.
    for node in one.nodes if one.options.reboot else ():
        if not holds(api, f"/nodes/{node}", REBOOT):
            yield f"needs {REBOOT} on /nodes/{node}"
    for vmid in one.options.rides:
        if not holds(api, f"/vms/{vmid}", POWER):
            yield f"needs {POWER} on /vms/{vmid}"
    if one.options.maintenance and (words := who.rights.refusal("Sys.Console")):
        yield words
    for node, count in cluster.hidden:
        yield f"{count} of the guests of {node} cannot be seen"
    if scope(who.name, listed(desk.holds.roster, {guest.vmid: guest.node for guest in cluster.guests})):
        yield unproven(who.name)


def against(desk: Desk, who: Caller, one: Wanted) -> Iterator[Refusal]:
    """What else speaks against beginning it on this node now, the first thing first."""
    if not desk.daemon():
        words = "The service that carries jobs out is not running here: systemctl start proxmox-rebalancing-service."
        yield Refusal(503, "daemon", words)
    if not desk.helper.exists() or shared_round(desk.pve, desk.helper) is None:
        yield Refusal(409, "helper", f"The round cannot be written here: there is no helper at {desk.helper}.")
    if words := under_way(desk, who):
        yield Refusal(409, "conflict", words)
    if one.options.maintenance and not desk.helper.exists():
        yield Refusal(409, "helper", f"HA maintenance mode cannot be switched here: there is no helper at {desk.helper}.")
    bad = [words for words in (one.untold, *one.hooks.values()) if words]
    if one.options.hooks and bad:
        yield Refusal(409, "hook", f"A hook of this site cannot be run: {'; '.join(bad)}.")
    if one.options.reboot and desk.node in one.nodes and not set(alive_nodes(desk.pve, desk.now())) - {desk.node}:
        words = f"No service of another node is there to carry the round while {desk.node} reboots."
        yield Refusal(409, "state", words)
    account = desk.journal.note(ACCOUNT)
    if one.options.reboot and account and scope(account, listed(desk.holds.roster, {})):
        yield Refusal(409, "state", f"{one.nodes[0]} is not rebooted: {unproven(account)}.")
    yield from (Refusal(409, "state", f"{words}.") for words in _account_lacks(desk.api(who), account, one))


def _account_lacks(api: Api, account: str, one: Wanted) -> Iterator[str]:
    """What the service's account may not do of the round, in words; nothing where its name or its rights are not told."""
    if not account:
        return
    try:
        for node in one.nodes if one.options.reboot else ():
            if not holds(api, f"/nodes/{node}", REBOOT, account):
                yield lacking_reboot(account, node)
        denied = [f"/vms/{vmid}" for vmid in one.options.rides if not holds(api, f"/vms/{vmid}", POWER, account)]
    except ApiError:  # needs Sys.Audit on /access; the round asks itself before it begins with a node
        return
    if denied:
        yield f"{account} may not shut guests down: it needs {POWER} on {', '.join(denied[:5])} (setup --reboot grants it)"


def under_way(desk: Desk, who: Caller) -> str:
    """The rolling maintenance that goes on in the cluster, in words, and whose it is to those who may see rounds; "" for none."""
    if other := other_at_work(desk.journal.note(AT_WORK)):
        return f"Rolling maintenance is under way already: process {other}."
    try:
        shared = shared_round(desk.pve, desk.helper)
        known = shared.read() if shared else None
    except RoundUnknown as error:
        return f"{error}."
    if known is not None and not known.open:
        return f"{words}." if (words := no_other(known)) else ""
    about = f": round {known.id} of {known.user}, carried by {known.holder}" if known and who.rights.may("Sys.Audit", "/") else ""
    return f"Rolling maintenance is under way already{about}." if known else ""
