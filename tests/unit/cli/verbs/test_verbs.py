"""The verbs that need no cluster: plan from a snapshot, snapshot, check."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from prs import snapshot_file
from prs.cli import exits
from prs.cli import main as cli
from prs.cli.verbs import check, plan, snapshot
from prs.codec import from_json
from prs.engine import supposing
from prs.errors import PlanError, UsageError
from prs.model import Cluster, Plan, Policy
from prs.pve.check.findings import Finding
from unit import samples
from unit.calls import call_of
from unit.screen import Screen

GIB = 2**30


# plan


def test_an_offline_plan_needs_no_configuration(saved: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("prs.cli.call.DEFAULT_PATH", tmp_path / "none.conf")
    call = call_of("plan", "--snapshot", str(saved))
    assert plan.act(call) == exits.DONE
    assert isinstance(call.out, Screen)
    text = call.out.text()
    assert text.startswith("Level memory: ")
    assert "Planned migrations, in this order" in text
    assert "had not been examined" not in text


def test_a_configuration_that_was_named_must_be_there_even_offline(saved: Path, tmp_path: Path) -> None:
    assert cli.main(["plan", "--snapshot", str(saved), "-c", str(tmp_path / "none.conf")]) == exits.USAGE


def test_a_plan_as_json_can_be_read_back(saved: Path, conf: Path) -> None:
    call = call_of("plan", "--snapshot", str(saved), "-c", str(conf), "--json", "--max-moves", "2")
    assert plan.act(call) == exits.DONE
    assert isinstance(call.out, Screen)
    data = json.loads(call.out.text())
    found = from_json(Plan, data["plan"])
    assert len(found.moves) == 2
    assert data["bytes"] == found.bytes == 12 * GIB
    assert data["feasible"] is True


def planned(saved: Path, conf: Path, *options: str) -> Plan:
    """What `plan` makes of the saved cluster with these options."""
    call = call_of("plan", "--snapshot", str(saved), "-c", str(conf), "--json", *options)
    plan.act(call)
    assert isinstance(call.out, Screen)
    return from_json(Plan, json.loads(call.out.text())["plan"])


def test_a_node_is_left_out_and_a_guest_goes_where_it_is_told_to(saved: Path, conf: Path) -> None:
    targets = {move.target for move in planned(saved, conf).moves}
    avoided = min(targets)
    assert avoided not in {move.target for move in planned(saved, conf, "--avoid", avoided).moves}
    chosen = planned(saved, conf, "--target", "100=pve2", "--target", "101=pve3").moves
    assert {(move.vmid, move.target) for move in chosen} == {(100, "pve2"), (101, "pve3")}
    drained = planned(saved, conf, "--drain", "pve1", "--target", "100=pve3").moves
    assert len(drained) > 1
    assert [move.target for move in drained if move.vmid == 100] == ["pve3"]


def test_all_that_is_unknown_of_a_choice_is_named(saved: Path, conf: Path) -> None:
    with pytest.raises(PlanError, match=r"there is no node pve8; there is no node pve9; there is no guest 999$"):
        planned(saved, conf, "--avoid", "pve8", "--target", "999=pve9")
    with pytest.raises(UsageError, match="--target names a guest twice: 100"):
        planned(saved, conf, "--target", "100=pve2", "--target", "100=pve3")


def test_a_drain_that_cannot_succeed_has_its_own_exit_code(saved: Path, conf: Path) -> None:
    cluster = snapshot_file.read(saved)
    stuck = replace(cluster.guests[0], blockers=("uses PCI device hostpci0",))
    saved.write_text(snapshot_file.dump(replace(cluster, guests=(stuck, *cluster.guests[1:]))))
    call = call_of("plan", "--snapshot", str(saved), "-c", str(conf), "--drain", "pve1")
    assert plan.act(call) == exits.INFEASIBLE
    assert isinstance(call.out, Screen)
    assert "100 (web100)  pve1  uses PCI device hostpci0" in call.out.text()


def test_guests_that_nobody_examined_are_counted(saved: Path, conf: Path) -> None:
    cluster = snapshot_file.read(saved)
    saved.write_text(snapshot_file.dump(replace(cluster, guests=tuple(replace(guest, inspected=False) for guest in cluster.guests))))
    call = call_of("plan", "--snapshot", str(saved), "-c", str(conf), "--max-moves", "1")
    plan.act(call)
    assert isinstance(call.out, Screen)
    assert "! 1 guest of this plan had not been examined" in call.out.text()


def test_what_can_leave_may_leave_though_not_all_can(saved: Path, conf: Path) -> None:
    """The moves are planned and the guest that stays is named; the exit code still says that the node will not be empty."""
    cluster = snapshot_file.read(saved)
    stuck = replace(cluster.guests[0], blockers=("uses PCI device hostpci0",))
    saved.write_text(snapshot_file.dump(replace(cluster, guests=(stuck, *cluster.guests[1:]))))
    call = call_of("plan", "--snapshot", str(saved), "-c", str(conf), "--drain", "pve1", "--leave-blocked", "--json")
    assert plan.act(call) == exits.INFEASIBLE
    assert isinstance(call.out, Screen)
    found = from_json(Plan, json.loads(call.out.text())["plan"])
    assert [stay.vmid for stay in found.blockers] == [100]
    assert found.moves
    assert {move.source for move in found.moves} == {"pve1"}


def test_leave_blocked_belongs_to_a_drain(saved: Path, conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plan", "--snapshot", str(saved), "-c", str(conf), "--leave-blocked"]) == exits.USAGE
    assert "--leave-blocked belongs to a drain" in capsys.readouterr().err


def test_leave_stopped_belongs_to_a_drain(saved: Path, conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plan", "--snapshot", str(saved), "-c", str(conf), "--leave-stopped"]) == exits.USAGE
    assert "name the node with --drain NODE" in capsys.readouterr().err


def test_a_live_plan_goes_through_the_engine(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def make_plan(api: Any, policy: Policy, now: float, request: Any, restrict: Any, roster: Any) -> tuple[Cluster, Plan]:
        asked.extend([api, policy.method, request.drain, request.stopped])
        return samples.CLUSTER, samples.PLAN

    monkeypatch.setattr(supposing, "make_plan", make_plan)
    call = call_of("plan", "-c", str(conf), "--drain", "pve1", "--leave-stopped", "--method", "cpu", connect=lambda endpoint: endpoint.user)
    assert plan.act(call) == exits.DONE
    assert asked == ["root@pam", "cpu", "pve1", False]


# snapshot


class Account:
    """The part of an Api that `snapshot` uses by itself."""

    user = "root@pam"


@pytest.fixture
def readable(saved: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Let `snapshot` read the saved cluster with no guest examined; give the lists of guests it looks closer at."""
    cluster, examined = snapshot_file.read(saved), []
    blank = replace(cluster, guests=tuple(replace(guest, inspected=False) for guest in cluster.guests))
    blank = replace(blank, problems=("root@pam may not read HA",))

    def inspect_guests(api: Any, cluster: Cluster, vmids: list[int], facts: Any = None, means: bool = True) -> Cluster:
        examined.append(vmids)
        return replace(cluster, guests=tuple(replace(one, inspected=one.inspected or one.vmid in vmids) for one in cluster.guests))

    monkeypatch.setattr(snapshot, "read_cluster", lambda api, now, method, counts: blank)
    monkeypatch.setattr(snapshot, "inspect_guests", inspect_guests)
    return examined


