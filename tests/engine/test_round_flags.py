"""No flag of Ceph's is left behind by a round, wherever its carrier dies for good, and none is lost to the next round."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from engine.rounds import Cluster
from prs.engine.drain.shared_holds import FOLDER
from prs.engine.rolling.others import no_other
from prs.engine.rolling.stages import RoundOptions
from prs.errors import RoundUnknown
from simcluster.ceph import Ceph
from simcluster.inprocess import InProcessApi
from simcluster.world import Flavour

FLAG = "/cluster/ceph/flags/noout"
NO = {"on": f"PUT {FLAG}", "times": 0, "do": "answer", "status": 500, "words": "mon_command failed"}


class Death(BaseException):
    """The carrier's node loses its power."""


def lab(folder: Path, reboot: bool = True) -> tuple[Cluster, Ceph]:
    """The small lab, where the node of the round holds data of Ceph."""
    site = Cluster(folder, "9")
    site.world.ceph = ceph = Ceph(osds={"pve2": [1]}, mons=("pve3",))
    site.begin("pve2", options=RoundOptions(reboot=reboot))
    return site, ceph


def dies_after(site: Cluster, monkeypatch: pytest.MonkeyPatch, changes: int) -> None:
    """Let pve1 die for good after so many changes that it makes from now on: writes of the round's file, and requests to PVE."""
    made = 0

    def one_more(host: str) -> None:
        nonlocal made
        made += host == "pve1"
        if made == changes and site.world.nodes["pve1"].alive:
            site.world.life.kill("pve1")
            raise Death

    ask, tick = site.ask, site.tick
    requests = {name: getattr(InProcessApi, name) for name in ("put", "post")}

    def asked(host: str, line: str) -> str:
        words = ask(host, line)
        if line.startswith("round "):
            one_more(host)
        return words

    def ticked() -> None:
        with suppress(Death):
            tick()

    for name, request in requests.items():

        def carried(api: InProcessApi, path: str, params: object = None, request: object = request) -> object:
            answer = request(api, path, params)  # type: ignore[operator]
            one_more(api.node)
            return answer

        monkeypatch.setattr(InProcessApi, name, carried)
    site.ask, site.tick = asked, ticked  # type: ignore[method-assign]


# From these steps on the carrier changes: the step, the note of the flag, the flag, the node's power; and the step, the flag, the note.
DEATHS = [("last-gates", 2), ("last-gates", 3), ("last-gates", 4), ("gates-again", 1), ("gates-again", 2), ("gates-again", 3)]


@pytest.mark.parametrize(("step", "changes"), DEATHS)
def test_wherever_its_carrier_dies_for_good_the_flag_is_taken_back(
    ram: Path, monkeypatch: pytest.MonkeyPatch, step: str, changes: int
) -> None:
    site, ceph = lab(ram)
    site.until(step)
    dies_after(site, monkeypatch, changes)
    one = site.finish()
    assert not site.world.nodes["pve1"].alive, "it has died"
    assert one.holder != "pve1"
    assert bool(site.rebooted) == ((step, changes) not in DEATHS[:2])
    assert any("noout is set" in line for line in site.world.story("ceph")) == ((step, changes) != DEATHS[0])
    site.live(60)
    assert (ceph.flags, site.round().flagged) == (set(), False)


def test_a_flag_that_outlives_its_round_is_taken_back_by_another_when_the_carrier_is_gone(ram: Path) -> None:
    """And no round begins before, as the next one would take it for the administrator's."""
    site, ceph = lab(ram)
    site.until("return")
    site.world.faults.add(NO)
    one = site.finish()
    assert (one.state, one.flagged, ceph.flags) == ("failed", True, {"noout"})
    assert "Ceph's flag noout is still set" in one.message
    assert no_other(one) == "Ceph's flag noout is still set by the last round of maintenance, and is taken back first"
    site.world.life.kill("pve1")
    site.world.faults.clear()
    site.live(150)
    assert ceph.flags == {"noout"}, "its carrier may only be slow"
    site.live(150)
    assert (site.round().flagged, ceph.flags, site.round().state) == (False, set(), "failed")
    assert no_other(site.round()) == ""


def test_while_its_carrier_gives_signs_nobody_else_does(ram: Path) -> None:
    site, ceph = lab(ram)
    site.until("return")
    site.world.faults.add(NO)
    one = site.finish()
    site.live(600)
    assert (site.round().holder, ceph.flags) == (one.holder, {"noout"})
    site.world.faults.clear()
    site.live(120)
    assert (site.round().flagged, ceph.flags) == (False, set())


def test_a_flag_of_which_nobody_knows_whether_it_was_set_is_set_before_the_reboot(ram: Path) -> None:
    """The request was lost: it is noted as ours, and the node does not go down without it."""
    site, ceph = lab(ram)
    site.world.faults.add({"on": f"PUT {FLAG}", "do": "answer", "status": 596, "words": "Connection timed out"})
    site.until("return")
    assert ceph.flags == {"noout"}
    assert site.finish().state == "done"
    assert ceph.flags == set()


