"""The service's sentences as codes: found as a whole or not at all, with nothing lost, and a table without what nobody says."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from prs.web.api.said import FIELDS, KINDS, code_of, said
from prs.web.api.sentences import SENTENCES

ROOT = Path(__file__).parents[4]
STORIES = sorted((ROOT / "tests" / "scenarios").glob("*/expected.log"))
TOLD = re.compile(
    r"(?:plan|note): (.+)|(?:blocker: .*?\)|move: .*? -> \S+|stay: .*?\) on \S+): (.+)|step .*?: [a-z]+ \((.+)\)|job [a-z]+: (.+)"
)
# Whole sentences that stay English: PVE's own words, and what an administrator has written or has to mend by hand.
ENGLISH = re.compile(r"migration problems: |by a raw line|pvestatd is dead|^ignore_|names no node of|ProxLB before")


def told() -> set[str]:
    """Every sentence of the stories' logs."""
    lines = {line for story in STORIES for line in story.read_text(encoding="utf-8").splitlines()}
    return {next(filter(None, match.groups())) for line in lines if (match := TOLD.fullmatch(line))}


def worded(code: Any) -> str:
    """A code in English again."""
    if isinstance(code, (str, list)):
        return str(code) if isinstance(code, str) else ", ".join(map(worded, code))
    text = str(code["by"]).join(map(worded, code["all"])) if "all" in code else str(code["code"])
    for name, value in code.get("with", {}).items():
        text = text.replace("{" + name + "}", worded(value))
    return text + str(code.get("end", ""))


def test_what_the_stories_say_is_coded_but_for_the_words_of_others() -> None:
    sentences = told()
    assert len(sentences) > 130
    assert {text for text in sentences if not ENGLISH.search(text) and code_of(text) is None} == set()


def test_a_code_says_all_that_the_sentence_says() -> None:
    for text in told():
        if code := code_of(text):
            again, plain = (one.replace(" and ", ", ") for one in (worded(code), text))
            assert again.lower() == plain.lower()


@pytest.mark.parametrize("text", [
    "", "PVE refuses pve1: no such luck", "is locked (backup); and something that nobody knows", "waiting: " + "x; " * 400,
    "101 (a) cannot leave (is locked (x)) and more", "needs 1 GiB of memory, pve1 has <b>2</b> free", "Best: pve1; drop table",
])  # fmt: skip
def test_a_sentence_that_is_not_known_as_a_whole_has_no_code(text: str) -> None:
    assert code_of(text) is None


def test_only_sentences_of_an_answer_are_coded_and_each_once() -> None:
    answer = {"name": "offline", "stays": [{"reason": "is locked (backup)", "name": "it is here"}] * 2, "warnings": ["there is no node x"]}
    assert set(said(answer)) == {"is locked (backup)", "there is no node x"}


def test_the_panel_words_the_fields_that_the_service_codes() -> None:
    """One that the panel does not know would stay English, whatever the language."""
    text = (Path(__file__).parents[4] / "pve-ui/src/base/Said.js").read_text()
    listed = text.partition("fields: new Set([")[2].partition("])")[0]
    assert set(re.findall(r"'(\w+)'", listed)) == FIELDS


def test_parameters_are_of_a_known_kind_and_each_is_there_once() -> None:
    for template in SENTENCES:
        names = re.findall(r"\{([^}]*)\}", template)
        assert {name.rstrip("0123456789") for name in names} <= set(KINDS)
        assert len(names) == len(set(names))
    assert len(SENTENCES) == len(set(SENTENCES))


def texts() -> str:
    """All that the service's modules but the table may say, one constant a line."""
    found = list[str]()
    for path in sorted((ROOT / "backend" / "prs").rglob("*.py")):
        if path.name != "sentences.py":
            nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            found += [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return "\n".join(found)


def put_together(words: str, known: str, pieces: int = 5) -> bool:
    """Whether the words are found in the modules, in at most so many pieces."""
    words = words.strip(" .,:;()")
    if not words or words in known:
        return True
    ends = [at for at, letter in enumerate(words) if letter == " " and words[:at].strip(" .,:;()") in known]
    return pieces > 1 and bool(ends) and put_together(words[ends[-1]:], known, pieces - 1)


def test_the_table_has_nothing_that_the_service_does_not_say() -> None:
    known = texts()
    assert not put_together("is locked by a backup on tuesdays in zagreb", known)
    parts = {template: re.split(r"\{\w+\}", template) for template in SENTENCES}
    assert [template for template, found in parts.items() if not all(put_together(part, known) for part in found)] == []
