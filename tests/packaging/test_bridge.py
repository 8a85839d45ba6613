"""The bridge package: what pveproxy's Perl sees after each history of dpkg's, and what a booted node lets through."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from debianlab.debs import BRIDGE, CORE, UI, Packages
from debianlab.machine import SHARED
from debianlab.node import Node, installable
from debianlab.roots import RELEASES
from debianlab.unbooted import Machine, machine_of

INSTALL = "dpkg -i $PVE $CORE $UI $BRIDGE"
CUSTOM = "/usr/share/perl5/PVE/Storage/Custom"
# What pveproxy's stand-in says: 503 = the plugin is there, and no service behind it on a machine that is not booted.
THERE, GONE = 503, 501
# One call of a caller with some ticket at pveproxy's stand-in, read from a file.
CALL = {"method": "GET", "path": "/prs/status", "params": {}, "auth": {"ticket": "x"}, "client": "192.0.2.1"}
PROXY = "/usr/bin/perl -T -I /usr/share/perl5 /usr/share/pve-manager/pveproxy"
AS_WWW_DATA = "setpriv --reuid=www-data --regid=www-data --clear-groups"


@dataclass(frozen=True)
class Case:
    """Commands in order (a leading "!" = must fail), and what is to be seen at the end."""

    name: str
    steps: tuple[str, ...]
    status: int = THERE
    state: str = "ii"  # dpkg's, of the bridge package


CASES = (
    Case("all in one dpkg run", (INSTALL,)),
    Case("not without being asked for", ("dpkg -i $PVE $CORE $UI",), GONE, "un"),
    Case("pve-manager upgraded", (INSTALL, "dpkg -i $PVE_NEW")),
    Case("all upgraded at once", (INSTALL, "dpkg -i $PVE_NEW $CORE2 $UI2 $BRIDGE2")),
    Case("the others upgraded without it", (INSTALL, "dpkg -i $CORE2 $UI2")),
    Case("unpacked only", ("dpkg -i $PVE $CORE $UI", "dpkg --unpack $BRIDGE"), THERE, "iU"),
    Case("unpacked only, then removed", ("dpkg -i $PVE $CORE $UI", "dpkg --unpack $BRIDGE", f"dpkg -r {BRIDGE}"), GONE, "un"),
    Case("removed", (INSTALL, f"dpkg -r {BRIDGE}"), GONE, "un"),
    Case("purged", (INSTALL, f"dpkg -P {BRIDGE}"), GONE, "un"),
    Case("the web interface removed takes it along", (INSTALL, f"apt-get remove -q -y {UI}"), GONE, "un"),
    Case("half of it lost", (INSTALL, f"rm -r {CUSTOM}/ProxmoxRebalancingService"), GONE),
    Case("the other half lost", (INSTALL, f"rm {CUSTOM}/ProxmoxRebalancingService.pm"), GONE),
    Case("a file that broke off", (INSTALL, f"truncate -s 700 {CUSTOM}/ProxmoxRebalancingService.pm"), GONE),
    Case("installed again after that", (INSTALL, f"rm -r {CUSTOM}", "dpkg -i $BRIDGE")),
)  # fmt: skip


@pytest.fixture(params=RELEASES)
def machine(request: pytest.FixtureRequest, packages: Packages, folder: Path) -> Iterator[Machine]:
    with machine_of(request.param, packages, folder) as made:
        yield made


def status(machine: Machine, path: str) -> int:
    """HTTP status of a call at this machine's pveproxy."""
    (machine.root / "var/cache/call.json").write_text(json.dumps({**CALL, "path": path}))
    found: int = json.loads(machine.run(f"{PROXY} 2>/dev/null </var/cache/call.json").splitlines()[0])["status"]
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_history(machine: Machine, case: Case) -> None:
    """Proxmox VE's own API answers whatever has happened, and ours exactly where the plugin is whole."""
    for step in case.steps:
        machine.run(step)
    assert status(machine, "/version") == 200
    assert status(machine, "/prs/status") == case.status
    assert machine.state(BRIDGE) == case.state


def test_purge_leaves_nothing(machine: Machine) -> None:
    """After a purge every file is as before; both times pve-manager was told that something below its Perl has changed."""
    machine.run("dpkg -i $PVE $CORE $UI")
    before = machine.files()
    machine.run("dpkg -i $BRIDGE")
    assert machine.run("cat /var/log/pve-reloads") == "reloaded\n"
    machine.run(f"apt-get purge -q -y {BRIDGE}")
    assert machine.run("cat /var/log/pve-reloads") == "reloaded\nreloaded\n"
    assert machine.files() == before


