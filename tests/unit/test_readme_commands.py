"""The README's commands are ones that the program takes, and its targets ones that make has."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from prs.cli import main as cli

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
# At the beginning of a line of a block, or in code within the text; `... drain` stands for the program in its table.
CALLS = sorted(set(re.findall(r"(?:^(?:\$ | {4})?|`)(?:proxmox-rebalancing-service|\.\.\.) ([a-z][^`\n|]*)", README, re.MULTILINE)))
TARGETS = sorted(set(re.findall(r"(?:^ {4}|`)make ([a-z-]+)", README, re.MULTILINE)))


@pytest.mark.parametrize("call", CALLS)
def test_calls_are_understood(call: str) -> None:
    words = [word.strip("[]") for word in shlex.split(call.replace("NODE ...", "NODE NODE"), comments=True)]
    assert cli.parser().parse_args(words).verb == words[0]


@pytest.mark.parametrize("name", TARGETS)
def test_targets_are_there(name: str) -> None:
    makefiles = "".join((ROOT / file).read_text() for file in ("Makefile", "pve-ui/ui.mk", "packaging/packaging.mk"))
    assert re.search(rf"^{name}:", makefiles, re.MULTILINE)


def test_something_was_found() -> None:
    assert {"setup", "setup --remove", "check"} <= set(CALLS)
    assert {"demo", "test", "bench", "deb"} <= set(TARGETS)
