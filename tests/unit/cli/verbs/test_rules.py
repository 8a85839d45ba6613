"""`rules` from a saved cluster: what people and programs get."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from prs import snapshot_file
from prs.cli import exits
from prs.cli.rules_view import rules_page
from prs.cli.verbs import rules
from prs.model import BindingRule, BoundGuest, Rule
from prs.terminal import Style
from unit.calls import call_of
from unit.screen import Screen


def answered(*arguments: str) -> tuple[int, str]:
    call = call_of("rules", *arguments)
    code = rules.act(call)
    assert isinstance(call.out, Screen)
    return code, call.out.text()


def test_a_broken_rule_is_a_result(saved: Path, conf: Path) -> None:
    cluster = snapshot_file.read(saved)
    two = [guest.vmid for guest in cluster.guests if guest.node == cluster.guests[0].node][:2]
    saved.write_text(snapshot_file.dump(replace(cluster, rules=(Rule("pair", "apart", tuple(two)),))))
    code, text = answered("--snapshot", str(saved), "-c", str(conf))
    assert code == exits.DONE
    assert "1 rule: 1 broken, 0 that cannot be met" in text
    assert "HA rule pair" in text
    told = json.loads(answered("--snapshot", str(saved), "-c", str(conf), "--json")[1])
    assert [rule["state"] for rule in told["rules"]] == ["broken"]


def test_each_kind_has_its_words() -> None:
    guests = tuple(BoundGuest(vmid, f"vm{vmid}", "qemu", "pve1") for vmid in range(1, 9))
    page = rules_page([
        BindingRule("a", "apart", "tag", guests, hidden=2, wide=True, state="unknown", reason="2 of its guests cannot be seen"),
        BindingRule("b", "nodes", "pool", guests[:1], nodes=("pve1", "pve2"), strict=False),
        BindingRule("c", "nodes", "HA rule", guests[:1], nodes=("pve3",), avoid=True),
        BindingRule("rack1", "domain", "configuration", nodes=("pve1",)),
    ], ("a part was not read",), Style(width=250))  # fmt: skip
    for words in ("not all seen", "apart, also across racks", "2 more, 2 hidden", "on pve1, pve2 (preferred)", "not on pve3",
                  "counts as one place: pve1", "! a part was not read"):  # fmt: skip
        assert words in page, words
