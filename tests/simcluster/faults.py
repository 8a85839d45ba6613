"""Faults on demand: a list of entries, each with one trigger, one action, and the action's arguments.

Trigger, one of:
  {"at": 120}                                   seconds after the start of the world
  {"on": "POST /nodes/{node}/qemu/{vmid}/migrate", "guest": 102, "node": "pve1"}    a request; path template or path, `*` wildcards
  {"task": "qmigrate", "guest": 102}            a task that starts
`guest` and `node` narrow the trigger and are the action's too; arguments that differ from them stand in `"with": {...}`.
`nth` (default 1) and `times` (default 1, 0 = always) count matches; `after` seconds later the action is taken.
Action `"do"`: see ACTIONS (with `"for"` seconds, the reverse follows), or for requests and tasks:
  answer   status, words; carry_out: true = done all the same; slow: seconds the answer takes (596: 30)      requests
  slow     seconds the answer takes                                                                          requests
  short    without: types of rows that are missing from the list, such as qemu and lxc                       requests
  drop     no answer, and nothing is done (pveproxy loses a request to another node)                         requests
  fail     words (in the log; the task ends `migration aborted`)                                             tasks
  hang     no progress any more; deaf: true = cannot be stopped                                              tasks
  problems words; the guest moves and the task ends `migration problems`                                     tasks
  ignore   the HA manager takes no notice of a hamigrate                                                     tasks
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, Any

from simcluster.ceph import Ceph
from simcluster.errors import NoAnswer, Refused, SceneError
from simcluster.nouns import GiB
from simcluster.process import Failed

if TYPE_CHECKING:
    from simcluster.gate import Prepared
    from simcluster.tasks import Task
    from simcluster.world import World

Do = Callable[["World", dict[str, Any]], None]


@dataclass(frozen=True)
class Action:
    """What a fault does: arguments it needs, those it may have, and the action that undoes it."""

    run: Do
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    undo: str = ""


def _appear(world: World, fault: dict[str, Any]) -> None:
    from simcluster.scenario import guest

    world.life.appear(guest(int(fault["guest"]), fault["entry"]))


def _load(world: World, fault: dict[str, Any]) -> None:
    memory = fault.get("memory")
    world.life.load(fault["guest"], None if memory is None else round(memory * GiB), fault.get("cpu"))


def _api(world: World, fault: dict[str, Any]) -> None:
    world.nodes[fault["node"]].api = fault.get("state", "up")
    world.tell("node", f"the API of {fault['node']} is {fault.get('state', 'up')}")


def _ceph(world: World, fault: dict[str, Any]) -> None:
    world.ceph = world.ceph or Ceph()
    world.ceph.health, world.ceph.checks = fault["health"], dict(fault.get("checks", {}))


def _fill(world: World, fault: dict[str, Any]) -> None:
    world.storages[fault["storage"]].used = round(fault["used"] * GiB)
    world.tell("node", f"storage {fault['storage']} holds {fault['used']} GiB of other data")


ACTIONS = {
    "kill": Action(lambda world, fault: world.life.kill(fault["node"]), ("node",), undo="revive"),
    "revive": Action(lambda world, fault: world.life.revive(fault["node"]), ("node",)),
    "silence": Action(lambda world, fault: world.life.silence(fault["node"]), ("node",), undo="speak"),
    "speak": Action(lambda world, fault: world.life.speak(fault["node"]), ("node",)),
    "api": Action(_api, ("node", "state"), undo="api_up"),
    "api_up": Action(lambda world, fault: _api(world, {"node": fault["node"]}), ("node",)),
    "quorum_lost": Action(lambda world, fault: world.life.quorum(False), undo="quorum_regained"),
    "quorum_regained": Action(lambda world, fault: world.life.quorum(True)),
    "maintenance": Action(lambda world, fault: world.ha_maintenance(fault["node"], True), ("node",), undo="release"),
    "release": Action(lambda world, fault: world.ha_maintenance(fault["node"], False), ("node",)),
    "lock": Action(lambda world, fault: world.life.lock(fault["guest"], fault["word"]), ("guest", "word"), undo="unlock"),
    "unlock": Action(lambda world, fault: world.life.lock(fault["guest"], ""), ("guest",)),
    "stop": Action(lambda world, fault: world.life.stop(fault["guest"]), ("guest",), undo="start"),
    "start": Action(lambda world, fault: world.life.start(fault["guest"]), ("guest",), undo="stop"),
    "load": Action(_load, ("guest",), ("memory", "cpu")),
    "vanish": Action(lambda world, fault: world.life.vanish(fault["guest"]), ("guest",)),
    "appear": Action(_appear, ("guest", "entry")),
    "move": Action(lambda world, fault: world.life.move(fault["guest"], fault["target"]), ("guest", "target")),
    "cancel": Action(lambda world, fault: world.life.cancel(fault["guest"]), ("guest",)),
    "disable": Action(lambda world, fault: world.life.disable(fault["user"]), ("user",), undo="enable"),
    "enable": Action(lambda world, fault: world.life.disable(fault["user"], False), ("user",)),
    "expire": Action(lambda world, fault: world.life.expire(fault.get("user", "")), (), ("user",)),
    "ceph": Action(_ceph, ("health",), ("checks",)),
    "fill": Action(_fill, ("storage", "used")),
}
Arguments = tuple[tuple[str, ...], tuple[str, ...]]  # needed, possible
AT_REQUESTS: dict[str, Arguments] = {
    "answer": (("status", "words"), ("carry_out", "slow", "errors")), "slow": (("seconds",), ()),
    "short": (("without",), ()), "drop": ((), ()),
}  # fmt: skip
AT_TASKS: dict[str, Arguments] = {"fail": (("words",), ()), "hang": ((), ("deaf",)), "problems": (("words",), ()), "ignore": ((), ())}
COMMON = ("do", "nth", "times", "after", "for", "with")
FILTERS = ("guest", "node")


@dataclass
class Fault:
    """One entry and how often its trigger has matched; `guest` and `node` beside `on` and `task` narrow the trigger."""

    entry: dict[str, Any]
    matched: int = 0

    def fires(self) -> bool:
        """Count one match and say whether this one counts."""
        self.matched += 1
        first, times = int(self.entry.get("nth", 1)), int(self.entry.get("times", 1))
        return self.matched >= first and (times == 0 or self.matched < first + times)


class Faults:
    """The faults of a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._at_requests: list[Fault] = []
        self._at_tasks: list[Fault] = []

    def add(self, entry: dict[str, Any]) -> None:
        """Take in a fault; raises SceneError when it is written wrongly."""
        _check(entry)
        if "on" in entry:
            self._at_requests.append(Fault(entry))
        elif "task" in entry:
            self._at_tasks.append(Fault(entry))
        else:
            self._world.clock.at(self._world.clock.start + entry["at"] + entry.get("after", 0), partial(self._act, entry))

    def clear(self) -> None:
        """Forget the faults that wait for a request or a task."""
        self._at_requests.clear()
        self._at_tasks.clear()

    def _act(self, entry: dict[str, Any]) -> None:
        arguments = {**entry, **entry.get("with", {})}
        action = ACTIONS[entry["do"]]
        action.run(self._world, arguments)
        if entry.get("for") is not None:
            undo = {**arguments, "do": action.undo, "for": None}
            self._world.clock.after(entry["for"], partial(self._act, undo))

    def on_request(self, prepared: Prepared) -> bool:
        """Let faults act on a request; True when one of them has settled the answer."""
        for fault in self._at_requests:
            if not _concerns(fault.entry, prepared) or not fault.fires():
                continue
            entry = fault.entry
            if entry["do"] == "slow":
                prepared.delay += entry["seconds"]
            elif entry["do"] == "short":
                prepared.without = tuple(entry["without"])
                self._world.tell("fault", f"{prepared.call.path} is answered without {' and '.join(entry['without'])}")
            elif entry["do"] == "drop":
                prepared.refusal = NoAnswer()
                self._world.tell("fault", f"{prepared.call.method} {prepared.call.path} is dropped")
                return True
            elif entry["do"] == "answer":
                prepared.refusal = Refused(entry["status"], entry["words"], entry.get("errors"))
                prepared.delay += entry.get("slow", 30.0 if entry["status"] == 596 else 0.0)
                prepared.carried_out = bool(entry.get("carry_out"))
                self._world.tell("fault", f"{prepared.call.method} {prepared.call.path} is answered {entry['status']} {entry['words']}")
                return True
            elif entry.get("after"):
                self._world.clock.after(entry["after"], partial(self._act, entry))
            else:
                self._act(entry)
        return False

    def on_task(self, task: Task) -> None:
        """Let faults act on a task that starts."""
        for fault in self._at_tasks:
            entry = fault.entry
            wanted = fnmatchcase(task.type, entry["task"]) and str(entry.get("guest", task.id)) == task.id
            if wanted and entry.get("node", task.node) == task.node and fault.fires():
                self._on_task(task, entry)

    def _on_task(self, task: Task, entry: dict[str, Any]) -> None:
        match entry["do"]:
            case "problems":
                task.problem = entry["words"]
            case "ignore":
                task.ignored = True
            case "fail" | "hang":
                self._world.clock.after(entry.get("after", 0), partial(_spoil, task, entry))
            case _:
                self._world.clock.after(entry.get("after", 0), partial(self._act, entry))


