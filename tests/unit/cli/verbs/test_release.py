"""What the verbs say and do about a node that another host has drained; the list and the helper's code are real, the cluster simulated."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from prs.cli import exits
from prs.cli.call import Call
from prs.cli.verbs import check, drain, plan, release, status
from prs.codec import to_json
from prs.engine.drain.shared_holds import FOLDER
from prs.engine.execution.foreground import Interrupts
from prs.engine.journal.journal import Journal
from prs.engine.rolling.shared_round import NAME
from prs.engine.rolling.stages import RoundOptions, begin, noted
from prs.errors import PlanError
from prs.helper import client, root
from prs.model import Policy
from simcluster import InProcessApi
from simcluster.scenes import small
from simcluster.world import World
from unit.calls import call_of
from unit.screen import Screen

JOB = "0123456789ab"
REASON = f"kept empty since its drain (job {JOB} by root@pam on pve2, 2023-11-14 22:13 UTC) until it is released"


class Node:
    """This host as a node of the cluster, with /etc/pve and the helper's socket."""

    def __init__(self, folder: Path, conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world: World = small()
        self.world.clock.sleep(660)
        self.pve, self.conf, self.journal = folder / "pve", conf, folder / "journal.sqlite"
        for node in self.world.nodes:
            (self.pve / "nodes" / node).mkdir(parents=True)
        (self.pve / FOLDER).mkdir()
        monkeypatch.setattr(client, "PVE", self.pve)
        monkeypatch.setattr(client, "SOCKET", folder / "helper.sock")
        monkeypatch.setattr(Interrupts, "install", lambda self: None)
        self._listener = socket.socket(socket.AF_UNIX)

    def hold(self, node: str = "pve3") -> Path:
        """What pve2 would have put up."""
        path = self.pve / FOLDER / f"{node}.{JOB}.held"
        path.write_text(json.dumps({"host": "pve2", "since": 1700000000, "maintenance": False, "user": "root@pam"}))
        return path

    def start_helper(self) -> None:
        """Answer at the helper's socket."""
        self._listener.bind(str(client.SOCKET))
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        places = root.Places(self.pve / "nodes", "false", self.pve / FOLDER, perl="false", turns=self.pve / "turns")
        with suppress(OSError):  # closed at the end of the test
            while True:
                connection, _ = self._listener.accept()
                with connection, suppress(BrokenPipeError):  # who leaves an audit line does not wait
                    connection.sendall(root.serve(connection, os.getuid(), places).encode() + b"\n")

    def close(self) -> None:
        """End the helper."""
        self._listener.close()

    def call(self, *arguments: str) -> Call:
        """A call with the cluster behind it."""
        return call_of(*arguments, "-c", str(self.conf), connect=lambda endpoint: InProcessApi(self.world))


@pytest.fixture
def node(tmp_path: Path, conf: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    found = Node(tmp_path, conf, monkeypatch)
    yield found
    found.close()


def text_of(call: Call) -> str:
    """What was written for people."""
    assert isinstance(call.out, Screen)
    return " ".join(call.out.text().split())


def test_status_names_the_holds_of_other_hosts(node: Node) -> None:
    node.hold()
    call = node.call("status")
    assert status.act(call) == exits.DONE
    assert f"pve3 gets no guests: {REASON} (release pve3 --stay, or where it was drained)" in text_of(call)
    machine = node.call("status", "--json")
    status.act(machine)
    assert isinstance(machine.out, Screen)
    assert [(one["node"], one["host"]) for one in json.loads(machine.out.text())["held"]] == [("pve3", "pve2")]


def test_a_plan_says_why_without_a_journal_of_its_own(node: Node) -> None:
    """Nothing was ever done on this host: the list alone is enough."""
    node.hold()
    call = node.call("plan", "--json")
    assert plan.act(call) == exits.DONE
    assert isinstance(call.out, Screen)
    made = json.loads(call.out.text())["plan"]
    assert f"pve3 gets no guest: {REASON}" in made["warnings"]
    assert "pve3" not in {move["target"] for move in made["moves"]}
    assert not node.journal.exists()


def test_release_here_of_a_drain_made_elsewhere(node: Node) -> None:
    """Bringing back needs the other host, which is named; `--stay` does its part here."""
    path = node.hold()
    node.start_helper()
    with pytest.raises(PlanError, match=r"only pve2, which has drained it .*run `release pve3` there, or `release pve3 --stay` here"):
        release.act(node.call("release", "pve3"))
    assert path.exists()
    assert release.act(dry := node.call("release", "pve3", "--stay", "--dry-run")) == exits.DONE
    assert text_of(dry) == "Dry run: pve3 stays as it is."
    call = node.call("release", "pve3", "--stay")
    assert release.act(call) == exits.DONE
    assert text_of(call) == (
        f"pve3 gets guests again; none is brought back; if job {JOB} is still at work on pve2, it is cancelled there."
    )
    assert not path.exists()
    again = node.call("release", "pve3", "--stay")
    release.act(again)
    assert text_of(again) == "Nothing to do: pve3 is not kept empty by a drain."


@pytest.mark.parametrize("arguments", [("release", "pve3"), ("release", "pve3", "--stay"), ("drain", "pve3")], ids=" ".join)
def test_a_node_that_has_its_turn_in_a_round_is_left_to_it(node: Node, arguments: tuple[str, ...]) -> None:
    path = node.hold()
    one = begin("ba9876543210", "root@pam", ("pve3", "pve1"), Policy(), RoundOptions(), "pve2", 1700000000.0)
    (node.pve / FOLDER / NAME).write_text(json.dumps(to_json(noted(one, step="drain", held=True))))
    verb = drain if arguments[0] == "drain" else release
    words = r"pve3 has its turn in round ba9876543210 of maintenance: wait until that is over, or stop the round"
    with pytest.raises(PlanError, match=words):
        verb.act(node.call(*arguments))
    assert path.exists()
    assert not node.world.started


def test_release_without_the_helper_says_what_is_missing(node: Node) -> None:
    """This host lets guests there, the others do not yet."""
    node.hold()
    call = node.call("release", "pve3", "--stay")
    assert release.act(call) == exits.DONE
    why = f"there is no helper at {client.SOCKET}"
    assert f"But the other hosts could not be told, and keep pve3 empty until they are: {why}." in text_of(call)
    assert "gets no guests" not in text_of(_status(node))
    # Nothing is forgotten: whoever works next on this host, with the helper, takes it out of the list.
    assert Journal(node.journal).rows("SELECT node, job FROM ended_holds")[0]["node"] == "pve3"


@pytest.mark.parametrize(("name", "words"), [("nosuch", "no node nosuch$"), ("PVE1", r"no node PVE1 \(did you mean 'pve1'\?\)")])
def test_release_of_a_node_that_is_not_there(node: Node, name: str, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        release.act(node.call("release", name))


def test_release_of_a_node_that_is_not_held_has_nothing_to_do(node: Node) -> None:
    assert release.act(call := node.call("release", "pve1")) == exits.DONE
    assert text_of(call) == "Nothing to do: pve1 is not kept empty by a drain."


def _status(node: Node) -> Call:
    call = node.call("status")
    status.act(call)
    return call


def test_check_names_holds_and_those_of_nodes_that_are_gone(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    node.hold()
    node.hold("pve9")
    monkeypatch.setattr(check, "check", lambda endpoint, port, maps: [])
    monkeypatch.setattr(check, "node_names", lambda endpoint: frozenset(node.world.nodes))
    call = node.call("check")
    assert check.act(call) == exits.FOUND
    text = text_of(call)
    assert f"drained: pve3 gets no guest: {REASON}" in text
    assert f"drained: pve9 is {REASON}, but the cluster has no such node" in text
    assert "release pve9 --stay" in text


def test_a_hold_of_a_node_that_is_gone_can_be_ended(node: Node) -> None:
    """Its HA maintenance mode went with it, so nobody is asked to end that."""
    path = node.hold("pve9")
    path.write_text(path.read_text().replace("false", "true"))
    node.start_helper()
    call = node.call("release", "pve9", "--stay")
    assert release.act(call) == exits.DONE
    assert text_of(call).startswith("pve9 gets guests again; none is brought back; if job")
    assert not path.exists()
