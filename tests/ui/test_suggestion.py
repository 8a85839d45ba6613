"""What automatic balancing suggests in the tab: shown, dismissed, applied by whoever clicks, and seen by auditors."""

from __future__ import annotations

import re

from prs.engine.journal.automation import Automation, tell_automation
from prs.engine.journal.journal import Journal
from ui.conftest import Picture, VisitPve
from ui.hands import button, click, disabled, sees, shown, tooltip, until, words_of
from ui.stage import Stage

SCENE = "small"


def suggest(stage: Stage) -> str:
    """Have this node's service suggest a plan, made by somebody who may."""
    login = stage._house.log_in("root@pam")
    plan: str = login.post("/plans", {"kind": "balance", "method": "memory"})["id"]
    with Journal(stage._house.state / "journal.sqlite") as journal:
        tell_automation(journal, Automation(plan=plan))
    stage._house.wait(lambda: (login.get("/status")["balancing"]["suggestion"] or {}).get("plan") == plan)
    return plan


def test_it_is_shown_dismissed_and_applied(visit: VisitPve, stage: Stage, picture: Picture) -> None:
    stage._house.suggests()
    suggest(stage)
    page = visit().page
    shown(page, "prsNodesGrid")
    line = sees(page, r"Suggested at \d\d:\d\d: (\d+) migrations?, [\d.]+ GiB, spread (\d+) → (\d+)")
    assert int(line[2]) > int(line[3])
    picture(page, "suggestion")
    click(page, "Show")
    assert len(re.findall(r"pve\d → pve\d", sees(page, "Suggested plan .*OK")[0])) == int(line[1])
    click(page, "OK")
    click(page, "Dismiss")
    sees(page, "Nothing is moved")
    click(page, "Yes")
    sees(page, "The suggested plan is gone: dismissed by root@pam")
    assert button(page, "Apply").count() == 0
    suggest(stage)
    page = visit().page
    sees(page, "Suggested at")
    click(page, "Apply")
    asked = sees(page, r"Rebalance the cluster\?.*Yes")
    assert len(re.findall(r"pve\d → pve\d", asked[0])) == int(line[1])
    click(page, "Yes")
    sees(page, "Rebalancing by Memory.*started by root@pam")
    until(page, lambda: "Suggested at" not in words_of(page), "no suggestion")
    (job, *_) = stage._house.log_in("root@pam").get("/jobs")["jobs"]
    assert (job["user"], job["progress"]["steps"]) == ("root@pam", int(line[1]))


def test_an_auditor_sees_it_and_why_it_is_not_theirs_to_apply(visit: VisitPve, stage: Stage) -> None:
    root = stage._house.log_in("root@pam")
    for job in root.get("/jobs")["jobs"]:
        if job["may"]["cancel"]["allowed"]:
            root.post(f"/jobs/{job['id']}/cancel", {"abort": True})
    stage._house.wait(lambda: all(job["ended"] for job in root.get("/jobs")["jobs"]), 60)
    stage.move(102, "pve1")
    stage.move(105, "pve1")
    suggest(stage)
    page = visit(user="audit@pve", caps={"dc": {"Sys.Audit": 1}, "vms": {}, "nodes": {}}).page
    sees(page, "Suggested at")
    assert (disabled(page, "Apply"), disabled(page, "Dismiss"), disabled(page, "Show")) == (True, True, False)
    assert tooltip(page, "Apply") == "needs VM.Migrate on at least one guest"
    assert tooltip(page, "Dismiss") == "needs Sys.Modify on /"
