"""The daemon's turns: schedule, leader, jobs of the web, reload, and a failure that must not stop it."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drive import VirtualClock
from prs.config.load import Settings
from prs.endpoint import Endpoint
from prs.engine.daemon.host import Host
from prs.engine.daemon.service import Service
from prs.engine.daemon.systemd import Notifier
from prs.engine.journal import credentials
from prs.engine.journal.automation import automation, balancing
from prs.engine.journal.journal import Journal
from prs.engine.journal.retention import prune
from prs.engine.planning import make_plan
from prs.errors import ConfigError, Unreachable
from prs.model import Policy
from prs.pve.api import Api
from simcluster import InProcessApi
from simcluster.scenario import guest
from simcluster.scenes import small
from simcluster.world import Flavour, World

ENDPOINT = Endpoint(("pve1",), "prs@pve", token_name="daemon", token_value="x")


class House:
    """A daemon on a host, with its cluster and its settings."""

    def __init__(self, folder: Path, flavour: Flavour, name: str = "elsewhere", **settings: Any) -> None:
        self.world: World = small(flavour)
        self.world.clock.sleep(600)
        self.clock, self.calls, self.users = VirtualClock(self.world), [InProcessApi(self.world)], list[str]()
        self.settings = Settings(folder / "prs.conf", endpoint=ENDPOINT, schedule=3600.0, state_dir=folder, **settings)
        self.journal = Journal(folder / "journal.sqlite")
        self.down = False
        self.written, self.alive, self.told = 0, set[str](), list[bool]()
        host = Host(self._load, self._connect, name, None, None, lambda: self.written, lambda now: self.alive, self.told.append)
        self.service = Service(host, self.settings, self.journal, self.clock, Notifier({}))  # type: ignore[arg-type]

    def _load(self) -> Settings:
        return self.settings

    def _connect(self, endpoint: Endpoint) -> Api:
        if self.down:
            raise Unreachable("pve1 does not answer")
        self.users.append(endpoint.user)
        self.calls.append(InProcessApi(self.world, f"{endpoint.user}!{endpoint.token_name}" if endpoint.token_name else endpoint.user))
        return self.calls[-1]

    def live(self, seconds: float) -> None:
        """Let the daemon work for so long."""
        until = self.clock.time() + seconds
        while self.clock.time() < until:
            self.clock.sleep(self.service.turn())

    @property
    def requests(self) -> int:
        """Calls made to PVE so far."""
        return sum(api.calls for api in self.calls)


def test_runs_by_its_schedule_and_is_calm_in_between(ram: Path, flavour: Flavour) -> None:
    """One run at the start, nothing but the loads and who leads asked while idle, the next an hour later; a level cluster gets no job."""
    house = House(ram, flavour)
    house.live(900)
    (job,) = house.journal.jobs()
    assert (job.state, job.origin, job.user) == ("done", "schedule", "prs@pve!daemon")
    before = house.requests
    house.live(1800)
    assert house.requests == before + 3 * 6, "every five minutes who leads, and the loads once"
    house.live(3600)
    assert house.requests > before
    assert len(house.journal.jobs()) == 1


def test_the_last_run_survives_a_restart(ram: Path, flavour: Flavour) -> None:
    """A daemon started again, for example by an upgrade, does not balance again at once."""
    house = House(ram, flavour)
    house.live(900)
    again = Service(house.service._host, house.settings, house.journal, house.clock, Notifier({}))  # type: ignore[arg-type]
    before = house.requests
    for _ in range(10):
        house.clock.sleep(again.turn())
    assert house.requests == before + 3, "who leads, and the loads once"


def test_who_leads_no_more_says_so_within_minutes(ram: Path, flavour: Flavour) -> None:
    """The leader of the moment in which the services were started may be another one soon; two that say so would be one too many."""
    house = House(ram, flavour, "pve1")
    house.live(900)
    assert automation(house.journal).leader == "pve1"
    house.world.ha.lock_holder, house.world.ha.node_status = "pve2", dict.fromkeys(house.world.nodes, "online")
    house.live(600)
    assert automation(house.journal).leader == "pve2"


@pytest.mark.parametrize(("host", "leads"), [("pve1", True), ("pve2", False), ("not-a-node", True)])
def test_only_the_leader_schedules(ram: Path, host: str, leads: bool, flavour: Flavour) -> None:
    """With HA idle the online node with the lowest id leads."""
    house = House(ram, flavour, host)
    house.live(600)
    assert bool(house.journal.jobs()) is leads


def test_a_daemon_that_stands_by_asks_only_who_leads_and_how_fast_links_are(ram: Path, flavour: Flavour) -> None:
    """Two calls every five minutes, one an hour for migrations that have finished, one status, one line in the log."""
    house = House(ram, flavour, "pve2")
    house.live(3600)
    asked = {path for path, count in house.world.requests.items() if count}
    assert asked == {"GET /cluster/status", "GET /cluster/ha/status/manager_status", "GET /cluster/tasks"}
    assert sum(api.calls for api in house.calls) == 2 * 12 + 1
    assert house.service._status == "standing by: pve1 is the online node with the lowest id"


def test_the_ha_master_leads(ram: Path, flavour: Flavour) -> None:
    """While the HA manager has a master, that node schedules."""
    from simcluster.ha_rules import Resource

    house = House(ram, flavour, "pve2")
    house.world.ha.add(Resource("vm:107"))
    house.world.clock.sleep(60)
    status = InProcessApi(house.world).get("/cluster/ha/status/manager_status")
    master = status["manager_status"]["master_node"]
    house = House(ram / "other", flavour, master)
    house.world.ha.add(Resource("vm:107"))
    house.live(900)
    assert house.journal.jobs()


def test_dry_run_moves_nothing(ram: Path, flavour: Flavour) -> None:
    """The plan is logged, no job is queued."""
    house = House(ram, flavour, dry_run=True)
    house.live(900)
    assert not house.journal.jobs()
    assert not house.world.started


def test_without_credentials_nothing_is_scheduled(ram: Path, flavour: Flavour) -> None:
    """A package just installed: the daemon serves the web's jobs and touches nothing by itself."""
    house = House(ram, flavour)
    house.settings = replace(house.settings, endpoint=None, missing=("prs.conf: [proxmox] api_host is not set.",))
    house.service.reload()
    house.service._reload()
    house.live(7200)
    assert house.requests == 0
    assert "api_host is not set" in house.service._status


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


