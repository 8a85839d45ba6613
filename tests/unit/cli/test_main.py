"""The command line: arguments, errors and exit codes, logging and display."""

from __future__ import annotations

import argparse
import importlib
import io
import json
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from prs.cli import exits
from prs.cli import main as cli
from prs.cli.call import Call
from prs.cli.progress import Lines, Live, Quiet
from prs.cli.verbs import daemon, plan, run
from prs.errors import PrsError, Unreachable
from prs.model import Policy
from unit import samples
from unit.calls import call_of
from unit.screen import Screen

GIB = 2**30
VERBS = [verb.name for verb in cli.VERBS]


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
    assert callable(importlib.import_module(f"prs.cli.verbs.{name}").act)


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("proxmox-rebalancing-service ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["plan", "--method", "memroy"],
         "argument --method: 'memroy' (did you mean 'memory'?): allowed: memory, disk, cpu, all or pressure"),
        (["plan", "--method", "ram"], "argument --method: 'ram': allowed: memory, disk, cpu, all or pressure"),
        (["run", "--max-moves", "0"], "argument --max-moves: '0': allowed: a whole number from 1"),
        (["run", "--max-gib", ""], "argument --max-gib: '': allowed: GiB (100, 1.5TiB)"),
        (["drain", "a/b"], "argument NODE: 'a/b': allowed: the name of a node"),
        (["plan", "--goal", "fun"], "argument --goal: invalid choice: 'fun'"),
        (["status", "--last", "many"], "argument --last: 'many': allowed: a whole number from 1"),
        (["drain"], "the following arguments are required: NODE"),
        (["drain", "n1", "--relax-rule", ""], "argument --relax-rule: '': allowed: the name of a rule"),
        (["plan", "--snapshot", ""], "argument --snapshot: '': allowed: the name of a file"),
        (["-c", "", "plan"], "argument -c/--config: '': allowed: the name of a file"),
        (["status", ""], "argument JOB: '': allowed: the id of a job, as status shows it"),
        (["drain", "n1", "--target", "105"], "argument --target: '105': allowed: VMID=NODE, such as 105=pve2"),
        (["run", "--target", "0=pve2"], "argument --target: '0=pve2': allowed: VMID=NODE, such as 105=pve2"),
        (["run", "--avoid", "a b"], "argument --avoid: 'a b': allowed: the name of a node"),
        (["drain", "n1", "--max-moves", "3"], "unrecognized arguments: --max-moves"),
        (["plan", "--without", "n1", "--without", "n2"], "argument --without: is given twice: one node at a time"),
        (["plan", "--drain", "n1", "--drain", "n2"], "argument --drain: is given twice: one node at a time"),
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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["drain", "a", "b"], "several nodes are drained one after the other with --each --reboot"),
        (["drain", "--each", "pve1"], "--each needs --reboot"),
        (["drain", "--each", "--reboot", "a", "b", "a"], "a node is named twice: a"),
        (["drain", "--reboot", "--leave-stopped", "a"], "--reboot empties the node of stopped guests too"),
        (["drain", "--reboot", "--avoid", "b", "a"], "--avoid and --target are for one drain: leave them away with --reboot"),
        (["plan", "--leave-stopped"], "--leave-stopped belongs to a drain"),
        (["plan", "--leave-blocked"], "--leave-blocked belongs to a drain"),
        (["plan", "--relax"], "--relax and --relax-rule belong to a drain"),
        (["plan", "--relax-rule", "pool db"], "--relax and --relax-rule belong to a drain"),
        (["setup", "--remove", "--reboot"], "--reboot and --remove do not go together"),
    ],
)
def test_options_that_do_not_go_together(arguments: list[str], words: str, conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*arguments, "-c", str(conf)]) == exits.USAGE
    assert words in capsys.readouterr().err


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

    command = [sys.executable, "-m", "prs.cli.main", "-c", str(conf), "plan", "--snapshot", str(saved)]
    environ = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[2])}
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
    assert module is daemon or vars(seen[0]) == {**vars(cli.parser().parse_args(["run", "-c", str(path)])), "unattended": True}


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
