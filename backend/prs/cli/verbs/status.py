"""`status`: the latest jobs, or one job with its steps, from the journal alone."""

from __future__ import annotations

import time

from prs.cli import exits
from prs.cli.call import Call
from prs.cli.job_view import job_page, jobs_page, rolling_text
from prs.cli.journal_of import holds_of, journal_of
from prs.codec import to_json
from prs.engine.clock import SystemClock
from prs.engine.journal.lock import ExecutorLock
from prs.engine.rolling.runs import RollingRuns


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
    holds, rolling_run = holds_of(journal, SystemClock()), RollingRuns(journal).latest()
    own, held = holds.own(), holds.held()
    if call.json:
        call.print_json({"jobs": to_json(jobs), "held": [to_json(one) for one in held.values()], "rolling_run": to_json(rolling_run)})
        return exits.DONE
    if rolling_run is not None:
        call.print(rolling_text(rolling_run, call.style) + "\n")
    call.print(jobs_page(jobs, time.time(), call.style))
    for one in held.values():
        how = "" if one.node in own else " --stay, or where it was drained"
        call.print(f"\n{one.node} gets no guests: {one.reason} (release {one.node}{how})\n")
    with ExecutorLock(settings.state_dir) as owner:
        if owner.taken and any(job.open for job in jobs):
            call.print("\nNobody is carrying jobs out at present: start the service, or `run` goes on with them.\n")
    return exits.DONE
