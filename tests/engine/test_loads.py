"""The daemon's memory of loads: one call every five minutes on the leader, plans for the day after a day of it, hot nodes at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from drive import Drive, VirtualClock
from prs.config.load import Settings
from prs.endpoint import Endpoint
from prs.engine.daemon.host import Host
from prs.engine.daemon.service import Service
from prs.engine.daemon.systemd import Notifier
from prs.engine.journal.journal import Journal
from prs.engine.loads.link_speeds import LinkSpeeds
from prs.engine.loads.memory import FILE, LoadMemory, half_hour
from prs.errors import Unreachable
from prs.model import Policy
from simcluster import InProcessApi
from simcluster.scenes import small
from simcluster.world import Flavour, World

ENDPOINT = Endpoint(("pve1",), "prs@pve", token_name="daemon", token_value="x")


class Counted(InProcessApi):
    """The simulated API with a count of what was asked."""

    asked: ClassVar[Counter[str]] = Counter()
    down = False

    def get(self, path: str, params: Any = None) -> Any:
        if Counted.down:
            raise Unreachable("pve1 does not answer")
        Counted.asked[path] += 1
        return super().get(path, params)


class House:
    """A daemon that suggests only, so that the cluster stays as it is, on a host of this name."""

    def __init__(self, folder: Path, flavour: Flavour, name: str = "elsewhere", **settings: Any) -> None:
        self.world: World = small(flavour)
        self.world.clock.sleep(600)
        self.clock = VirtualClock(self.world)
        chosen = {"dry_run": True, "schedule": 86_400.0, **settings}
        self.settings = Settings(folder / "prs.conf", endpoint=ENDPOINT, state_dir=folder, **chosen)
        self.journal, self.memory = Journal(folder / "journal.sqlite"), LoadMemory(folder / FILE)
        self.start(name)
        Counted.asked, Counted.down = Counter(), False

    def start(self, name: str = "elsewhere") -> None:
        """Start the daemon, as for the first time or again."""
        host = Host(lambda: self.settings, lambda endpoint: Counted(self.world, f"{endpoint.user}!{endpoint.token_name}"), name)
        self.service = Service(host, self.settings, self.journal, self.clock, Notifier({}))  # type: ignore[arg-type]

    def live(self, seconds: float) -> None:
        """Let the daemon work for so long."""
        until = self.clock.time() + seconds
        while self.clock.time() < until:
            self.service.turn()
            self.clock.sleep(60)


def test_three_calls_every_five_minutes_and_the_run_s_own_reading_counts(ram: Path, flavour: Flavour) -> None:
    house = House(ram, flavour, policy=Policy(hot=0.95, spread=1.0))  # nothing to suggest, and to look at anew
    house.live(60)
    assert Counted.asked["/cluster/resources"] == 1
    Counted.asked.clear()
    house.live(3600 - 60)
    assert Counted.asked["/cluster/resources"] in (11, 12)
    assert set(Counted.asked) <= {"/cluster/resources", "/cluster/status", "/cluster/ha/status/manager_status"}
    assert sum(Counted.asked.values()) == 3 * Counted.asked["/cluster/resources"], "with each reading who leads, in two calls"
    number = half_hour(house.clock.time() - 1800)
    (half,) = house.memory.halves([number]).values()
    assert half.guests
    assert set(half.nodes) == {"pve1", "pve2", "pve3"}
    assert all(count == 6 for count, _, _ in half.nodes.values())


def test_who_does_not_lead_remembers_nothing(ram: Path, flavour: Flavour) -> None:
    house = House(ram, flavour, "pve3")
    house.live(3600)
    assert Counted.asked["/cluster/resources"] == 0
    assert not house.memory.path.exists()


def test_a_node_that_does_not_lead_learns_the_speed_of_links_once_an_hour(ram: Path, flavour: Flavour) -> None:
    house = House(ram, flavour, "pve3")
    (ram / "other").mkdir()
    assert Drive(house.world, ram / "other", Policy()).run().count("done")
    house.live(2 * 3600)
    assert {pair[0] for pair in LinkSpeeds(house.memory.path).known()} == {"pve1"}
    assert 2 <= Counted.asked["/cluster/tasks"] <= 3
    assert Counted.asked["/cluster/resources"] == 0


def test_after_a_day_the_plan_is_made_for_the_day(ram: Path, caplog: pytest.LogCaptureFixture) -> None:
    house = House(ram, "9")
    house.live(86_400 + 900)
    with caplog.at_level("INFO"):
        house.live(86_400)
    runs = [record.message for record in caplog.records if record.message.startswith("scheduled run: ")]
    assert runs
    assert "expected: the widest memory spread of the next 24 h goes from" in runs[-1]


def test_a_cluster_that_does_not_answer_ends_nothing(ram: Path, flavour: Flavour) -> None:
    house = House(ram, flavour)
    house.live(60)
    Counted.down = True
    house.live(3600)
    Counted.down = False
    house.live(900)
    number = half_hour(house.clock.time())
    assert house.memory.halves([number - 1, number])


def test_a_node_that_is_nearly_full_does_not_wait_for_the_schedule(ram: Path, flavour: Flavour, caplog: pytest.LogCaptureFixture) -> None:
    """pve1 of the small lab uses 86 % of its memory: with a limit of 80 % a run follows every half hour, and not more often."""
    house = House(ram, flavour)
    house.settings = replace(house.settings, policy=Policy(hot=0.8))
    house.start()
    with caplog.at_level("INFO"):
        house.live(2 * 3600)
    runs = [record for record in caplog.records if record.message.startswith("scheduled run: ")]
    assert 3 <= len(runs) <= 5
    assert "a node uses 86% of its memory, more than 80%: this run does not wait for the schedule" in caplog.text
