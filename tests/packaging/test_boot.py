"""The life of both packages on a booted node of each release, in order: installed, used, upgraded in mid-drain, purged."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from fakepve.certs import make_cert

import prs
from debianlab import debs
from debianlab.debs import CORE, UI, Packages
from debianlab.machine import SHARED, Machine
from debianlab.node import SPEED, TOKEN, Node, files, installable
from debianlab.roots import RELEASES

# Word for word as in the README.
INSTALL = "apt install ./{core}_{version}_all.deb ./{ui}_{version}_all.deb"
PURGE = f"apt purge {UI} {CORE}"
CONF = f"/etc/{CORE}/prs.conf"
SOCKET = "prs-ha-maintenance.socket"
INBOX = "prs-inbox.socket"
USERS = {CORE: "prs", UI: "prs-web"}
HELD = "/etc/pve/proxmox-rebalancing-service"
ASK = """
import socket, sys
with socket.socket(socket.AF_UNIX) as link:
    link.connect(sys.argv[2] if len(sys.argv) > 2 else "/run/prs-ha-maintenance.sock")
    link.sendall(sys.argv[1].encode() + b"\\n")
    link.shutdown(socket.SHUT_WR)
    print(link.recv(500).decode(), end="")
"""
FLOOD = """
import socket, sys
for _ in range(300):
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(sys.argv[1])
"""
CERTIFICATE = """
import ssl, sys
print(ssl.get_server_certificate(("127.0.0.1", 8017)).strip())
"""
HEALTH = """
import ssl, urllib.request
trust = ssl.create_default_context(cafile="/etc/pve/local/pve-ssl.pem")
print(urllib.request.urlopen("https://pve1:8017/api/v1/healthz", context=trust).read().decode())
"""


@pytest.fixture(scope="module", params=RELEASES)
def node(request: pytest.FixtureRequest, packages: Packages, folder: Path) -> Iterator[Node]:
    """A node with a stand-in for pve-manager, nothing of ours installed yet."""
    with installable(request.param, packages, folder) as found:
        yield found


def test_installation(node: Node) -> None:
    """apt installs and starts both, the tab's line is in the page, and no service of Proxmox VE was restarted."""
    machine = node.machine
    machine.wait_active("pveproxy")
    pid = machine.show("pveproxy", "MainPID")
    command = INSTALL.format(core=CORE, ui=UI, version=node.version)
    machine.run(f"cd {SHARED}/debs && {command} -y")
    for unit in (CORE, UI, SOCKET, INBOX, "prs-hook.socket", "prs-notify.socket"):
        machine.wait_active(unit)
        assert machine.run(f"systemctl is-enabled {unit}") == "enabled\n"
    assert machine.show("pveproxy", "MainPID") == pid
    assert machine.run("/usr/libexec/pve-proxmox-rebalancing-service-ui/page-hook status").startswith("page-hook: on, version ")
    assert machine.run("systemctl --failed --plain --no-legend") == ""


def test_nothing_is_scheduled(node: Node) -> None:
    """Without an account the service moves nothing, and `systemctl status` says so."""
    time.sleep(1)
    assert "no scheduled runs" in node.machine.run(f"systemctl status {CORE}")
    assert not node.world.migrations


def test_certificate(node: Node) -> None:
    """The web service shows the node's certificate, and soon another one when there is one, for which it starts again by itself."""
    machine, local = node.machine, node.machine.root / "etc/pve/nodes/pve1"
    assert machine.run(f"python3 -c '{CERTIFICATE}'").strip() == (local / "pve-ssl.pem").read_text().strip()
    assert "alive" in machine.run(f"python3 -c '{HEALTH}'")
    own = machine.shared / "own"
    own.mkdir()
    certificate, key, _ = make_cert(str(own), hosts=("pve1.example.org", "pve1", "127.0.0.1"))
    for source, name in ((certificate, "pveproxy-ssl.pem"), (key, "pveproxy-ssl.key")):
        shutil.copyfile(source, local / name)
        (local / name).chmod(0o640)
        shutil.chown(local / name, 0, 33)
    machine.run("systemctl reload-or-restart pveproxy")
    shown = Path(certificate).read_text().strip()
    machine.wait("the other certificate", lambda: machine.try_run(f"python3 -c '{CERTIFICATE}'")[1].strip() == shown, 20)
    (local / "pveproxy-ssl.pem").unlink()
    (local / "pveproxy-ssl.key").unlink()
    shown = (local / "pve-ssl.pem").read_text().strip()
    machine.wait("the first certificate", lambda: machine.try_run(f"python3 -c '{CERTIFICATE}'")[1].strip() == shown, 20)


