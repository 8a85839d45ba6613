"""The rules that bind guests, in the tab: each with its source and how it stands; broken ones are mended and nothing else moves."""

from __future__ import annotations

from ui.conftest import Picture, VisitPve
from ui.hands import click, disabled, sees, shown, until, words_of
from ui.stage import APART, Stage

SCENE = "apart"
NO_WARNINGS = True


def test_broken_rules_are_named_and_mended_alone(visit: VisitPve, stage: Stage, picture: Picture) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    click(page, "Rules")
    sees(page, r"1 rules: 0 broken")
    found = shown(page, "prsRulesGrid")
    assert [row[:4] for row in found] == [["Kept", APART, "Tag", "Apart"]]
    assert disabled(page, "Mend")
    click(page, "Close")
    stage.move(111, "pve1")
    until(page, lambda: stage.homes()["111"] == "pve1", "the guest on the other node")

    def broken() -> bool:
        click(page, "Rules")
        sees(page, r"1 rules: \d broken")
        if "1 broken" in words_of(page):
            return True
        click(page, "Close")
        return False

    until(page, broken, "the broken rule")
    picture(page, "rules")
    assert "102 (web01) and 111 (wiki) are on pve1" in shown(page, "prsRulesGrid")[0][-1]
    click(page, "Mend")
    moves = shown(page, "prsPlanGrid")
    assert len(moves) == 1
    assert f"repairs tag {APART}, which keeps it apart from another guest on pve1" in moves[0][-1]

