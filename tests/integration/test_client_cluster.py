"""The real client against the simulated cluster over HTTPS: the same as in process, with every way to log in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from prs.endpoint import Endpoint
from prs.errors import ApiError, LoginFailed, Unreachable
from prs.model import Move
from prs.pve.act import migration
from prs.pve.check.check import check
from prs.pve.http.client import Client, connect
from prs.pve.read.candidates import inspect_guests
from prs.pve.read.snapshot import read_cluster
from simcluster import InProcessApi
from simcluster.scenes import local, small
from simcluster.simserver import SimServer
from simcluster.world import Flavour, World

GiB = 2**30


def served(world: World, speed: float | None = 1.0) -> SimServer:
    return SimServer(world, speed=speed, auth_delay=0.0)


def endpoint(server: SimServer, **more: Any) -> Endpoint:
    if "user" not in more:
        more = {"user": "prs@pve", "token_name": "daemon", "token_value": server.logins["prs@pve!daemon"], **more}
    hosts = tuple(f"{address}:{server.port}" for address in server.addresses.values())
    return Endpoint(hosts, **{"ca_file": server.ca_file, "timeout": 10.0, **more})


@pytest.fixture
def house(flavour: Flavour) -> Iterator[tuple[SimServer, Client]]:
    """The lab with local disks, at a hundred times wall time, and a client with the daemon's token."""
    with served(local(flavour, start=time.time()), speed=100.0) as server, connect(endpoint(server)) as api:
        yield server, api


class Beside(InProcessApi):
    """Knows how far PVE's clock, which stands still here, is behind this machine's: that decides which minutes of a history count."""

    skew: float | None = None


def test_the_same_snapshot_as_in_process(flavour: Flavour) -> None:
    """Of one and the same moment: the cluster's time stands still, or its figures change between the two readings."""
    world = small(flavour, start=time.time())
    with served(world, speed=None) as server, connect(endpoint(server)) as api:
        now = world.clock.time()
        seen = inspect_guests(api, read_cluster(api, now, "all"), [101, 106, 110])
        plain = Beside(world, "prs@pve!daemon")
        plain.skew = api.skew
        assert seen == inspect_guests(plain, read_cluster(plain, now, "all"), [101, 106, 110])
        assert api.calls == plain.calls
    assert seen.problems == ()
    assert not world.schema_errors


@pytest.mark.parametrize("ahead", [-3600.0, -140.0, 0.0, 60.0, 140.0, 3600.0])
def test_loads_are_the_same_whatever_the_cluster_s_clock_shows(flavour: Flavour, ahead: float) -> None:
    """A minute after a guest has come the means must not reach back to when it was not there, by PVE's clock and not by ours."""
    began, passes = time.time(), 3600.0
    world = small(flavour, start=began + ahead - passes - 150.0)
    world.clock.sleep(passes)
    migration.start(InProcessApi(world), Move(101, "db01", "qemu", "pve1", "pve3", memory=14 * GiB))
    world.clock.sleep(150.0)
    with served(world, speed=None) as server, connect(endpoint(server)) as api:
        there = world.clock.time()
        seen, plain = read_cluster(api, time.time()), read_cluster(InProcessApi(world, "prs@pve!daemon"), there)
    assert {guest.vmid: guest.node for guest in seen.guests}[101] == "pve3"
    # PVE tells its clock in whole seconds: a row that is just old enough may count or not, which no load shows here.
    loads, same = (
        [replace(node, pressure_cpu=None, pressure_memory=None, pressure_io=None) for node in at.nodes] for at in (seen, plain)
    )
    assert (loads, seen.guests, seen.problems) == (same, plain.guests, ())


