"""When the daemon's runs begin: calendar, quiet windows, backups, nodes that come back, pauses, and a run that somebody asks for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.house import House
from prs.config.calendar import calendar
from prs.config.windows import windows
from prs.engine.daemon.service import Service
from prs.engine.daemon.systemd import Notifier
from prs.engine.journal.automation import balancing
from prs.model import Policy
from simcluster.process import Steps, Wait
from simcluster.tasks import Task
from simcluster.world import Flavour

HOUR = 3600.0


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The simulated clock begins at some minute; hours are counted in UTC."""
    monkeypatch.setenv("TZ", "UTC0")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


class Timed(House):
    """A daemon whose cluster is uneven, so that the first run makes a job, and whose settings change as by a policy."""

    def __init__(self, folder: Path, flavour: Flavour, name: str = "elsewhere", **settings: Any) -> None:
        super().__init__(folder, flavour, name, policy=Policy(hot=1.0), **settings)

    def set(self, **settings: Any) -> None:
        """Change settings, as another policy does."""
        self.settings, self.written = replace(self.settings, **settings), self.written + 1

    def event(self, minutes: int) -> str:
        """The calendar event that comes in so many minutes each day."""
        return time.strftime("%H:%M", time.gmtime(self.clock.time() // 60 * 60 + minutes * 60))

    @property
    def state(self) -> Any:
        """How automatic balancing stands."""
        return balancing(self.settings, self.journal, "elsewhere", self.clock.time()).state


def timed(folder: Path, flavour: Flavour, minutes: int = 30, **settings: Any) -> Timed:
    """A house that balances at a time of the day, in so many minutes for the first time."""
    house = Timed(folder, flavour, **settings)
    house.set(calendar=calendar(house.event(minutes)))
    return house


def test_a_calendar_is_kept_and_nothing_runs_before(ram: Path, flavour: Flavour) -> None:
    house = timed(ram, flavour)
    began = house.clock.time()
    house.live(1500)
    assert (house.journal.jobs(), house.state.waiting) == ([], "its time")
    assert 1700 < house.state.next_run - began <= 1800
    house.live(600)
    assert len(house.journal.jobs()) == 1
    house.live(900)
    assert house.state.next_run == pytest.approx(began // 60 * 60 + 1800 + 24 * HOUR)


def test_a_restart_while_it_waits_forgets_nothing_and_one_afterwards_begins_nothing(ram: Path, flavour: Flavour) -> None:
    house = timed(ram, flavour)
    house.set(quiet=windows(f"{house.event(10)}-{house.event(120)}"))
    house.live(2400)
    assert (house.journal.jobs(), house.state.waiting) == ([], "the end of the quiet window")
    house.service = Service(house.service._host, house.settings, house.journal, house.clock, Notifier({}))  # type: ignore[arg-type]
    house.live(5700)
    assert len(house.journal.jobs()) == 1
    other = timed(ram / "other", flavour, minutes=-10)
    other.live(900)
    assert not other.journal.jobs(), "nobody was there at that time"


def test_it_waits_for_backups_that_run_or_are_due(ram: Path, flavour: Flavour) -> None:
    house = timed(ram, flavour, wait_for_backups=True)

    def backup(task: Task) -> Steps:
        yield Wait(2 * HOUR)

    house.world.tasks.start("pve2", "vzdump", "", "root@pam", backup)
    house.live(2400)
    assert (house.journal.jobs(), house.state.waiting) == ([], "the end of the backup on pve2")
    house.world.backup_jobs = [
        {"id": "off", "enabled": 0, "next-run": int(house.clock.time() + 6000)},
        {"id": "nightly", "next-run": int(house.clock.time() + 6000)},
    ]
    house.live(5700)
    assert (house.journal.jobs(), house.state.waiting) == ([], "backup job nightly, which is due within half an hour")
    house.world.backup_jobs[1]["next-run"] = int(house.clock.time() + 24 * HOUR)
    house.live(900)
    assert len(house.journal.jobs()) == 1


def test_it_waits_after_a_node_has_come_back_and_then_runs_for_it(ram: Path, flavour: Flavour) -> None:
    house = Timed(ram, flavour, after_return=3600.0, on_return=True)
    house.set(calendar=calendar(house.event(-30)))
    house.live(600)
    node = house.world.nodes["pve3"]
    with house.world.change():
        node.born = house.world.clock.now
    house.live(1200)
    assert (house.journal.jobs(), house.state.waiting) == ([], "pve3 to have been up for 60 minutes")
    house.live(3600)
    assert len(house.journal.jobs()) == 1
    house.live(1800)
    assert len(house.journal.jobs()) == 1, "once for each return"


def test_a_pause_ends_by_itself_and_a_run_may_be_asked_for_in_it(ram: Path, flavour: Flavour) -> None:
    house = timed(ram, flavour, minutes=10)
    house.set(paused_until=house.clock.time() + 2 * HOUR, quiet=windows("mon..sat; sun 0:00-23:59"))
    house.live(1800)
    assert (house.journal.jobs(), house.state.waiting) == ([], "the end of the pause")
    house.set(run_at=house.clock.time())
    house.live(300)
    assert len(house.journal.jobs()) == 1
    house.live(3 * HOUR)
    assert len(house.journal.jobs()) == 1


def test_a_run_that_is_asked_for_is_made_while_automatic_balancing_is_off(ram: Path, flavour: Flavour) -> None:
    house = Timed(ram, flavour, automation="off")
    house.live(1800)
    assert house.journal.jobs() == []
    house.set(run_at=house.clock.time())
    house.live(900)
    (job,) = house.journal.jobs()
    assert (job.state, job.origin) == ("done", "schedule")
    house.live(3 * HOUR)
    assert len(house.journal.jobs()) == 1
    assert (house.state.waiting, house.state.next_run) == ("", 0.0)


def test_a_run_that_is_asked_for_is_made_by_the_one_that_led_then_and_by_no_other(ram: Path, flavour: Flavour) -> None:
    """Its successor has seen it, or was not there at that moment: neither makes it a second time."""
    house = Timed(ram, flavour, "pve2", automation="off")
    house.set(run_at=house.clock.time() + 60)
    house.live(300)
    house.alive = {"pve2"}
    house.live(4000)
    assert (house.journal.jobs(), house.state.waiting) == ([], "")
    (ram / "another").mkdir()
    again = Timed(ram / "another", flavour, automation="off")
    again.set(run_at=again.clock.time() - HOUR)
    again.live(900)
    assert again.journal.jobs() == []


def test_who_has_only_stood_by_begins_nothing_when_it_comes_to_lead(ram: Path, flavour: Flavour) -> None:
    """The run of the hour was made by the one that led then."""
    house = Timed(ram, flavour, "pve2")
    house.set(calendar=calendar(house.event(10)))
    house.live(1800)
    house.alive = {"pve2"}
    house.live(4000)
    assert (house.journal.jobs(), house.state.leader) == ([], "pve2")


def test_a_calendar_without_a_moment_to_come_is_said(ram: Path, flavour: Flavour) -> None:
    house = Timed(ram, flavour)
    house.set(calendar=calendar("1999-1-1"))
    house.live(600)
    assert (house.journal.jobs(), house.state.next_run) == ([], 0.0)
    assert house.service._status == "idle; the schedule names no moment that is still to come"
