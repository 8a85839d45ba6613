"""A job never loses its keeper: what becomes of it when output, terminal, service or another command gets in the way."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.command_site import ROOT, Site, running, started
from prs.engine.journal.jobs import Job
from prs.engine.journal.lock import ExecutorLock


@pytest.fixture
def site(ram: Path) -> Iterator[Site]:
    with running(ram, "9", "spread: 90\n") as found:
        yield found


def the_job(site: Site) -> Job:
    """The only job of the journal."""
    (job,) = site.journal().jobs()
    return job


def all_moved(site: Site) -> None:
    """The drain of pve1 is done, and each guest was migrated once."""
    job = the_job(site)
    assert (job.state, {step.state for step in job.steps}) == ("done", {"done"})
    assert dict(site.world.started) == {step.vmid: 1 for step in job.steps}


def within(seconds: float, process: subprocess.Popen[str]) -> str:
    """What the process wrote until its end."""
    out, err = process.communicate(timeout=seconds)
    return (out or "") + (err or "")


def locked_by(site: Site, work: str) -> None:
    """Wait until a process that does this work holds the lock."""
    deadline = time.monotonic() + 30
    while True:
        assert time.monotonic() < deadline
        if (site.folder / "state").is_dir():
            with ExecutorLock(site.folder / "state", "look") as lock:
                if not lock.taken and lock.holder.work == work:
                    return
        time.sleep(0.1)


def test_two_runs_at_once_share_the_work(site: Site) -> None:
    site.write("spread: 5\n")
    both = [site.start("run"), site.start("run")]
    texts = [within(100, process) for process in both]
    assert [process.returncode for process in both] == [0, 0], texts
    assert not [text for text in texts if "service of this host" in text]
    assert set(site.world.started.values()) == {1}
    assert [job.state for job in site.journal().jobs()] == ["done"]


def test_a_command_waits_for_another_one(site: Site) -> None:
    with ExecutorLock(site.folder / "state", "run"):
        process = site.start("drain", "pve1")
        assert process.stdout
        assert f"Waiting: `run` in process {os.getpid()} is at work on this host" in process.stdout.readline()
    text = within(100, process)
    assert process.returncode == 0, text
    all_moved(site)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_wait(site: Site, number: signal.Signals) -> None:
    with ExecutorLock(site.folder / "state", "drain"):
        process = site.start("run")
        assert process.stdout
        assert "Waiting: `drain`" in process.stdout.readline()
        process.send_signal(number)
        text = within(20, process)
    assert (process.returncode, "interrupted; nothing was started" in text) == (5, True), text
    assert not site.journal().jobs()


def test_a_full_disk_ends_the_output_and_not_the_job(site: Site) -> None:
    with open("/dev/full", "w") as full:
        process = site.start("drain", "pve1", stdout=full, stderr=full)
        assert process.wait(timeout=100) == 0
    all_moved(site)


def test_a_reader_that_leaves_ends_the_output_and_not_the_job(site: Site) -> None:
    process = site.start("drain", "pve1")
    assert process.stdout
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr
    with process.stderr:
        assert (process.stderr.read(), process.wait(timeout=100)) == ("", 0)
    all_moved(site)


def test_a_reader_that_does_not_read_holds_nothing_up(site: Site) -> None:
    """Like a pager that nobody scrolls: the pipe is full, and the migrations go on."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    process = site.start("drain", "pve1", stdout=writer, stderr=subprocess.DEVNULL)
    os.close(writer)
    deadline = time.monotonic() + 60
    # The plan itself has to be taken; what comes later does not.
    taken = b""
    while not site.world.started:
        assert time.monotonic() < deadline
        if select.select([reader], [], [], 0.1)[0]:
            taken += os.read(reader, 512)
    while not (site.folder / "state" / "journal.sqlite").exists() or any(job.open for job in site.journal().jobs()):
        assert time.monotonic() < deadline, taken
        time.sleep(0.1)
    while os.read(reader, 65536):
        pass
    os.close(reader)
    assert process.wait(timeout=100) == 0
    all_moved(site)


def test_a_closed_standard_output_is_no_file_of_ours(site: Site) -> None:
    """`>&-`: the journal must not get the number of the output, and be written into."""
    process = site.start("drain", "pve1", stdout=None, stderr=None, preexec_fn=lambda: os.closerange(1, 3))
    assert process.wait(timeout=100) == 0
    all_moved(site)


