"""The daemon serves jobs as their users, takes new settings as they come, and knows what to do with a job that is paused."""

from __future__ import annotations

import errno
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.house import House
from prs.config.load import Settings
from prs.endpoint import Endpoint
from prs.engine.daemon.host import Host
from prs.engine.journal import credentials
from prs.engine.journal.automation import automation
from prs.engine.planning import make_plan
from prs.errors import ConfigError
from prs.model import Policy
from simcluster import InProcessApi
from simcluster.scenario import guest
from simcluster.world import Flavour


def test_without_credentials_nothing_is_scheduled(ram: Path, flavour: Flavour) -> None:
    """A package just installed: the daemon serves the web's jobs and touches nothing by itself."""
    house = House(ram, flavour)
    house.settings = replace(house.settings, endpoint=None, missing=("prs.conf: [proxmox] api_host is not set.",))
    house.service._reload()
    house.live(7200)
    assert house.requests == 0
    assert "api_host is not set" in house.service._status
    assert automation(house.journal).lacks_account
    house.settings = replace(house.settings, mistakes=("policy.conf line 2: wrong.",))
    house.service._reload()
    house.live(60)
    told = automation(house.journal)
    assert (told.lacks_account, told.waiting) == (False, "settings of the cluster that can be read and have no mistakes")


def test_settings_that_a_program_writes_are_read_by_themselves(ram: Path, flavour: Flavour) -> None:
    """`setup` on another node leaves an account: this service begins to work with it, and tells the others that it is alive."""
    house = House(ram, flavour)
    complete, house.settings = house.settings, replace(house.settings, endpoint=None, missing=("no account.",))
    house.service._reload()
    house.live(600)
    assert (house.requests, house.told) == (0, [])
    house.settings = complete
    house.live(600)
    assert house.requests == 0
    house.written = 1
    house.live(200)
    house.written = 2  # a policy, say: it does not shorten the minutes in which a plan may be looked at
    house.live(60)
    assert not house.journal.jobs()
    house.live(640)
    assert [job.state for job in house.journal.jobs()] == ["done"]
    assert len(house.told) == 5
    assert all(house.told)


def test_a_web_job_runs_as_its_user_and_its_ticket_is_gone_afterwards(ram: Path, flavour: Flavour) -> None:
    """The login waits in the credentials directory only while the job lives."""
    house = House(ram, flavour)
    house.settings = replace(house.settings, endpoint=None, missing=("not set",), run_dir=ram / "run")
    house.service._reload()
    name = credentials.save(house.settings.credentials_dir, Endpoint(("pve1",), "root@pam", ticket="t", csrf="c"))
    _, plan = make_plan(InProcessApi(house.world), Policy(), house.clock.time())
    plan_id = house.journal.add_plan(plan, Policy(), "root@pam")
    job_id = house.journal.add_job(plan_id, "root@pam", "web", house.clock.time(), credential=name)
    house.live(900)
    assert house.journal.job(job_id).state == "done"
    assert house.users == ["root@pam"]
    assert not list(house.settings.credentials_dir.iterdir())
    assert any("started by root@pam" in line for line in house.world.story())


def test_a_web_job_whose_ticket_is_lost_fails_in_words(ram: Path, flavour: Flavour) -> None:
    """A machine restarted: tickets are kept in memory only."""
    house = House(ram, flavour)
    _, plan = make_plan(InProcessApi(house.world), Policy(), house.clock.time())
    plan_id = house.journal.add_plan(plan, Policy(), "root@pam")
    job_id = house.journal.add_job(plan_id, "root@pam", "web", house.clock.time(), credential="ab" * 16)
    house.service.turn()
    job = house.journal.job(job_id)
    assert (job.state, job.count("skipped")) == ("failed", len(plan.moves))
    assert "start the job again" in job.message


def test_a_bad_configuration_leaves_the_old_one_in_force(ram: Path, caplog: pytest.LogCaptureFixture, flavour: Flavour) -> None:
    """Reload never stops the daemon."""
    house = House(ram, flavour)

    def broken() -> Settings:
        raise ConfigError(["prs.conf line 3: [balancing] method = 'ram': allowed are memory, disk, cpu."])

    house.service._host = Host(broken, house._connect, "elsewhere")
    house.service._reload()
    assert "line 3" in caplog.text
    assert "the old configuration stays in force" in caplog.text
    house.live(900)
    assert house.journal.jobs()[0].state == "done"


def test_a_renewed_ticket_is_kept_for_a_restart(ram: Path, monkeypatch: pytest.MonkeyPatch, flavour: Flavour) -> None:
    """A drain may last longer than the two hours of a ticket: after a restart the renewed one is there, not the first."""
    house = House(ram, flavour)
    house.settings = replace(house.settings, run_dir=ram / "run")
    house.service._reload()
    name = credentials.save(house.settings.credentials_dir, Endpoint(("pve1",), "root@pam", ticket="old", csrf="c"))
    _, plan = make_plan(InProcessApi(house.world), Policy(), house.clock.time())
    plan_id = house.journal.add_plan(plan, Policy(), "root@pam")
    house.journal.add_job(plan_id, "root@pam", "web", house.clock.time(), credential=name)
    monkeypatch.setattr(InProcessApi, "ticket", lambda self: ("new", "d"), raising=False)
    house.service.turn()
    held = credentials.open(house.settings.credentials_dir, name)
    assert (held.ticket, held.csrf) == ("new", "d")


