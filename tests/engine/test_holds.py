"""A drained node is respected by every host: two daemons with two journals, one cluster, one list below /etc/pve, one helper."""

from __future__ import annotations

from pathlib import Path

import pytest

from drive import Drive
from engine.two_hosts import Site
from prs.engine.drain.holds import Holds
from prs.engine.drain.release import plan_release
from prs.engine.drain.shared_holds import FOLDER
from prs.engine.execution.executor import TICK
from prs.engine.journal.hold import Hold
from prs.engine.journal.jobs import Job
from prs.errors import PlanError
from prs.model import Policy
from simcluster.nouns import GiB
from simcluster.scenes import small
from simcluster.world import Flavour

READY = "; no guest stands against a reboot now"


@pytest.fixture
def site(ram: Path, flavour: Flavour) -> Site:
    return Site(ram, flavour)


def test_another_leader_sends_nothing_to_the_drained_node(site: Site) -> None:
    """pve2 has drained pve3 and dies with its journal; pve1 leads from then on, and balances around pve3 until it is released."""
    job = site.two.run("pve3")
    assert (job.state, job.message) == ("done", f"pve3 is empty but for 1 template: the cluster shows no other guest on it{READY}")
    assert site.etc.names == ["pve3"]
    site.world.clock.sleep(3600)
    for vmid in site.two.guests_on("pve1"):
        site.world.life.load(vmid, 2 * GiB)
    site.world.clock.sleep(1800)
    leader = site.service("pve1")
    site.live(leader, 2 * 3600)
    assert site.one.journal.jobs(), "there was something to level"
    assert site.one.guests_on("pve3") == []
    warning = next(words for words in site.one.journal.jobs()[0].plan.warnings if words.startswith("pve3 gets no guest: "))
    assert f"kept empty since its drain (job {job.id} by prs@pve!daemon on pve2, 20" in warning
    assert not [move for move in site.one.plan("pve2").moves if move.target == "pve3"]
    assert site.release(site.one, "pve3") == ""
    site.live(leader, 2 * 3600)
    assert site.one.guests_on("pve3") != []


def test_a_release_elsewhere_is_taken_over_by_the_host_that_drained(site: Site) -> None:
    """Its journal forgets the hold for good: the node is not kept empty again, by nobody."""
    site.one.run("pve3")
    assert site.two.holds.held()["pve3"].host == "pve1"
    assert site.release(site.two, "pve3") == ""
    assert site.etc.names == []
    assert site.one.holds.held() == site.two.holds.held() == {}
    site.live(site.service("pve1"), 60)
    assert site.one.journal.held() == {}
    assert site.etc.names == []


def test_only_the_host_that_drained_can_bring_back(site: Site) -> None:
    """The other one says so and names it, and the node stays held."""
    job = site.one.run("pve3")
    held = site.two.holds.held()["pve3"]
    with pytest.raises(PlanError) as error:
        plan_release(site.two.api, site.two.holds, held, site.world.clock.time())
    assert str(error.value).startswith(f"only pve1, which has drained it (job {job.id} by prs@pve!daemon on pve1, 20")
    assert "or `release pve3 --stay` here" in str(error.value)
    assert site.etc.names == ["pve3"]


def test_bring_back_ends_the_hold_everywhere(site: Site) -> None:
    """The way back begins by letting the node have guests again, on every host."""
    site.one.run("pve3")
    site.world.clock.sleep(900)
    held = site.one.holds.held()["pve3"]
    _, plan, _ = plan_release(site.one.api, site.one.holds, held, site.world.clock.time())
    job = site.one.finish(site.one.queue(plan))
    assert job.state == "done"
    assert site.etc.names == []
    assert site.two.holds.held() == {}


def test_ha_maintenance_is_told_and_ended_from_elsewhere(ram: Path, flavour: Flavour) -> None:
    """The drain has switched the mode on after it was queued; a release on another host switches it off."""
    site = Site(ram, flavour, (101, 102, 107))
    site.one.run("pve1")
    assert site.world.ha.in_maintenance == {"pve1"}
    assert site.two.holds.held()["pve1"].maintenance
    site.release(site.two, "pve1")
    site.world.clock.sleep(60)
    assert not site.world.ha.in_maintenance


def test_a_cancelled_drain_leaves_no_hold(site: Site) -> None:
    job_id = site.one.queue(site.one.plan("pve1"))
    executor = site.one.executor(job_id)
    executor.tick()
    assert site.etc.names == ["pve1"]
    site.one.journal.request(job_id, "cancel")
    assert site.one.finish(job_id).state == "cancelled"
    assert site.etc.names == []


def test_a_drain_released_elsewhere_is_cancelled(site: Site) -> None:
    """Somebody on pve2 lets pve1 have guests again while pve1's own journal still empties it."""
    job_id = site.one.queue(site.one.plan("pve1"))
    executor = site.one.executor(job_id)
    executor.tick()
    site.release(site.two, "pve1")
    for _ in range(3000):
        if executor.tick():
            break
        site.world.clock.sleep(TICK)
    job = site.one.journal.job(job_id)
    assert job.state == "cancelled", job
    assert job.message.startswith("pve1 was released on another host")
    assert site.one.journal.held() == {}


