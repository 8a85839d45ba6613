"""`setup`: on a node, create the least account the service needs and write it into prs.conf; `--remove` undoes it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from prs.cli import exits
from prs.cli.call import Call
from prs.config.load import DEFAULT_PATH, Settings, load_settings
from prs.endpoint import Endpoint
from prs.errors import LoginFailed, PveError
from prs.pve.check.cluster import NEEDED
from prs.pve.read.permissions import REBOOT
from prs.setup import account, conf, firewall, places
from prs.setup.tools import SetupError, Tools

OPTIONS = ("api_host", "api_token", "ca_file")
SERVICE = "proxmox-rebalancing-service"
# Without it PVE lists no disks of guests in a storage (pve-storage PVE/API2/Storage/Content.pm), so local disks cannot be levelled.
DISKS, BRIDGES = "VM.Config.Disk", "SDN.Audit"


def act(call: Call, tools: Tools | None = None) -> int:
    """Set the account up or remove it, and print each change; SetupError names what stood in the way."""
    if os.geteuid() != 0:
        raise SetupError("setup changes users of Proxmox VE and prs.conf: run it as root")
    tools, path = tools or Tools(), call.options.config or DEFAULT_PATH
    settings = load_settings(path)
    done = _remove(tools, path, settings) if call.options.remove else _create(call, tools, path, settings)
    changed, code = 0, exits.DONE
    for sentence in done:
        changed += not sentence.startswith("!")
        code = exits.FOUND if sentence.startswith("! ") else code
        call.print(f"{sentence}\n" if sentence.startswith("!") else f"- {sentence}\n")
    if not changed:
        call.print("Everything is as it should be: nothing was changed.\n")
    if not call.options.remove:
        call.print(_firewall(call, tools, settings.web.port))
        call.print(_next_steps(settings) if changed else "")
    return code


def _create(call: Call, tools: Tools, path: Path, settings: Settings) -> Iterator[str]:
    """Bring role, user, token and prs.conf to the wanted state; a sentence for each change, one that begins with "!" for a problem."""
    node = places.this_node(tools)
    name = account.token_name(node)
    mine = _refuse_other_account(path, settings, name)
    disks = [DISKS] if settings.policy.method in ("disk", "all") else []
    # The role is one for all nodes: what was asked for on another one stays.
    yield from account.ensure_role(tools, [*NEEDED, BRIDGES, *disks, *([REBOOT] if call.options.reboot else [])], keep=(REBOOT,))
    yield from account.ensure_user(tools)
    endpoint = settings.endpoint if mine and account.has_token(tools, name) else None
    if endpoint is not None and isinstance(_tried(call, endpoint), LoginFailed):
        endpoint = None
    fresh = endpoint is None
    if endpoint is None:
        secret, done = account.new_token(tools, name)
        yield from done
        endpoint = Endpoint((), account.USER, token_name=name, token_value=secret)
    yield from account.ensure_grants(tools, name)
    if fresh:
        endpoint = _reachable(call, endpoint, places.places(tools, node))
        yield _write(path, endpoint)
    if problem := _tried(call, endpoint):
        yield f"! the account could not be tried: {problem}. See: {SERVICE} check"


def _refuse_other_account(path: Path, settings: Settings, name: str) -> bool:
    """True if prs.conf holds our token already, False if it holds no account; SetupError for somebody's own."""
    if (endpoint := settings.endpoint) is None:
        return False
    if (endpoint.user, endpoint.token_name) != (account.USER, name):
        who = endpoint.user + (f"!{endpoint.token_name}" if endpoint.token_name else "")
        raise SetupError(f"{path} names the account {who}, which is not from setup: take it out first if setup is to make one")
    return True


def _reachable(call: Call, endpoint: Endpoint, found: list[places.Place]) -> Endpoint:
    """Give the endpoint with the first place that answers, or the likeliest if none does."""
    candidates = [replace(endpoint, hosts=place.hosts, ca_file=place.ca_file) for place in found]
    return next((one for one in candidates if _tried(call, one) is None), candidates[0])


def _tried(call: Call, endpoint: Endpoint) -> PveError | None:
    """Log in and ask for the version; give what went wrong."""
    try:
        call.connect(endpoint).get("/version")
    except PveError as error:
        return error
    return None


def _write(path: Path, endpoint: Endpoint) -> str:
    token = f"{endpoint.user}!{endpoint.token_name}={endpoint.token_value}"
    values = {"api_host": ",".join(endpoint.hosts), "api_token": token}
    values |= {"ca_file": endpoint.ca_file} if endpoint.ca_file else {}
    text = conf.without_options(path.read_text(encoding="utf-8"), "proxmox", OPTIONS)
    conf.write(path, conf.with_options(text, "proxmox", values))
    return f"wrote {', '.join(values)} into {path}"


def _remove(tools: Tools, path: Path, settings: Settings) -> Iterator[str]:
    """Take the account out of prs.conf and of Proxmox VE; a sentence for each change."""
    name = account.token_name(places.this_node(tools))
    endpoint = settings.endpoint
    if endpoint is not None and (endpoint.user, endpoint.token_name) == (account.USER, name):
        conf.write(path, conf.without_options(path.read_text(encoding="utf-8"), "proxmox", OPTIONS))
        yield f"took {', '.join(OPTIONS)} out of {path}"
    last, done = account.remove(tools, name)
    yield from done
    if last:
        yield from firewall.remove(tools)


def _firewall(call: Call, tools: Tools, port: int) -> str:
    """Open the port where that was asked for, else say how; "" where there is nothing to do."""
    if not firewall.needed(tools, port):
        return ""
    wanted = firewall.commands(tools, port)
    if call.options.firewall:
        for command in wanted:
            tools.do(*command)
        return f"- added a firewall rule: the management network may reach port {port}\n"
    lines = "".join(f"    {' '.join(repr(word) if ' ' in word else word for word in command)}\n" for command in wanted)
    words = f"\nProxmox VE's firewall is on and does not let browsers reach port {port} of the Rebalancing tab."
    return f"{words}\nTo open it to the management network: {SERVICE} setup --firewall, which does\n{lines}"


def _next_steps(settings: Settings) -> str:
    hours = f"{settings.schedule / 3600:g} hours"
    return (
        f"\nNothing has been moved. See what would be:     {SERVICE} plan\n"
        f"Have {socket.gethostname()} balance now and every {hours}: systemctl reload {SERVICE}\n"
    )
