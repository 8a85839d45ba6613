"""The life of a drain as a user of the command sees it, over HTTPS: kept empty, shown, released; and rolling maintenance with Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from simcluster.access import User
from simcluster.scenes import small
from simcluster.simserver import SimServer
from simcluster.world import Flavour, World

ROOT = Path(__file__).parents[2]
SPEED = 120.0


class Site:
    """The small lab, half as loaded, behind HTTPS, and the command."""

    def __init__(self, folder: Path, flavour: Flavour) -> None:
        self.world: World = small(flavour, start=time.time() - 3600)
        for guest in self.world.guests.values():
            self.world.life.load(guest.vmid, guest.memory // 2)
        self.world.clock.sleep(3600)
        self.folder, self.server, self.origin = folder, SimServer(self.world, speed=SPEED), 0.0
        self.before = {vmid: guest.node for vmid, guest in self.world.guests.items()}

    def write(self, login: str = "") -> None:
        """Write prs.conf, with an API token if no other login is given."""
        path, server = self.folder / "prs.conf", self.server
        hosts = ",".join(f"{address}:{server.port}" for address in server.addresses.values())
        path.write_text(
            f"[proxmox]\napi_host: {hosts}\n{login or 'api_token: root@pam!full=' + server.logins['root@pam!full']}\n"
            f"ca_file: {server.ca_file}\n[service]\nstate_dir: {self.folder}/state\n[balancing]\ncontainers: 1\n"
        )
        path.chmod(0o600)

    def start(self, *args: str) -> subprocess.Popen[str]:
        """Start the command at the cluster's speed."""
        begin = [sys.executable, str(Path(__file__).with_name("dies.py")), f"{SPEED},{self.origin}", "never"]
        env = {**os.environ, "PYTHONPATH": f"{ROOT / 'backend'}:{ROOT / 'tests'}", "COLUMNS": "160"}
        line = [*begin, "-c", str(self.folder / "prs.conf"), *args]
        return subprocess.Popen(line, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def run(self, *args: str) -> tuple[int, str]:
        """Run the command to its end and give its exit code and what it wrote."""
        process = self.start(*args)
        text, _ = process.communicate(timeout=100)
        return process.returncode, text

    @property
    def places(self) -> dict[int, str]:
        """Where the guests are."""
        return {vmid: guest.node for vmid, guest in self.world.guests.items()}


@pytest.fixture
def seeing(site: Site) -> Site:
    """The site with the login of root@pam, from whom nothing can be hidden: without it only a node of the cluster proves a node empty."""
    site.world.access.add(User("root@pam", "of-root"))
    site.write("api_user: root@pam\napi_pass: of-root")
    return site


@pytest.fixture
def site(ram: Path, flavour: Flavour) -> Iterator[Site]:
    """A running site."""
    found = Site(ram, flavour)
    with found.server:
        found.origin = time.time()
        found.write()
        yield found


def test_drain_status_plan_release(site: Site) -> None:
    """A drained node is kept empty, everybody is told so, and `release` brings everyone back."""
    code, text = site.run("drain", "pve3")
    assert code == 0, text
    assert "pve3 is empty but for 1 template: the cluster shows no other guest on it, as far as root@pam!full" in " ".join(text.split())
    code, text = site.run("status")
    assert "pve3 gets no guests: kept empty since its drain" in text
    assert "(release pve3)" in text
    code, text = site.run("plan", "--json")
    plan = json.loads(text)["plan"]
    assert not [move for move in plan["moves"] if "pve3" in (move["source"], move["target"])]
    assert any(words.startswith("pve3 gets no guest: kept empty since its drain") for words in plan["warnings"])
    code, text = site.run("release", "pve3", "--dry-run")
    assert code == 0, text
    assert "pve3 is still kept empty" in text
    code, text = site.run("release", "pve3")
    assert code == 0, text
    assert "2 guests back to where they were" in text
    assert site.places == site.before
    code, text = site.run("release", "pve3")
    assert (code, text) == (0, "Nothing to do: pve3 is not kept empty by a drain.\n")


def test_release_without_bringing_back(site: Site) -> None:
    """`--stay` only lets the node have guests again."""
    assert site.run("drain", "pve3")[0] == 0
    after = site.places
    code, text = site.run("release", "pve3", "--stay")
    assert (code, text) == (0, "pve3 gets guests again; none is brought back.\n")
    assert site.places == after


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("pve1", "pve2"), "several nodes are drained one after the other with --each --reboot"),
        (("--each", "pve1", "pve2"), "--each needs --reboot"),
        (("--reboot", "--leave-stopped", "pve1"), "leave --leave-stopped away"),
        (("--reboot", "--leave-blocked", "pve1"), "leave --leave-blocked away"),
        (("--each", "--reboot", "pve1", "pve9"), "there is no node pve9 that is online"),
        (("--each", "--reboot", "pve1", "pve1"), "a node is named twice"),
    ],
)
def test_what_makes_no_sense_is_refused(site: Site, args: tuple[str, ...], words: str) -> None:
    """Before anything happens; only what the cluster decides is an error, all else are wrong arguments."""
    code, text = site.run("drain", *args)
    assert code == (1 if "pve9" in args else 2)
    assert words in text
    assert not site.world.started


