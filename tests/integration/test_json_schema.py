"""Every verb's real output with --json, over HTTPS, is what docs/json.schema.json says, in success and in failure."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from integration.command_site import Site, started
from simcluster.world import Flavour
from unit.cli.json_schema import document, exact

PUBLISHED = json.loads((Path(__file__).parents[2] / "docs/json.schema.json").read_text())["$defs"]
PRESENT = exact(document())["$defs"]


@pytest.fixture
def site(ram: Path, flavour: Flavour) -> Iterator[Site]:
    """A running site whose containers may be moved."""
    found = Site(ram, flavour)
    with found.server:
        found.origin = time.time()
        found.write("containers: 1\n")
        yield found


def valid(verb: str, text: str) -> Any:
    """The document, which is one of that verb as it was published, and exactly one as the classes are now."""
    told = json.loads(text)
    for definitions in (PUBLISHED, PRESENT):
        Draft202012Validator({"$ref": f"#/$defs/{verb}", "$defs": definitions}).validate(told)
    return told


def output(site: Site, *words: str) -> tuple[int, str]:
    """The exit code and the standard output alone."""
    process = site.start(*words, "--json")
    out, _ = process.communicate(timeout=100)
    return process.returncode, out


def test_what_only_looks(site: Site) -> None:
    looks = "plan", "plan --drain pve3", "place --memory 2", "check", "config show", "status", "snapshot", "resume"
    for words in (look.split() for look in looks):
        code, text = output(site, *words)
        assert valid(words[0], text) is not None
        assert code == 0, words
    file = site.folder / "saved.json"
    assert valid("snapshot", output(site, "snapshot", str(file))[1])["guests"] == len(site.world.guests)
    assert valid("plan", output(site, "plan", "--snapshot", str(file))[1])["feasible"]


def test_what_moves_guests(site: Site) -> None:
    code, text = output(site, "run")
    job = valid("run", text)["job"]
    assert (code, job["state"]) == (0, "done")
    assert valid("run", output(site, "run")[1])["job"] is None
    assert valid("status", output(site, "status", job["id"])[1])["id"] == job["id"]
    code, text = output(site, "drain", "pve3", "--leave-blocked")
    drained = valid("drain", text)
    assert drained["job"]["node"] == "pve3"
    assert [one["node"] for one in valid("status", output(site, "status")[1])["held"]] == ["pve3"]
    assert "job" in valid("release", output(site, "release", "pve3")[1])
    assert valid("release", output(site, "release", "pve1")[1])["held"] == []


def test_a_job_that_was_left(site: Site) -> None:
    process = site.start("run")
    started(site, 1)
    process.kill()
    process.communicate()
    code, text = output(site, "resume")
    assert [job["state"] for job in valid("resume", text)["jobs"]] == ["done"]
    assert code == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["status", "nosuch"], 1), (["release", "nosuch"], 1), (["drain", "nosuch"], 1), (["resume", "nosuch"], 1),
        (["plan", "--snapshot", "nosuch"], 2), (["drain", "pve1", "pve2"], 2), (["drain", "--each", "pve1"], 2),
        (["plan", "--method", "ram"], 2), (["setup"], 1), (["snapshot", "/nosuch/file"], 1), (["frobnicate"], 2),
    ],
)  # fmt: skip
def test_errors(site: Site, words: list[str], code: int) -> None:
    found, text = output(site, *words)
    assert valid("error", text)["error"]["exit"] == found == code


@pytest.mark.parametrize("words", [["run"], ["check"], ["config", "show"]])
def test_mistakes_of_the_configuration(site: Site, words: list[str]) -> None:
    path = site.write("spread: x\nmethod: ram\n")
    code, text = output(site, *words)
    if words == ["check"]:
        assert (code, valid("check", text)["problems"]) == (6, 2)
    else:
        assert (code, len(valid("error", text)["error"]["messages"])) == (2, 2)
    assert path.exists()


def test_an_api_that_is_out_of_reach(site: Site) -> None:
    site.write(host="127.0.0.254")
    assert valid("error", output(site, "plan")[1])["error"]["exit"] == 1
    assert valid("check", output(site, "check")[1])["problems"]
    assert valid("status", output(site, "status")[1])["jobs"] == []
