"""The version stands in one place, and a release writes it into all others."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import prs

ROOT = Path(__file__).parents[2]
PLACES = ("backend/prs/__init__.py", "debian/changelog", "CHANGELOG.md", "README.md")


def versions(tree: Path) -> set[str]:
    """Every version of the product that the tree names as the present one."""
    text = {name: (tree / name).read_text(encoding="utf-8") for name in PLACES}
    code = re.findall(r'__version__ = "(.+)"', text["backend/prs/__init__.py"])
    debian = re.findall(r"^\S+ \((.+)\) ", text["debian/changelog"], re.MULTILINE)[:1]
    changes = re.findall(r"^## (\d\S*)", text["CHANGELOG.md"], re.MULTILINE)[:1]
    readme = re.findall(r"_([\d.]+)_all\.deb", text["README.md"])
    assert all((code, debian, changes, readme))
    return {*code, *debian, *changes, *readme}


def test_every_place_names_the_same_version() -> None:
    assert versions(ROOT) == {prs.__version__}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in PLACES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    text = (tmp_path / "CHANGELOG.md").read_text().replace("## Unreleased\n", "## Unreleased\n\n### Fixed\n- Something.\n", 1)
    (tmp_path / "CHANGELOG.md").write_text(text)
    for command in (("init", "-q"), ("add", "-A"), ("-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-qm", "x")):
        subprocess.run(("git", "-C", tmp_path, *command), check=True)
    return tmp_path


def release(tree: Path, version: str) -> subprocess.CompletedProcess[str]:
    """Run the program on a copy of the tree."""
    command = (sys.executable, ROOT / "packaging/release", version)
    return subprocess.run(command, env={**os.environ, "PRS_TREE": str(tree)}, capture_output=True, text=True, check=False)


def test_a_release_is_written_everywhere(tree: Path) -> None:
    done = release(tree, "7.2.0")
    assert done.returncode == 0, done.stderr
    assert versions(tree) == {"7.2.0"}
    assert "git tag -s v7.2.0" in done.stdout
    changes = (tree / "CHANGELOG.md").read_text()
    assert re.search(r"^## Unreleased\n\n## 7\.2\.0 \(\d{4}-\d\d-\d\d\)\n\n### Fixed\n- Something", changes, re.MULTILINE)
    if shutil.which("dpkg-parsechangelog"):
        asked = ("dpkg-parsechangelog", "-l", str(tree / "debian/changelog"), "-S", "Version")
        assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout == "7.2.0\n"


def test_what_is_no_release_changes_nothing(tree: Path) -> None:
    for version in ("0.9.9", prs.__version__, "7.2", "v7.2.0"):
        done = release(tree, version)
        assert done.returncode == 1
        assert version in done.stderr
    (tree / "README.md").write_text("changed")
    assert "not committed" in release(tree, "7.2.0").stderr
    assert 'version__ = "' + prs.__version__ in (tree / "backend/prs/__init__.py").read_text()
