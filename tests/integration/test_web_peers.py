"""Two nodes with a service each: a job started on one is seen, steered and undone through the other."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration.web_house import House
from prs.engine.drain.shared_holds import FOLDER
from simcluster.scenes import small
from simcluster.simserver import SimServer


@pytest.fixture(scope="module", params=["8", "9"], ids=["PVE 8", "PVE 9"])
def homes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, House]]:
    world = small(request.param, start=time.time())
    with SimServer(world, speed=20.0, auth_delay=0.0) as server:
        for name, address in server.addresses.items():
            world.nodes[name].address = address
        one = House(tmp_path_factory.mktemp("one"), server, "pve1")
        two = House(tmp_path_factory.mktemp("two"), server, "pve2", one.port)
        for home in (one, two):
            for other in (one, two):
                share(other, home)
        try:
            one.start_web()
            two.start_web()
            two.start_daemon()
            yield one, two
        finally:
            one.close()
            two.close()


def share(owner: House, reader: House) -> None:
    """What pmxcfs does: the certificate of every node is in every node's files."""
    for name in ("pve-ssl.pem", "pve-ssl.key"):
        folder = reader.pve / "nodes" / owner.node
        folder.mkdir(exist_ok=True)
        shutil.copy(owner.pve / "local" / name, folder / name)


def test_a_job_of_the_other_node_is_seen_and_steered(homes: tuple[House, House]) -> None:
    one, two = homes
    plan = two.log_in("root@pam").post("/plans", {"kind": "drain", "node": "pve1", "containers": True})
    job = two.log_in("root@pam").post("/jobs", {"plan": plan["id"]})
    here = one.log_in("root@pam")
    one.wait(lambda: here.get("/jobs")["jobs"])  # a peer that takes its time is left out once, and named
    listed = here.get("/jobs")
    assert [(found["id"], found["host"]) for found in listed["jobs"]] == [(job["id"], "pve2")]
    peers = {peer["node"]: peer for peer in listed["peers"]}
    assert peers["pve2"] == {"node": "pve2", "reached": True, "message": ""}
    assert peers["pve3"]["reached"] is False
    assert "refuses the connection" in peers["pve3"]["message"]
    assert here.get(f"/jobs/{job['id']}")["host"] == "pve2"
    assert here.refused("GET", f"/jobs/{job['id']}?scope=node")[0] == 404
    assert here.post(f"/jobs/{job['id']}/cancel", {"abort": True})["request"] == "abort"
    assert here.refused("POST", f"/jobs/{job['id']}/pause")[:2] == (409, "state")
    one.wait(lambda: here.get(f"/jobs/{job['id']}")["state"] == "cancelled", 60)
    assert one.log_in("nobody@pve").refused("GET", f"/jobs/{job['id']}")[0] == 404


def test_a_peer_with_another_certificate_gets_no_ticket(homes: tuple[House, House]) -> None:
    one, _ = homes
    pinned = one.pve / "nodes" / "pve2" / "pve-ssl.pem"
    genuine = pinned.read_bytes()
    shutil.copy(Path(one.ca_file), pinned)
    try:
        auditor, said = one.log_in("audit@pve"), dict[str, str]()

        def refused() -> bool:  # what pmxcfs holds is read anew after some seconds
            said.update({peer["node"]: peer["message"] for peer in auditor.get("/jobs")["peers"]})
            return said["pve2"] != ""

        one.wait(refused)
        assert "its certificate is not the one" in said["pve2"]
    finally:
        pinned.write_bytes(genuine)


def test_a_caller_who_may_not_see_the_nodes_is_told_so(homes: tuple[House, House]) -> None:
    one, _ = homes
    peers = one.log_in("nobody@pve").get("/jobs")["peers"]
    assert len(peers) == 1
    assert "Permission check failed (/, Sys.Audit)" in peers[0]["message"]


def test_the_state_of_a_node_is_asked_for_where_its_drain_is(homes: tuple[House, House]) -> None:
    """The other service's answer and its refusal reach the caller as they are; one that cannot be asked is named."""
    one, two = homes
    here, there = one.log_in("root@pam"), two.log_in("root@pam")
    job = there._in_the_end(there.call("PUT", "/nodes/pve1/maintenance", {"state": "drained", "containers": True})).json()["data"]["job"]
    there.post(f"/jobs/{job['id']}/pause")
    folder = one.pve / FOLDER
    folder.mkdir(exist_ok=True)
    told = '{"host": "%s", "since": 1700000000, "maintenance": false, "user": "root@pam"}'

    def asked(state: str) -> tuple[int, dict[str, Any]]:
        response = here._in_the_end(here.call("PUT", "/nodes/pve1/maintenance", {"state": state}))
        return response.status_code, response.json()

    (folder / f"pve1.{job['id']}.held").write_text(told % "pve2")
    try:
        one.wait(lambda: asked("drained")[0] == 200)
        status, answer = asked("drained")
        assert (status, answer["data"]["state"], answer["data"]["changed"]) == (200, "draining", False)
        assert (answer["data"]["job"]["id"], answer["data"]["job"]["host"]) == (job["id"], "pve2")
        status, answer = asked("released")
        assert (status, answer["error"]["code"]) == (409, "state")
        assert f"job {job['id']} is still at work on pve1" in answer["error"]["message"]
        (folder / f"pve1.{job['id']}.held").write_text(told % "pve3")
        one.wait(lambda: asked("released")[0] == 502)
        assert "pve3" in asked("released")[1]["error"]["message"]
    finally:
        (folder / f"pve1.{job['id']}.held").unlink()
        there.post(f"/jobs/{job['id']}/cancel", {"abort": True})
