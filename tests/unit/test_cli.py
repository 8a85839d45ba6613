"""The command line: arguments, exit codes, and the verbs that need no cluster."""

from __future__ import annotations

import argparse
import importlib
import io
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from prs import cli, config, exits, snapshot_file
from prs.codec import from_json
from prs.endpoint import Endpoint
from prs.errors import PrsError, Unreachable
from prs.model import Cluster, Guest, Plan, Policy
from prs.progress import Lines, Live, Quiet
from prs.pve.findings import Finding
from prs.verbs import check, daemon, plan, run, snapshot
from prs.verbs.call import Call
from unit import samples
from unit.screen import Screen

GIB = 2**30
VERBS = [verb.name for verb in cli.VERBS]


@pytest.fixture(autouse=True)
def clean_root() -> Iterator[None]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    path = tmp_path / "prs.conf"
    path.write_text(f"[proxmox]\napi_host: pve1\napi_user: root@pam\napi_pass: hunter2\n[service]\nstate_dir: {tmp_path}\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Give a snapshot of a cluster in which one node is full and two are nearly empty, every guest examined."""
    nodes = tuple(replace(node, memory=64 * GIB, cpu=16.0) for node in samples.CLUSTER.nodes)
    guests = tuple(
        Guest(number, f"web{number}", "qemu", "pve1", memory=6 * GIB, memory_max=8 * GIB, cpu=1.0, cpu_max=2.0, inspected=True)
        for number in range(100, 109)
    )
    path = tmp_path / "cluster.json"
    path.write_text(snapshot_file.dump(Cluster("lab", samples.NOW, nodes=nodes, guests=guests)))
    return path


def call_of(*arguments: str, out: Screen | None = None, connect: Callable[[Endpoint], Any] | None = None) -> Call:
    """Parse arguments into a call that writes to the given stream and connects to nothing."""
    options = cli.parser().parse_args(list(arguments))
    return Call(options, out or Screen(tty=False), Screen(tty=False), connect or (lambda endpoint: pytest.fail("connected")))


# Arguments.


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_each_verb_names_its_options_and_all_exit_codes(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([verb, "--help"])
    text = capsys.readouterr().out
    assert caught.value.code == 0
    assert "--config FILE" in text
    for code, meaning in exits.MEANINGS.items():
        assert f"\n  {code}  {meaning}\n" in text


def test_the_help_names_every_verb_in_one_line_of_the_source(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    for verb in cli.VERBS:
        assert f"{verb.name} {verb.summary}" in text


@pytest.mark.parametrize("name", [*VERBS, "daemon"])
def test_each_verb_has_an_action(name: str) -> None:
    assert callable(importlib.import_module(f"prs.verbs.{name}").act)


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("proxmox-rebalancing-service ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["plan", "--method", "ram"], "argument --method: 'ram': allowed: memory, disk, cpu or all"),
        (["run", "--max-moves", "0"], "argument --max-moves: '0': allowed: a whole number from 1"),
        (["run", "--max-gib", ""], "argument --max-gib: '': allowed: GiB (100, 1.5TiB)"),
        (["drain", "a/b"], "argument NODE: 'a/b': allowed: the name of a node"),
        (["plan", "--goal", "fun"], "argument --goal: invalid choice: 'fun'"),
        (["status", "--last", "many"], "argument --last: 'many': allowed: a whole number from 1"),
        (["drain"], "the following arguments are required: NODE"),
        (["drain", "n1", "--max-moves", "3"], "unrecognized arguments: --max-moves 3"),
        (["dance"], "argument VERB: invalid choice: 'dance'"),
    ],
)
def test_wrong_arguments(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == exits.USAGE
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("arguments", ["-c /x plan", "plan -c /x", "--config=/x plan", "-c /y plan -c /x"])
def test_the_configuration_may_be_named_before_or_after_the_verb(arguments: str) -> None:
    assert cli.parser().parse_args(arguments.split()).config == Path("/x")


def test_options_go_over_the_configuration(conf: Path) -> None:
    arguments = ("run", "-c", str(conf), "--method", "CPU", "--max-moves", "3", "--max-gib", "1TiB", "--containers", "--dry-run")
    settings = call_of(*arguments).settings()
    assert settings.policy == replace(Policy("cpu"), max_moves=3, max_bytes=2**40, containers=True, memory_reserve=GIB)
    assert settings.dry_run
    unchanged = call_of("run", "-c", str(conf)).settings()
    assert (unchanged.policy, unchanged.dry_run) == (replace(Policy(), memory_reserve=GIB), False)


# Errors and exit codes.


def test_every_mistake_of_the_configuration_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "prs.conf"
    path.write_text("[balancing]\nmethod: ram\nspread: x\n")
    assert cli.main(["-c", str(path), "plan"]) == exits.USAGE
    lines = capsys.readouterr().err.splitlines()
    assert [line.startswith(f"error: {path} line {number}: [balancing]") for number, line in enumerate(lines, 2)] == [True, True]


def test_no_endpoint_is_a_mistake_of_the_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "prs.conf"
    path.write_text("")
    assert cli.main(["-c", str(path), "plan"]) == exits.USAGE
    assert f"error: {path}: [proxmox] api_host is not set." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (Unreachable("pve1 refuses\x1b[2J the connection"), exits.ERROR, "error: pve1 refuses\\x1b[2J the connection\n"),
        (PrsError("no"), exits.ERROR, "error: no\n"),
        (KeyboardInterrupt(), exits.CANCELLED, "error: interrupted; nothing was started\n"),
    ],
)
def test_errors(
    error: BaseException, code: int, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(call: Call) -> int:
        raise error

    monkeypatch.setattr(plan, "act", fail)
    assert cli.main(["plan"]) == code
    assert capsys.readouterr() == ("", words)


def test_a_reader_that_has_gone_is_no_traceback(conf: Path, saved: Path) -> None:
    import subprocess

    command = [sys.executable, "-m", "prs.cli", "-c", str(conf), "plan", "--snapshot", str(saved)]
    environ = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[1])}
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env=environ, text=True, timeout=60, check=False)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (exits.ERROR, "")


