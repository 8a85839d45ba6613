"""The command as a user runs it, over HTTPS against the simulated cluster: what it prints, how it exits, what Ctrl-C does."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.command_site import Site, running, started
from simcluster.access import Grant
from simcluster.world import Flavour


@pytest.fixture
def site(ram: Path, flavour: Flavour) -> Iterator[Site]:
    with running(ram, flavour) as found:
        yield found


def test_check_says_that_all_is_well(site: Site) -> None:
    """A complete configuration and a healthy cluster: no problem, exit 0."""
    code, text = site.run("check")
    assert code == 0, text
    assert "No problem found." in text


def test_check_names_what_is_wrong(site: Site) -> None:
    """A wrong secret is a finding with a remedy, exit 6."""
    conf = site.write()
    conf.write_text(re.sub(r"daemon=.*", "daemon=00000000-0000-0000-0000-000000000000", conf.read_text()))
    code, text = site.run("check")
    assert code == 6, text
    assert "login" in text
    assert "00000000-0000" not in text


def test_check_names_pools_and_domains_that_the_cluster_lacks(site: Site) -> None:
    """A warning for each, no problem: the rest works."""
    site.write("[pool nowhere]\nkeep: apart\n[domains]\nrack1: pve1,pve77\n")
    code, text = site.run("check")
    assert code == 0, text
    assert "Pool nowhere of the configuration does not exist, or no guest of it can be seen" in text
    assert "Domain rack1 of the configuration names pve77, a node that this cluster does not have" in text


def test_plan_moves_nothing(site: Site) -> None:
    """Nodes before and after, each move with its reason, each guest that stays with its own."""
    code, text = site.run("plan")
    assert code == 0, text
    assert "Planned migrations, in this order" in text
    assert "pve1" in text
    assert "is a running container" in text
    assert not site.world.started


def test_an_auditor_sees_the_plan_and_starts_nothing(site: Site) -> None:
    """The plan is anybody's, the exit tells that it was not carried out, and the words what is lacking."""
    who = "prs@pve!daemon"
    site.world.access.grants = [Grant("/", name, "PVEAuditor") for name in (who, "prs@pve")]
    code, text = site.run("plan")
    assert code == 0, text
    assert "Planned migrations, in this order" in text
    for verb in (("run",), ("drain", "pve1")):
        code, text = site.run(*verb)
        assert code == 1, text
        assert "Planned migrations, in this order" in text
        assert f"Nothing was started: {who} may not carry this plan out: it needs VM.Migrate on /vms/" in text
    assert not site.world.started
    assert "No jobs yet" in site.run("status")[1]


def test_run_levels_and_a_second_run_has_nothing_to_do(site: Site) -> None:
    """The figures at the end are the cluster's own; the next run finds it balanced."""
    code, text = site.run("run")
    assert code == 0, text
    assert "Nodes now, as the cluster reports them:" in text
    started = dict(site.world.started)
    assert started
    code, text = site.run("run")
    assert code == 0, text
    assert "Nothing to do" in text
    assert dict(site.world.started) == started
    code, text = site.run("status")
    assert "done" in text


def test_json_is_for_programs(site: Site) -> None:
    """One JSON document on standard output, with the plan and the job."""
    process = site.start("drain", "pve3", "--containers", "--json")
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, (out, err)
    data = json.loads(out)
    assert data["job"]["state"] == "done"
    assert {step["state"] for step in data["job"]["steps"]} == {"done"}
    assert "credential" not in data["job"] or not data["job"]["credential"]


def test_infeasible_drain_moves_nothing(site: Site) -> None:
    """Containers are not allowed here, so pve3 cannot be emptied: exit 4, each blocker named."""
    code, text = site.run("drain", "pve3")
    assert code == 4, text
    assert "112 (proxy)" in text
    assert not site.world.started
    assert not site.journal().jobs()


