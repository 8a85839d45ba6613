"""The README holds together: its tables are tables, and its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", "docs/architecture.md")


def prose(name: str) -> str:
    """A page without its code blocks."""
    return re.sub(r"^```.*?^```$", "", (ROOT / name).read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchor(heading: str) -> str:
    """What a heading is called in a link."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("name", PAGES)
def test_every_row_stands_in_a_table_with_a_head(name: str) -> None:
    for block in re.findall(r"(?:^\|.*\n)+", prose(name), re.MULTILINE):
        lines = block.splitlines()
        assert len(lines) > 2, lines
        assert re.fullmatch(r"\|(?:-+\|)+", lines[1]), lines[:2]
        cells = {len(re.findall(r"(?<!\\)\|", re.sub(r"`[^`]*`", "", line))) for line in lines}
        assert len(cells) == 1, (lines[0], cells)


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_files_and_headings_that_are_there(name: str) -> None:
    headings = {anchor(heading) for heading in re.findall(r"^#+ (.+)$", prose(name), re.MULTILINE)}
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(name)):
        if target.startswith("#"):
            assert target[1:] in headings, target
        elif "://" not in target:
            assert (ROOT / name).parent.joinpath(target.partition("#")[0]).exists(), target
