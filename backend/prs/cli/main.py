"""The command proxmox-rebalancing-service: reads its arguments, calls the verb's action, turns errors into words and exit codes."""

from __future__ import annotations

import argparse
import importlib
import json
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import IO, cast

from prs import __version__
from prs.cli import exits, options
from prs.cli.call import Call
from prs.cli.options import PROGRAM
from prs.cli.output import Output, occupy_standard_streams
from prs.config.load import DEFAULT_PATH, load_settings
from prs.endpoint import Endpoint
from prs.engine.daemon.systemd import Notifier
from prs.errors import ConfigError, PrsError, UsageError
from prs.pve.api import Api
from prs.terminal import clean, paint, style_of, write


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb: the first sentence of its help, more of its help, and its own options."""

    name: str
    summary: str
    more: str
    add_options: Callable[[argparse.ArgumentParser], None]


VERBS = (
    Verb(
        "run", "Level the cluster once, now, and end.",
        "Reads the cluster, plans, shows the plan and carries it out. Guests move live; a guest counts as moved only when it has been seen "
        "on its target. Ctrl-C starts no further migration and lets running ones end; a second Ctrl-C cancels those too.",
        options.run,
    ),
    Verb(
        "plan", "Show what would be moved, and why; move nothing.",
        "With --drain it shows how a node would be emptied. With --snapshot it needs no cluster at all: it plans for a saved one, for "
        "example with another method or another limit.",
        options.plan,
    ),
    Verb(
        "place", "Say where a guest should go that is to be created, or where one would be better; move nothing.",
        "Every node is ranked by what the cluster looks like afterwards: room for the loss of a node, rules, level. With VMID it is about "
        "that guest, and its own node is among the places. With --order it is about several guests to be, all together: a JSON list, each "
        "with memory (bytes) and, as needed, name, kind, cores, disks ([{storage, size}]), tags, pool, rules, like.",
        options.place,
    ),
    Verb(
        "rules", "Show every rule that binds guests, where it comes from, and whether it is kept; move nothing.",
        "Rules and groups of HA, tags, pools, racks, and guests that are left alone; of one that is broken or cannot be met it says why. "
        "`plan --goal mend` plans what repairs the broken ones and nothing else, `run --goal mend` carries it out.",
        options.rules,
    ),
    Verb(
        "drain", "Empty a node: move all its guests, running and stopped, to the others.",
        "If one guest cannot leave, nothing is moved (but see --leave-blocked) and each such guest is named with the reason. The node "
        "counts as empty when the cluster shows it empty. Until `release NODE` it then gets no guest. Ctrl-C works as it does for run; a "
        "cancelled drain also releases the node. With --reboot the empty node is rebooted and gets its guests back; with --each several "
        "nodes have their turn, one after the other, as long as quorum, nodes, HA and Ceph are well in between.",
        options.drain,
    ),
    Verb(
        "resume", "Go on with jobs that were left: paused, or without a process that carries them out.",
        "A job is left when its command was killed, and paused when its terminal was closed or three of its migrations have failed alike: "
        "its message says how. `status` names it. Rolling maintenance that was left goes on too. With JOB only that job.",
        options.resume,
    ),
    Verb(
        "release", "End a drain: bring the guests back and let the node have guests again.",
        "Ends the HA maintenance mode that the drain has begun and returns every guest that nobody else has moved since; one that no "
        "longer fits stays where it is, with the reason. Guests can be brought back only on the host that has drained the node; on any "
        "node of the cluster --stay lets it have guests again.",
        options.release,
    ),
    Verb(
        "snapshot", "Save what was read of the cluster, for `plan --snapshot` or for a bug report.",
        "Holds the names of nodes, guests and storages and their loads; no secrets and no names of users.",
        options.snapshot,
    ),
    Verb(
        "status", "Show the latest jobs, or one job with its steps.",
        "Reads the journal only, so it works while Proxmox VE is out of reach.",
        options.status,
    ),
    Verb(
        "check", "Say whether configuration, network, TLS, login, privileges, quorum and storages are as needed.",
        "Each finding comes with what to do about it. Changes nothing.",
        options.check,
    ),
    Verb(
        "config", "Show the settings that are in force and where each comes from, or change the policy of the whole cluster.",
        "The layers, lowest first: defaults, the cluster's policy.conf, the cluster's account, prs.conf, and the files of prs.conf.d. "
        "Secrets are not shown. `config set balancing.spread 7` and `config unset balancing.spread`, on any node as root, change "
        "policy.conf: all of it is checked before it is written, and the services of all nodes read it within seconds.",
        options.config,
    ),
    Verb(
        "setup", "On one node, as root: create the least account the services need, for all nodes of the cluster.",
        "Makes a role, a user and an API token with Proxmox VE's own tools and prints what it did. The services of all nodes read the "
        "account from then on, and the leader among them balances by the schedule. Run again it changes nothing.",
        options.setup,
    ),
)  # fmt: skip

_DESCRIPTION = (
    "Levels the load of a Proxmox VE cluster by live migration, and empties nodes for maintenance. Without a verb it does what the "
    "configuration says: run as a service that balances by its schedule (daemon: 1), or make one pass (daemon: 0)."
)


_ARGUMENTS = "arguments"  # stands for a verb where it went no further: help, version, or wrong arguments
# The exit code of these says what became of guests, also if it could not be shown; that of all others that it was shown.
_ACTING = ("run", "drain", "resume", "release", None)
_INTERRUPTED = {"setup": "interrupted: what is said above is done; another `setup` does the rest, `setup --remove` undoes it"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (the process's own by default) and give its exit code; SystemExit as argparse raises it."""
    occupy_standard_streams()
    out, err = Output(sys.stdout), Output(sys.stderr)
    words = list(sys.argv[1:] if argv is None else argv)
    verb, code, sentences = _run(words, out, err)
    out.flush()  # what is short is written only now, and may be lost only now
    if out.lost and verb not in _ACTING:
        code = code or exits.ERROR
        sentences = sentences or ([] if out.reader_left else [f"the output could not be written: {_reason(out.lost)}"])
    style = style_of(err)
    for sentence in sentences:
        write(err, f"{paint('error:', 'red', style)} {clean(sentence)}\n")
    if code and sentences and "--json" in words:
        write(out, json.dumps({"error": {"exit": code, "messages": sentences}}, indent=2) + "\n")
    if verb == _ARGUMENTS:
        raise SystemExit(code)
    return code