def test_without_the_helper_the_hold_is_this_hosts_own_and_the_job_says_so(site: Site) -> None:
    """As before; once the helper works, the daemon tells the others by itself."""
    site.etc.down = "there is no helper at /run/prs-ha-maintenance.sock"
    job = site.one.run("pve3")
    assert job.state == "done"
    told = "the other hosts could not be told that pve3 is kept empty: there is no helper at /run/prs-ha-maintenance.sock"
    assert job.message == f"pve3 is empty but for 1 template: the cluster shows no other guest on it{READY}; {told}"
    assert "pve3" in site.one.holds.held()
    assert site.two.holds.held() == {}
    service = site.service("pve1")
    site.live(service, 60)
    site.etc.down = ""
    site.live(service, 120)
    assert site.two.holds.held()["pve3"].job == job.id


def test_a_release_without_quorum_is_made_good_later(site: Site) -> None:
    """Nothing can be taken out of the list; this host respects its own release, says what is missing, and tries again."""
    site.one.run("pve3")
    site.etc.down = "failed: /etc/pve/x: Permission denied (has the cluster quorum?)"
    words = site.release(site.one, "pve3")
    assert words == f"the other hosts could not be told, and keep pve3 empty until they are: {site.etc.down}"
    assert site.one.holds.held() == {}
    assert set(site.two.holds.held()) == {"pve3"}
    service = site.service("pve1")
    site.live(service, 60)
    site.etc.down = ""
    site.live(service, 120)
    assert site.two.holds.held() == {}


def test_a_later_drain_is_not_freed_by_an_older_release(site: Site) -> None:
    """pve1 could not take its hold down before pve2 drained the same node anew: only the old one goes."""
    site.one.run("pve3")
    site.etc.down = "no quorum"
    site.release(site.one, "pve3")
    site.etc.down = ""
    later = site.two.run("pve3")
    site.live(site.service("pve1"), 60)
    assert site.one.holds.held()["pve3"].job == later.id
    assert len(list((site.etc.pve / FOLDER).iterdir())) == 1


def test_two_hosts_hold_different_nodes_and_the_same(site: Site) -> None:
    """Each has a file of its own; one release, on either host, ends all holds of that node."""
    for vmid in site.world.guests:
        site.world.life.load(vmid, GiB, 0.1)
    site.world.clock.sleep(1800)
    first, other = site.one.run("pve3"), site.two.run("pve3")
    assert site.etc.names == ["pve3", "pve3"]
    assert (site.one.holds.held()["pve3"].job, site.two.holds.held()["pve3"].job) == (first.id, other.id)
    site.two.run("pve2")
    assert set(site.one.holds.held()) == {"pve2", "pve3"}
    site.release(site.two, "pve3")
    assert set(site.one.holds.held()) == set(site.two.holds.held()) == {"pve2"}


def test_an_unmounted_etc_pve_releases_nothing(site: Site) -> None:
    """pmxcfs is restarted: for a moment there is no list, which is no release."""
    site.one.run("pve3")
    (site.etc.pve / FOLDER).rename(site.etc.pve / "away")
    service = site.service("pve1")
    site.live(service, 60)
    assert set(site.one.holds.held()) == {"pve3"}
    (site.etc.pve / "away").rename(site.etc.pve / FOLDER)
    site.live(service, 60)
    assert set(site.two.holds.held()) == {"pve3"}


def test_a_text_that_this_host_may_not_read_is_written_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service without group www-data sees the names only: it does not write to the cluster's file system every ten seconds."""
    shared_holds = site.etc.shared_holds("pve1")
    asked: list[Hold] = []

    def put(held: Hold) -> None:
        asked.append(held)
        site.etc.shared_holds("pve1").put(held)
        (site.etc.pve / FOLDER / f"{held.node}.{held.job}.held").write_text("")

    shared_holds.put = put
    holds = Holds(site.one.journal, site.one.clock, shared_holds)
    site.one.queue(site.one.plan("pve3"))
    for _ in range(5):
        holds.sync(at_once=True)
    assert len(asked) == 1
    assert site.two.holds.held()["pve3"].user == ""


def test_a_death_between_the_file_and_the_note_of_it_is_made_good(site: Site) -> None:
    """The file is there, the journal does not know: a release still takes it down, because the next look finds it."""
    site.one.queue(site.one.plan("pve3"))
    site.etc.shared_holds("pve1").put(next(iter(site.one.holds.held().values())))
    assert [row["posted"] for row in site.one.journal.rows("SELECT posted FROM held")] == [0]
    site.one.holds.sync()
    assert [row["posted"] for row in site.one.journal.rows("SELECT posted FROM held")] == [1]
    site.release(site.two, "pve3")
    site.one.holds.sync()
    assert site.one.journal.held() == {}


def test_a_release_while_the_helper_is_at_work_is_not_lost(site: Site) -> None:
    """The web process releases between the helper's answer and the daemon's note of it: the file goes again."""
    job_id = site.one.queue(site.one.plan("pve3"))
    shared_holds = site.etc.shared_holds("pve1")

    def put_slowly(held: Hold) -> None:
        site.etc.shared_holds("pve1").put(held)
        site.one.journal.release("pve3")

    shared_holds.put = put_slowly
    holds = Holds(site.one.journal, site.one.clock, shared_holds)
    holds.sync()
    assert site.etc.names == ["pve3"]
    assert job_id
    holds.sync(at_once=True)
    assert site.etc.names == []


def test_jobs_are_untouched_outside_a_cluster(ram: Path, flavour: Flavour) -> None:
    """A machine that is no node has no list: nothing is asked of any helper, and nothing is said."""
    drive = Drive(small(flavour), ram, Policy(containers=True))
    drive.world.clock.sleep(660)
    job: Job = drive.run("pve3")
    assert job.message == "pve3 is empty but for 1 template: the cluster shows no other guest on it; no guest stands against a reboot now"
    assert drive.holds.held()["pve3"].host == ""
