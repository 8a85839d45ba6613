"""The manual pages and the shell completion tell what the program really has."""

from __future__ import annotations

import argparse
import os
import pty
import re
import select
import shlex
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from prs.cli.main import VERBS, parser
from prs.config.options import DOMAIN, GUEST, OPTIONS, POOL_OPTIONS, STORAGE

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Both pages as they are shipped, without escapes."""
    folder = tmp_path_factory.mktemp("man")
    subprocess.run((sys.executable, ROOT / "packaging/man/build", folder), check=True)
    return {path.name: path.read_text().replace("\\-", "-") for path in folder.iterdir()}


def options() -> set[str]:
    """Every long option of the command and its verbs."""
    top = parser()
    (verbs,) = (action for action in top._actions if isinstance(action, argparse._SubParsersAction))
    return {word for one in (top, *verbs.choices.values()) for action in one._actions for word in action.option_strings if word[:2] == "--"}


def test_command_page_names_every_verb_and_option(pages: dict[str, str]) -> None:
    """Neither more nor less than the program has."""
    page = pages["proxmox-rebalancing-service.8"]
    body = page[page.index(".SH OPTIONS") : page.index(".SH RUNNING AS ROOT")]
    assert set(re.findall(r"--[a-z][a-z-]+", body)) == options()
    verbs = page[page.index(".SH VERBS") : page.index(".SH OPTIONS")]
    assert re.findall(r"^\.TP\n\.B\w* (\w+)", verbs, re.MULTILINE) == [verb.name for verb in VERBS]


def test_configuration_page_documents_every_option(pages: dict[str, str]) -> None:
    """One paragraph for each option, with its default."""
    page = pages["prs.conf.5"]
    for option in (*OPTIONS, *POOL_OPTIONS, DOMAIN, STORAGE, GUEST):
        assert f".SH SECTION [{option.section}]\n" in page
        assert f".TP\n.B {option.name}\n" in page
        assert not option.default or f"Default: {option.default}." in page


def test_completion_knows_every_verb() -> None:
    """The list of verbs in the completion is the program's."""
    text = (ROOT / "packaging/completion/proxmox-rebalancing-service").read_text()
    found = re.search(r"local verbs='([^']+)'", text)
    assert found
    assert found[1].split() == [verb.name for verb in VERBS]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command as a user calls it, in a folder of its own."""
    file = tmp_path_factory.mktemp("bin") / "proxmox-rebalancing-service"
    file.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}/backend" exec "{sys.executable}" -m prs.cli.main "$@"\n')
    file.chmod(0o755)
    return file


def completed(program: Path, *lines: str) -> list[set[str]]:
    """What bash offers behind each of the lines, a word that is to be completed, also an empty one, at its end."""
    script = f". '{ROOT}/packaging/completion/proxmox-rebalancing-service'\n"
    for line in lines:
        words = [str(program), *line.split(" ")]
        script += f"COMP_WORDS=({' '.join(map(shlex.quote, words))})\nCOMP_CWORD={len(words) - 1}\n"
        script += "_proxmox_rebalancing_service\necho \"${COMPREPLY[@]}\"\n"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, cwd=program.parent)
    assert done.stderr == ""
    return [set(found.split()) for found in done.stdout.split("\n")[:-1]]


def test_completion_offers_each_verbs_own_options(program: Path) -> None:
    """And before a verb those that stand before a verb; in each place all there are, and no others."""
    top = parser()
    verbs: dict[str, argparse.ArgumentParser] = next(one for one in top._actions if isinstance(one, argparse._SubParsersAction)).choices
    found = completed(program, "--", *(f"{verb} --" for verb in verbs))
    wanted = [{word for one in each._actions for word in one.option_strings if word.startswith("--")} for each in (top, *verbs.values())]
    assert dict(zip(("", *verbs), found, strict=True)) == dict(zip(("", *verbs), wanted, strict=True))


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("", {verb.name for verb in VERBS}),
        ("-c plan ", {verb.name for verb in VERBS}),
        ("--config = plan pl", {"plan", "place"}),
        ("-c plan drain --ea", {"--each"}),
        ("plan --method ", {"memory", "disk", "cpu", "all", "pressure"}),
        ("plan --method =", {"memory", "disk", "cpu", "all", "pressure"}),
        ("plan --method = c", {"cpu"}),
        ("plan --goal ", {"spread", "level", "mend"}),
        ("plan --max-moves ", set()),
        ("place --name ", set()),
        ("place --order proxmox", {"proxmox-rebalancing-service"}),
        ("plan --snapshot proxmox", {"proxmox-rebalancing-service"}),
        ("config ", {"show", "set", "unset"}),
        ("status ", set()),
    ],
)
def test_completion_offers_what_fits_there(program: Path, words: str, offered: set[str]) -> None:
    assert completed(program, words) == [offered]


def test_completion_at_a_prompt(program: Path) -> None:
    """With readline: a person types, presses Tab, and bash has written the word."""
    master, slave = pty.openpty()
    environ = {"PATH": f"{program.parent}:/usr/bin:/bin", "PS1": "prompt> ", "TERM": "dumb", "HOME": str(program.parent)}
    shell = subprocess.Popen(["bash", "--norc", "-i"], stdin=slave, stdout=slave, stderr=slave, env=environ, start_new_session=True)
    os.close(slave)

    def type_in(keys: str, until: str) -> None:
        os.write(master, keys.encode())
        seen = ""
        while until not in seen:
            assert select.select([master], [], [], 60)[0], seen
            seen += os.read(master, 4096).decode()

    type_in(f". '{ROOT}/packaging/completion/proxmox-rebalancing-service'; echo rea''dy\n", "ready")
    type_in("proxmox-rebalancing-service dra\t--leave-b\t", "drain --leave-blocked ")
    type_in("--help; exit\n", "exit codes:")
    with open(master, "rb", buffering=0) as rest, suppress(OSError):  # EIO: the shell has gone
        while rest.read(4096):
            pass
    shell.wait(60)
