"""Rounds in which some nodes are serviced together: all empty before the first goes down, all back before the first is filled."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.rounds import Cluster
from engine.test_round_story import HA, NODES, RIDER, lab
from engine.test_rounds import sound
from prs.engine.rolling.hooks import Hook
from prs.engine.rolling.stages import HOOKS, RoundOptions
from simcluster.world import Flavour

PAIR = ("pve1", "pve2")
BATCHES = (PAIR, ("pve3", "pve4"))


def site_of(folder: Path, flavour: Flavour) -> Cluster:
    """Five nodes without Ceph, whose daemons would have each of them serviced alone."""
    site = lab(folder, flavour)
    site.world.ceph = None
    del site.world.guests[RIDER].config["hostpci0"]
    return site


def down(site: Cluster) -> list[str]:
    return [name for name, node in site.world.nodes.items() if not node.alive]


def test_two_at_once_are_down_together_and_nothing_is_lost(ram: Path, flavour: Flavour) -> None:
    """The carrier's process dies as each step begins, and its own node is one of the first two."""
    site, seen, most = site_of(ram, flavour), dict[tuple[str, str], None](), 0
    site.begin(*NODES, batches=BATCHES, options=RoundOptions(hooks=True, stages=HOOKS))
    while (turn := site.round().turn) is not None:
        if (turn.node, turn.step) not in seen and turn.step not in HOOKS:
            site.service(site.round().holder)
        seen[turn.node, turn.step] = None
        site.tick()
        assert site.world.quorate
        most = max(most, len(down(site)))
    one = site.round()
    assert (one.state, one.message) == ("done", ""), (one, site.world.story()[-30:])
    assert most == 2
    assert site.rebooted == list(NODES)
    steps = list(seen)
    assert steps.index(("pve2", "drain")) < steps.index(("pve1", "last-gates")), "both are empty before the first goes down"
    assert steps.index(("pve2", "return")) < steps.index(("pve1", "fill")), "both are back before the first is filled"
    assert [(stage, node) for _, stage, node in site.ran if node == "pve5"] == [(stage, "pve5") for stage in HOOKS]
    assert sorted((node, stage) for _, stage, node in site.ran) == sorted((node, stage) for node in NODES for stage in HOOKS)
    site.live(60)
    sound(site)


def test_who_cannot_be_emptied_beside_the_others_follows_them(ram: Path, flavour: Flavour) -> None:
    """A guest bound to its hardware: the first node has had its turn before the round fails at the second."""
    site = site_of(ram, flavour)
    site.world.guests[RIDER].config["hostpci0"] = "0000:01:00.0"
    site.begin(*NODES[:3], batches=(NODES[:3],))
    site.until("last-gates", "pve1")
    one = site.round()
    assert [turn.batch for turn in one.turns] == [1, 2, 2]
    assert one.turns[1].message.startswith("not together with pve1: ")
    one = site.finish()
    assert [turn.stage for turn in one.turns] == ["done", "failed", "waiting"]
    assert one.message.startswith("pve2: ")
    assert site.rebooted == ["pve1"]
    site.live(60)
    sound(site)


def test_a_gate_that_is_shut_for_the_second_does_not_keep_the_first_empty(ram: Path) -> None:
    site = site_of(ram, "9")
    site.world.nodes["pve2"].dead_services = ("pvescheduler",)
    site.begin(*PAIR, batches=(PAIR,), holder="pve3")
    site.until("return", "pve1")
    assert [turn.batch for turn in site.round().turns] == [1, 0]
    site.world.nodes["pve2"].dead_services = ()
    assert site.finish().state == "done"
    site.live(60)
    sound(site)


