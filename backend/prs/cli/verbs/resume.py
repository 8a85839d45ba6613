"""`resume`: go on with jobs that were left, paused or without a process that carries them out."""

from __future__ import annotations

from prs.cli import exits
from prs.cli.call import Call
from prs.cli.carry_out import Worker, exit_of
from prs.cli.verbs import rolling, service_round
from prs.codec import to_json
from prs.config.load import Settings
from prs.engine.journal.jobs import Job
from prs.engine.journal.lock import ExecutorLock
from prs.engine.planning import PlanRequest
from prs.engine.rolling.runs import RollingRuns
from prs.errors import PlanError
from prs.helper.client import PVE, SOCKET, shared_round


def act(call: Call) -> int:
    """Carry on, one job after the other; the exit code tells how the last one ended, or the first that did not end well."""
    settings = call.settings()
    worker = Worker(call, settings, call.connect(settings.require_endpoint()))
    run = RollingRuns(worker.journal).latest()
    if run is not None and run.state == "running" and not call.options.job:
        return rolling.go_on(call, settings, worker)
    if not call.options.job and (code := service_round.resume(call, worker, shared_round(PVE, SOCKET))) is not None:
        return code
    with ExecutorLock(settings.state_dir, call.options.verb) as lock:
        jobs = _left(worker, call.options.job)
        for job in jobs:
            if job.request == "pause":
                worker.journal.request(job.id, "")
        worker.wait_for(lock)
        for job in jobs:
            call.note("resume", job.id, job.node)
        ended = [worker.work(job.id) for job in jobs]
        return _tell(call, settings, worker, ended)


def _left(worker: Worker, job_id: str | None) -> list[Job]:
    """The jobs to go on with; PlanError for one that cannot be."""
    if job_id is None:
        return [job for job in worker.journal.jobs(only_open=True) if not job.credential]
    job = worker.journal.job(job_id)
    if not job.open:
        raise PlanError(f"job {job.id} has ended ({job.state}): there is nothing to go on with")
    if job.credential:
        raise PlanError(f"job {job.id} runs with the login of {job.user}, which only the service has: resume it in the tab")
    return [job]


def _tell(call: Call, settings: Settings, worker: Worker, ended: list[Job]) -> int:
    if call.json:
        call.print_json({"jobs": to_json(ended)})
    elif not ended:
        call.print("Nothing to go on with: no job was left.\n")
    for number, job in enumerate(ended if not call.json else [], 1):
        worker.tell(job, PlanRequest(), figures=number == len(ended))
    return next((code for code in map(exit_of, ended) if code), exits.DONE)