def test_leave_what_is_blocked(site: Site) -> None:
    """Refused without the option; with it the others go, the end is not a success, and the guest that stayed is named."""
    site.world.guests[105].config["hostpci0"] = "0000:01:00.0"
    code, text = site.run("drain", "pve1")
    assert code == 4, text
    assert not site.world.started
    code, text = site.run("drain", "--leave-blocked", "pve1")
    assert code == 3, text
    assert "1 guest is still on pve1: 105 (monitor)" in text
    assert [vmid for vmid, node in site.places.items() if node == "pve1" and not site.world.guests[vmid].template] == [105]


def test_no_room_for_another_loss_is_told_or_refused(site: Site) -> None:
    """As a line of the plan and in its JSON; where prs.conf requires the room, with the exit code of a refused drain."""
    for guest in site.world.guests.values():
        site.world.life.load(guest.vmid, guest.memory * 3 // 2)
    site.world.clock.sleep(1800)
    code, text = site.run("plan", "--drain", "pve3")
    assert code == 0, text
    assert "fails as well, its guests do not all fit on the others" in text
    path = site.folder / "prs.conf"
    path.write_text(path.read_text() + "spare: require\n")
    code, text = site.run("drain", "pve3", "--json")
    assert code == 4, text
    plan = json.loads(text)["plan"]
    assert (plan["moves"], plan["headroom"]["fits"]) == ([], False)
    assert plan["summary"].startswith("pve3 is not emptied, because spare: require is set. If ")
    assert not site.world.started


def test_rolling_maintenance(seeing: Site) -> None:
    """Two nodes, one after the other; the API's first host is one of them."""
    site = seeing
    code, text = site.run("drain", "--each", "--reboot", "pve1", "pve3")
    assert code == 0, text
    assert [line.split()[1] for line in site.world.story("node") if line.endswith("told to reboot")] == ["pve1", "pve3"]
    assert site.places == site.before
    assert "Rolling maintenance" in text
    assert text.count("is empty and reboots.") == 2


def test_a_rolling_run_is_shown_before_it_begins(seeing: Site) -> None:
    """Each node's migrations and gates, and nothing happens."""
    seeing.world.nodes["pve3"].dead_services = ("pveproxy",)
    code, text = seeing.run("drain", "--each", "--reboot", "--dry-run", "pve1", "pve3")
    assert code == 0, text
    assert "all 9 open" in text
    assert "pve3, services: on pve3 services of PVE do not run: pveproxy (failed) (waited for 15:00 at most)" in " ".join(text.split())
    assert "Dry run: pve1, pve3 would be emptied, rebooted and filled again" in text
    code, text = seeing.run("drain", "--each", "--reboot", "--dry-run", "--json", "pve1")
    (turn,) = json.loads(text)["rolling_plan"]
    assert (turn["node"], turn["plan"]["node"]) == ("pve1", "pve1")
    assert [gate["reason"] for gate in turn["gates"]] == [""] * 9
    assert not seeing.world.started


def test_elsewhere_no_node_is_rebooted(site: Site) -> None:
    """A token may not see every guest, and nothing here proves that it does."""
    code, text = site.run("drain", "--each", "--reboot", "pve1", "pve3")
    assert code == 1
    assert "pve1 is not rebooted: nothing proves that no guest is hidden from root@pam!full" in text
    assert not site.world.started


def test_ctrl_c_while_a_node_reboots(seeing: Site) -> None:
    """What was done and what is left is said; nothing more is begun, and the node stays empty until it is released."""
    site = seeing
    process = site.start("drain", "--each", "--reboot", "pve3", "pve1")
    deadline = time.monotonic() + 60
    while not any(line.endswith("told to reboot") for line in site.world.story("node")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=300)
    assert process.returncode == 5, text
    assert "stopped by the user; pve3 is kept empty (release pve3)" in text
    assert not [guest for guest in site.world.guests.values() if guest.node == "pve3" and not guest.template]
    _, text = site.run("status")
    assert "Rolling maintenance" in text
    assert "rebooting" in text