def test_a_node_leads_only_among_those_that_are_alive(ram: Path, flavour: Flavour) -> None:
    """The HA manager's master, which is also the first node, has no service, so another one has to schedule, and only that."""
    for name, leading in (("pve2", True), ("pve3", False)):
        (folder := ram / name).mkdir()
        house = House(folder, flavour, name)
        house.alive = {"pve2", "pve3"}
        house.live(900)
        assert bool(house.journal.jobs()) == leading, house.service._status


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


def test_an_unreachable_cluster_is_tried_again(ram: Path, flavour: Flavour) -> None:
    """The scheduled run is not lost because PVE was down when it was due."""
    house = House(ram, flavour)
    house.down = True
    house.live(300)
    assert not house.journal.jobs()
    house.down = False
    house.live(900)
    assert house.journal.jobs()[0].state == "done"


def test_a_bad_configuration_leaves_the_old_one_in_force(ram: Path, caplog: pytest.LogCaptureFixture, flavour: Flavour) -> None:
    """Reload never stops the daemon."""
    house = House(ram, flavour)

    def broken() -> Settings:
        raise ConfigError(["prs.conf line 3: [balancing] method = 'ram': allowed are memory, disk, cpu."])

    house.service._host = Host(broken, house._connect, "elsewhere")
    house.service.reload()
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


def test_suggest_keeps_the_plan_and_moves_nothing(ram: Path, flavour: Flavour) -> None:
    """What was suggested waits until a job has carried it out, or a newer plan takes its place."""
    house = House(ram, flavour, automation="suggest")
    house.live(900)
    first = balancing(house.settings, house.journal, "pve1")
    assert (house.journal.jobs(), +house.world.started) == ([], Counter())
    assert (first.level, first.state.leader, first.state.waiting, first.outcome) == ("suggest", "elsewhere", "its time", "")
    assert house.journal.plan(first.state.plan)[0].summary == first.state.result
    assert house.clock.time() - 900 <= first.state.last_run < first.state.next_run <= first.state.last_run + 3600
    house.live(3600)
    second = balancing(house.settings, house.journal, "pve1")
    assert second.state.plan not in ("", first.state.plan)
    job = house.journal.add_job(second.state.plan, "root@pam", "schedule", house.clock.time())
    assert balancing(house.settings, house.journal, "pve1").state.plan == ""
    house.live(900)
    assert house.journal.job(job).state == "done"


