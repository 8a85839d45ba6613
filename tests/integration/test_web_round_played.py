"""A whole round begun over HTTP and played to its end: web services of three nodes, hooks that run, PVE asked over HTTPS.

The cluster's time is virtual, and the services that carry the round live in it: what happens does not depend on how busy this machine is.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import get_args

import pytest

from engine.rounds import Cluster
from engine.test_rounds import sound
from hook_house import HookHouse
from integration.test_web_peers import share
from integration.web_house import FakeHelper, House
from prs import audit
from prs.endpoint import Endpoint
from prs.engine.drain.shared_holds import FOLDER
from prs.engine.journal.lock import SERVICE, ExecutorLock
from prs.engine.rolling.hooks import Stage
from prs.helper.client import SIGNS
from prs.helper.hooks import run_hook
from prs.pve.api import Api
from prs.pve.http.client import Client, connect
from simcluster.ceph import Ceph
from simcluster.scenes import small
from simcluster.simserver import SimServer
from simcluster.world import Flavour

RIDER = 105  # of pve1, bound to its hardware
NODES = ["pve2", "pve1"]
STAGES: tuple[Stage, ...] = get_args(Stage)
CERTAIN = ("draining", "rebooting", "back", "filling")  # stages that last
DEEDS = (
    "hook-before-drain", "drain", "hook-after-drain", "hook-before-reboot", "set-noout", "reboot", "unset-noout", "hook-after-boot",
    "release",
)  # fmt: skip


class Site(Cluster):
    """Three nodes whose services ask PVE over HTTPS; a web service each, which sees what all nodes share and its own service's journal."""

    def __init__(self, folder: Path, flavour: Flavour, stack: ExitStack) -> None:
        super().__init__(folder, flavour, (101,), small(flavour, start=time.time() - 1800))
        self.world.guests[RIDER].config["hostpci0"] = "0000:01:00.0"
        self.world.ceph = Ceph(osds={"pve1": [0], "pve2": [1]}, mons=("pve3",))
        self.server, self._clients = stack.enter_context(SimServer(self.world, speed=None, auth_delay=0.0)), dict[str, Client]()
        self.homes = dict[str, House]()
        ids = {vmid: {"node": guest.node, "type": guest.kind, "version": 1} for vmid, guest in self.world.guests.items()}
        (self.pve / FOLDER).mkdir(exist_ok=True)
        (self.pve / SIGNS).mkdir()
        for node in self.world.nodes:
            (self.pve / SIGNS / node).touch()
            home = House(folder / f"house-{node}", self.server, node, self.homes["pve1"].port if self.homes else 0)
            stack.callback(home.close)
            home.state = folder / node
            home.configure()
            for name in (FOLDER, SIGNS):
                (home.pve / name).symlink_to(self.pve / name)
            (home.pve / ".vmlist").write_text(json.dumps({"version": 1, "ids": ids}))
            helper = FakeHelper(home.helper, self.world, self.pve)
            helper.start()
            stack.callback(helper.close)
            stack.callback(ExecutorLock(home.state, SERVICE).release)
            self.homes[node] = home
        for home in self.homes.values():
            for other in self.homes.values():
                share(other, home)
            home.start_web()
        hooks = HookHouse(folder)
        stack.callback(hooks.close)
        for stage in STAGES:
            hooks.write(stage)
        self.hook, self.hooks = partial(run_hook, hooks.socket), hooks

    def api(self, host: str) -> Api:
        """A client of the node's own API."""
        if host not in self._clients:
            place = f"{self.server.addresses[host]}:{self.server.port}"
            self._clients[host] = connect(
                Endpoint((place,), "root@pam", password=self.server.logins["root@pam"], ca_file=self.server.ca_file)
            )
        return self._clients[host]

    def close(self) -> None:
        """Close what asks PVE."""
        for client in self._clients.values():
            client.close()


@pytest.fixture(params=["9"], ids=["PVE 9"])  # of PVE 8 the engine's own story tells
def site(request: pytest.FixtureRequest, ram: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        found = Site(ram, request.param, stack)
        stack.callback(found.close)
        yield found


def test_a_round_begun_on_one_node_is_seen_from_another_until_it_is_done(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """With a guest that rides along, one under HA, hooks, Ceph, and the node that it was begun on."""
    caplog.set_level("INFO", audit.NAME)
    here, there = site.homes["pve1"].log_in("root@pam"), site.homes["pve3"].log_in("root@pam")
    begun = here.post("/rounds", {"nodes": NODES, "rides": [RIDER], "hooks": True, "containers": True})
    seen, last = dict[str, list[str]](), None
    while (one := site.round()).open:
        site.tick()
        if one.turn and (one.turn.node, one.turn.stage) != last:
            last = (one.turn.node, one.turn.stage)
            told = there.get("/rounds")["round"]
            stages = {turn["node"]: turn["stage"] for turn in told["turns"]}
            seen.setdefault(one.turn.node, []).append(stages[one.turn.node])
    told = there.get("/rounds")["round"]
    assert (told["id"], told["user"], told["state"], told["message"]) == (begun["id"], "root@pam", "done", ""), told
    assert [turn["stage"] for turn in told["turns"]] == ["done"] * len(NODES)
    assert told["holder"] != NODES[-1], "it was handed on"
    for node in NODES:  # what follows at once need not have been seen
        assert [stage for stage in dict.fromkeys(seen[node]) if stage in CERTAIN] == list(CERTAIN), seen
    assert site.rebooted == NODES
    site.live(60)
    # Whoever checks a login asks so whether the token belongs to the ticket, and PVE has no such method.
    site.world.schema_errors[:] = [words for words in site.world.schema_errors if not words.startswith("POST /version:")]
    sound(site)
    assert site.world.guests[RIDER].running
    assert any(f"{RIDER} (monitor) is shut down" in line for line in site.world.story("guest"))
    assert site.world.ceph is not None
    assert site.world.ceph.flags == set()
    assert site.hooks.ran == [f"{stage} {node}" for node in NODES for stage in STAGES]
    lines = [record.getMessage().split(" by ") for record in caplog.records if record.name == audit.NAME]
    assert {line[1] for line in lines} == {"root@pam from round: allowed"}
    done = [re.sub(r" job [0-9a-f]{12}| for [0-9a-f]{12}", "", line[0]) for line in lines]
    assert done == [f"{deed} node {node}" for node in NODES for deed in DEEDS]
    assert f"begin-round job {begun['id']} of pve2, pve1 by root@pam from" in site.homes["pve1"].log("web")
    jobs = there.get("/jobs")["jobs"]
    assert all((job["user"], job["state"]) == ("root@pam", "done") for job in jobs)
    assert sorted(job["kind"] for job in jobs) == ["balance"] * len(NODES) + ["drain"] * len(NODES), jobs
    assert len({job["host"] for job in jobs}) > 1, "of two services"
