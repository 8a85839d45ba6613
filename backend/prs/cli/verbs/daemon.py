"""The daemon: what the command does without a verb when the configuration says `daemon: 1`."""

from __future__ import annotations

import logging
import signal
import socket
from functools import partial
from pathlib import Path

from prs.cli import exits
from prs.cli.call import Call
from prs.cli.carry_out import SWITCH
from prs.cli.journal_of import journal_of, shared_holds_here
from prs.config.layers import ACCOUNT_MARK, signature
from prs.config.load import DEFAULT_PATH, Settings, keep_good
from prs.engine.clock import SystemClock
from prs.engine.daemon.host import Host
from prs.engine.daemon.service import Service
from prs.engine.daemon.systemd import Notifier
from prs.engine.execution.executor import TICK
from prs.engine.journal.lock import SERVICE, ExecutorLock
from prs.engine.journal.ownership import become_owner
from prs.errors import JournalError
from prs.helper import client, hooks, notify
from prs.helper.cluster_log import tell_cluster

log = logging.getLogger(__name__)

AGAIN = 60.0  # seconds until an account that the helper did not give is asked for again


def act(call: Call) -> int:
    """Serve jobs and the schedule until SIGTERM or SIGINT; SIGHUP reads the configuration again."""
    before = signature(call.options.config or DEFAULT_PATH, client.PVE)  # what is written from now on is read again
    settings = call.settings(daemon=True)
    become_owner(settings.state_dir)
    tell_cluster(client.SOCKET)
    clock, notifier, stopped = SystemClock(), Notifier(), list[int]()

    def stop(number: int, _: object) -> None:
        stopped.append(number)
        clock.wake()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    with ExecutorLock(settings.state_dir, SERVICE) as lock:
        _wait(lock, clock, notifier, stopped)
        if stopped:
            return exits.DONE
        name = socket.gethostname().split(".")[0]
        latest = [kept(settings)]

        def load() -> Settings:
            latest[:] = [kept(call.settings(daemon=True))]
            return latest[0]

        host = Host(
            load, call.connect, name, SWITCH, shared_holds_here(), lambda: signs(latest[0], client.PVE, clock.monotonic()),
            lambda now: client.alive_nodes(client.PVE, now), lambda alive: client.tell_alive(client.SOCKET, alive),
            client.shared_round(client.PVE, client.SOCKET),
            lambda notice, wanted: notify.send(notify.SOCKET, notice, wanted), partial(hooks.run_hook, hooks.SOCKET),
        )  # fmt: skip
        with journal_of(settings) as journal:
            service = Service(host, settings, journal, clock, notifier, (before, signs(settings, client.PVE, clock.monotonic())[1]))
            signal.signal(signal.SIGTERM, lambda *_: service.stop())
            signal.signal(signal.SIGINT, lambda *_: service.stop())
            signal.signal(signal.SIGHUP, lambda *_: service.reload())
            service.run()
    return exits.DONE


def signs(settings: Settings, pve: Path, now: float) -> tuple[object, float]:
    """What changes when the settings are to be read again: with what programs write, and by the clock while there is an account for
    all nodes that could not be had, because its helper was busy or not up yet."""
    lacking = settings.lacks_account and (pve / ACCOUNT_MARK).exists()
    return signature(settings.source, pve), now // AGAIN if lacking else 0.0


def kept(settings: Settings) -> Settings:
    """The settings, which are kept for the day when they have mistakes."""
    try:
        keep_good(settings)
    except OSError as error:
        log.warning("the settings cannot be kept aside in %s: %s", settings.state_dir, error.strerror or error)
    return settings


def _wait(lock: ExecutorLock, clock: SystemClock, notifier: Notifier, stopped: list[int]) -> None:
    """Wait while a command that was called by hand carries jobs out; JournalError if that is another service."""
    told = False
    while not lock.take() and not stopped:
        if lock.holder.service:
            raise JournalError(f"{lock.holder.words} is running already: it runs once per host")
        if not told:
            words = f"waiting: {lock.holder.words} carries jobs out; the service goes on when it has ended"
            told = notifier.ready(words) or True
            log.info("%s", words)
        notifier.watchdog()
        clock.sleep(TICK)