@pytest.mark.parametrize("carried_out", [False, True])
def test_nobody_is_told_to_service_a_node_by_hand_before_the_flag_is_set(ram: Path, carried_out: bool) -> None:
    """The request gets no answer, and the carrier's process dies over it; once set it stays as the administrator has it."""
    site, ceph = lab(ram, reboot=False)
    lost = {"on": f"PUT {FLAG}", "do": "answer", "status": 596, "words": "Connection timed out", "carry_out": carried_out}
    site.world.faults.add(lost)
    one = site.until("by-hand")
    while not (said := one.turns[0].message):
        site.tick()
        one = site.round()
    assert said.startswith("PVE does not answer"), said
    assert ceph.flags == ({"noout"} if carried_out else set())
    site.service("pve1")
    site.live(60)
    assert site.round().turns[0].message == "pve2 is empty, and waits until the round is resumed"
    assert (ceph.flags, site.round().flagged) == ({"noout"}, True)
    ceph.flags.clear()  # somebody wants it gone
    site.service("pve1")
    site.live(60)
    assert ceph.flags == set()
    ceph.flags.add("noout")
    site.ask_for("resume")
    assert site.finish().state == "done"
    assert ceph.flags == set()


@pytest.mark.parametrize("admins", [False, True], ids=["ours", "the administrator's"])
def test_a_file_that_somebody_deletes_leaves_no_flag_of_ours(ram: Path, caplog: pytest.LogCaptureFixture, admins: bool) -> None:
    """The carrier's own journal knows; what stays kept empty is named. The administrator's flag stays."""
    site, ceph = lab(ram)
    ceph.flags |= {"noout"} if admins else set()
    site.until("return")
    assert ceph.flags == {"noout"}
    site.world.faults.add({**NO, "times": 2})
    site.tick()
    (site.pve / FOLDER / "round.json").unlink()
    site.service("pve1")
    site.live(300)
    assert ceph.flags == ({"noout"} if admins else set())
    assert "pve2" in site.hosts["pve1"].journal.held()
    assert "pve2" not in site.places.values()
    ceph.flags.add("noout")
    site.live(120)
    assert ceph.flags == {"noout"}, "the next one is somebody else's"


@pytest.mark.parametrize("flavour", ["8", "9"])
def test_a_round_carried_by_a_node_without_ceph_is_handed_to_one_that_has_it(ram: Path, flavour: Flavour) -> None:
    """pve3 sees no Ceph at all: the others' daemons went down unasked, and their data was copied elsewhere meanwhile."""
    site = Cluster(ram, flavour)
    site.world.ceph = ceph = Ceph(osds={"pve1": [0], "pve2": [1]}, bare=("pve3",))
    site.begin("pve1", "pve2", holder="pve3", options=RoundOptions(reboot=True))
    for node, carrier in (("pve1", "pve2"), ("pve2", "pve1")):
        site.until("return", node)
        assert (site.round().holder, ceph.flags) == (carrier, {"noout"})
    assert site.finish().state == "done"
    assert site.rebooted == ["pve1", "pve2"]
    assert (site.places, ceph.flags) == (site.before, set())


def test_a_node_with_ceph_takes_the_flag_back_where_the_carrier_has_none(ram: Path) -> None:
    site, ceph = lab(ram)
    ceph.osds, ceph.mons, ceph.bare = {"pve1": [0], "pve2": [1]}, (), ("pve3",)
    site.until("return", "pve2")
    assert (site.round().holder, ceph.flags) == ("pve1", {"noout"})
    site.world.life.kill("pve1")
    assert site.finish().holder in ("pve2", "pve3")
    site.live(900)
    assert ceph.flags == set()


def test_no_daemon_goes_down_that_only_its_own_node_could_ask_for(ram: Path) -> None:
    site, ceph = lab(ram)
    ceph.mons, ceph.bare = (), ("pve1", "pve3")
    one = site.finish()
    assert one.state == "failed"
    assert "only a node with Ceph can ask which of its daemons may be stopped (pve2)" in one.turns[0].message
    assert (site.rebooted, site.places, ceph.flags) == ([], site.before, set())


REMOVED = "somebody has removed the file of the round"
DELETED = [("gates", f"pve2: {REMOVED}"), *((step, f"pve2: {REMOVED}; pve2 is kept empty (release pve2)") for step in ("drain", "return")),
           ("fill", f"pve2: {REMOVED}; not home: ")]  # fmt: skip


@pytest.mark.parametrize(("step", "words"), DELETED, ids=[step for step, _ in DELETED])
def test_a_round_whose_file_somebody_deletes_says_on_every_node_what_it_has_left(ram: Path, step: str, words: str) -> None:
    """Its carrier writes that it has ended, and takes its flag back; what is kept empty is named, and released as after any drain."""
    site, ceph = lab(ram)
    site.until(step)
    while step in ("drain", "fill") and not site.round().turns[0].job:
        site.tick()
    site.tick()
    assert ceph.flags == ({"noout"} if step == "return" else set())
    (site.pve / FOLDER / "round.json").unlink()
    site.live(120)
    one = site.round()
    assert (one.state, one.open, one.flagged, ceph.flags) == ("failed", False, False, set()), one
    assert one.message == words or (words.endswith(": ") and one.message.startswith(words))
    assert ("pve2" in site.hosts["pve1"].journal.held()) == ("release pve2" in words)
    site.live(600)
    assert not any(host.journal.jobs(only_open=True) for host in site.hosts.values())


def test_a_file_that_is_cut_off_and_then_deleted_leaves_nothing_without_a_word(ram: Path) -> None:
    site, ceph = lab(ram)
    site.until("return")
    site.live(20)
    file = site.pve / FOLDER / "round.json"
    file.write_text(file.read_text()[:300])
    site.live(600)
    with pytest.raises(RoundUnknown, match="nobody goes on with it until the file is removed"):
        site.round()
    assert ceph.flags == {"noout"}
    file.unlink()
    site.live(120)
    assert ceph.flags == set()
    assert site.round().message == "pve2: somebody has removed the file of the round; pve2 is kept empty (release pve2)"
