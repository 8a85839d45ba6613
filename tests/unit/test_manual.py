"""The manual pages and the shell completion tell what the program really has."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

import pytest

from prs.cli.main import VERBS, parser
from prs.config.options import DOMAIN, OPTIONS, POOL_OPTIONS, STORAGE

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
    for option in (*OPTIONS, *POOL_OPTIONS, DOMAIN, STORAGE):
        assert f".SH SECTION [{option.section}]\n" in page
        assert f".TP\n.B {option.name}\n" in page
        assert not option.default or f"Default: {option.default}." in page


def test_completion_knows_every_verb() -> None:
    """The list of verbs in the completion is the program's."""
    text = (ROOT / "packaging/completion/proxmox-rebalancing-service").read_text()
    found = re.search(r"local verbs='([^']+)'", text)
    assert found
    assert found[1].split() == [verb.name for verb in VERBS]


@pytest.mark.parametrize(
    ("words", "offered", "missing"),
    [
        ("--", {"--config", "--version", "--help"}, {"--drain", "--method", "--snapshot"}),
        ("drain --", {"--each", "--reboot", "--leave-stopped", "--json"}, {"--method", "--last", "--version"}),
        ("status --", {"--last", "--json"}, {"--drain"}),
        ("", {verb.name for verb in VERBS}, set()),
    ],
)
def test_completion_offers_what_fits_there(words: str, offered: set[str], missing: set[str], tmp_path: Path) -> None:
    """Bash itself completes, with the program's own help behind it."""
    program = tmp_path / "proxmox-rebalancing-service"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}/backend" exec "{sys.executable}" -m prs.cli.main "$@"\n')
    program.chmod(0o755)
    given = [str(program), *words.split(" ")]
    script = (
        f". '{ROOT}/packaging/completion/proxmox-rebalancing-service'\nCOMP_WORDS=({' '.join(repr(word) for word in given)})\n"
        f'COMP_CWORD={len(given) - 1}\n_proxmox_rebalancing_service\nprintf "%s\\n" "${{COMPREPLY[@]}}"\n'
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert offered <= set(done.stdout.split()), (done.stdout, done.stderr)
    assert not missing & set(done.stdout.split())