def test_unknown_node_and_unreachable_host(site: Site) -> None:
    """An error is one sentence and exit 1."""
    code, text = site.run("drain", "pve9")
    assert (code, "There is no node pve9" in text) == (1, True), text
    site.write(host="127.99.99.99")
    code, text = site.run("plan")
    assert (code, "127.99.99.99" in text) == (1, True), text
    assert "Traceback" not in text


def test_snapshot_plans_again_offline_without_secrets(site: Site) -> None:
    """A saved snapshot gives the same plan without any connection, and holds no secret and no user."""
    file = site.folder / "cluster.json"
    code, text = site.run("snapshot", str(file))
    assert code == 0, text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    saved = file.read_text()
    assert not any(secret in saved for secret in (*site.server.logins.values(), "prs@pve", "root@pam"))
    _, live = site.run("plan", "--json")
    code, offline = site.run("plan", "--snapshot", str(file), "--json")
    assert code == 0, offline
    moves = [[(move["vmid"], move["target"]) for move in json.loads(text)["plan"]["moves"]] for text in (live, offline)]
    assert moves[0] == moves[1]


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c(site: Site, times: int) -> None:
    """Once: what runs ends, the rest is left. Twice: what runs is cancelled too. Either way it says what was left."""
    process = site.start("drain", "pve1")
    started(site, 2)
    process.send_signal(signal.SIGINT)
    if times == 2:
        time.sleep(0.15)
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=100)
    (job,) = site.journal().jobs()
    assert process.returncode == 5, (out, err)
    assert job.state == "cancelled"
    assert job.count("planned", "starting", "running", "verifying", "unknown") == 0
    assert sum(site.world.started.values()) < len(job.steps)
    assert "Not moved" in out
    assert "Waiting for PVE's figures" not in out, "who wants an end waits for nothing more"
    if times == 1:
        assert job.count("done") == sum(site.world.started.values())
    for step in job.steps:
        assert site.world.guests[step.vmid].node == (step.target if step.state == "done" else step.source)


def test_live_progress_on_a_terminal(site: Site) -> None:
    """On a terminal a running migration has a line with bytes, speed and time left, redrawn in place."""
    master, slave = pty.openpty()
    process = site.start("drain", "pve1", stdout=slave, stderr=slave, stdin=slave)
    os.close(slave)
    seen = bytearray()

    def read() -> None:
        while True:
            try:
                data = os.read(master, 65536)
            except OSError:
                return
            seen.extend(data)

    reader = threading.Thread(target=read)
    reader.start()
    assert process.wait(timeout=100) == 0
    reader.join(timeout=120)
    os.close(master)
    text = seen.decode()
    assert re.search(r"\d+%, [\d.]+ of [\d.]+ GiB, [\d.]+ [KMG]iB/s, \d+:\d\d left", text), text[-3000:]
    assert "\x1b[" in text
    assert "pve1 is empty: the cluster shows no guest on it" in text


def test_mistakes_in_the_configuration_stop_it_all_at_once(site: Site) -> None:
    """Exit 2 and every mistake with its line."""
    site.write("method: ram\nspread: many\nfoo: 1\n")
    code, text = site.run("run")
    assert code == 2, text
    assert text.count("error:") == 3
    assert "line" in text
    assert not site.world.started


def test_the_daemon_takes_a_command_lines_job(site: Site) -> None:
    """With the service running, `drain` hands the job over and follows it; SIGTERM ends the service cleanly."""
    site.write("spread: 90\n")
    daemon = site.start()
    deadline = time.monotonic() + 30
    while not (site.folder / "state" / "executor.lock").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.5)
    code, text = site.run("drain", "pve1")
    daemon.send_signal(signal.SIGTERM)
    out, err = daemon.communicate(timeout=300)
    assert code == 0, (text, out, err)
    assert "The service of this host carries the plan out" in text
    assert daemon.returncode == 0, (out, err)
    assert not [guest for guest in site.world.guests.values() if guest.node == "pve1" and not guest.template]
