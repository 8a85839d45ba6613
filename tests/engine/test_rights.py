"""Who may see or move little gets a plan all the same, and reads what is lacking; nobody reads "nothing to do" for want of rights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drive import Drive, Patched
from prs.engine.drain.release import plan_release
from prs.engine.planning import PlanRequest, make_plan
from prs.errors import PlanError
from prs.model import Plan, Policy
from prs.pve.api import Api
from simcluster import InProcessApi
from simcluster.access import User
from simcluster.scenes import small
from simcluster.world import Flavour, World


def lab(flavour: Flavour, *grants: tuple[str, str]) -> tuple[World, Api]:
    """The small lab, and somebody with these grants of (path, role)."""
    world = small(flavour)
    world.access.add(User("who@pve", "secret"), *grants)
    world.clock.sleep(600)
    return world, InProcessApi(world, "who@pve")


def plan(world: World, api: Api, drain: str = "") -> tuple[Plan, tuple[str, ...]]:
    """Their plan, and what could not be read."""
    cluster, found = make_plan(api, Policy(), world.clock.time(), PlanRequest(drain))
    return found, cluster.problems


@pytest.mark.parametrize("drain", ["", "pve1"])
def test_an_auditor_gets_the_plan_of_anybody_and_reads_what_it_needs(flavour: Flavour, drain: str) -> None:
    world, api = lab(flavour, ("/", "PVEAuditor"))
    mine, anybody = plan(world, api, drain)[0], plan(world, InProcessApi(world), drain)[0]
    assert mine.moves == anybody.moves
    assert mine.summary == anybody.summary
    assert mine.lacking.startswith("who@pve may not carry this plan out: it needs VM.Migrate on /vms/101, /vms/10")
    assert mine.lacking in mine.warnings
    assert anybody.lacking == ""


def test_who_may_move_some_guests_gets_a_plan_of_those(flavour: Flavour) -> None:
    world, api = lab(flavour, ("/", "PVEAuditor"), ("/vms/103", "PVEVMAdmin"), ("/vms/106", "PVEVMAdmin"))
    found, _ = plan(world, api)
    assert {move.vmid for move in found.moves} <= {103, 106}
    assert found.lacking == ""
    assert next(stay.reason for stay in found.stays if stay.vmid == 101) == "who@pve has no right to migrate it (VM.Migrate)"


@pytest.mark.parametrize(
    ("grants", "words"),
    [
        ((), "who@pve needs Sys.Audit on /nodes"),
        ((("/vms", "PVEVMAdmin"),), "who@pve needs Sys.Audit on /nodes"),
        ((("/nodes", "PVEAdmin"),), "who@pve needs VM.Audit on /vms"),
    ],
)
def test_without_sight_the_answer_says_what_is_missing(flavour: Flavour, grants: Any, words: str) -> None:
    for drain in ("", "pve1"):
        with pytest.raises(PlanError) as caught:
            plan(*lab(flavour, *grants), drain)
        assert words in str(caught.value)


@pytest.mark.parametrize("lost", ["", "/cluster/resources"])
def test_an_answer_without_data_is_not_an_empty_cluster(flavour: Flavour, lost: str) -> None:
    world = small(flavour)
    with pytest.raises(PlanError, match="PVE shows root@pam no node"):
        plan(world, Patched(InProcessApi(world), lambda path, data: None if lost in path else data))


def test_rights_that_pve_does_not_tell_take_nothing_away(flavour: Flavour) -> None:
    world = small(flavour)
    world.clock.sleep(600)
    found, _ = plan(world, Patched(InProcessApi(world), lambda path, data: None if path == "/access/permissions" else data))
    assert found.moves
    assert found.lacking == ""


def test_nodes_that_are_left_out_are_named_where_too_few_can_take_part(flavour: Flavour) -> None:
    found, _ = plan(*lab(flavour, ("/nodes/pve1", "PVEAuditor"), ("/vms", "PVEAuditor")))
    assert found.summary.startswith("Nothing can be levelled: fewer than two nodes can take part. Left out: pve2 (PVE shows no load of it")
    assert "Sys.Audit" in found.summary


def test_a_plan_says_that_guests_may_be_unseen(flavour: Flavour) -> None:
    _, problems = plan(*lab(flavour, ("/nodes", "PVEAuditor"), ("/vms/101", "PVEVMAdmin"), ("/vms/102", "PVEVMAdmin")))
    assert any(words.startswith("who@pve does not see every guest (VM.Audit on /vms") for words in problems)
    found, problems = plan(*lab(flavour, ("/", "PVEAdmin"), ("/vms/105", "NoAccess")), "pve1")
    assert found.moves
    assert any(words.startswith("pve1 is emptied as far as who@pve may see: nothing proves that no guest is hidden") for words in problems)


def test_a_way_back_that_the_caller_may_not_go_is_shown_and_named(ram: Path, flavour: Flavour) -> None:
    drive = Drive(small(flavour), ram)
    drive.world.clock.sleep(600)
    assert drive.finish(drive.queue(drive.plan("pve1"))).state == "done"
    held = drive.holds.held()["pve1"]
    _, back, _ = plan_release(InProcessApi(drive.world, "audit@pve"), drive.holds, held, drive.clock.time())
    assert {move.target for move in back.moves} == {"pve1"}
    assert back.lacking.startswith("audit@pve may not carry this plan out: it needs VM.Migrate on ")