def test_follows_pveproxy(node: Node) -> None:
    """A pveproxy that is stopped and started again takes the web service along both ways, but not the core."""
    machine = node.machine
    machine.wait_active(UI)  # and no longer reloading
    time.sleep(1)
    assert "Logging error" not in machine.run(f"journalctl -o cat -u {UI}"), machine.run(f"journalctl -o cat -u {UI}")
    machine.run("systemctl stop pveproxy")
    assert machine.show(UI, "ActiveState") == "inactive"
    assert machine.show(CORE, "ActiveState") == "active"
    machine.run("systemctl start pveproxy")
    machine.wait_active(UI)


@pytest.mark.parametrize("unit", [CORE, UI])
def test_hardening(node: Node, unit: str) -> None:
    """systemd's own judgement stays under 1.5, and the services run as their user without any capability or core file."""
    output = node.machine.run(f"systemd-analyze security --no-pager --threshold=20 {unit}")
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", output)
    assert exposure
    assert float(exposure[1]) < 1.5
    assert re.search(r"Max core file size +0 +0 ", node.machine.run(f"cat /proc/{node.machine.show(unit, 'MainPID')}/limits"))
    status = node.machine.run(f"cat /proc/{node.machine.show(unit, 'MainPID')}/status")
    assert re.search(r"CapEff:\s+0+\n", status)
    assert node.machine.run(f"stat -c %U /proc/{node.machine.show(unit, 'MainPID')}") == f"{USERS[unit]}\n"


@pytest.mark.parametrize(("unit", "most"), [("prs-ha-maintenance@", 2.5), ("prs-notify@", 4.0), ("prs-inbox@", 1.5)])
def test_what_takes_requests_is_hardened(node: Node, unit: str, most: float) -> None:
    """What runs as root is judged well under 2.5, with the network under 4, what runs as the service's user under 1.5."""
    copy = f"cp /usr/lib/systemd/system/{unit}.service /tmp/one.service"
    output = node.machine.run(f"{copy} && systemd-analyze security --no-pager --offline=true /tmp/one.service")
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", output)
    assert exposure
    assert float(exposure[1]) < most


def test_a_hole_in_the_web_opens_little(node: Node) -> None:
    """Its user reads the journal, and neither the account, waiting tickets, the cluster's files nor keys; helpers do nothing for it."""
    machine = node.machine
    machine.run("mkdir -p /run/prs/credentials && install -o prs -m 0600 /dev/null /run/prs/credentials/probe")
    groups = machine.run("getent group prs-journal | cut -d: -f3").strip()
    become = f"setpriv --reuid=prs-web --regid=prs-web --groups={groups} --no-new-privs"
    local = "/etc/pve/local"
    for path in (CONF, "/run/prs/credentials/probe", f"{local}/pve-ssl.key", f"{local}/pve-ssl.pem", "/etc/pve/pve-root-ca.pem"):
        assert "Permission denied" in machine.try_run(f"{become} cat {path}")[1], path
    machine.run("rm /run/prs/credentials/probe")
    for command in ("touch /var/lib/prs/x", "rm /var/lib/prs/journal.sqlite", "sh -c 'echo >> /var/lib/prs/journal.sqlite'"):
        code, output = machine.try_run(f"{become} {command}")
        assert code != 0, command
        assert "ermission denied" in output, command
    read = f"{become} python3 -c 'import sqlite3; print(sqlite3.connect(\"file:/var/lib/prs/journal.sqlite?mode=ro\", uri=True).execute("
    assert machine.run(f'{read}\"SELECT count(*) FROM jobs\").fetchone()[0])\'') == "0\n"
    assert "Permission denied" in machine.try_run(f"{become} python3 -c '{ASK}' account 2>&1")[1]
    request = '{"action": "maintenance", "arguments": "{\\\"node\\\": \\\"pve2\\\", \\\"enabled\\\": true}"}'
    answer = machine.run(f"{become} python3 -c '{ASK}' '{request}' /run/prs-inbox.sock")
    assert '"no_ticket"' in answer, answer
    nobody = "setpriv --reuid=nobody --regid=nogroup --clear-groups"
    assert "Permission denied" in machine.try_run(f"{nobody} python3 -c '{ASK}' x /run/prs-inbox.sock 2>&1")[1]