def _spoil(task: Task, entry: dict[str, Any]) -> None:
    if not task.running or task.process is None:
        return
    if entry["do"] == "fail":
        task.process.interrupt(Failed(entry["words"]))
    else:
        task.deaf = bool(entry.get("deaf"))
        task.process.hang()


def _concerns(entry: dict[str, Any], prepared: Prepared) -> bool:
    call, (method, _, path) = prepared.call, entry["on"].partition(" ")
    if not fnmatchcase(call.method, method) or not (fnmatchcase(call.template, path) or fnmatchcase(call.path, path)):
        return False
    asked, vmid = str(call.values.get("node", call.local)), str(call.values.get("vmid", ""))
    return str(entry.get("guest", vmid)) == vmid and str(entry.get("node", asked)) == asked


def _check(entry: dict[str, Any]) -> None:
    what = f"fault {entry}"
    triggers = [name for name in ("at", "on", "task") if name in entry]
    if len(triggers) != 1:
        raise SceneError(f"{what}: exactly one of at, on, task is needed")
    trigger, do = triggers[0], entry.get("do")
    special: dict[str, Arguments] = {"at": {}, "on": AT_REQUESTS, "task": AT_TASKS}[trigger]
    if do in special:
        needs, may = special[do]
    elif do in ACTIONS:
        needs, may = ACTIONS[do].needs, ACTIONS[do].may
        if "for" in entry and not ACTIONS[do].undo:
            raise SceneError(f"{what}: {do} cannot be undone, so `for` has no meaning")
    else:
        raise SceneError(f"{what}: unknown do; allowed are {', '.join(sorted({**special, **ACTIONS}))}")
    given = {**entry, **entry.get("with", {})}
    missing = [name for name in needs if name not in given]
    unknown = [name for name in given if name not in (trigger, *COMMON, *FILTERS, *needs, *may)]
    if missing or unknown:
        raise SceneError(f"{what}: missing {missing or 'nothing'}, unknown {unknown or 'nothing'}")
