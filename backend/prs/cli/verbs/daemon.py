"""The daemon: what the command does without a verb when the configuration says `daemon: 1`."""

from __future__ import annotations

import signal
import socket

from prs.cli import exits
from prs.cli.call import Call
from prs.cli.carry_out import SWITCH
from prs.cli.journal_of import journal_of, shared_holds_here
from prs.engine.clock import SystemClock
from prs.engine.daemon.service import Host, Service
from prs.engine.daemon.systemd import Notifier
from prs.engine.journal.lock import ExecutorLock
from prs.engine.journal.ownership import become_owner
from prs.errors import JournalError


def act(call: Call) -> int:
    """Serve jobs and the schedule until SIGTERM or SIGINT; SIGHUP reads the configuration again."""
    settings = call.settings(daemon=True)
    become_owner(settings.state_dir)
    with ExecutorLock(settings.state_dir) as owner:
        if not owner.taken:
            raise JournalError(f"another process carries jobs out of {settings.state_dir} already: the service runs once per host")
        name = socket.gethostname().split(".")[0]
        host = Host(lambda: call.settings(daemon=True), call.connect, name, SWITCH, shared_holds_here())
        service = Service(host, settings, journal_of(settings), SystemClock(), Notifier())
        signal.signal(signal.SIGTERM, lambda *_: service.stop())
        signal.signal(signal.SIGINT, lambda *_: service.stop())
        signal.signal(signal.SIGHUP, lambda *_: service.reload())
        service.run()
    return exits.DONE