def test_sighup_leaves_the_rest_for_resume(site: Site) -> None:
    process = site.start("drain", "pve1")
    started(site, 1)
    process.send_signal(signal.SIGHUP)
    text = within(100, process)
    job = the_job(site)
    assert (process.returncode, job.state) == (5, "paused"), text
    assert not [step for step in job.steps if step.active]
    assert 0 < job.count("planned") < len(job.steps)
    _, text = site.run("status")
    assert f"Job {job.id} is paused: `resume {job.id}` goes on with it." in text
    _, text = site.run("run")
    assert f"Job {job.id} (drain pve1) is paused: `resume {job.id}` goes on with it." in text
    assert the_job(site).state == "paused"
    code, text = site.run("resume")
    assert (code, "pve1 is empty: the cluster shows no guest on it" in text) == (0, True), text
    all_moved(site)
    code, text = site.run("resume", job.id)
    assert (code, f"job {job.id} has ended (done)" in text) == (1, True), text
    assert site.run("resume") == (0, "Nothing to go on with: no job was left.\n")


def test_a_terminal_that_is_closed(site: Site) -> None:
    """As a lost ssh connection: the terminal goes away, and the kernel sends SIGHUP."""
    master, slave = pty.openpty()
    process = site.start(
        "drain", "pve1", stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(slave)
    os.set_blocking(master, False)
    deadline = time.monotonic() + 60
    while not site.world.started:
        assert time.monotonic() < deadline
        try:
            os.read(master, 65536)
        except BlockingIOError:
            time.sleep(0.02)
    os.close(master)
    assert process.wait(timeout=300) == 5
    job = the_job(site)
    assert (job.state, job.count("planned") > 0, job.count("starting", "running", "verifying")) == ("paused", True, 0)
    assert site.run("resume", job.id)[0] == 0
    all_moved(site)


def test_a_command_takes_over_when_the_service_dies(site: Site) -> None:
    daemon = site.start()
    locked_by(site, "service")
    process = site.start("drain", "pve1")
    started(site, 1)
    daemon.kill()
    within(20, daemon)
    text = within(100, process)
    assert process.returncode == 0, text
    assert "The service of this host carries the plan out" in text
    assert "the service has gone: this process carries job" in text
    all_moved(site)


def test_a_service_that_does_not_react_holds_no_command(site: Site) -> None:
    daemon = site.start()
    locked_by(site, "service")
    process = site.start("drain", "pve1")
    started(site, 1)
    daemon.send_signal(signal.SIGSTOP)
    process.send_signal(signal.SIGTERM)
    text = within(60, process)
    daemon.send_signal(signal.SIGCONT)
    daemon.send_signal(signal.SIGTERM)
    within(30, daemon)
    assert process.returncode == 5, text
    assert f"`status {the_job(site).id}` shows it" in text


def test_a_service_waits_for_a_command(site: Site) -> None:
    process = site.start("drain", "pve1")
    started(site, 1)
    daemon = site.start()
    within(100, process)
    locked_by(site, "service")
    daemon.send_signal(signal.SIGTERM)
    text = within(30, daemon)
    assert daemon.returncode == 0, text
    assert f"waiting: `drain` in process {process.pid} carries jobs out" in text
    all_moved(site)


@pytest.mark.parametrize("arguments", [("plan",), ("--help",), ("plan", "--json"), ("status",), ("check",)])
def test_what_only_tells_says_that_it_could_not(site: Site, arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        process = site.start(*arguments, stdout=full)
        _, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (1, "error: the output could not be written: No space left on device\n")


def test_errors_are_json_for_programs(site: Site) -> None:
    for arguments, code, words in (
        (("drain", "PVE1", "--json"), 1, "There is no node PVE1 in this cluster (did you mean 'pve1'?)."),
        (("drain", "a", "b", "--json"), 2, "several nodes are drained one after the other with --each --reboot"),
        (("status", "--last", "x", "--json"), 2, "argument --last: 'x': allowed: a whole number from 1"),
        (("status", "nosuch", "--json"), 1, "there is no job nosuch"),
    ):
        process = site.start(*arguments)
        out, err = process.communicate(timeout=300)
        assert json.loads(out) == {"error": {"exit": code, "messages": [words]}}, (out, err)
        assert (process.returncode, words in err) == (code, True)


def test_help_loads_no_library() -> None:
    """That is what makes it quick (make bench ARGS=command measures how quick)."""
    script = "import sys; from prs.cli.main import parser; parser().format_help(); print(*sorted(sys.modules))"
    environ = {"PYTHONPATH": str(ROOT / "backend")}
    done = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"proxmoxer", "requests", "flask", "gunicorn", "gevent", "rich", "sqlite3", "ssl", "http.client", "asyncio"}
    assert not [name for name in loaded if name.startswith(("prs.planner", "prs.web", "prs.cli.verbs", "prs.engine.execution", "prs.pve."))
                and name != "prs.pve.api"]