def test_a_renewed_ticket_that_is_not_kept_ends_no_job(ram: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any, flavour: Flavour) -> None:
    """Such as in a memory that is full: the job has its ticket, and only a restart would miss it. It is told once."""
    house = House(ram, flavour)
    house.settings = replace(house.settings, run_dir=ram / "run")
    house.service._reload()
    name = credentials.save(house.settings.credentials_dir, Endpoint(("pve1",), "root@pam", ticket="old", csrf="c"))
    _, plan = make_plan(InProcessApi(house.world), Policy(), house.clock.time())
    plan_id = house.journal.add_plan(plan, Policy(), "root@pam")
    job_id = house.journal.add_job(plan_id, "root@pam", "web", house.clock.time(), credential=name)
    monkeypatch.setattr(InProcessApi, "ticket", lambda self: ("new", "d"), raising=False)
    house.service.turn()
    shutil.rmtree(house.settings.credentials_dir)
    house.live(900)
    assert house.journal.job(job_id).state == "done"
    assert caplog.text.count("would have no login after a restart") == 1


def broken_house(ram: Path, flavour: Flavour) -> House:
    """A daemon whose scheduled job has paused: every migration fails for one reason, and more are planned than are tried."""
    house = House(ram, flavour)
    house.settings = replace(house.settings, policy=Policy(parallel_total=1, parallel_node=1, ignore_guests=("100-199",), hot=2.0))
    house.service._reload()
    for vmid in range(300, 312):
        house.world.life.appear(guest(vmid, {"node": "pve1", "memory": 1, "disks": {"scsi0": "ceph:4"}}))
    house.world.faults.add({"task": "[qv]*migrate", "do": "fail", "words": "Host key verification failed.", "times": 0})
    house.clock.sleep(660)
    house.live(900)
    return house


def test_a_paused_scheduled_job_says_so_and_gives_way_to_the_next_run(ram: Path) -> None:
    """Nobody may be there to resume it: the schedule goes on, and tries no more than three of the next run either."""
    house = broken_house(ram, "9")
    (first,) = house.journal.jobs()
    assert (first.state, first.count("failed")) == ("paused", 3), first
    assert first.message.endswith("else the next scheduled run of this host takes its place")
    assert house.service._status.startswith(f"job {first.id} is paused: ")
    tried = sum(house.world.started.values())
    house.live(1800)
    assert house.journal.job(first.id).state == "paused"
    assert sum(house.world.started.values()) == tried
    house.world.faults.clear()
    house.live(3600)
    first, second = sorted(house.journal.jobs(), key=lambda job: job.created)
    assert first.state == "failed"
    assert "Host key verification failed." in first.message
    assert first.message.endswith("; the next scheduled run has taken its place")
    assert {step.message for step in first.steps if step.state == "skipped"} == {"not started: the next scheduled run has taken its place"}
    assert (second.state, second.origin) == ("done", "schedule"), second


def test_a_job_that_somebody_has_paused_keeps_the_schedule_from_running(ram: Path) -> None:
    """Whoever pauses wants calm, and is told what waits for it."""
    house = House(ram, "9")
    while not house.journal.jobs():
        house.clock.sleep(house.service.turn())
    (job,) = house.journal.jobs()
    house.journal.request(job.id, "pause")
    house.live(3 * 3600)
    (job,) = house.journal.jobs()
    assert (job.state, job.message) == ("paused", "no scheduled run of this host begins before it has ended")
    assert house.service._status.endswith("; no scheduled run of this host begins before it has ended")


class Dead(House):
    """From some moment on its settings cannot be read, nor looked for, as below a pmxcfs that has died."""

    dead = False

    def _load(self) -> Settings:
        if self.dead:
            raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")
        return super()._load()


def test_a_reload_by_hand_is_not_lost_in_one_for_what_a_program_has_written(ram: Path, flavour: Flavour) -> None:
    """The signal comes when the service has looked for it already: it is the next turn's."""
    house = House(ram, flavour)
    house.service.reload()
    house.written = 1
    house.service.turn()
    assert house.service._reloading


def test_settings_that_cannot_be_read_end_no_service(ram: Path, caplog: pytest.LogCaptureFixture, flavour: Flavour) -> None:
    house = Dead(ram, flavour)
    house.live(60)
    house.dead, house.written = True, 1
    house.live(900)
    assert [job.state for job in house.journal.jobs()] == ["done"]
    assert caplog.text.count("the old one stays in force until it can") == 1
    house.dead = False  # nobody writes them once more
    house.settings = replace(house.settings, automation="off")
    house.live(60)
    assert house.service._status.endswith("automatic balancing is off")