def test_a_snapshot_makes_the_same_plan_offline(conf: Path, tmp_path: Path, readable: list[list[int]]) -> None:
    target = tmp_path / "new.json"
    call = call_of("snapshot", "-c", str(conf), str(target), connect=lambda endpoint: Account())
    assert snapshot.act(call) == exits.DONE
    assert isinstance(call.err, Screen)
    assert call.err.text().startswith(f"3 nodes and 9 guests saved in {target}.")
    text = target.read_text()
    assert "root@pam" not in text
    assert "hunter2" not in text
    assert 1 <= len(set().union(*readable)) < 9
    offline = call_of("plan", "--snapshot", str(target), "-c", str(conf))
    plan.act(offline)
    assert isinstance(offline.out, Screen)
    assert "had not been examined" not in offline.out.text()


def test_a_snapshot_of_every_guest_is_printed(conf: Path, readable: list[list[int]]) -> None:
    call = call_of("snapshot", "-c", str(conf), "--all", connect=lambda endpoint: Account())
    assert snapshot.act(call) == exits.DONE
    assert readable == [list(range(100, 109))]
    assert isinstance(call.out, Screen)
    assert all(guest.inspected for guest in snapshot_file.parse(call.out.text()).guests)


# check


@pytest.mark.parametrize(
    ("finding", "code", "closing"),
    [
        (Finding("quorum", True, "cluster lab has quorum"), exits.DONE, "No problem found."),
        (Finding("nodes", None, "pve2 is in maintenance mode"), exits.DONE, "No problem found."),
        (Finding("quorum", False, "no quorum", "bring nodes back"), exits.FOUND, "1 problem found."),
    ],
)
def test_check(finding: Finding, code: int, closing: str, conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "check", lambda endpoint, port, maps: [finding])
    call = call_of("check", "-c", str(conf))
    assert check.act(call) == code
    assert isinstance(call.out, Screen)
    lines = call.out.text().splitlines()
    assert lines[:2] == [f"✓ configuration: {conf} is complete", f"✓ journal: {tmp_path} can be written"]
    assert lines[2][2:] == f"{finding.name}: {finding.text}"
    assert lines[-1] == closing
    machine = call_of("check", "-c", str(conf), "--json")
    assert check.act(machine) == code
    assert isinstance(machine.out, Screen)
    found = json.loads(machine.out.text())
    assert found["problems"] == (code == exits.FOUND)
    assert found["findings"][2] == {"name": finding.name, "ok": finding.ok, "text": finding.text, "remedy": finding.remedy}


