"""`status`: the latest jobs, or one job with its steps, from the journal alone."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Sequence

from prs.cli import exits
from prs.cli.balancing_view import balancing_text
from prs.cli.call import Call
from prs.cli.job_view import job_page, jobs_page, rolling_text
from prs.cli.journal_of import holds_of, journal_of
from prs.cli.rolling_view import round_text
from prs.codec import to_json
from prs.config.load import Settings
from prs.engine.clock import SystemClock
from prs.engine.journal.automation import balancing
from prs.engine.journal.jobs import Job
from prs.engine.journal.lock import ExecutorLock, other_at_work
from prs.engine.rolling.runs import AT_WORK, RollingRun, RollingRuns
from prs.engine.rolling.stages import Round
from prs.errors import RoundUnknown
from prs.helper.client import PVE, SOCKET, shared_round

log = logging.getLogger(__name__)


def act(call: Call) -> int:
    """Show one job or the latest ones; JournalError if the named job does not exist."""
    settings = call.settings(offline=True)
    journal = journal_of(settings)
    if call.options.job:
        job = journal.job(call.options.job)
        if call.json:
            call.print_json(to_json(job))
        else:
            call.print(job_page(job, time.time(), call.style))
        return exits.DONE
    jobs = journal.jobs(limit=call.options.last)
    carried = _round()
    holds, rolling_run = holds_of(journal, SystemClock()), RollingRuns(journal).latest()
    own, held = holds.own(), holds.held()
    standing = balancing(settings, journal, socket.gethostname().partition(".")[0], time.time())
    if call.json:
        told = {"held": [to_json(one) for one in held.values()], "rolling_run": to_json(rolling_run), "mistakes": list(settings.mistakes),
                "round": to_json(carried)}  # fmt: skip
        call.print_json({"jobs": to_json(jobs), **told, "balancing": to_json(standing)})
        return exits.DONE
    call.print(balancing_text(standing, time.time()) + "\n")
    if carried is not None:
        call.print(round_text(carried, call.style) + "\n")
    if rolling_run is not None:
        call.print(rolling_text(rolling_run, call.style) + "\n")
    call.print(jobs_page(jobs, time.time(), call.style))
    for one in held.values():
        how = "" if one.node in own else " --stay, or where it was drained"
        call.print(f"\n{one.node} gets no guests: {one.reason} (release {one.node}{how})\n")
    abroad = other_at_work(journal.note(AT_WORK))  # it works on though its lock file is gone
    call.print(_keeper(settings, jobs, None if abroad else rolling_run))
    return exits.DONE


def _round() -> Round | None:
    """The cluster's round of rolling maintenance, as far as it is there and may be read."""
    shared = shared_round(PVE, SOCKET)
    try:
        return shared.read() if shared else None
    except RoundUnknown as error:
        log.warning("%s", error)
        return None


def _keeper(settings: Settings, jobs: Sequence[Job], rolling_run: RollingRun | None) -> str:
    """Say who carries open jobs out, and how to go on with those that nobody does."""
    if rolling_run is not None and rolling_run.state == "running":
        with ExecutorLock(settings.state_dir, "status", "rolling.lock") as rolling:
            if rolling.taken:
                return "\nNobody carries the rolling maintenance on at present: `resume` goes on with it.\n"
    waiting = [job for job in jobs if job.open]
    text = "".join(f"\nJob {job.id} is paused: `resume {job.id}` goes on with it.\n" for job in waiting if job.request == "pause")
    with ExecutorLock(settings.state_dir, "status") as lock:
        if not lock.taken:
            return text + (f"\nOpen jobs are carried out by {lock.holder.words}.\n" if waiting else "")
    if any(job.request != "pause" for job in waiting):
        text += "\nNobody is carrying jobs out at present: start the service, or `resume` goes on with them.\n"
    return text
