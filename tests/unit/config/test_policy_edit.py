"""The editor of policy.conf's text: it changes what it is asked to, keeps everything else to the letter, and refuses what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from prs.config.policy_edit import Change, edit
from prs.config.policy_view import view, wrong_entries
from prs.errors import ConfigError
from unit.config.test_layers import Machine

TEXT = """# Written by hand.
[balancing]
   # as agreed in March
spread = 7
method:cpu

[pool web/front]
keep: apart
# only these
nodes: pve1,pve2

[service]
schedule: 12
"""


def mistakes(text: str, wanted: dict[str, str], unwanted: tuple[str, ...] = ()) -> list[str]:
    with pytest.raises(ConfigError) as error:
        edit(text, wanted, unwanted)
    return error.value.mistakes


@pytest.mark.parametrize(("key", "value", "before", "after"), [
    ("balancing.spread", "9", "spread = 7\n", "spread = 9\n"),
    ("balancing.METHOD", "memory", "method:cpu\n", "method:memory\n"),
    ("balancing.hot", "90", "method:cpu\n", "method:cpu\nhot: 90\n"),
    ("pool.web/front.strict", "0", "nodes: pve1,pve2\n", "nodes: pve1,pve2\nstrict: 0\n"),
    ("pool.a.b.keep", "together", "schedule: 12\n", "schedule: 12\n\n[pool a.b]\nkeep: together\n"),
    ("domains.rack.1", "pve1,pve2", "schedule: 12\n", "schedule: 12\n\n[domains]\nrack.1: pve1,pve2\n"),
    ("storages.*", "any", "schedule: 12\n", "schedule: 12\n\n[storages]\n*: any\n"),
    ("balancing.max_moves", "", "method:cpu\n", "method:cpu\nmax_moves: \n"),
])  # fmt: skip
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_one_line_changes_and_no_other(key: str, value: str, before: str, after: str, end: str) -> None:
    text, wanted = TEXT.replace("\n", end), TEXT.replace(before, after).replace("\n", end)
    found, changes = edit(text, {key: value})
    assert found == wanted
    assert [(one.name, one.after) for one in changes] == [(key, value)]
    assert edit(found, {key: value}) == (found, []), "what is so already is no change"


def test_what_was_added_can_be_taken_out_again() -> None:
    text, _ = edit(TEXT, {"balancing.hot": "90", "domains.r": "pve1"})
    assert edit(text, {}, ["balancing.hot", "domains.r"])[0] == f"{TEXT}\n[domains]\n"
    assert edit("", {"balancing.spread": "6"})[0] == "[balancing]\nspread: 6\n"
    assert edit("[balancing]\nspread: 6", {"balancing.hot": "90"})[0] == "[balancing]\nspread: 6\nhot: 90\n"


def test_a_pool_leaves_with_its_last_option_and_as_a_whole() -> None:
    without = TEXT.replace("[pool web/front]\nkeep: apart\n", "").replace("nodes: pve1,pve2\n", "")
    assert edit(TEXT, {}, ["pool.web/front"]) == (
        without, [Change("pool.web/front.keep", "apart", None), Change("pool.web/front.nodes", "pve1,pve2", None)],
    )  # fmt: skip
    assert edit(TEXT, {}, ["pool.web/front.keep", "pool.web/front.nodes"])[0] == without
    assert edit(TEXT, {}, ["pool.web/front.keep"])[0] == TEXT.replace("keep: apart\n", "")


def test_every_mistake_is_told_at_once_by_the_name_of_what_was_asked_for() -> None:
    wanted = {"balancing.spread": "x", "balancing.spraed": "7", "service.log_level": "debug", "proxmox.api_pass": "hunter2",
              "pool.db.keep": "away", "domains.r": "", "nonsense.x": "1"}  # fmt: skip
    told = mistakes(TEXT, wanted, ("balancing.parallel",))
    assert "balancing.parallel: is not set in the policy" in told
    for key, words in (
        ("balancing.spread", "allowed: percentage points from 0 to 100"), ("balancing.spraed", "did you mean 'spread'"),
        ("service.log_level", "is each node's own: write it into prs.conf"), ("proxmox.api_pass", "is each node's own"),
        ("pool.db.keep", "allowed: together or apart"), ("domains.r", "allowed: a comma list of node names"),
        ("nonsense.x", "unknown section [nonsense]"),
    ):  # fmt: skip
        assert any(one.startswith(f"{key}: ") and words in one for one in told), (key, told)
    assert "hunter2" not in " ".join(told)


@pytest.mark.parametrize(
    ("key", "told"), [("balancing", "balancing: is a whole section: "), ("Domains.", "Domains.: is a whole section: r: pve1")]
)
def test_a_whole_section_goes_only_where_that_is_meant_and_what_would_go_is_told(key: str, told: str) -> None:
    text, _ = edit(TEXT, {"balancing.hot": "90", "domains.r": "pve1"})
    found = mistakes(text, {}, (key,))
    assert [one for one in found if one.startswith(told)], found
    left, changes = edit(text, {}, [key], whole=True)
    assert changes
    assert [change.after for change in changes] == [None] * len(changes)
    assert ("hot: 90" in left, "r: pve1" in left) == (key != "balancing", key == "balancing")


@pytest.mark.parametrize(("wanted", "unwanted", "words"), [
    ({"spread": "7"}, (), "spread: is no name of an option"),
    ({"balancing.": "7"}, (), "is no name of an option"),
    ({"pool.db": "apart"}, (), "pool.db: is no name of an option"),
    ({"balancing.x]\n[proxmox": "7"}, (), "is no name of an option"),
    ({"balancing.spread": "7\n[proxmox]"}, (), "balancing.spread: the value holds a control character or a second line"),
    ({"balancing.ignore_vms": "1" * 5000}, (), "longer than 4096 characters"),
    ({f"domains.rack{number}": ",".join(["a" * 60] * 65) for number in range(20)}, (), "the policy would be longer than 64 KiB"),
    ({"balancing.spread": "7"}, ("balancing.spread",), "is both set and taken out"),
    ({}, ("balancing.hot", "balancing.max_moves"), "balancing.max_moves: is not set in the policy"),
])  # fmt: skip
def test_what_cannot_be_is_refused(wanted: dict[str, str], unwanted: tuple[str, ...], words: str) -> None:
    assert any(words in one for one in mistakes(TEXT, wanted, unwanted))


def test_a_policy_that_was_broken_by_hand_is_mended_and_not_made_worse() -> None:
    broken = TEXT.replace("spread = 7", "spraed: 7\nspread: x\nspread: 8")
    told = mistakes(broken, {"balancing.hot": "90"})
    assert [one.partition(":")[0] for one in told] == ["policy.conf line 4", "policy.conf line 5", "policy.conf line 6"]
    found, changes = edit(broken, {"balancing.spread": "9"}, ["balancing.spraed"])
    assert found == TEXT.replace("spread = 7", "spread: 9")
    assert [one.name for one in changes] == ["balancing.spraed", "balancing.spread"]


ODD = (
    "spread: 1\n[balancing]\nspraed: 7\nhot: 90\n[proxmox]\napi_pass: hunter2\n[blancing]\nhot: 9\nmax_gib: 8\n"
    "[pool db]\nkeep: apart\nkep: 1\n[a b]\nc: 1\n"
)


def test_each_entry_that_nobody_knows_is_named_and_taken_out_one_after_the_other() -> None:
    """Its name, its text, its line and why; a secret that stands in the wrong file is shown to nobody."""
    found = list(wrong_entries(ODD))
    assert [(one.name, one.text, one.line) for one in found] == [
        ("spread", "1", 1), ("balancing.spraed", "7", 3), ("proxmox.api_pass", "", 6), ("blancing", "hot: 9; max_gib: 8", 7),
        ("pool.db.kep", "1", 12), ("a.b", "c: 1", 13),
    ]  # fmt: skip
    assert all(one.reason and one.removable for one in found)
    text = ODD
    for one in found:
        text, changes = edit(text, {}, [one.name])
        assert changes
    assert text == "[balancing]\nhot: 90\n[proxmox]\n[pool db]\nkeep: apart\n"
    assert not list(wrong_entries(text))


def test_while_one_mistake_is_left_nothing_else_is_taken_out_or_set() -> None:
    assert "spraed" in mistakes(ODD, {}, ("balancing.hot",))[1]
    assert "spraed" in " ".join(mistakes(ODD, {"balancing.hot": "80"}, ("spread",)))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_view_says_what_is_in_force_and_who_decides(machine: Machine) -> None:
    machine.policy.write_text("[balancing]\nspread: 7\nmethod: cpu\n[pool db]\nkeep: apart\n[domains]\nr1: pve1\n")
    machine.conf.write_text("[balancing]\nspread: 9\nhot: 80\n[pool db]\nnodes: pve1\n")
    found = view(machine.conf, machine.pve)
    told = {one.name: (one.policy, one.value, one.source.rpartition("/")[2], one.overruled) for one in found.options}
    assert told["balancing.spread"] == ("7", "9", "prs.conf line 2", True)
    assert told["balancing.method"] == ("cpu", "cpu", "policy.conf line 3", False)
    assert told["balancing.hot"] == (None, "80", "prs.conf line 3", False)
    assert told["service.schedule"] == (None, "24", "default", False)
    assert told["pool.db.keep"] == ("apart", "", "prs.conf line 5", True)
    assert told["domains.r1"] == ("pve1", "pve1", "policy.conf line 7", False)
    assert not [name for name in told if name.startswith(("proxmox.", "web.", "service.state"))]
    assert found.mistakes == ()


@pytest.mark.parametrize("broken", ["[balancing]\nspread: x\n", "\udcff\udcfe"])
def test_a_broken_policy_is_shown_with_its_mistakes(machine: Machine, broken: str) -> None:
    machine.policy.write_bytes(broken.encode("utf-8", "surrogateescape"))
    found = view(machine.conf, machine.pve)
    assert any("policy.conf" in words for words in found.mistakes)
    assert len(found.digest) == 64
