"""What the service refuses and fails with is coded: each error that its modules raise, and a list of sentences as the page gets them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from prs import errors
from prs.errors import PrsError
from prs.web.api.said import code_of

HERE = Path(__file__).parent
BACKEND = HERE.parents[3] / "backend" / "prs"
# What may reach the page; the command line, setup and the root helper say their own.
SPEAKING = ("engine", "planner", "pve/act", "pve/http", "pve/read", "web")
ERRORS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, PrsError)} | {"Refusal", "HostFailed"}
SAMPLES = ("pve2", "101", "", "101 (a)", "/a/b", "offline", "3.0 GiB", "there is no guest 7", "is offline", "boom: x", "tag x")
TRIED = {1: 11, 2: 11, 3: 7}  # samples for each of so many places; of more places fewer
# Said to programs, to whoever starts the service at a terminal, or only of what its own code would have done wrong.
TO_OTHERS = re.compile(
    r"^A body in chunks|^The body (?:must be|is not JSON)|^Authorization must be|^No ticket: send|^This is not an API token|may not ask\.$|"
    r"invalid csrf|is not the (?:id of a task|name of a stored login)|rolling maintenance \{\}|^no (?:host is given|such task)|"
    r"is not a host, host:port|port \{\} does not exist|POLICY is neither|is not an address, a network"
)
# Put together of parts; the list of sentences has them whole.
LISTED = re.compile(
    r"knows which guests to bring|cannot be read from the journal: |hidden from \{\} \(VM\.Audit|gave an answer that is |"
    r"maintenance in \{\} \{\}"
)


def raised(path: Path) -> Iterator[tuple[int, list[str | None]]]:
    """The words of each error that a module makes, by line: constants in order, None for what is put in."""
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(call, ast.Call) or getattr(call.func, "id", "") not in ERRORS:
            continue
        for words in call.args:
            parts: list[str | None] = []
            if isinstance(words, ast.Constant) and isinstance(words.value, str):
                parts = [words.value]
            elif isinstance(words, ast.JoinedStr):
                parts = [str(part.value) if isinstance(part, ast.Constant) else None for part in words.values]
            if " " in "".join(part or "" for part in parts).strip():
                yield call.lineno, parts


def coded(parts: list[str | None]) -> bool:
    """Whether the words are coded with some sample in each place."""
    places = parts.count(None)
    return any(code_of("".join(next(filled) if part is None else part for part in parts))
               for samples in product(SAMPLES[:TRIED.get(places, 2)], repeat=places) for filled in [iter(samples)])  # fmt: skip


@pytest.mark.parametrize("folder", SPEAKING)
def test_every_error_with_words_of_its_own_is_coded(folder: str) -> None:
    unknown = [
        (path.relative_to(BACKEND).as_posix(), line, words)
        for path in sorted((BACKEND / folder).rglob("*.py")) for line, parts in raised(path)
        if not TO_OTHERS.search(words := "".join("{}" if part is None else part for part in parts)) and not LISTED.search(words)
        and not coded(parts)
    ]  # fmt: skip
    assert unknown == []


@pytest.mark.parametrize("text", (HERE / "sentences.txt").read_text(encoding="utf-8").splitlines())
def test_what_the_page_may_be_told_is_coded(text: str) -> None:
    assert code_of(text)