def test_a_migration_from_start_to_end(house: tuple[SimServer, Client]) -> None:
    server, api = house
    move = Move(105, "monitor", "qemu", "pve1", "pve3", memory=6 * GiB, disk=80 * GiB)
    assert migration.precheck(api, move).words == ""
    upid = migration.start(api, move)
    seen, last = [], None
    limit = time.monotonic() + 30
    while migration.task(api, upid).running and time.monotonic() < limit:
        last = migration.progress(api, upid, move.memory, move.disk, last)
        seen.append(last.done)
        time.sleep(0.1)
    assert migration.task(api, upid).exitstatus == "OK"
    assert seen == sorted(seen)
    assert 0 < seen[len(seen) // 2] < move.bytes
    assert migration.sighting(api, "pve3", "qemu", 105) == "running"
    assert migration.locate_all(api)[105].node == "pve3"
    assert server.world.migrations[105] == 1
    assert not server.world.schema_errors


def test_a_migration_can_be_cancelled(house: tuple[SimServer, Client]) -> None:
    _, api = house
    upid = migration.start(api, Move(101, "db01", "qemu", "pve1", "pve3", memory=14 * GiB, disk=200 * GiB))
    assert migration.find_task(api, "pve1", 101, 0) == upid
    migration.cancel(api, upid)
    limit = time.monotonic() + 10
    while migration.task(api, upid).running and time.monotonic() < limit:
        time.sleep(0.05)
    assert migration.task(api, upid).exitstatus not in ("", "OK")
    assert migration.locate_all(api)[101].node == "pve1"


@pytest.mark.parametrize(
    ("login", "user"),
    [
        ({"user": "root@pam", "password": "secret"}, "root@pam"),
        ({"user": "prs@pve", "password": "prs-secret"}, "prs@pve"),
        ({}, "prs@pve!daemon"),
    ],
)
def test_every_way_to_log_in(login: dict[str, str], user: str) -> None:
    with served(small()) as server, connect(endpoint(server, **login)) as api:
        assert api.user == user
        assert len(migration.locate_all(api)) == 14
        upid = migration.start(api, Move(102, "web01", "qemu", "pve1", "pve3"))
        assert f":{user}:" in upid


def test_a_web_users_ticket_does_what_the_user_may() -> None:
    with served(small()) as server:
        with connect(endpoint(server, user="pool@pve", password="pool-secret")) as first:
            first.get("/version")
            ticket, csrf = first.ticket()
        with connect(endpoint(server, user="pool@pve", ticket=ticket, csrf=csrf)) as api:
            assert sorted(migration.locate_all(api)) == [102, 108, 112]
            with pytest.raises(ApiError) as caught:
                migration.start(api, Move(101, "db01", "qemu", "pve1", "pve3"))
            assert (caught.value.status, caught.value.message) == (403, "Permission check failed (/vms/101, VM.Migrate)")
            upid = migration.start(api, Move(102, "web01", "qemu", "pve1", "pve3"))
            assert ":pool@pve:" in upid
            assert migration.task(api, upid).running


@pytest.mark.parametrize(
    "login", [{"user": "root@pam", "password": "wrong"}, {"token_value": "wrong"}, {"user": "gone@pve", "password": "x"}]
)
def test_a_wrong_login(login: dict[str, str]) -> None:
    with served(small()) as server, connect(endpoint(server, **login)) as api, pytest.raises(LoginFailed):
        api.get("/version")


def test_when_the_api_node_dies_the_next_one_is_asked() -> None:
    world = small()
    with served(world) as server, connect(endpoint(server)) as api:
        api.get("/version")
        first = api.place
        with world.clock.lock:
            world.life.kill("pve1")
        time.sleep(0.3)
        assert migration.locate_all(api)[107].node == "pve2"
        assert api.place != first
        with pytest.raises(Unreachable, match="595"):
            api.get("/nodes/pve1/qemu/101/status/current")


def test_a_parameter_that_pve_refuses_is_named() -> None:
    with served(small()) as server, connect(endpoint(server)) as api:
        with pytest.raises(ApiError) as caught:
            api.post("/nodes/pve1/qemu/101/migrate", {"target": "pve1", "online": True})
        assert caught.value.errors == {"target": "target is local node."}
        assert str(caught.value) == "Parameter verification failed. (target: target is local node.)"


def test_a_check_of_the_whole_way(flavour: Flavour) -> None:
    with served(small(flavour, start=time.time())) as server:
        one = replace(endpoint(server), hosts=(f"{server.host}:{server.port}",))
        assert [(finding.name, finding.ok) for finding in check(one)] == [
            (f"name {server.host}", True), (f"port {server.host}", True), (f"TLS {server.host}", True), ("login", True), ("clock", True),
            ("privileges", True), ("quorum", True), ("storages", True), ("versions", True), ("HA", True), ("auto-rebalance", True),
            ("rolling maintenance", True),
        ]  # fmt: skip
