"""A site's hooks in rounds that the services carry: each is noted before it begins, run once, and a gate where it does not end well."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event

import pytest

from engine.rounds import Cluster
from engine.test_rounds import sound
from hook_house import HookHouse
from prs import audit
from prs.engine.rolling.hooks import Hook, Stage
from prs.engine.rolling.stages import RoundOptions
from prs.helper.hooks import run_hook
from prs.helper.root_hooks import STAGES
from simcluster.ceph import Ceph
from simcluster.world import Flavour

HOOKED = RoundOptions(hooks=True)


class Hooks:
    """Hooks that end well, but for `stage`, which does what it is told."""

    def __init__(self, site: Cluster, stage: str = "", state: str = "failed") -> None:
        self.site, self.stage, self.state, self.go = site, stage, state, Event()
        self.noted = list[bool]()  # whether the round's file said so before each began
        site.hook = self

    def __call__(self, stage: Stage, node: str, stopped: Callable[[], bool]) -> Hook:
        turn = self.site.round().turn
        self.noted.append(turn is not None and turn.node == node and turn.hook is not None and turn.hook.state == "running")
        if stage != self.stage or self.state == "done":
            return Hook(stage, "done", 0, "well")
        if self.state == "hangs":
            while not self.go.wait(0.01):
                if stopped():
                    return Hook(stage, "stopped")
            return Hook(stage, "done", 0)
        return Hook(stage, "hung", seconds=1800.0) if self.state == "hung" else Hook(stage, "failed", 3, "no way")


def test_each_runs_once_around_its_node_on_the_node_that_carries(ram: Path, flavour: Flavour) -> None:
    site = Cluster(ram, flavour)
    hooks = Hooks(site)
    site.begin("pve2", "pve1", options=HOOKED)
    one = site.finish()
    assert (one.state, one.message) == ("done", "")
    assert [(stage, node) for _, stage, node in site.ran] == [(stage, node) for node in ("pve2", "pve1") for stage in STAGES]
    assert all(host != node for host, _, node in site.ran)
    assert hooks.noted == [True] * 8
    assert [(hook.stage, hook.state, hook.output) for hook in one.turns[0].hooks] == [(stage, "done", "well") for stage in STAGES]
    sound(site)


def deeds(caplog: pytest.LogCaptureFixture) -> list[tuple[str, ...]]:
    """The audit lines so far, without the ids of jobs of the journal."""
    kept = [vars(record) for record in caplog.records if record.name == audit.NAME]
    assert {(one["caller"], one["client"], len(one["job"])) for one in kept} == {("root@pam", "round", 12)}
    caplog.clear()
    return [(one["action"], one["node"], one["allowed"]) for one in kept]


def test_each_thing_that_is_done_for_it_is_one_audit_line(ram: Path, flavour: Flavour, caplog: pytest.LogCaptureFixture) -> None:
    """Beside the line of whoever began it; in the name of that user."""
    site = Cluster(ram, flavour)
    site.world.ceph = Ceph(osds={"pve2": [1]}, mons=("pve1",))
    Hooks(site, "after-boot", "hung")
    site.begin("pve2", options=HOOKED)
    site.until("after-boot")
    site.live(60)
    before = ["hook-before-drain", "drain", "hook-after-drain", "hook-before-reboot", "set-noout", "reboot", "unset-noout"]
    assert deeds(caplog) == [(action, "pve2", "yes") for action in (*before, "hook-after-boot")]
    site.ask_for("skip", "pve2")
    site.finish()
    assert deeds(caplog) == [("release", "pve2", "yes")]


def test_what_is_refused_is_a_line_that_says_so(ram: Path, caplog: pytest.LogCaptureFixture) -> None:
    site = Cluster(ram, "9")
    site.begin("pve2")
    site.until("reboot")
    site.world.faults.add({"on": "POST /nodes/{node}/status", "do": "answer", "status": 403, "words": "Permission check failed"})
    site.finish()
    assert deeds(caplog)[:2] == [("drain", "pve2", "yes"), ("reboot", "pve2", "no")]


@pytest.mark.parametrize(("stage", "state"), [("before-drain", "failed"), ("before-reboot", "hung"), ("after-boot", "failed")])
def test_one_that_does_not_end_well_rests_until_it_is_resumed(ram: Path, stage: str, state: str) -> None:
    """The reason stands there, nothing goes on meanwhile, and to resume runs it once more."""
    site = Cluster(ram, "9")
    site.world.ceph = ceph = Ceph(osds={"pve2": [1]}, mons=("pve1",))
    hooks = Hooks(site, stage, state)
    site.begin("pve2", options=HOOKED)
    site.until(stage)
    site.live(600)
    one = site.round()
    assert (one.paused, one.turns[0].step, one.turns[0].stage) == (True, stage, "hook")
    how = "ended with exit status 3: no way" if state == "failed" else "did not end within 30 minutes and was ended"
    assert one.turns[0].message == f"the site's hook {stage} {how} (resume runs it again)"
    assert site.rebooted == (["pve2"] if stage == "after-boot" else [])
    assert ceph.flags == set(), "nobody knows for how long"
    assert [ran[1] for ran in site.ran].count(stage) == 1
    hooks.state = "done"
    site.ask_for("resume", host="pve3")
    assert site.finish().state == "done"
    assert [ran[1] for ran in site.ran].count(stage) == 2
    assert site.rebooted == ["pve2"]
    sound(site)


@pytest.mark.parametrize(("verb", "stage"), [("stop", "before-drain"), ("skip", "before-reboot"), ("stop", "after-boot")])
def test_a_node_is_left_after_a_hook_that_fails(ram: Path, verb: str, stage: str) -> None:
    site = Cluster(ram, "9")
    Hooks(site, stage)
    site.begin("pve2", options=HOOKED)
    site.until(stage)
    site.live(60)
    site.ask_for("stop") if verb == "stop" else site.ask_for("skip", "pve2")
    one = site.finish()
    assert "ended with exit status 3: no way (resume runs it again); s" in one.turns[0].message
    assert one.turns[0].message.endswith("by the user")
    assert one.turns[0].stage == "skipped"
    site.live(60)
    sound(site)


def test_one_that_runs_is_ended_when_the_user_stops(ram: Path) -> None:
    site = Cluster(ram, "9")
    Hooks(site, "after-drain", "hangs")
    site.hangs = True
    site.begin("pve2", options=HOOKED)
    site.until("after-drain")
    site.live(300)
    one = site.round()
    assert (one.paused, one.turns[0].message) == (False, "the site's hook after-drain runs for pve2")
    site.ask_for("stop")
    site.live(5)
    site.hangs = False
    assert site.finish().state == "stopped"
    assert not site.rebooted
    sound(site)


@pytest.mark.parametrize("stage", ["before-reboot", "after-boot"])
def test_after_a_crash_it_is_not_run_again_unasked(ram: Path, stage: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whether it had its effect nobody knows: that is said, and a user decides."""
    site = Cluster(ram, "9")
    hooks = Hooks(site, stage, "hangs")
    site.hangs = True
    site.begin("pve2", options=HOOKED)
    site.until(stage)
    site.live(30)
    caplog.clear()
    site.service("pve1")
    site.live(300)
    assert deeds(caplog) == [(f"hook-{stage}", "pve2", "yes")], "whoever had begun it left no line"
    hooks.go.set()
    one = site.round()
    assert one.paused
    words = f"the site's hook {stage} was begun on pve1, and nobody has seen how it ended (resume runs it again)"
    assert one.turns[0].message == words
    assert [ran[1] for ran in site.ran].count(stage) == 1
    site.hangs = False
    site.ask_for("resume")
    assert site.finish().state == "done"
    assert [ran[1] for ran in site.ran].count(stage) == 2
    assert site.rebooted == ["pve2"]
    sound(site)


