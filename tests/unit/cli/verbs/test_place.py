"""`place` from a saved cluster: what it prints, what it asks back, how it exits."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest

from prs.cli import exits
from prs.cli import main as cli
from prs.cli.verbs import place
from prs.codec import from_json
from prs.model import Placement
from unit.calls import call_of
from unit.screen import Screen


def answered(*arguments: str) -> tuple[int, str]:
    call = call_of("place", *arguments)
    code = place.act(call)
    assert isinstance(call.out, Screen)
    return code, call.out.text()


def test_people_see_each_node_ranked(saved: Path, conf: Path) -> None:
    code, text = answered("--memory", "2", "--name", "web", "--snapshot", str(saved), "-c", str(conf))
    assert code == exits.DONE
    assert text.startswith("Best: web on pve2.")
    assert [line.split()[:2] for line in text.splitlines() if " pve" in line[:12]] == [["1", "pve2"], ["2", "pve3"], ["3", "pve1"]]
    assert "Spread of memory: " in text


def test_programs_get_the_whole_answer_or_the_nodes_alone(saved: Path, conf: Path) -> None:
    asked = ("--memory", "2", "--name", "web", "--snapshot", str(saved), "-c", str(conf))
    code, text = answered(*asked, "--json")
    found = from_json(Placement, json.loads(text)["placement"])
    assert (code, found.guests[0].node) == (exits.DONE, "pve2")
    assert json.loads(answered(*asked, "--nodes")[1]) == {"web": "pve2"}


def test_several_guests_by_an_order(saved: Path, conf: Path, tmp_path: Path) -> None:
    order = tmp_path / "order.json"
    order.write_text(json.dumps([{"memory": 2**30}, {"memory": 2**30}, {"name": "db", "like": 100}]))
    code, text = answered("--order", str(order), "--snapshot", str(saved), "-c", str(conf), "--nodes")
    assert (code, list(json.loads(text))) == (exits.DONE, ["new guest 1", "new guest 2", "db"])


def test_without_a_place_the_exit_code_says_so(saved: Path, conf: Path) -> None:
    code, text = answered("--memory", "900", "--snapshot", str(saved), "-c", str(conf), "--nodes")
    assert (code, text) == (exits.INFEASIBLE, "")


def test_a_guest_that_exists(saved: Path, conf: Path) -> None:
    code, text = answered("100", "--snapshot", str(saved), "-c", str(conf))
    assert code == exits.DONE
    assert text.startswith("100 (web100) would be better on pve2: ")
    assert "pve1 (now)" in text


@pytest.mark.parametrize(("arguments", "said"), [
    ([], "name a guest (VMID), or say what one to be needs"),
    (["100", "--memory", "2"], "leave --memory away"),
    (["--order", "x.json", "--like", "100"], "leave --like away"),
    (["--order", "/nonexistent.json"], "/nonexistent.json cannot be read: No such file or directory"),
    (["--memory", "-1"], "allowed: a number of GiB above 0"),
    (["--memory", "2", "--disk", "lvm"], "allowed: STORAGE:GIB"),
    (["--memory", "2", "--disk", "lvm:1", "--disk", "nosuch:8.5"], "--disk nosuch:8.5: there is no storage nosuch"),
    (["--like", "4711", "--rule", "nosuch"], "--like: there is no guest 4711; --rule: there is no HA rule nosuch"),
])  # fmt: skip
def test_what_makes_no_sense(arguments: list[str], said: str, saved: Path, conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with suppress(SystemExit):
        assert cli.main(["place", *arguments, "--snapshot", str(saved), "-c", str(conf)])
    assert said in " ".join(capsys.readouterr().err.split())


def test_an_order_of_another_shape_names_the_field(saved: Path, conf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    order = tmp_path / "order.json"
    shapes = {"{}": "a list of guests is expected", '[{"memory": "2"}]': "guests[0].memory: int is expected", "x": "is no JSON"}
    for text, said in shapes.items():
        order.write_text(text)
        assert cli.main(["place", "--order", str(order), "--snapshot", str(saved), "-c", str(conf)]) == exits.USAGE
        assert said in capsys.readouterr().err
