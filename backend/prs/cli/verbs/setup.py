"""`setup`: on a node, create the least account the service needs, for all nodes of the cluster; `--remove` undoes it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from prs.cli import exits
from prs.cli.call import Call
from prs.cli.journal_of import at_work
from prs.config.layers import folder_of
from prs.config.load import DEFAULT_PATH, Settings, account_alone, load_settings
from prs.endpoint import Endpoint
from prs.errors import LoginFailed, PveError, UsageError
from prs.pve.check.cluster import NEEDED
from prs.pve.read.permissions import ROLLING
from prs.setup import account, alone, conf, firewall, places, shared
from prs.setup.texts import at, text, texts
from prs.setup.tools import SetupError, Tools
from prs.terminal import write

SERVICE = "proxmox-rebalancing-service"


def act(call: Call, tools: Tools | None = None) -> int:
    """Set the account up or remove it, and print each change; SetupError names what stood in the way."""
    if call.options.remove and call.options.reboot:
        raise UsageError("--reboot and --remove do not go together: one grants what the other takes away")
    if os.geteuid() != 0:
        raise SetupError("setup changes users of Proxmox VE and the settings of the service: run it as root")
    tools, path = tools or Tools(), call.options.config or DEFAULT_PATH
    told = Told(call)
    with alone.alone(path, lambda words: write(call.err, f"{words}\n")):
        return _act(call, tools, path, told)


def _act(call: Call, tools: Tools, path: Path, told: Told) -> int:
    node = places.this_node(tools)
    settings = load_settings(path, shared.read(node))
    call.note("setup --remove" if call.options.remove else "setup", node=node)
    for sentence in _remove(tools, path, settings, node) if call.options.remove else _create(call, tools, path, settings, node):
        told.add(sentence)
    if not told.changes:
        told.say("Nothing was changed.\n" if told.problems else "Everything is as it should be: nothing was changed.\n")
    if not call.options.remove:
        _firewall(call, tools, load_settings(path, shared.read(node)), told)
        told.say(_next_steps(settings) if told.changes else "")
    return told.end()


class Told:
    """What was said so far: for people at once, for programs at the end."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self.changes, self.problems, self.notes = list[str](), list[str](), list[str]()

    def add(self, sentence: str) -> None:
        """A change, or with "! " before it a problem."""
        problem = sentence.startswith("! ")
        (self.problems if problem else self.changes).append(sentence.removeprefix("! "))
        self._print(f"{sentence}\n" if problem else f"- {sentence}\n")

    def say(self, words: str) -> None:
        """What a person wants to know beside that."""
        self.notes += [words.strip()] if words else []
        self._print(words)

    def end(self) -> int:
        """Tell programs; the exit code."""
        if self._call.json:
            self._call.print_json({"changes": self.changes, "problems": self.problems, "notes": self.notes})
        return exits.FOUND if self.problems else exits.DONE

    def _print(self, text: str) -> None:
        if not self._call.json:
            self._call.print(text)


def _create(call: Call, tools: Tools, path: Path, settings: Settings, node: str) -> Iterator[str]:
    """Bring role, user, token and settings to the wanted state; a sentence for each change, one that begins with "! " for a problem."""
    name = account.CLUSTER if shared.available() else account.token_name(node)
    mine = _refuse_other_account(settings, name, node)
    if settings.endpoint is not None and not mine:
        made = f"{_source(settings)} still names the account {_who(settings.endpoint)}, which setup of an earlier version made"
        yield f"! {made}: it goes before the new one until its lines are taken out"
    privileges = account.wanted(NEEDED, settings.policy)
    # The role is one for all nodes: what was asked for on another one stays.
    yield from account.ensure_role(tools, [*privileges, *(ROLLING if call.options.reboot else ())], keep=ROLLING)
    yield from account.ensure_user(tools)

    def ours() -> Endpoint | None:
        """Our account as it is in force, or by itself where an older one in prs.conf goes before it."""
        return load_settings(path, shared.read(node)).endpoint if mine else account_alone(shared.read(node))

    endpoint = ours() if account.has_token(tools, name) else None
    if endpoint is not None and isinstance(_tried(call, endpoint), LoginFailed):
        endpoint = None
    fresh = endpoint is None
    if endpoint is None:
        secret, done = account.new_token(tools, name)
        yield from done
        endpoint = Endpoint((), account.USER, token_name=name, token_value=secret)
    yield from account.ensure_grants(tools, name)
    if fresh:
        endpoint = at(endpoint, places.places(tools, node))
        yield _write(tools, path, endpoint)
    elif (kept := shared.texts() if shared.available() else {}) and kept != (wanted := texts(tools, endpoint, kept)):
        # A node or an address has come, changed or gone since.
        yield _kept(wanted)
        endpoint = ours() or endpoint
    if problem := _tried(call, endpoint):
        yield f"! the account could not be tried: {problem}. See: {SERVICE} check"


