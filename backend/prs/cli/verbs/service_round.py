"""`drain --each --reboot` where the service runs: the services of the nodes carry the round, and this command shows how far it is."""

from __future__ import annotations

import secrets
import socket
import time
from dataclasses import replace

from prs.cli import exits
from prs.cli.call import Call
from prs.cli.carry_out import Worker
from prs.cli.rolling_view import round_text, visit_line
from prs.codec import to_json
from prs.config.load import Settings
from prs.engine.clock import SystemClock
from prs.engine.rolling.batches.batched import Batches
from prs.engine.rolling.others import no_other
from prs.engine.rolling.shared_round import SharedRound
from prs.engine.rolling.stages import Round, RoundOptions, begin
from prs.engine.rolling.wishes import asked
from prs.errors import PlanError, PrsError, RoundChanged, RoundUnknown
from prs.helper import hooks
from prs.helper.client import SOCKET
from prs.helper.hooks import hook_troubles

LOOK = 2.0  # seconds between two looks at the round
TRIES = 5  # to write a request, while the carrier writes as well
_EXITS = {"done": exits.DONE, "failed": exits.PARTIAL, "stopped": exits.CANCELLED, "running": exits.CANCELLED}


def act(call: Call, settings: Settings, worker: Worker, batches: Batches, shared: SharedRound) -> int:
    """Begin a round of the services and follow it; the exit code tells whether every node has had its turn."""
    if words := no_other(shared.read()):
        raise PlanError(words)
    stages = tuple(hook_troubles(hooks.SOCKET))
    policy = settings.policy
    options = RoundOptions(hooks=bool(stages), rides=policy.rides, maintenance=SOCKET.exists(), stages=stages)
    host, policy = socket.gethostname().split(".")[0], replace(policy, rides=())  # each turn has its own of them
    nodes = [node for group in batches.groups for node in group]
    one = begin(secrets.token_hex(6), worker.api.user, nodes, policy, options, host, time.time(), batches.numbers)
    shared.put(one)
    call.note("rolling", one.id, " ".join(nodes))
    worker.say(f"The services of the nodes carry round {one.id} out; Ctrl-C stops it, a second time leaves it to them.\n\n")
    return _shown(call, worker, shared, one)


def resume(call: Call, worker: Worker, shared: SharedRound | None) -> int | None:
    """Let the services' round that rests go on, and follow it; None where none rests. PrsError."""
    one = shared.read() if shared else None
    if shared is None or one is None or one.turn is None or not (one.paused or one.turn.step == "by-hand"):
        return None
    one = shared.put(asked(one, "resume", "", time.time()))
    worker.say(f"Round {one.id} of the services goes on; Ctrl-C stops it, a second time leaves it to them.\n\n")
    return _shown(call, worker, shared, one)


def _shown(call: Call, worker: Worker, shared: SharedRound, one: Round) -> int:
    one = _follow(worker, shared, one)
    if call.json:
        call.print_json({"round": to_json(one)})
    else:
        call.print("\n" + round_text(one, call.style))
    return _EXITS[one.state]


def _follow(worker: Worker, shared: SharedRound, one: Round) -> Round:
    """Show each change until the round has ended, or the user no longer wants to look."""
    clock, told, stopped = SystemClock(), dict[str, str](), False
    while True:
        for visit in one.turns:
            if told.get(visit.node) != (line := visit_line(visit)):
                told[visit.node] = line
                worker.say(f"{line}\n")
        if not one.open or worker.interrupts.hung_up or worker.interrupts.count > 1:
            return one
        if worker.interrupts.count and not stopped:
            stopped = True
            worker.say("The round is stopped: what is under way is taken back, and no further node begins.\n")
            _stop(shared)
        clock.sleep(LOOK)
        try:
            one = shared.read() or one
        except RoundUnknown as error:
            worker.say(f"{error}\n")


def _stop(shared: SharedRound) -> None:
    """Ask for the end; the carrier may write at the same moment. PrsError."""
    for attempt in range(TRIES):
        one = shared.read()
        if one is None or not one.open or one.request == "stop":
            return
        try:
            shared.put(asked(one, "stop", "", time.time()))
            return
        except RoundChanged as error:
            if attempt + 1 == TRIES:
                raise PrsError(f"the round could not be stopped, try again: {error}") from None