def test_helper(node: Node) -> None:
    """The helper switches maintenance as root for the service's user, and only that, and only for nodes that exist."""
    ask = "setpriv --reuid=%s --regid=%s --clear-groups python3 -c '" + ASK + "' '%s' 2>&1"
    machine = node.machine
    assert machine.run(ask % ("prs", "prs", "enable pve2")).startswith("ok")
    assert machine.run(ask % ("prs", "prs", "disable pve2")).startswith("ok")
    assert machine.run(ask % ("prs", "prs", "enable pve9")).startswith("refused")
    assert machine.run(ask % ("prs", "prs", "enable pve2; reboot")).startswith("refused")
    assert "Permission denied" in machine.try_run(ask % ("nobody", "nogroup", "enable pve2"))[1]
    done = (machine.shared / "ha-manager.log").read_text().splitlines()
    assert done == [f"0 crm-command node-maintenance {verb} pve2" for verb in ("enable", "disable")]
    assert machine.run(ask % ("prs", "prs", "log start - pve2 192.0.2.7 no a@pve")).startswith("ok")
    line = "notice <a@pve> rebalancing: start node pve2 by a@pve from 192.0.2.7: refused (prs)\n"
    assert machine.run("cat /run/cluster.log") == line


def test_notifications(node: Node) -> None:
    """An event of the service goes through Proxmox VE's own notifications, with a template that is there, and into its log."""
    machine = node.machine
    ask = "setpriv --reuid=%s --regid=%s --clear-groups python3 -c '" + ASK + "' '%s' /run/prs-notify.sock 2>&1"
    templates = "/usr/share/pve-manager/templates/default"
    assert machine.run(f"ls {templates} | grep rebalancing").split() == [
        "rebalancing-body.html.hbs", "rebalancing-body.txt.hbs", "rebalancing-subject.txt.hbs",
    ]  # fmt: skip
    machine.run(f"touch {templates}/vzdump-body.txt.hbs")
    assert machine.run(ask % ("prs", "prs", "tell yes failed 0123456789ab - 1 3")) == "ok failed notified\n"
    assert json.loads(machine.run("cat /run/notified"))["fields"]["type"] == "rebalancing"
    machine.run(f"rm {templates}/vzdump-body.txt.hbs")  # Proxmox VE's own, which is not there otherwise
    assert "err <prs> rebalancing: job 0123456789ab failed: 1 of 3 migrations are done (prs)" in machine.run("cat /run/cluster.log")
    assert machine.run(ask % ("prs", "prs", "tell yes mine - - 0 0")).startswith("refused")
    assert "Permission denied" in machine.try_run(ask % ("nobody", "nogroup", "tell yes done - - 0 0"))[1]


def test_hooks(node: Node) -> None:
    """The folder is there, empty and root's; a hook of root's runs as root for the service's user, and no other user's hook does."""
    machine, hook = node.machine, "/etc/proxmox-rebalancing-service/hooks.d/before-drain"
    assert machine.run(f"stat -c '%U %a' {hook.rpartition('/')[0]} && ls {hook.rpartition('/')[0]}") == "root 755\n"
    ask = "setpriv --reuid=prs --regid=prs --clear-groups python3 -c '" + ASK + "' '%s' /run/prs-hook.sock 2>&1"
    assert machine.run(ask % "hook before-drain pve2") == '{"found": false}\n'
    machine.run(f"printf '#!/bin/sh\necho $(id -un) $*\nexit 4\n' > {hook} && chmod 755 {hook}")
    assert '"code": 4, "hung": false, "output": "root before-drain pve2"' in machine.run(ask % "hook before-drain pve2")
    machine.run(f"chown prs {hook}")
    assert machine.run(ask % "hook before-drain pve2").startswith(f"refused: {hook} belongs to user ")
    machine.run(f"rm {hook}")


@pytest.mark.parametrize(("unit", "user"), [(SOCKET, "prs"), (INBOX, "prs-web")])
def test_no_flood_closes_a_socket(node: Node, unit: str, user: str) -> None:
    """systemd gives a socket up for good when 200 connections come within 2 seconds, unless told otherwise."""
    machine, place = node.machine, f"/run/{unit.removesuffix('et')}"
    become = f"setpriv --reuid={user} --regid={user} --clear-groups python3 -c"
    machine.run(f"{become} '{FLOOD}' {place}")
    assert machine.show(unit, "ActiveState") == "active"
    machine.wait("an answer after the flood", lambda: "refused" in machine.try_run(f"{become} '{ASK}' nonsense {place}")[1], 60)