@pytest.mark.parametrize("lost", PAIR)
def test_where_one_does_not_come_back_the_other_is_filled(ram: Path, lost: str) -> None:
    site = site_of(ram, "9")
    other = next(name for name in PAIR if name != lost)
    revive = site.world.life.revive
    site.world.life.revive = lambda name: None if name == lost else revive(name)  # type: ignore[method-assign]
    site.begin(*PAIR, batches=(PAIR,), holder="pve3")
    one = site.finish()
    assert one.state == "failed"
    assert {turn.node: turn.stage for turn in one.turns} == {lost: "failed", other: "done"}, one
    assert f"{lost} was told to reboot and is not back" in one.message
    assert {vmid for vmid, node in site.places.items() if node == other} == {vmid for vmid, node in site.before.items() if node == other}
    assert not [guest for guest in site.world.on(lost) if guest.running]


@pytest.mark.parametrize("step", ["gates", "drain", "last-gates", "return", "fill"])
@pytest.mark.parametrize("node", PAIR)
def test_a_stop_takes_all_of_them_back(ram: Path, step: str, node: str) -> None:
    site = site_of(ram, "9")
    site.begin(*NODES, batches=BATCHES, holder="pve5")
    site.until(step, node)
    site.ask_for("stop")
    one = site.finish()
    assert one.state == "stopped", one
    assert site.rebooted == (list(PAIR) if step in ("return", "fill") else [])
    assert all(turn.stage in ("done", "skipped", "waiting") for turn in one.turns)
    site.live(60)
    sound(site)


def test_a_pause_comes_after_all_of_them_and_one_that_is_skipped_leaves_the_other(ram: Path) -> None:
    site = site_of(ram, "9")
    site.begin(*NODES, batches=BATCHES, holder="pve5")
    site.until("drain", "pve2")
    site.ask_for("pause")
    site.ask_for("skip", "pve1")
    site.live(3600)
    one = site.round()
    assert one.paused
    assert [turn.stage for turn in one.turns] == ["skipped", "done", "waiting", "waiting", "waiting"]
    site.ask_for("resume")
    assert site.finish().state == "done"
    assert site.rebooted == list(NODES[1:])
    site.live(60)
    sound(site)


def test_empty_ones_wait_together_for_the_user(ram: Path) -> None:
    site = site_of(ram, "9")
    site.begin(*NODES[:3], batches=(PAIR,), holder="pve5", options=RoundOptions(reboot=False))
    site.live(1800)
    assert [turn.step for turn in site.round().turns] == ["by-hand", "by-hand", "gates"]
    assert not [guest.vmid for guest in (*site.world.on("pve1"), *site.world.on("pve2"))]
    site.ask_for("resume")
    assert site.until("by-hand", "pve3").turns[1].stage == "done"
    site.ask_for("resume")
    assert site.finish().state == "done"
    site.live(60)
    sound(site)


def test_a_hook_that_fails_at_the_second_takes_both_back_when_the_user_says_so(ram: Path) -> None:
    site = site_of(ram, "9")
    site.hook = lambda stage, node, stopped: Hook(stage, "failed" if (stage, node) == ("before-reboot", "pve2") else "done", 1)
    site.begin(*NODES[:3], batches=(PAIR,), holder="pve5", options=RoundOptions(hooks=True, stages=HOOKS))
    site.until("before-reboot", "pve2")
    site.live(600)
    assert site.round().paused
    site.ask_for("stop")
    assert site.finish().state == "stopped"
    assert site.rebooted == []
    site.live(60)
    sound(site)


def test_a_carrier_that_dies_with_its_batch_half_empty_is_followed_by_another(ram: Path, flavour: Flavour) -> None:
    site = site_of(ram, flavour)
    site.begin(*PAIR, batches=(PAIR,), holder="pve5")
    site.until("drain", "pve2")
    site.world.life.kill("pve5")
    site.live(800)
    site.world.life.revive("pve5")
    one = site.finish()
    assert (one.state, [turn.stage for turn in one.turns]) == ("done", ["done", "done"]), one
    assert one.holder in NODES[2:4]
    assert HA