@pytest.mark.parametrize(("text", "module"), [("daemon: 1", daemon), ("daemon: 0", run), ("", daemon)])
def test_without_a_verb_the_configuration_decides(text: str, module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, seen = tmp_path / "prs.conf", []
    path.write_text(f"[service]\n{text}\n")

    def act(call: Call) -> int:
        seen.append(call.options)
        return 0

    monkeypatch.setattr(module, "act", act)
    assert cli.main(["-c", str(path)]) == 0
    assert seen[0].config == path
    assert module is daemon or vars(seen[0]) == vars(cli.parser().parse_args(["run", "-c", str(path)]))


# plan


def test_an_offline_plan_needs_no_configuration(saved: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(config, "DEFAULT_PATH", tmp_path / "none.conf")
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
    assert "! 1 guest of this plan had not been examined when the snapshot was taken" in call.out.text()


def test_leave_stopped_belongs_to_a_drain(saved: Path, conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plan", "--snapshot", str(saved), "-c", str(conf), "--leave-stopped"]) == exits.ERROR
    assert "name the node with --drain NODE" in capsys.readouterr().err


def test_a_live_plan_goes_through_the_engine(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def make_plan(api: Any, policy: Policy, now: float, wish: Any, restrict: Any) -> tuple[Cluster, Plan]:
        asked.extend([api, policy.method, wish.drain, wish.stopped])
        return samples.CLUSTER, samples.PLAN

    monkeypatch.setattr(plan, "make_plan", make_plan)
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

    def inspect_guests(api: Any, cluster: Cluster, vmids: list[int]) -> Cluster:
        examined.append(vmids)
        return replace(cluster, guests=tuple(replace(one, inspected=one.inspected or one.vmid in vmids) for one in cluster.guests))

    monkeypatch.setattr(snapshot, "read_cluster", lambda api, now, method: blank)
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
    monkeypatch.setattr(check, "check", lambda endpoint: [finding])
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
    monkeypatch.setattr(check, "check", lambda endpoint: pytest.fail("checked a cluster"))
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


# Logging and display of a call.


@pytest.mark.parametrize(
    ("level", "daemon_runs", "effective"),
    [("info", False, "WARNING"), ("debug", False, "DEBUG"), ("error", False, "ERROR"), ("info", True, "INFO")],
)
def test_a_person_who_calls_a_verb_gets_warnings_only(conf: Path, level: str, daemon_runs: bool, effective: str) -> None:
    conf.write_text(f"{conf.read_text()}log_level: {level}\n")
    call_of("plan", "-c", str(conf)).settings(daemon=daemon_runs)
    assert logging.getLevelName(logging.getLogger().level) == effective


def test_warnings_of_the_configuration_are_logged_without_the_secret(conf: Path) -> None:
    conf.chmod(0o644)
    call = call_of("plan", "-c", str(conf))
    call.settings()
    logging.getLogger("prs.test").error("hunter2")
    assert isinstance(call.err, Screen)
    text = call.err.text()
    assert "holds a secret and every user of this machine can read it" in text
    assert "[hidden]" in text
    assert "hunter2" not in text


def test_log_lines_go_above_a_live_display(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    screen = Screen()
    call = call_of("run", "-c", str(conf), out=screen)
    shown = call.display(call.settings())
    assert isinstance(shown, Live)
    shown.show(samples.running(), samples.NOW + 50)
    logging.getLogger("prs.test").warning("hunter2 is slow")
    lines = screen.text().split("\x1b[2A\x1b[J")[1].splitlines()
    assert lines[0].endswith("warning: [hidden] is slow")
    assert len(lines) == 3


def test_the_display_of_a_call(conf: Path) -> None:
    for arguments, kind in ((("run",), Lines), (("run", "--json"), Quiet)):
        call = call_of(*arguments, "-c", str(conf))
        assert isinstance(call.display(call.settings()), kind)


def test_json_is_plain(conf: Path) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    call = Call(argparse.Namespace(json=True), stream, stream, lambda endpoint: pytest.fail("connected"))
    call.print_json({"name": "日"})
    stream.seek(0)
    assert json.loads(stream.read()) == {"name": "日"}
