"""The README's commands for a cluster do on a simulated one what it says; those of installing and `setup` are run by the package tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.command_site import ROOT, Site, running
from prs.cli import exits

README = (ROOT / "README.md").read_text(encoding="utf-8")
# The table of commands: what stands in code in its first column, and options of `plan` in the others.
TABLE = re.search(r"^## Command line\n(.*?)^Every verb", README, re.DOTALL | re.MULTILINE)
assert TABLE
CALLS = [re.sub(r"^(proxmox-rebalancing-service|\.\.\.) ", "", words) for words in re.findall(r"^\| `([^`]+)`", TABLE[1], re.MULTILINE)]
# What stands for NODE and so on, and what the call ends with and says here; in the order in which a person would try them.
HERE = {
    "check": (exits.DONE, "No problem found."),
    "config show": (exits.DONE, "api_host"),
    "plan": (exits.DONE, "Level memory: 2 migrations"),
    "plan --without NODE": (exits.DONE, "leaves pve3"),
    "place --memory 8 --disk local-lvm:32": (exits.DONE, "Where new guest should go"),
    "rules": (exits.DONE, "No rule binds a guest."),
    "snapshot FILE": (exits.DONE, ""),
    "run": (exits.DONE, "Done: 2 of 2 migrations done"),
    "run --avoid NODE": (exits.DONE, "Nothing to do"),
    "drain --leave-blocked NODE": (exits.DONE, "Dry run: nothing was moved."),
    "drain --relax NODE": (exits.DONE, "Dry run: nothing was moved."),
    "drain --shut-down 101,102 NODE": (exits.DONE, "Dry run: nothing was moved."),
    "drain NODE": (exits.DONE, "pve3 is empty but for 1 template"),
    "status [JOB]": (exits.DONE, "pve3 gets no guests: kept empty since its drain"),
    "release NODE": (exits.DONE, "4 guests back to where they were"),
    "resume [JOB]": (exits.DONE, "Nothing to go on with: no job was left."),
    "drain --each --reboot NODE ...": (exits.ERROR, "it needs Sys.PowerMgmt on /nodes/pve3 (setup --reboot grants it)"),
}
ELSEWHERE = {"config set SECTION.NAME VALUE"}  # changes a whole cluster's policy through root's helper
PLANS = re.findall(r"`(--[a-z]+-?[a-z]* [^`]+)`", TABLE[1].partition("| `... run`")[0])


@pytest.fixture
def site(ram: Path) -> Iterator[Site]:
    with running(ram, "9", "containers: 1\n") as found:
        yield found


def filled_in(site: Site, call: str) -> list[str]:
    """The call's words with this cluster's names in them."""
    names = {"NODE ...": "NODE pve2", "NODE": "pve3", "FILE": f"{site.folder}/cluster.json", "local-lvm": "local-zfs"}
    for name, here in names.items():
        call = call.replace(name, here)
    return [word for word in call.split() if not word.startswith("[")]


def test_every_row_is_run_here() -> None:
    assert sorted(CALLS) == sorted({*HERE, *ELSEWHERE})
    assert {words.split()[0] for words in PLANS} >= {"--method", "--drain", "--snapshot", "--add-node", "--scale"}


def test_each_row_does_what_it_says(site: Site) -> None:
    """One after the other on one cluster, as a person would try them."""
    for call, (wanted, words) in HERE.items():
        only_shown = ["--dry-run"] if call.startswith("drain --") and "--each" not in call and wanted == exits.DONE else []
        code, text = site.run(*filled_in(site, call), *only_shown)
        assert code == wanted, f"{call}\n{text}"
        assert words in " ".join(text.split()), f"{call}\n{text}"


def test_a_plan_with_each_option(site: Site) -> None:
    assert site.run("snapshot", f"{site.folder}/cluster.json")[0] == exits.DONE
    for words in PLANS:
        code, text = site.run("plan", *filled_in(site, words))
        assert code in (exits.DONE, exits.INFEASIBLE), f"{words}\n{text}"
        assert "\n  NODE  GUESTS  " in text, f"{words}\n{text}"