@pytest.fixture(scope="module", params=RELEASES)
def node(request: pytest.FixtureRequest, packages: Packages, folder: Path) -> Iterator[Node]:
    own = folder / f"bridge-{request.param}"
    own.mkdir()
    shutil.copytree(folder / "debs", own / "debs")
    with installable(request.param, packages, own) as found:
        found.machine.run("dpkg -i " + " ".join(f"{SHARED}/debs/{packages.paths[name].name}" for name in ("CORE", "UI", "BRIDGE")))
        found.machine.wait_active(f"{UI}.service")
        yield found


def spoken(node: Node, user: str, path: str = "/healthz") -> str:
    """What a process of this user hears on the socket."""
    script = (
        "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/prs-bridge.sock'); "
        f"s.sendall(b'GET /api/v1{path} HTTP/1.0' + bytes((13, 10, 13, 10))); print(s.makefile('rb').read().decode())"
    )
    return node.machine.try_run(f'setpriv --reuid={user} --clear-groups python3 -c "{script}"')[1]


def test_only_pveproxys_user_gets_at_the_service(node: Node) -> None:
    """The socket is www-data's alone; the service answers there, also right after it was installed in one run with the others."""
    assert node.machine.run("stat -c '%a %U:%G' /run/prs-bridge.sock") == "600 www-data:www-data\n"
    assert json.loads(spoken(node, "www-data"))["data"]["status"] == 200
    for user in ("nobody", "prs"):
        assert "PermissionError" in spoken(node, user)


def test_the_plugin_reaches_the_service(node: Node) -> None:
    """The real plugin as www-data, on the real socket: the service does not believe the ticket."""
    (node.machine.shared / "call.json").write_text(json.dumps(CALL))
    head, body = node.machine.run(f"{AS_WWW_DATA} {PROXY} <{SHARED}/call.json 2>/dev/null").split("\n", 1)
    assert json.loads(head)["status"] == 200
    assert json.loads(body)["data"]["status"] == 401


def test_a_service_that_was_stopped_stays_so(node: Node) -> None:
    """A call from pveproxy starts no service that somebody has stopped; a start and a restart bring the socket back."""
    node.machine.run(f"systemctl stop {UI}")
    assert "FileNotFoundError" in spoken(node, "www-data")
    assert node.machine.show(f"{UI}.service", "ActiveState") == "inactive"
    for verb in ("start", "restart"):
        node.machine.run(f"systemctl {verb} {UI}")
        assert json.loads(spoken(node, "www-data"))["data"]["status"] == 200


def test_restarts_in_a_row_do_not_end_the_service(node: Node) -> None:
    """One package after another restarts it within seconds; systemd would give up at the sixth start."""
    for _ in range(7):
        node.machine.run(f"systemctl restart {UI}")
    assert json.loads(spoken(node, "www-data"))["data"]["status"] == 200


def test_restarts_in_a_row_do_not_end_the_socket(node: Node) -> None:
    """It is started with the service each time, and on a fast machine more than five times in ten seconds."""
    once = "systemctl start prs-bridge.socket && systemctl stop prs-bridge.socket"
    node.machine.run(f"systemctl stop {UI} && for i in 1 2 3 4 5 6 7; do {once} || exit 1; done")
    node.machine.run(f"systemctl start {UI}")
    assert json.loads(spoken(node, "www-data"))["data"]["status"] == 200


def test_port_0_closes_the_port(node: Node, packages: Packages) -> None:
    """With the bridge nothing listens on the network; without it the service says that nobody can reach it."""
    node.machine.run(f"dpkg -i {SHARED}/debs/{packages.paths['BRIDGE'].name}")  # a second try of this test begins without it
    node.machine.wait_active(f"{UI}.service")
    node.machine.run(f"sed -i 's/^#port:.*/port: 0/' /etc/{CORE}/prs.conf && systemctl restart {UI}")
    assert json.loads(spoken(node, "www-data"))["data"]["status"] == 200
    assert ":8017 " not in node.machine.run("ss -ltn")
    node.machine.run(f"dpkg -r {BRIDGE}")
    node.machine.wait("the warning", lambda: "nobody can reach this service" in node.machine.log())
    assert node.machine.try_run("ls /run/prs-bridge.sock")[0] != 0
    assert node.machine.show("prs-bridge.socket", "LoadState") == "not-found"
    assert node.machine.show(f"{UI}.service", "ActiveState") == "active"
