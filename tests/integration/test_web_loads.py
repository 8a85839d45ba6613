"""Loads over time over HTTP: taken by the daemon that leads, told to auditors, and not sent twice."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from integration.web_house import House, house
from prs.engine.loads.history import LoadHistory
from prs.engine.loads.memory import FILE
from prs.model import Node, Reading
from simcluster.scenes import small

NODES = tuple(Node(name, memory=2**34, cpu=8.0) for name in ("pve1", "pve2"))
DAY = 86_400.0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("home"), small(start=time.time())) as found:
        found.start_web()
        yield found


def write(home: House, back: float, first: float, second: float) -> None:
    """What the daemon of this node has read so many seconds ago: the shares of memory."""
    reading = Reading({}, {"pve1": (first * 2**34, 1.0), "pve2": (second * 2**34, 2.0)}, {})
    LoadHistory(home.state / FILE).add(reading, NODES, frozenset, time.time() - back)


def test_nobody_has_read_anything_yet(home: House) -> None:
    found = home.log_in("root@pam").get("/loads?scope=node")
    assert (found["step"], len(found["readings"]), found["nodes"], found["peers"]) == (1800.0, 48, [], [])
    assert found["start"] + 47 * 1800 <= time.time() < found["start"] + 48 * 1800 + 60


def test_a_day_a_week_and_a_month_are_told_once(home: House) -> None:
    for back, first in ((20 * DAY, 0.75), (3 * DAY, 0.5), (0.2 * DAY, 0.25)):
        write(home, back, first, 0.0)
    root = home.log_in("root@pam")
    for days, spreads in ((1, [0.25]), (7, [0.5, 0.25]), (31, [0.75, 0.5, 0.25])):
        found = root.get(f"/loads?days={days}&scope=node")
        assert [value for value in found["spread"]["memory"] if value is not None] == spreads
        (first, second) = found["nodes"]
        assert (first["node"], second["node"]) == ("pve1", "pve2")
        assert len(first["cpu"]) == len(found["readings"])
        assert {value for value in second["cpu"] if value is not None} == {0.25}
    answer = root.call("GET", "/loads?days=31&scope=node")
    assert answer.headers["Content-Encoding"] == "gzip"
    again = root.call("GET", "/loads?days=31&scope=node", **{"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304 or time.time() % 7200 < 60, "two steps, one before the full hour and one after it"


def test_only_auditors_are_told_and_only_of_a_month(home: House) -> None:
    assert home.log_in("audit@pve").get("/loads?scope=node")["step"] == 1800.0
    assert home.log_in("nobody@pve").refused("GET", "/loads") == (403, "forbidden", "Not allowed: needs Sys.Audit on /.")
    for days in ("0", "32", "x", "1.5", "-1"):
        assert home.log_in("root@pam").refused("GET", f"/loads?days={days}")[:2] == (400, "invalid")


def test_nodes_that_do_not_answer_are_named(home: House) -> None:
    found = home.log_in("root@pam").get("/loads")
    assert [(peer["node"], peer["reached"]) for peer in found["peers"]] == [("pve2", False), ("pve3", False)]
    assert len(found["nodes"]) == 2


def test_a_file_that_cannot_be_read_is_named_and_not_shown_as_quiet_times(home: House) -> None:
    place = home.state / FILE
    write(home, 0.1 * DAY, 0.25, 0.0)
    kept = place.read_bytes()
    place.write_bytes(b"no database at all" * 100)
    try:
        (told,) = home.log_in("root@pam").get("/loads?scope=node")["peers"]
    finally:
        place.write_bytes(kept)
    assert (told["node"], told["reached"]) == ("pve1", False)
    assert told["message"].startswith("the history of loads cannot be read: file is not a database")


def test_the_daemon_that_leads_writes_it(home: House) -> None:
    root = home.log_in("root@pam")
    before = root.get("/loads?scope=node")["readings"]
    account = f"api_host: {home.address}:{home.server.port}\napi_token: prs@pve!daemon={home.server.logins['prs@pve!daemon']}\n"
    home.config.write_text(home.config.read_text().replace("[proxmox]\n", f"[proxmox]\n{account}"))
    home.start_daemon()
    home.wait(lambda: sum(root.get("/loads?scope=node")["readings"]) > sum(before))
    found = root.get("/loads?scope=node")
    used = {node["name"]: node["memory"]["load"] for node in root.get("/cluster")["nodes"]}
    last = {row["node"]: next(value for value in reversed(row["memory"]) if value is not None) for row in found["nodes"]}
    assert last == pytest.approx(used, abs=0.05)