def test_another_carrier_does_not_run_it_again_unasked(ram: Path, flavour: Flavour) -> None:
    site = Cluster(ram, flavour)
    hooks = Hooks(site, "before-reboot", "hangs")
    site.hangs = True
    site.begin("pve2", options=HOOKED)
    site.until("before-reboot")
    site.live(30)
    site.world.life.kill("pve1")
    hooks.go.set()
    site.live(600)
    one = site.round()
    assert (one.paused, one.holder) == (True, "pve3")
    assert "was begun on pve1, and nobody has seen how it ended" in one.turns[0].message
    site.world.life.revive("pve1")
    site.hangs = False
    site.ask_for("resume")
    assert site.finish().state == "done"
    assert [ran for ran in site.ran if ran[1] == "before-reboot"] == [("pve1", "before-reboot", "pve2"), ("pve3", "before-reboot", "pve2")]
    assert site.places == site.before


def test_a_carrier_without_a_hook_that_there_was_says_so(ram: Path) -> None:
    """The hooks are files of each node: one that is lacking is not skipped in silence."""
    site = Cluster(ram, "9")
    site.hook = lambda stage, node, stopped: None
    site.begin("pve2", options=RoundOptions(hooks=True, stages=("after-drain",)))
    site.until("after-drain")
    site.live(60)
    one = site.round()
    assert one.paused
    assert "the site's hook after-drain could not be run: pve1, which carries the round, has no such hook" in one.turns[0].message


def test_with_the_real_program(ram: Path, tmp_path: Path) -> None:
    site, house = Cluster(ram, "9"), HookHouse(tmp_path)
    try:
        house.write("before-drain", "echo muted")
        house.write("before-reboot", "echo not today; exit 3")
        site.hook = partial(run_hook, house.socket)
        site.begin("pve2", options=HOOKED)
        site.until("before-reboot")
        site.live(60)
        assert site.round().turns[0].message == "the site's hook before-reboot ended with exit status 3: not today (resume runs it again)"
        house.write("before-reboot")
        site.ask_for("resume")
        assert site.finish().state == "done"
        assert house.ran == ["before-drain pve2", "before-reboot pve2", "before-reboot pve2"]
    finally:
        house.close()
    sound(site)
