"""The panel's files: what PVE's page loads is small, the rest is fetched later, and no source file grows into two things."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

UI = Path(__file__).resolve().parents[2] / "pve-ui"
SOURCES = sorted((UI / "src").rglob("*.js"))
BOOT, PANEL = "prs-rebalancing.js", "prs-panel.js"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of the built panel."""
    folder = tmp_path_factory.mktemp("panel")
    subprocess.run([sys.executable, UI / "bundle", "1.2.3", folder], check=True)
    return folder


def test_page_load_costs_at_most_12_kib(built: Path) -> None:
    assert (built / BOOT).stat().st_size <= 12 * 1024


def test_boot_script_names_the_panel_by_its_content(built: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, UI / "bundle", "1.2.4", tmp_path], check=True)
    address = re.compile(r"prs-panel\.js\?ver=[0-9a-f]{12}")
    first, second = (address.findall((folder / BOOT).read_text()) for folder in (built, tmp_path))
    assert len(first) == len(second) == 1
    assert first != second


def test_each_class_is_in_the_panel_once(built: Path) -> None:
    defined = re.findall(r"Ext\.define\('(PRS\.\w+)'", (built / PANEL).read_text())
    assert len(defined) == len(set(defined)) == len(SOURCES) - 2  # without boot and panel
    assert not re.findall(r"@[A-Z]+@", (built / BOOT).read_text() + (built / PANEL).read_text())


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_source_files_stay_under_250_lines(source: Path) -> None:
    assert len(source.read_text(encoding="utf-8").splitlines()) < 250