def _refuse_other_account(settings: Settings, name: str, node: str) -> bool:
    """True if the settings hold our token already, False if they hold none or an earlier setup's; SetupError for somebody's own."""
    if (endpoint := settings.endpoint) is None:
        return False
    if (endpoint.user, endpoint.token_name) == (account.USER, name):
        return True
    if endpoint.user == account.USER and endpoint.token_name in (account.CLUSTER, account.token_name(node)):
        return False
    words = "which is not from setup: take it out first if setup is to make one"
    raise SetupError(f"{_source(settings)} names the account {_who(endpoint)}, {words}")


def _who(endpoint: Endpoint) -> str:
    return endpoint.user + (f"!{endpoint.token_name}" if endpoint.token_name else "")


def _source(settings: Settings) -> str:
    return next((one.source for one in settings.origins if one.name in ("api_token", "api_user") and one.source != "default"), "")


def _tried(call: Call, endpoint: Endpoint) -> PveError | None:
    """Log in and ask for the version; give what went wrong."""
    try:
        call.connect(endpoint).get("/version")
    except PveError as error:
        return error
    return None


def _write(tools: Tools, path: Path, endpoint: Endpoint) -> str:
    if not shared.available():
        return f"wrote the account into {conf.write(path, folder_of(path), text(endpoint))}"
    return _kept(texts(tools, endpoint, {}))


def _kept(wanted: Mapping[str, str]) -> str:
    """Not in the midst of a first account that the tab's user has kept on another node: the files of two would mix."""
    with alone.keeping():
        return shared.write(wanted)


def _remove(tools: Tools, path: Path, settings: Settings, node: str) -> Iterator[str]:
    """Take the account out of the settings and of Proxmox VE; a sentence for each change. SetupError while a job needs it."""
    if at_work(settings.state_dir):
        raise SetupError(f"a job of this host is not at its end, and would lose its account: wait for it or cancel it ({SERVICE} status)")
    if shared.available() and (moving := _moving(tools)):
        raise SetupError(f"the account is moving guests ({', '.join(moving)}): wait for the job, on whichever node it is, or cancel it")
    if gone := conf.remove(folder_of(path)):
        yield f"removed {gone}"
    if shared.available():
        with alone.keeping():
            done = shared.remove()
        if done:
            yield done
    names = [account.token_name(node), *([account.CLUSTER] if shared.available() else [])]
    last = False
    for name in names:
        last, changed = account.remove(tools, name)
        yield from (one for one in changed if not one.startswith("kept") or name == names[-1])
    if last:
        try:
            yield from firewall.remove(tools)
        except SetupError as error:
            yield f"! the firewall's rules could not be looked at: {error}"


def _moving(tools: Tools) -> list[str]:
    """The guests that migrate now by tasks of the account, whichever node's service has begun them."""
    try:
        tasks = tools.get("/cluster/tasks")
    except SetupError:
        return []  # nothing optional ends setup
    kinds = ("qmigrate", "vzmigrate", "hamigrate")
    mine = [one for one in tasks if one.get("type") in kinds and str(one.get("user", "")).startswith(account.USER)]
    return sorted(str(one.get("id", "")) for one in mine if not one.get("endtime"))


def _firewall(call: Call, tools: Tools, settings: Settings, told: Told) -> None:
    """Open the port where that was asked for, else say how; nothing of it may end setup."""
    port = settings.web.port

    def ask(path: str) -> Any:
        """PVE 9.2.7 to 9.2.11 let pvesh die at the firewall's options; the API itself answers."""
        try:
            return tools.get(path)
        except SetupError:
            if settings.endpoint is None:
                raise
            return call.connect(settings.endpoint).get(path)

    try:
        if not firewall.needed(ask, port):
            return
        wanted = firewall.commands(ask, port)
        if call.options.firewall:
            for command in wanted:
                tools.do(*command)
            told.add(f"added a firewall rule: the management network may reach port {port}")
            return
    except (SetupError, PveError) as error:
        words = f"\nWhether Proxmox VE's firewall lets browsers reach port {port} of the Rebalancing tab cannot be seen: {error}\n"
        (told.add if call.options.firewall else told.say)(f"! {words.strip()}" if call.options.firewall else words)
        return
    lines = "".join(f"    {' '.join(repr(word) if ' ' in word else word for word in command)}\n" for command in wanted)
    words = f"\nProxmox VE's firewall is on and does not let browsers reach port {port} of the Rebalancing tab."
    told.say(f"{words}\nTo open it to the management network: {SERVICE} setup --firewall, which does\n{lines}")


def _next_steps(settings: Settings) -> str:
    event = settings.calendar
    begin = f"balancing is due at {event.text}" if event else "balancing begins in 5 minutes"
    rhythm = "" if event else f", then every {settings.schedule / 3600:g} hours"
    of_all = shared.available()
    who = "The service of each node reads" if of_all else f"The service of {socket.gethostname()} reads"
    which = ", on the one node that leads" if of_all else ""
    here = f"dry_run: 1 under [service] in {settings.source}, then systemctl reload {SERVICE}"
    dry = f"{SERVICE} config set service.dry_run 1" if of_all else here
    return (
        f"\nNothing has been moved. {who} the account by itself; {begin}{which}{rhythm}.\n"
        f"See what would be moved:                 {SERVICE} plan\n"
        f"Let it say so only, and move nothing:    {dry}\n"
        f"Begin now:                               {SERVICE} run\n"
    )
