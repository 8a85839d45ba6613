"""The daemon: what the command does without a verb when the configuration says `daemon: 1`."""

from __future__ import annotations

import signal
import socket

from prs.cli import exits
from prs.cli.call import Call
from prs.cli.carry_out import SWITCH
from prs.cli.journal_of import journal_of, notices_here
from prs.engine.clock import SystemClock
from prs.engine.daemon.service import Service, Surroundings
from prs.engine.daemon.systemd import Notifier
from prs.engine.journal.lock import Owner
from prs.engine.journal.ownership import become_owner
from prs.errors import JournalError


def act(call: Call) -> int:
    """Serve jobs and the schedule until SIGTERM or SIGINT; SIGHUP reads the configuration again."""
    settings = call.settings(daemon=True)
    become_owner(settings.state_dir)
    with Owner(settings.state_dir) as owner:
        if not owner.taken:
            raise JournalError(f"another process carries jobs out of {settings.state_dir} already: the service runs once per host")
        host = socket.gethostname().split(".")[0]
        around = Surroundings(lambda: call.settings(daemon=True), call.connect, host, SWITCH, notices_here())
        service = Service(around, settings, journal_of(settings), SystemClock(), Notifier())
        signal.signal(signal.SIGTERM, lambda *_: service.stop())
        signal.signal(signal.SIGINT, lambda *_: service.stop())
        signal.signal(signal.SIGHUP, lambda *_: service.reload())
        service.run()
    return exits.DONE
