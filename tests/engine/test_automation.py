"""Automatic balancing: who leads, when it runs, what it only suggests, and what it tells of its runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.house import House
from prs.config.load import Settings
from prs.endpoint import Endpoint
from prs.engine.daemon.service import Service
from prs.engine.daemon.systemd import Notifier
from prs.engine.journal.automation import automation, balancing
from prs.engine.journal.retention import prune
from prs.model import Policy
from prs.pve.api import Api
from simcluster import InProcessApi
from simcluster.world import Flavour


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


def test_a_service_that_comes_or_goes_is_noticed_at_once(ram: Path, flavour: Flavour) -> None:
    """After `setup` the nodes' services get the account one after the other: the tab of the first one told for minutes that it leads."""
    house = House(ram, flavour, "pve3")
    house.alive.add("pve3")
    house.live(60)
    assert automation(house.journal).leader == "pve3"
    house.alive.add("pve1")
    house.live(30)
    assert automation(house.journal).leader == "pve1"
    before = house.requests
    house.live(60)
    assert house.requests == before
    house.alive.remove("pve1")
    house.live(30)
    assert automation(house.journal).leader == "pve3"


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


def test_a_node_leads_only_among_those_that_are_alive(ram: Path, flavour: Flavour) -> None:
    """The HA manager's master, which is also the first node, has no service, so another one has to schedule, and only that."""
    for name, leading in (("pve2", True), ("pve3", False)):
        (folder := ram / name).mkdir()
        house = House(folder, flavour, name)
        house.alive = {"pve2", "pve3"}
        house.live(900)
        assert bool(house.journal.jobs()) == leading, house.service._status


def test_an_unreachable_cluster_is_tried_again(ram: Path, flavour: Flavour) -> None:
    """The scheduled run is not lost because PVE was down when it was due."""
    house = House(ram, flavour)
    house.down = True
    house.live(300)
    assert not house.journal.jobs()
    house.down = False
    house.live(900)
    assert house.journal.jobs()[0].state == "done"


def test_suggest_keeps_the_plan_and_moves_nothing(ram: Path, flavour: Flavour) -> None:
    """What was suggested waits until a job has carried it out, or a newer plan takes its place."""
    house = House(ram, flavour, automation="suggest")
    house.live(900)
    first = balancing(house.settings, house.journal, "pve1", house.clock.time())
    assert (house.journal.jobs(), +house.world.started) == ([], Counter())
    assert (first.level, first.state.leader, first.state.waiting, first.outcome) == ("suggest", "elsewhere", "its time", "")
    assert house.journal.plan(first.state.plan)[0].summary == first.state.result
    assert house.clock.time() - 900 <= first.state.last_run < first.state.next_run <= first.state.last_run + 3600
    house.live(3600)
    second = balancing(house.settings, house.journal, "pve1", house.clock.time())
    assert second.state.plan not in ("", first.state.plan)
    job = house.journal.add_job(second.state.plan, "root@pam", "schedule", house.clock.time())
    assert balancing(house.settings, house.journal, "pve1", house.clock.time()).state.plan == ""
    house.live(900)
    assert house.journal.job(job).state == "done"


def test_a_suggestion_goes_with_a_word_when_it_no_longer_holds(ram: Path, flavour: Flavour) -> None:
    """It outlives the age of plans that nobody asked for; then one of its guests is moved by somebody else."""
    house = House(ram, flavour, automation="suggest", policy=Policy(hot=1.0))
    house.settings = replace(house.settings, schedule=30 * 86_400.0)
    house.service._reload()
    house.live(900)
    found = balancing(house.settings, house.journal, "pve1", house.clock.time()).suggestion
    assert found is not None
    plan, user = house.journal.plan(found.plan)
    assert (found.moves, found.bytes, found.summary) == (len(plan.moves), plan.bytes, plan.summary)
    prune(house.journal, house.clock.time() + 3 * 86_400, 90, 10**9)
    for _ in range(25):
        house.journal.add_plan(plan, Policy(), user)
    house.live(900)
    assert balancing(house.settings, house.journal, "pve1", house.clock.time()).suggestion == found
    move = plan.moves[0]
    other = next(node for node in house.world.nodes if node not in (move.source, move.target))
    with house.world.change():
        house.world.life.move(move.vmid, other)
    house.live(600)
    gone = balancing(house.settings, house.journal, "pve1", house.clock.time())
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
    found = balancing(house.settings, house.journal, "pve1", house.clock.time())
    assert (found.suggestion, found.state.withdrawn) == (None, "automatic balancing no longer suggests plans")


def test_a_suggestion_goes_with_the_lead(ram: Path, flavour: Flavour) -> None:
    house = House(ram, flavour, "pve1", automation="suggest")
    house.live(300)
    assert balancing(house.settings, house.journal, "pve1", house.clock.time()).suggestion
    house.world.ha.lock_holder, house.world.ha.node_status = "pve2", dict.fromkeys(house.world.nodes, "online")
    house.live(600)
    assert automation(house.journal).withdrawn == "pve2 leads now, and suggests plans of its own"


def test_off_plans_nothing_and_serves_jobs(ram: Path, flavour: Flavour) -> None:
    house = House(ram, flavour, automation="off")
    house.live(7200)
    assert (house.journal.jobs(), +house.world.started) == ([], Counter())
    assert house.service._status == "serving jobs of the web interface; automatic balancing is off"
    found = balancing(house.settings, house.journal, "pve1", house.clock.time())
    assert (found.level, found.state.last_run, found.state.next_run, found.state.waiting) == ("off", 0.0, 0.0, "")
    house.settings = replace(house.settings, automation="on")
    house.service._reload()
    house.live(900)
    assert house.journal.jobs()


def test_what_it_tells_of_its_runs(ram: Path, flavour: Flavour) -> None:
    """The job of the last run with its outcome, why a run could not be planned, and that another one leads."""
    house = House(ram, flavour)
    house.live(900)
    found = balancing(house.settings, house.journal, "pve1", house.clock.time())
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


class Saved(House):
    """Somebody saves other settings just when the daemon has begun to plan."""

    saved: Settings | None = None

    def _connect(self, endpoint: Endpoint) -> Api:
        if self.saved is not None:
            self.settings, self.saved = self.saved, None
            self.written += 1
        return super()._connect(endpoint)


def test_what_is_saved_while_a_run_is_planned_counts_for_that_run(ram: Path, flavour: Flavour) -> None:
    """Who switches automatic balancing off sees nothing begin afterwards; other limits make another plan, without a wait."""
    house = Saved(ram, flavour)
    house.saved = replace(house.settings, automation="off")
    house.live(900)
    assert (house.journal.jobs(), +house.world.started) == ([], Counter())
    assert house.service._status == "serving jobs of the web interface; automatic balancing is off"
    house.settings = replace(house.settings, automation="on")
    house.saved = replace(house.settings, policy=replace(Policy(), max_moves=1))
    house.written += 1
    house.live(60)
    (job,) = house.journal.jobs()
    assert len(job.steps) == 1