def test_check_tells_the_mistakes_of_the_configuration_as_findings(tmp_path: Path) -> None:
    path = tmp_path / "prs.conf"
    path.write_text("[balancing]\nmethod: ram\n")
    call = call_of("check", "-c", str(path))
    assert check.act(call) == exits.FOUND
    assert isinstance(call.out, Screen)
    assert call.out.text().startswith(f"✗ configuration: {path} line 2: [balancing] method = 'ram'")


def test_check_without_credentials_stops_there_and_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "prs.conf"
    path.write_text(f"[proxmox]\nverify_ssl: 0\n[service]\nstate_dir: {tmp_path}/a/b\n")
    monkeypatch.setattr(check, "check", lambda endpoint, port, maps: pytest.fail("checked a cluster"))
    call = call_of("check", "-c", str(path), "--json")
    assert check.act(call) == exits.FOUND
    assert isinstance(call.out, Screen)
    found = json.loads(call.out.text())["findings"]
    assert [one["ok"] for one in found] == [False, None, True]
    assert found[0]["remedy"] == f"fill in the section [proxmox] of {path}"
    assert found[2]["text"] == f"{tmp_path}/a/b does not exist yet and can be created"


def test_a_journal_below_a_file_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        assert check.journal(path).ok is False


def test_a_question_about_the_future_is_answered_from_a_snapshot(saved: Path, conf: Path) -> None:
    """The node is emptied in thought; what is supposed is said, and nothing is stored."""
    call = call_of("plan", "--snapshot", str(saved), "-c", str(conf), "--without", "pve1", "--add-node", "64GiB/32", "--scale", "1.1")
    plan.act(call)
    assert isinstance(call.out, Screen)
    assert "a new node new1 with 64 GiB of memory and 32 threads" in call.out.text()
    assert "running guests use 1.1 times what they use now" in call.out.text()


def test_one_node_is_not_asked_about_twice(saved: Path, conf: Path) -> None:
    with pytest.raises(UsageError, match="name the node once"):
        plan.act(call_of("plan", "--snapshot", str(saved), "-c", str(conf), "--without", "pve1", "--drain", "pve2"))
