"""docs/json.md says what `--json` prints: every verb is in it, with the keys that the program really gives."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from prs.cli import main as cli
from prs.cli.main import VERBS
from unit.cli import json_schema

PAGE = (Path(__file__).parents[3] / "docs" / "json.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", PAGE, re.MULTILINE))


def keys(words: str) -> set[str]:
    """The keys that a part of a row names."""
    return set(re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", words)))


def test_every_verb_has_its_row_and_takes_json() -> None:
    assert list(ROWS) == [verb.name for verb in VERBS]
    for verb in VERBS:
        arguments = {"drain": ["n1"], "release": ["n1"], "config": ["show"]}.get(verb.name, [])
        assert cli.parser().parse_args([verb.name, *arguments, "--json"]).json


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["plan", "--snapshot", "SAVED"], 0), (["place", "--memory", "2", "--snapshot", "SAVED"], 0), (["status"], 0),
        (["config", "show"], 0),
    ],
)
def test_the_keys_are_those_of_the_page(
    arguments: list[str], part: int, saved: Path, conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(saved) if word == "SAVED" else word for word in arguments]
    cli.main([*words, "-c", str(conf), "--json"])
    assert set(json.loads(capsys.readouterr().out)) == keys(ROWS[arguments[0]].split(";")[part])


def test_an_error_is_one_document_with_all_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "prs.conf"
    path.write_text("[balancing]\nmethod: ram\nspread: x\n")
    code = cli.main(["plan", "-c", str(path), "--json"])
    told = json.loads(capsys.readouterr().out)["error"]
    assert (told["exit"], len(told["messages"])) == (code, 2)


def test_the_published_schema_holds() -> None:
    """What it names is there with the same type; more may be there, until a release writes it anew (CONTRIBUTING.md)."""
    published = json.loads((Path(__file__).parents[3] / "docs/json.schema.json").read_text())["$defs"]
    real = json_schema.document()["$defs"]
    assert set(ROWS) | {"error"} <= set(published)
    for name, schema in published.items():
        if "properties" in schema:
            assert schema["properties"].items() <= real[name]["properties"].items(), name
        else:
            assert schema == real[name], name
    Draft202012Validator.check_schema(json_schema.document())
