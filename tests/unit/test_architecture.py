"""docs/architecture.md and CONTRIBUTING.md are held to the tree: packages, rooms, verbs, and every path they name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from prs.cli.main import VERBS

ROOT = Path(__file__).parents[2]
PRODUCT = ROOT / "backend" / "prs"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
DECISIONS = [f"docs/adr/{path.name}" for path in sorted((ROOT / "docs" / "adr").glob("*.md"))]
PAGES = ["docs/architecture.md", "CONTRIBUTING.md", "STYLE.md", *DECISIONS]


def rows(heading: str) -> list[list[str]]:
    """The cells of the table whose head begins with this cell."""
    table = re.search(rf"^\| {heading} \|[^\n]*\n\|[-|]+\|\n((?:\|[^\n]*\n)+)", PAGE, re.MULTILINE)
    assert table, heading
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table[1].splitlines()]


def folders(below: Path) -> set[str]:
    """The packages right below a folder."""
    return {path.parent.name for path in below.glob("*/__init__.py")}


def test_every_package_has_its_row_and_every_room_its_name() -> None:
    table = {row[0].strip("`"): row[2] for row in rows("package")}
    assert set(table) | {"model"} == folders(PRODUCT)
    for package, words in table.items():
        named = set(re.findall(r"`(\w+)`", words))
        assert folders(PRODUCT / package) <= named, package
        for name in named:
            assert (PRODUCT / package / name).is_dir() or (PRODUCT / package / f"{name}.py").is_file(), f"{package}: {name}"


def test_every_verb_has_its_row() -> None:
    assert [row[0].strip("`") for row in rows("verb")] == [verb.name for verb in VERBS]


def test_the_ground_is_named_whole() -> None:
    ground = {path.stem for path in PRODUCT.glob("*.py")} - {"__init__"} | {"model"}
    words = PAGE[PAGE.index("The ground that all stand on:") : PAGE.index("The verbs of the command")]
    assert set(re.findall(r"`(\w+)`", words)) == ground


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_is_named_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w/.-])((?:backend|tests|docs|pve-ui|packaging|systemd|debian|\.ci)/[\w./-]+[\w/])", text))
    assert named or page not in PAGES[:2]
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


@pytest.mark.parametrize("page", PAGES)
def test_every_function_named_behind_a_module_is_in_it(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for path, name in re.findall(r"`(backend/[\w/]+\.py)` `(\w+)`", text):
        assert re.search(rf"^(?:    )?(?:def|class) {name}\b", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE), f"{path}: {name}"
