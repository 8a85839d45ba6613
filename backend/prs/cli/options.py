"""The options of the command line, verb by verb; values are read and limited exactly as in prs.conf."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prs.config import values
from prs.config.load import DEFAULT_PATH
from prs.config.options import BY_NAME

PROGRAM = "proxmox-rebalancing-service"


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Wraps descriptions as usual, but keeps the lines of tables and examples."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return super()._fill_text(text, width, indent) if "\n" in text else argparse.HelpFormatter._fill_text(self, text, width, indent)


def _option(name: str) -> Callable[[str], Any]:
    """Read a value as the option of that name under [balancing] does; an empty one is refused."""
    option = BY_NAME["balancing", name]
    return _value(option.read, re.sub(r", or nothing for no limit$", "", option.allowed))


def _value(read: Callable[[str], Any], allowed: str) -> Callable[[str], Any]:
    """Turn a reader of prs.conf's values into one for arguments."""

    def convert(text: str) -> Any:
        try:
            if not text.strip():
                raise ValueError
            return read(text.strip())
        except ValueError as error:
            hint = f" ({error})" if str(error).startswith("did you mean") else ""
            raise argparse.ArgumentTypeError(f"{text[:60]!r}{hint}: allowed: {allowed}") from None

    return convert


_NODE = _value(values.node_name, "the name of a node")


def _file(text: str) -> Path:
    """A path; an empty one, as of a variable that is not set, would be the folder at hand."""
    if not text:
        raise argparse.ArgumentTypeError("'': allowed: the name of a file")
    return Path(text)


def _given(allowed: str) -> Callable[[str], str]:
    """Text as it is given, but for none."""

    def convert(text: str) -> str:
        if not text.strip():
            raise argparse.ArgumentTypeError(f"{text[:60]!r}: allowed: {allowed}")
        return text

    return convert


