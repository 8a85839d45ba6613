"""A site's hooks around each node of a rolling run, run by the real program: one that fails, hangs or dies is a gate that stays shut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.test_rolling import Killed, Site
from engine.test_rolling_gates import with_ceph
from hook_house import HookHouse
from prs import audit
from prs.cli.job_view import rolling_text
from prs.engine.rolling.hooks import Hook, Stage
from prs.engine.rolling.rolling import Actions, Rolling
from prs.engine.rolling.runs import RollingRun
from prs.helper.hooks import run_hook
from prs.helper.root_hooks import STAGES
from prs.terminal import Style


class HookedSite(Site):
    """A site whose rolling runs have hooks."""

    house: HookHouse
    meanwhile: Callable[[], object] = staticmethod(lambda: None)  # what happens while a hook runs

    def hook(self, stage: Stage, node: str, stopped: Callable[[], bool]) -> Hook | None:
        """Run it by the real program."""
        self.meanwhile()
        return run_hook(self.house.socket, stage, node, stopped)

    def go(self, run_id: str, work: object = None) -> RollingRun:
        """Carry it out with the hooks of the house."""
        drive = self.drive
        actions = Actions(
            drive.finish, lambda: self.stopped, self.said.append, self.world.ha_maintenance, self.helper, drive.holds, hook=self.hook
        )
        return Rolling(drive.api, self.runs, drive.clock, run_id, actions).go()


@pytest.fixture
def site(ram: Path, tmp_path: Path) -> Iterator[HookedSite]:
    found = HookedSite(ram, "9")
    found.house = HookHouse(tmp_path)
    yield found
    found.house.close()


def test_each_stage_has_its_hook_in_order_around_each_node(site: HookedSite, caplog: pytest.LogCaptureFixture) -> None:
    """And each thing that is done is one audit line, beside that of whoever called the command."""
    for stage in STAGES:
        site.house.write(stage, f"echo {stage} is fine")
    run = site.go(site.begin("pve3", "pve1"))
    assert (run.state, run.message) == ("done", "")
    assert site.house.ran == [f"{stage} {node}" for node in ("pve3", "pve1") for stage in STAGES]
    assert [(hook.stage, hook.state, hook.code) for hook in run.stops[1].hooks] == [(stage, "done", 0) for stage in STAGES]
    kept = [vars(record) for record in caplog.records if record.name == audit.NAME]
    lines = [(one["action"], one["node"], one["client"]) for one in kept]
    done = ["hook-before-drain", "drain", "hook-after-drain", "hook-before-reboot", "reboot", "hook-after-boot", "release"]
    assert lines == [(action, node, "local") for node in ("pve3", "pve1") for action in done]
    text = rolling_text(run, Style(100))
    assert "Hook after-boot for pve1: exit status 0" in text
    assert "  after-boot is fine\n" in text


@pytest.mark.parametrize("stage", ["before-drain", "before-reboot", "after-boot"])
def test_a_hook_that_fails_is_a_gate_that_stays_shut(site: HookedSite, stage: Stage) -> None:
    """The run ends there in words, leaves no flag of Ceph's, and the next node is not touched."""
    ceph = with_ceph(site)
    site.house.write(stage, "echo no way; exit 3")
    run = site.go(site.begin("pve1", "pve2"))
    held = "" if stage == "before-drain" else "; pve1 is kept empty (release pve1)"
    assert (run.state, run.message) == ("failed", f"pve1: the site's hook {stage} ended with exit status 3: no way{held}")
    assert [stop.state for stop in run.stops] == ["failed", "planned"]
    assert site.rebooted == (["pve1"] if stage == "after-boot" else [])
    assert site.house.ran == [f"{stage} pve1"]
    assert ceph.flags == set()
    assert site.world.started == {} or stage != "before-drain"


def test_a_hook_that_hangs_stops_the_run_too(site: HookedSite, tmp_path: Path) -> None:
    (tmp_path / "short").mkdir()
    site.house.close()
    site.house = HookHouse(tmp_path / "short", seconds=3.0)
    site.house.write("before-reboot", "echo waiting; exec sleep 1000")
    run = site.go(site.begin("pve1"))
    assert run.message.startswith("pve1: the site's hook before-reboot did not end within ")
    assert run.message.endswith(": waiting; pve1 is kept empty (release pve1)")
    assert not site.rebooted


def test_a_hook_that_others_may_write_stops_the_run(site: HookedSite) -> None:
    site.house.write("after-drain", mode=0o777)
    run = site.go(site.begin("pve1"))
    assert "after-drain may be written by others than root (mode 0777)" in run.message
    assert not site.rebooted
    assert site.house.ran == []


def test_a_guest_that_comes_while_a_hook_runs_is_seen_before_the_reboot(site: HookedSite) -> None:
    site.house.write("before-reboot")
    site.meanwhile = lambda: setattr(site.world.guests[107], "node", "pve1")
    run = site.go(site.begin("pve1"))
    assert "pve1 is not rebooted: 107" in run.message
    assert not site.rebooted


def test_what_is_done_is_not_done_again_after_a_crash(site: HookedSite) -> None:
    """A hook that was under way is begun anew: root has ended it with its caller."""
    for stage in STAGES:
        site.house.write(stage)
    run_id, power_off = site.begin("pve1"), site.world.life.power_off

    def killed(name: str, reboot: bool) -> None:
        raise Killed

    site.world.life.power_off = killed  # type: ignore[method-assign]
    with pytest.raises(Killed):
        site.go(run_id)
    site.world.life.power_off = power_off  # type: ignore[method-assign]
    stop = site.runs.get(run_id).stops[0]
    site.runs.stop(run_id, 1, hooks=tuple(hook for hook in stop.hooks if hook.stage != "before-reboot"))
    assert site.go(run_id).state == "done"
    assert site.house.ran == [f"{stage} pve1" for stage in ("before-drain", "after-drain", "before-reboot", "before-reboot", "after-boot")]


def test_who_wants_an_end_waits_for_no_hook(site: HookedSite) -> None:
    site.house.write("after-drain", "exec sleep 1000")
    site.meanwhile = lambda: setattr(site, "stopped", bool(site.drive.journal.jobs()))
    run = site.go(site.begin("pve1"))
    assert run.state == "cancelled"
    assert run.message == "pve1: the site's hook after-drain was ended, as the user wanted; pve1 is kept empty (release pve1)"
    assert [hook.state for hook in run.stops[0].hooks] == ["stopped"]
    assert not site.rebooted