def test_root_at_the_command_line(node: Node) -> None:
    """What root's calls write into the journal's folder belongs to the service's user; the shipped configuration has no mistakes."""
    machine = node.machine
    machine.run("proxmox-rebalancing-service status")
    owners = machine.run("stat -c '%U %a' /var/lib/prs /var/lib/prs/*").split("\n")
    assert {line.split()[0] for line in owners if line} == {"prs"}
    assert not any(line.endswith(("4", "5", "6", "7")) for line in owners)


def test_setup(node: Node) -> None:
    """`setup` makes an account that the service takes up by itself; a second run changes nothing. There is nothing to level."""
    machine = node.machine
    machine.run(f"sed -i 's|^.balancing.$|[balancing]\\nspread: 100|' {CONF}")
    machine.run(f"systemctl reload {CORE}")
    output = machine.run("proxmox-rebalancing-service setup")
    assert f"created API token {TOKEN}" in output
    assert "! " not in output
    assert machine.run(f"stat -c '%a %U:%G' {CONF}") == "640 root:prs\n"
    assert machine.run("proxmox-rebalancing-service setup") == "Everything is as it should be: nothing was changed.\n"
    assert "Nothing to do" in machine.run("proxmox-rebalancing-service plan")
    assert not node.world.migrations


def test_drain(node: Node) -> None:
    """A drain started by root is carried out by the service as its own user, with the account that `setup` has made."""
    machine = node.machine
    node.drain("pve1")
    output = node.drained("pve1")
    told = machine.run("grep -F 'node pve1 by ' /run/cluster.log")
    assert "drain" in told
    assert "from local: allowed" in told
    assert "The service of this host carries the plan out" in output
    assert not node.world.on("pve1")
    assert set(node.world.migrations.values()) == {1}
    assert set(machine.run("stat -c %U /var/lib/prs/*").split()) == {"prs"}
    told = machine.run(f"cat {HELD}/pve1.*.held")
    assert '"host": "pve1"' in told, "the helper has told the other nodes"
    assert machine.run(f"stat -c '%U %a' {HELD}/pve1.*.held") == "root 640\n"
    machine.run("proxmox-rebalancing-service release pve1 --stay")
    assert ".held" not in machine.run(f"ls {HELD}")


def test_upgrade_in_the_middle_of_a_drain(node: Node) -> None:
    """An upgrade of both packages loses nothing of a job from the web interface: what runs goes on in Proxmox VE, the rest follows
    with the same user's ticket, and each guest moves once."""
    machine, before = node.machine, dict(node.world.migrations)
    here = [guest.vmid for guest in node.world.on("pve2") if not guest.template]
    node.world.clock.pace(1.0)  # so that a busy machine's upgrade still falls into the drain
    job = node.web("start", "root", node.server.logins["root@pam"], "pve2")
    machine.wait("the first migration", lambda: any(node.world.migrations[vmid] > before.get(vmid, 0) for vmid in here), 60)
    pid = machine.show(CORE, "MainPID")
    # As it was while both services had one user: all of it the service's own.
    machine.run("chgrp -R prs /var/lib/prs /run/prs && chmod 0600 /var/lib/prs/journal.sqlite*")
    machine.run(f"cd {SHARED}/debs && dpkg --force-confold -i {CORE}_{node.version}+2_all.deb {UI}_{node.version}+2_all.deb")
    assert node.world.on("pve2"), "the upgrade came too late to prove anything"
    assert machine.show(CORE, "MainPID") != pid
    node.world.clock.pace(SPEED)
    machine.wait_active(UI)
    asked = ("state", "root", node.server.logins["root@pam"], job)
    machine.wait("the end of the drain", lambda: node.web(*asked) not in ("queued", "running"), 120)
    assert node.web(*asked) == "done", machine.log()
    assert not node.world.on("pve2")
    assert {vmid: node.world.migrations[vmid] - before.get(vmid, 0) for vmid in here} == dict.fromkeys(here, 1)
    assert machine.run("ls -A /run/prs/credentials") == ""
    assert set(machine.run("stat -c '%U:%G' /var/lib/prs /var/lib/prs/*").split()) == {"prs:prs-journal"}


