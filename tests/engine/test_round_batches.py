"""Rounds in which some nodes are serviced together: all empty before the first goes down, all back before the first is filled."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.rounds import Cluster
from engine.test_round_story import HA, NODES, RIDER, lab
from engine.test_rounds import sound
from prs.engine.rolling.batches.seen import seen
from prs.engine.rolling.hooks import Hook
from prs.engine.rolling.stages import HOOKS, RoundOptions
from simcluster.ceph import Ceph
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


def test_a_node_does_not_join_where_ceph_or_a_rack_has_come_meanwhile(ram: Path) -> None:
    """Both were looked at when the round began, and are once more before the second is emptied."""
    site = site_of(ram, "9")
    site.begin(*NODES[:4], batches=BATCHES, holder="pve5")
    site.until("drain", "pve1")
    site.world.ceph = Ceph(osds={"pve2": [0]}, mons=("pve5",))
    site.until("last-gates", "pve1")
    one = site.round()
    assert one.turns[1].message == "not together with pve1: pve2 runs daemons of Ceph, and is serviced alone"
    site.until("drain", "pve3")
    for node in ("pve1", "pve2", "pve3"):
        site.world.nodes[node].location = "name=one"
    site.world.nodes["pve4"].location = "name=two"
    site.until("last-gates", "pve3")
    assert site.round().turns[3].message == (
        "not together with pve3: pve4 is not in the rack of pve3: only nodes of one rack are down at once"
    )
    assert site.finish().state == "done"
    assert site.rebooted == [*NODES[:4]]
    site.live(60)
    sound(site)


def test_where_only_those_of_a_batch_could_carry_the_round_they_follow_one_another(ram: Path) -> None:
    site = site_of(ram, "9")
    site.off.update(NODES[2:])
    site.begin(*PAIR, batches=(PAIR,), holder="pve1")
    one = site.finish()
    assert (one.state, site.rebooted, [turn.batch for turn in one.turns]) == ("done", [*PAIR], [0, 0]), one
    site.live(60)
    sound(site)


def test_one_that_is_empty_before_the_other_waits_and_does_not_reboot(ram: Path) -> None:
    """As its tab and the command say it; and one that is back is not called being filled before the other is."""
    site = site_of(ram, "9")
    site.begin(*PAIR, batches=(PAIR,), holder="pve5")
    one, told = site.until("drain", "pve2"), "with which it is serviced together"
    assert [seen(one, turn) for turn in one.turns] == [("waiting", f"pve1 waits for pve2, {told}"), ("draining", "")]
    one = site.until("return", "pve1")
    assert [seen(one, turn)[0] for turn in one.turns] == ["rebooting", "rebooting"]
    one = site.until("flags", "pve2")
    assert [seen(one, turn)[0] for turn in one.turns] == ["back", "back"]


def test_a_node_of_the_batch_that_dies_while_the_other_is_emptied_stops_the_round_before_any_reboot(ram: Path) -> None:
    site = site_of(ram, "9")
    site.begin(*PAIR, batches=(PAIR,), holder="pve5")
    site.until("drain", "pve2")
    site.world.life.kill("pve1")
    one = site.finish()
    assert (one.state, site.rebooted) == ("failed", []), one
    assert "pve1 is offline" in one.message


def test_a_third_node_that_dies_before_the_second_reboot_keeps_the_quorum(ram: Path) -> None:
    """The first is told already: it comes back and is filled, and the second has its guests again without a reboot."""
    site = site_of(ram, "9")
    site.begin(*PAIR, batches=(PAIR,), holder="pve5")
    site.until("reboot", "pve2")
    site.world.life.kill("pve4")
    site.off.add("pve5")  # until PVE shows it
    site.live(60)
    site.off.clear()
    one = site.finish()
    assert (one.state, site.rebooted, site.world.quorate) == ("failed", ["pve1"], True), one
    assert not {node for host in site.hosts.values() for node in host.journal.held()}
    away = [vmid for vmid, node in site.before.items() if node in PAIR and site.places[vmid] != node]
    assert away == [101], "it has lost its host"
    assert "101 (vm101)" in one.message


def test_a_guest_that_somebody_moves_to_an_empty_node_keeps_both_from_going_down(ram: Path) -> None:
    site = site_of(ram, "9")
    site.begin(*PAIR, batches=(PAIR,), holder="pve5")
    site.until("drain", "pve2")
    site.world.life.move(106, "pve1")
    one = site.finish()
    assert (one.state, site.rebooted) == ("failed", [])
    assert "pve1 is not rebooted: 106 (vm106) is on it again" in one.message
    site.live(60)
    assert {vmid: node for vmid, node in site.places.items() if vmid != 106} == {
        vmid: node for vmid, node in site.before.items() if vmid != 106
    }