class _Once(argparse.Action):
    """An option of which a second one would be another question, and not take the place of the first."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option_string: str | None = None
    ) -> None:
        """Take the value; ArgumentError where one was given before."""
        if getattr(namespace, self.dest, None) is not None:
            raise argparse.ArgumentError(self, "is given twice: one node at a time")
        setattr(namespace, self.dest, values)


_JOB, _TAG, _RULE = _given("the id of a job, as status shows it"), _given("a tag"), _given("the name of a rule")
_ORDER = _given("the name of a file, or - for standard input")


def common(parser: argparse.ArgumentParser, default: Any) -> None:
    """Add what every verb takes, before or after the verb."""
    words = f"configuration to use instead of {DEFAULT_PATH}"
    parser.add_argument("-c", "--config", metavar="FILE", type=_file, default=default, help=words)


def run(parser: argparse.ArgumentParser) -> None:
    """Add the options of `run`."""
    _levelling(parser)
    _choice(parser)
    words = "instead of a new plan take the one that this host's service suggests: apply starts it if it still holds, dismiss drops it"
    parser.add_argument("--suggested", choices=("apply", "dismiss"), metavar="apply|dismiss", help=words)
    _dry_run(parser)
    _json(parser)


def plan(parser: argparse.ArgumentParser) -> None:
    """Add the options of `plan`."""
    _levelling(parser)
    _choice(parser)
    parser.add_argument("--drain", metavar="NODE", type=_NODE, action=_Once, help="plan to empty this node")
    _leave(parser)
    _relax(parser)
    words = "what if this node were gone: would all of it fit on the others?"
    parser.add_argument("--without", metavar="NODE", type=_NODE, action=_Once, help=words)
    size = _value(values.node_size, "memory and threads, such as 64GiB/32")
    more = "what if there were a node more, such as 64GiB/32; may be repeated"
    parser.add_argument("--add-node", metavar="SIZE/THREADS", type=size, action="append", help=more)
    scale = _value(values.number(0.1, 10), "a factor from 0.1 to 10, such as 1.2")
    parser.add_argument("--scale", metavar="FACTOR", type=scale, help="what if all running guests used so many times what they use now")
    parser.add_argument("--snapshot", metavar="FILE", type=_file, help="plan for the cluster saved in FILE, without any connection")
    _json(parser)


def place(parser: argparse.ArgumentParser) -> None:
    """Add the options of `place`."""
    amount, guest = _value(values.count(1, 100000), "a whole number from 1"), _value(values.count(1, 999999999), "the VMID of a guest")
    parser.add_argument("vmid", metavar="VMID", nargs="?", type=guest, help="a guest that exists; without it, one that is to be created")
    parser.add_argument("--name", metavar="NAME", default="", help="what it is to be called")
    parser.add_argument("--memory", metavar="GIB", type=_value(_gib, "a number of GiB above 0"), help="the memory that it may use")
    parser.add_argument("--cores", metavar="N", type=amount, help="its cores")
    parser.add_argument("--disk", metavar="STORAGE:GIB", action="append", type=_value(_disk, "STORAGE:GIB"), help="a disk; may be repeated")
    parser.add_argument("--tag", metavar="TAG", type=_TAG, action="append", help="a tag, such as one that is a rule; may be repeated")
    parser.add_argument("--pool", metavar="POOL", default="", help="its pool")
    parser.add_argument("--rule", metavar="RULE", type=_RULE, action="append", help="an HA rule or group for it; may be repeated")
    parser.add_argument("--like", metavar="VMID", type=guest, help="a guest that it is like in all that is not said")
    parser.add_argument("--container", action="store_true", help="it is a container")
    parser.add_argument("--order", metavar="FILE", type=_ORDER, help="several guests to be, from a JSON file; - for standard input")
    words = f"what to level: {BY_NAME['balancing', 'method'].allowed}"
    parser.add_argument("--method", type=_option("method"), metavar="METHOD", help=words)
    parser.add_argument("--snapshot", metavar="FILE", type=_file, help="answer for the cluster saved in FILE, without any connection")
    parser.add_argument("--nodes", action="store_true", help="print one JSON object and nothing else: each guest's name and its node")
    _json(parser)


def _gib(text: str) -> int:
    """Bytes of a number of GiB above 0; ValueError."""
    size = float(text)
    if not 0 < size < 2**20:
        raise ValueError
    return round(size * 2**30)


def _disk(text: str) -> tuple[str, int]:
    """The storage and the bytes of STORAGE:GIB; ValueError."""
    storage, _, size = text.rpartition(":")
    if not storage:
        raise ValueError
    return storage, _gib(size)


def rules(parser: argparse.ArgumentParser) -> None:
    """Add the options of `rules`."""
    parser.add_argument("--snapshot", metavar="FILE", type=_file, help="answer for the cluster saved in FILE, without any connection")
    _json(parser)


def _nodes_at_once(text: str) -> int:
    if not 1 <= int(text) <= 16:
        raise ValueError
    return int(text)


def drain(parser: argparse.ArgumentParser) -> None:
    """Add the options of `drain`."""
    parser.add_argument("node", metavar="NODE", type=_NODE, help="the node to empty")
    parser.add_argument("others", metavar="NODE", nargs="*", default=[], type=_NODE, help="further nodes, with --each")
    parser.add_argument("--each", action="store_true", help="one node after the other; needs --reboot")
    at_once = _value(_nodes_at_once, "a number from 1 to 16")
    words = "with --each: up to N nodes together, where quorum, racks, room and Ceph allow it; needs the services of the nodes"
    parser.add_argument("--at-once", metavar="N", type=at_once, default=1, help=words)
    parser.add_argument("--reboot", action="store_true", help="reboot the node when it is empty, then bring its guests back")
    _leave(parser)
    _relax(parser)
    _choice(parser)
    _rides(parser)
    _containers(parser)
    _dry_run(parser)
    _json(parser)


def resume(parser: argparse.ArgumentParser) -> None:
    """Add the options of `resume`."""
    parser.add_argument("job", metavar="JOB", nargs="?", type=_JOB, help="go on with this job only")
    _json(parser)


def release(parser: argparse.ArgumentParser) -> None:
    """Add the options of `release`."""
    parser.add_argument("node", metavar="NODE", type=_NODE, help="the node that was emptied")
    parser.add_argument("--stay", action="store_true", help="bring no guest back; balancing fills the node again")
    _dry_run(parser)
    _json(parser)


def snapshot(parser: argparse.ArgumentParser) -> None:
    """Add the options of `snapshot`."""
    parser.add_argument("file", metavar="FILE", nargs="?", type=_file, help="where to save it, readable only by you (default: print it)")
    parser.add_argument("--all", action="store_true", help="examine every guest (two calls each) instead of those that a plan would move")
    _json(parser)


def status(parser: argparse.ArgumentParser) -> None:
    """Add the options of `status`."""
    parser.add_argument("job", metavar="JOB", nargs="?", type=_JOB, help="show this job with all its steps")
    amount = _value(values.count(1, 100000), "a whole number from 1")
    parser.add_argument("--last", metavar="N", type=amount, default=10, help="show this many jobs (default: 10)")
    _json(parser)


def check(parser: argparse.ArgumentParser) -> None:
    """Add the options of `check`."""
    _json(parser)


def setup(parser: argparse.ArgumentParser) -> None:
    """Add the options of `setup`."""
    one = parser.add_mutually_exclusive_group()
    opens = "where the firewall is on, also open the web interface's port to the management network"
    one.add_argument("--firewall", action="store_true", help=opens)
    reboots = "let the account reboot nodes, and shut guests down that may be, for rolling maintenance (Sys.PowerMgmt, VM.PowerMgmt)"
    parser.add_argument("--reboot", action="store_true", help=reboots)
    one.add_argument("--remove", action="store_true", help="undo it: token, user, role, firewall rule, and the account in the settings")
    _json(parser)


def config(parser: argparse.ArgumentParser) -> None:
    """Add the options of `config`."""
    words = "show: every option with its value, and which file it comes from; set, unset: change the policy of the whole cluster, as root"
    parser.add_argument("what", choices=("show", "set", "unset"), metavar="show|set|unset", help=words)
    words = "set: SECTION.NAME VALUE, such as balancing.spread 7; unset: SECTION.NAME, several are allowed (pool.NAME is a whole pool)"
    parser.add_argument("words", nargs="*", metavar="WORD", help=words)
    words = "unset: the names may be of whole sections, such as balancing, of which all is taken out"
    parser.add_argument("--section", action="store_true", help=words)
    words = "set, unset: only if the policy still is the version that `config set --json` or the API has called so"
    parser.add_argument("--digest", metavar="DIGEST", help=words)
    _json(parser)


def _levelling(parser: argparse.ArgumentParser) -> None:
    words = f"what to level: {BY_NAME['balancing', 'method'].allowed}"
    parser.add_argument("--method", type=_option("method"), metavar="METHOD", help=words)
    counts = f"what counts of a guest's memory: {BY_NAME['balancing', 'memory'].allowed}"
    parser.add_argument("--memory", dest="counted", type=_option("memory"), metavar="WHICH", help=counts)
    parser.add_argument(
        "--goal", choices=("spread", "level", "mend"), default="spread",
        help="spread (default): the cheapest moves to the configured spread; level: the most level cluster within the limits; "
        "mend: broken rules are repaired, and nothing else is moved",
    )  # fmt: skip
    parser.add_argument("--max-moves", type=_option("max_moves"), metavar="N", help="migrate at most N guests")
    parser.add_argument("--max-gib", type=_option("max_gib"), metavar="GIB", help="copy at most so many GiB")
    _containers(parser)


def _containers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--containers", action="store_true", default=None, help="move running containers too; each move restarts one")


def _leave(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--leave-stopped", action="store_true", help="leave stopped guests on the node to empty")
    parser.add_argument("--leave-blocked", action="store_true", help="move what can leave, even if some guests cannot")


def _rides(parser: argparse.ArgumentParser) -> None:
    words = "shut these guests down last, because they cannot move, and start them again on release; their VMIDs, with commas"
    parser.add_argument("--shut-down", metavar="VMIDS", type=_value(_vmids, "VMIDs with commas between them, such as 101,102"), help=words)
    words = "kill such a guest when it has not shut down after so many seconds (10 to 3600); without it none is ever killed"
    parser.add_argument("--kill-after", metavar="SECONDS", type=_value(values.count(10, 3600), "whole seconds from 10 to 3600"), help=words)


def _vmids(text: str) -> tuple[int, ...]:
    """The VMIDs of a list; ValueError."""
    read = values.count(100, 999999999)
    return tuple(sorted({read(part.strip()) for part in text.split(",")}))


def _relax(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--relax", action="store_true", help="break rules of tags and pools while the node is away, as few as it needs")
    parser.add_argument("--relax-rule", metavar="RULE", type=_RULE, action="append", help="only this one, as 'pool db'; may be repeated")


def _choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--avoid", metavar="NODE", type=_NODE, action="append", help="move no guest to this node; may be repeated")
    words = "where this guest is to go; without a drain exactly the guests named so are moved; may be repeated"
    target = _value(_target, "VMID=NODE, such as 105=pve2")
    parser.add_argument("--target", dest="targets", metavar="VMID=NODE", type=target, action="append", help=words)


def _target(text: str) -> tuple[int, str]:
    """The guest and the node of VMID=NODE; ValueError."""
    vmid, _, node = text.partition("=")
    return values.count(1, 999999999)(vmid.strip()), values.node_name(node.strip())


def _dry_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="show the plan and move nothing")


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON for programs instead of tables")