def restarted(machine: Machine, pid: str) -> bool:
    """True once the core's process is another one."""
    return machine.show(CORE, "MainPID") not in ("0", pid)


def test_watchdog(node: Node) -> None:
    """A service that dies is started again, and so is one that no longer gives a sign of life."""
    machine = node.machine
    machine.run(f"mkdir /run/systemd/system/{CORE}.service.d")
    machine.run(f"printf '[Service]\\nWatchdogSec=7\\nRestartSec=0\\n' > /run/systemd/system/{CORE}.service.d/soon.conf")
    machine.run(f"systemctl daemon-reload && systemctl restart {CORE}")
    for signal in ("KILL", "STOP"):
        pid = machine.show(CORE, "MainPID")
        machine.run(f"kill -{signal} {pid}")
        machine.wait("a new process", partial(restarted, machine, pid), 30)
        machine.wait_active(CORE)
    assert machine.show(CORE, "NRestarts") == "2"
    machine.run(f"rm -r /run/systemd/system/{CORE}.service.d; systemctl daemon-reload")


def test_setup_removed(node: Node) -> None:
    """`setup --remove` takes the account out of Proxmox VE and of prs.conf; the service then schedules nothing again."""
    machine = node.machine
    assert f"removed API token {TOKEN}" in machine.run("proxmox-rebalancing-service setup --remove")
    assert "\napi_" not in machine.run(f"cat {CONF}")
    machine.run(f"systemctl reload {CORE}")
    machine.wait("the state without an account", lambda: "no scheduled runs" in machine.run(f"systemctl status {CORE}"), 15)


def test_readme() -> None:
    """The README installs and removes with the very commands that are run here."""
    readme = (debs.ROOT / "README.md").read_text()
    for command in (INSTALL.format(core=CORE, ui=UI, version=prs.__version__), f"{CORE} setup", f"{CORE} setup --remove", PURGE):
        assert f"\n{command}\n" in readme.replace("\n    ", "\n")


def units_left(machine: Machine) -> list[str]:
    """Lines of systemd's list of units that are ours. A unit without file, at rest and without a process is the host's trouble, not a
    fault of ours: systemd keeps it while the host's kernel does not let it look at its control group (seen with "Input/output error")."""
    lines = machine.run(f"systemctl list-units --all --plain --no-legend '*prs*' '*{CORE}*'").splitlines()
    return [line for line in lines if line.split()[1:4] != ["not-found", "inactive", "dead"] or processes(machine, line.split()[0])]


def processes(machine: Machine, unit: str) -> str:
    """The processes that systemd counts to a unit, a line each; what cannot be looked at has none (`pgrep` has looked by user, too)."""
    group = machine.show(unit, "ControlGroup")
    return machine.try_run(f"cat /sys/fs/cgroup{group}/cgroup.procs 2>/dev/null")[1] if group else ""


def test_purge(node: Node) -> None:
    """Nothing of ours is left: no file, unit, process, or line in the page; what another host holds is not ours."""
    machine = node.machine
    assert machine.run(f"ls {HELD}/pve2.*.held"), "the drain by the web is still held"
    machine.run(f"""echo '{{"host": "pve9", "since": 1, "maintenance": false, "user": "root@pam"}}' > {HELD}/pve3.0123456789ab.held""")
    machine.run(f"{PURGE} -y")
    assert machine.run(f"ls {HELD}") == "pve3.0123456789ab.held\n"
    machine.run(f"rm -r {HELD}")
    assert machine.try_run("pgrep -u prs,prs-web")[0] == 1
    # systemd forgets a unit whose file has gone when nothing refers to it any more, which takes it a moment
    deadline = time.monotonic() + 60
    while (units := units_left(machine)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert units == [], machine.log()
    left = files(machine.root) - node.before
    users = {f"etc/{name}-" for name in ("passwd", "group", "shadow", "gshadow")} | {"etc/.pwd.lock"}
    assert {name for name in left if not name.startswith(("var/lib/dbus", "etc/machine-id"))} - users == set()
    assert machine.run("ls -d /run/prs /run/prs-* 2>/dev/null || :") == ""
    assert machine.run("dpkg -V pve-manager") == ""
    assert machine.show("pveproxy", "ActiveState") == "active"