def _run(words: list[str], out: Output, err: Output) -> tuple[str | None, int, list[str]]:
    """The verb, the exit code, and what is to be complained about."""
    told = StringIO()
    try:
        with redirect_stdout(cast("IO[str]", out)), redirect_stderr(told):
            options = parser().parse_args(words)
    except SystemExit as error:
        # argparse's own: help, version, or wrong arguments with the usage before the sentence
        usage, _, sentence = told.getvalue().rpartition(": error: ")
        write(err, usage.rpartition("\n")[0] + "\n" if usage else "")
        return _ARGUMENTS, int(error.code or 0), [sentence.strip()] if sentence.strip() else []
    try:
        return options.verb, act(Call(options, out, err, _connect)), []
    except ConfigError as error:
        return options.verb, exits.USAGE, error.mistakes
    except UsageError as error:
        return options.verb, exits.USAGE, [str(error)]
    except PrsError as error:
        return options.verb, exits.ERROR, [str(error)]
    except KeyboardInterrupt:
        return options.verb, exits.CANCELLED, [_INTERRUPTED.get(options.verb, "interrupted; nothing was started")]


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def act(call: Call) -> int:
    """Do what the verb says, or without a verb what the configuration says."""
    if call.options.verb is None:
        call = replace(call, options=_without_verb(call.options.config))
        if call.options.verb:
            Notifier().ready("making one pass")  # the unit is of Type=notify whatever the configuration says
    name = call.options.verb or "daemon"
    if name == "setup":
        # It holds a lock of the whole cluster, which it gives back also when it is told to end.
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.default_int_handler)
    # Loaded only now: a verb must not wait for, or fail by, what only another one needs.
    module = importlib.import_module(f"prs.cli.verbs.{name}")
    return cast("Callable[[Call], int]", module.act)(call)


def _without_verb(file: Path | None) -> argparse.Namespace:
    """Give the options of the daemon (verb None), or those of `run` if the configuration asks for one pass."""
    if load_settings(file or DEFAULT_PATH).daemon:
        return argparse.Namespace(verb=None, config=file)
    options = parser().parse_args(["run"])
    options.config, options.unattended = file, True
    return options


def _connect(endpoint: Endpoint) -> Api:
    from prs.pve.http.client import connect

    return connect(endpoint)


def parser() -> argparse.ArgumentParser:
    """Build the parser of all verbs."""
    top = argparse.ArgumentParser(PROGRAM, description=_DESCRIPTION, epilog=_epilog(), formatter_class=options.Formatter)
    options.common(top, None)
    top.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", title="verbs")
    for verb in VERBS:
        text = f"{verb.summary} {verb.more}"
        sub = verbs.add_parser(verb.name, help=verb.summary, description=text, epilog=_exits(), formatter_class=options.Formatter)
        options.common(sub, argparse.SUPPRESS)
        verb.add_options(sub)
    return top


def _exits() -> str:
    return "exit codes:\n" + "".join(f"  {code}  {text}\n" for code, text in exits.MEANINGS.items())


def _epilog() -> str:
    return f"""{_exits()}
examples:
  {PROGRAM} check
  {PROGRAM} plan --method cpu
  {PROGRAM} plan --drain node01
  {PROGRAM} place --memory 8 --disk local-lvm:32
  {PROGRAM} drain node01
  {PROGRAM} snapshot cluster.json && {PROGRAM} plan --snapshot cluster.json --method disk

`{PROGRAM} VERB --help` tells more about a verb."""


if __name__ == "__main__":
    sys.exit(main())
