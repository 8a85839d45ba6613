"""The service's account from the tab: what will be made is said before, and then it is there for all nodes."""

from __future__ import annotations

import json

import pytest

from prs.engine.journal.automation import Automation, tell_automation
from prs.engine.journal.journal import Journal
from ui.conftest import Picture, VisitPve
from ui.hands import button, click, disabled, sees, shown, tooltip, until
from ui.stage import Stage

SCENE = "small"


@pytest.fixture(autouse=True, scope="module")
def without(stage: Stage) -> None:
    """The service tells that it has no account; it is not there to tell otherwise."""
    stage.stop("daemon")
    (stage._house.pve / "priv").mkdir(exist_ok=True)
    with Journal(stage._house.state / "journal.sqlite") as journal:
        tell_automation(journal, Automation(lacks_account=True))


def test_who_may_not_is_told_why(visit: VisitPve) -> None:
    page = visit(user="audit@pve", caps={"dc": {"Sys.Audit": 1}, "vms": {}, "nodes": {}}).page
    shown(page, "prsNodesGrid")
    until(page, lambda: button(page, "Make the account").count() > 0, "the button")
    assert (disabled(page, "Make the account"), tooltip(page, "Make the account")) == (True, "needs Permissions.Modify on /")


def test_it_is_said_before_and_made(visit: VisitPve, stage: Stage, picture: Picture) -> None:
    page = visit().page
    shown(page, "prsNodesGrid")
    until(page, lambda: button(page, "Make the account").count() > 0, "the button")
    click(page, "Make the account")
    token = "API token prs@pve!cluster.*root of every node.*5 minutes later"
    sees(page, rf"Role PRS with .*VM\.Migrate.* User prs@pve, without a password .*{token}")
    picture(page, "account")
    access = stage._world.access
    assert "prs@pve!cluster" not in access.tokens
    click(page, "Yes")
    sees(page, "created API token prs@pve!cluster.*gave the account to all nodes")
    text = (stage._house.pve / "priv" / "proxmox-rebalancing-service" / "account.conf").read_text()
    assert json.dumps(access.tokens["prs@pve!cluster"].secret)[1:-1] in text