def test_a_suggestion_goes_with_a_word_when_it_no_longer_holds(ram: Path, flavour: Flavour) -> None:
    """It outlives the age of plans that nobody asked for; then one of its guests is moved by somebody else."""
    house = House(ram, flavour, automation="suggest", policy=Policy(hot=1.0))
    house.settings = replace(house.settings, schedule=30 * 86_400.0)
    house.service._reload()
    house.live(900)
    found = balancing(house.settings, house.journal, "pve1").suggestion
    assert found is not None
    plan, user = house.journal.plan(found.plan)
    assert (found.moves, found.bytes, found.summary) == (len(plan.moves), plan.bytes, plan.summary)
    prune(house.journal, house.clock.time() + 3 * 86_400, 90, 10**9)
    for _ in range(25):
        house.journal.add_plan(plan, Policy(), user)
    house.live(900)
    assert balancing(house.settings, house.journal, "pve1").suggestion == found
    move = plan.moves[0]
    other = next(node for node in house.world.nodes if node not in (move.source, move.target))
    with house.world.change():
        house.world.life.move(move.vmid, other)
    house.live(600)
    gone = balancing(house.settings, house.journal, "pve1")
    assert gone.suggestion is None
    words = f"the cluster has changed so that it no longer holds: move 1 (guest {move.vmid} to {move.target}): "
    assert gone.state.withdrawn.startswith(words)


@pytest.mark.parametrize("level", ["off", "on"])
def test_a_suggestion_goes_with_the_level(ram: Path, level: Any, flavour: Flavour) -> None:
    house = House(ram, flavour, automation="suggest")
    house.live(300)
    house.settings = replace(house.settings, automation=level)
    house.service._reload()
    house.live(60)
    found = balancing(house.settings, house.journal, "pve1")
    assert (found.suggestion, found.state.withdrawn) == (None, "automatic balancing no longer suggests plans")


def test_a_suggestion_goes_with_the_lead(ram: Path, flavour: Flavour) -> None:
    house = House(ram, flavour, "pve1", automation="suggest")
    house.live(300)
    assert balancing(house.settings, house.journal, "pve1").suggestion
    house.world.ha.lock_holder, house.world.ha.node_status = "pve2", dict.fromkeys(house.world.nodes, "online")
    house.live(600)
    assert automation(house.journal).withdrawn == "pve2 leads now, and suggests plans of its own"


def test_off_plans_nothing_and_serves_jobs(ram: Path, flavour: Flavour) -> None:
    house = House(ram, flavour, automation="off")
    house.live(7200)
    assert (house.journal.jobs(), +house.world.started) == ([], Counter())
    assert house.service._status == "serving jobs of the web interface; automatic balancing is off"
    found = balancing(house.settings, house.journal, "pve1")
    assert (found.level, found.state.last_run, found.state.next_run, found.state.waiting) == ("off", 0.0, 0.0, "")
    house.settings = replace(house.settings, automation="on")
    house.service.reload()
    house.service._reload()
    house.live(900)
    assert house.journal.jobs()


def test_what_it_tells_of_its_runs(ram: Path, flavour: Flavour) -> None:
    """The job of the last run with its outcome, why a run could not be planned, and that another one leads."""
    house = House(ram, flavour)
    house.live(900)
    found = balancing(house.settings, house.journal, "pve1")
    job = house.journal.jobs()[0]
    assert (found.state.job, found.outcome) == (job.id, f"job {job.id} is done: {len(job.final)} of {len(job.final)} migrations done")
    house.down = True
    house.live(3600)
    state = automation(house.journal)
    assert state.waiting == "the next try, because this one could not be planned: pve1 does not answer"
    assert state.last_run == found.state.last_run
    (ram / "other").mkdir()
    other = House(ram / "other", flavour, "pve2")
    other.live(900)
    state = automation(other.journal)
    assert (state.leader, state.waiting, state.next_run) == ("pve1", "", 0.0)


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


def test_a_paused_scheduled_job_says_so_and_gives_way_to_the_next_run(ram: Path, flavour: Flavour) -> None:
    """Nobody may be there to resume it: the schedule goes on, and tries no more than three of the next run either."""
    house = broken_house(ram, flavour)
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


def test_a_job_that_somebody_has_paused_keeps_the_schedule_from_running(ram: Path, flavour: Flavour) -> None:
    """Whoever pauses wants calm, and is told what waits for it."""
    house = House(ram, flavour)
    while not house.journal.jobs():
        house.clock.sleep(house.service.turn())
    (job,) = house.journal.jobs()
    house.journal.request(job.id, "pause")
    house.live(3 * 3600)
    (job,) = house.journal.jobs()
    assert (job.state, job.message) == ("paused", "no scheduled run of this host begins before it has ended")
    assert house.service._status.endswith("; no scheduled run of this host begins before it has ended")
