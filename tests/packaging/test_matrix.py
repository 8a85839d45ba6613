"""What dpkg and apt do to Proxmox VE's page, in both releases: a table of histories, each with the state it must end in."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import prs
from debianlab import pve_tools
from debianlab.debs import CORE, ROOT, UI, Packages, page
from debianlab.roots import RELEASES
from debianlab.unbooted import Machine, machine_of

PAGE = Path("usr/share/pve-manager/index.html.tpl")
JS = Path("usr/share/pve-manager/js/prs-rebalancing.js")
CONF = f"etc/{CORE}/prs.conf"
INSTALL = "dpkg -i $PVE $CORE $UI"
WITHOUT = "stays without"  # the tab
BROKEN = "!dpkg -i $CORE2 $UI2_BAD_POSTINST"
APT = "apt-get install -q -y --no-install-recommends --allow-downgrades"


@dataclass(frozen=True)
class Case:
    """Commands in order (a leading "!" = must fail), and what is to be seen at the end."""

    name: str
    steps: tuple[str, ...]
    page: str | None = "8.4.1"  # whose page is there; None = none at all
    line: bool = True  # with our line in it
    ui: str = "ii"  # dpkg's state of the UI package
    says: str = ""  # in the last command's output
    anchor: bool = True
    backend: str = ":8017"  # that the line names


CASES = (
    Case("all in one dpkg run", (INSTALL,)),
    Case("all in one apt run", (f"{APT} $PVE $CORE $UI",)),
    Case("configured before pve-manager is", ("dpkg --unpack $PVE $CORE $UI", "dpkg --configure -a")),
    Case("installed twice", (INSTALL, "dpkg -i $CORE $UI")),
    Case("pve-manager upgraded", (INSTALL, "dpkg -i $PVE_NEW"), page="9.0.3"),
    Case("pve-manager upgraded by apt", (INSTALL, f"{APT} $PVE_NEW"), page="9.0.3"),
    Case("pve-manager reinstalled", (INSTALL, f"{APT} --reinstall $PVE")),
    Case("pve-manager downgraded", (INSTALL, f"{APT} $PVE_OLD"), page="8.3.0"),
    Case("new page without the anchor", (INSTALL, "dpkg -i $PVE_BARE"), page="9.5.0", line=False, says=WITHOUT, anchor=False),
    Case("the anchor comes back", (INSTALL, "dpkg -i $PVE_BARE", "dpkg -i $PVE_NEW"), page="9.0.3"),
    Case("UI removed", (INSTALL, f"dpkg -r {UI}"), line=False, ui="un"),
    Case("UI purged", (INSTALL, f"dpkg -P {UI}"), line=False, ui="un"),
    Case("both purged by apt", (INSTALL, f"apt-get purge -q -y {CORE} {UI}"), line=False, ui="un"),
    Case("core removed takes the UI along", (INSTALL, f"apt-get remove -q -y {CORE}"), line=False, ui="un"),
    Case("removed and installed again", (INSTALL, f"dpkg -r {UI} {CORE}", "dpkg -i $CORE $UI")),
    Case("pve-manager upgraded while UI is removed", (INSTALL, f"dpkg -r {UI}", "dpkg -i $PVE_NEW"), page="9.0.3", line=False, ui="un"),
    Case("both upgraded", (INSTALL, "dpkg -i $CORE2 $UI2")),
    Case("all three upgraded at once", (INSTALL, "dpkg -i $PVE_NEW $CORE2 $UI2"), page="9.0.3"),
    Case("upgrade whose preinst fails", (INSTALL, "!dpkg -i $CORE2 $UI2_BAD_PREINST", "dpkg -i $CORE $UI")),
    Case("upgrade whose preinst fails, left so", (INSTALL, "!dpkg -i $UI2_BAD_PREINST")),
    Case("upgrade whose postinst fails", (INSTALL, BROKEN), ui="iF"),
    Case("then pve-manager upgraded", (INSTALL, BROKEN, "dpkg -i $PVE_NEW"), page="9.0.3", line=False, ui="iF"),
    Case("then repaired", (INSTALL, BROKEN, "dpkg -i $PVE_NEW", "dpkg -i $CORE2 $UI2"), page="9.0.3"),
    Case("pve-manager forced away", (INSTALL, "dpkg --force-depends -r pve-manager"), page=None, line=False),
    Case("pve-manager comes back", (INSTALL, "dpkg --force-depends -r pve-manager", "dpkg -i $PVE_NEW"), page="9.0.3"),
    Case("UI removed and pve-manager upgraded in one run", (INSTALL, f"{APT} $PVE_NEW {UI}-"), page="9.0.3", line=False, ui="un"),
    Case("UI unpacked only, then removed", ("dpkg -i $PVE $CORE", "dpkg --unpack $UI", f"dpkg -r {UI}"), line=False, ui="un"),
    Case("page gone before installing", ("dpkg -i $PVE", f"rm /{PAGE}", "dpkg -i $CORE $UI"), page=None, line=False, says=WITHOUT),
    Case("page is a folder", ("dpkg -i $PVE", f"rm /{PAGE}; mkdir /{PAGE}", "dpkg -i $CORE $UI"), page=None, line=False, says=WITHOUT),
    Case("page is empty", ("dpkg -i $PVE", f": > /{PAGE}", "dpkg -i $CORE $UI"), page="", line=False, says=WITHOUT),
    Case("page gone before removing", (INSTALL, f"rm /{PAGE}", f"dpkg -P {UI}"), page=None, line=False, ui="un"),
    Case("line taken out by hand before removing", (INSTALL, f"sed -i /prs-rebalancing/d /{PAGE}", f"dpkg -P {UI}"), line=False, ui="un"),
    Case("another port", ("dpkg -i $PVE $CORE", f"sed -i 's/^#port:.*/port: 9443/' /{CONF}", "dpkg -i $UI"), backend=":9443"),
    Case("no port", ("dpkg -i $PVE $CORE", f"sed -i 's/^#port:.*/port: 0/' /{CONF}", "dpkg -i $UI"), backend="none"),
    Case("behind a reverse proxy", ("dpkg -i $PVE $CORE", f"sed -i 's|^#url:.*|url: https://pve.example.org|' /{CONF}", "dpkg -i $UI"),
         backend="https://pve.example.org"),
    Case("a port that is none", ("dpkg -i $PVE $CORE", f"sed -i 's/^#port:.*/port: many/' /{CONF}", "dpkg -i $UI")),
    Case("no configuration", ("dpkg -i $PVE $CORE", f"rm /{CONF}", "dpkg -i $UI")),
    Case("switched off", ("dpkg -i $PVE $CORE", f"touch /etc/{CORE}/ui.off", "dpkg -i $UI"), line=False),
    Case("switched off, then purged", (INSTALL, f"touch /etc/{CORE}/ui.off", f"dpkg -P {UI} {CORE}"), line=False, ui="un"),
)  # fmt: skip


@pytest.fixture(params=RELEASES)
def machine(request: pytest.FixtureRequest, packages: Packages, folder: Path) -> Iterator[Machine]:
    """A fresh machine of each release with the dependencies installed and no pve-manager."""
    with machine_of(request.param, packages, folder) as made:
        yield made


def expected(case: Case, script: Path) -> bytes | None:
    """The page byte for byte; our line's version is that of the installed script."""
    if case.page is None:
        return None
    text = page(case.page, case.anchor) if case.page else ""
    if not case.line:
        return text.encode()
    lines = text.splitlines(keepends=True)
    place = next(number for number, line in enumerate(lines) if "pvemanagerlib.js" in line)
    content = script.read_bytes()
    named = re.match(rb"// proxmox-rebalancing-service (\S+)", content)
    assert named, "the first line of the script must name its version"
    version = f"{named.group(1).decode()}-{hashlib.sha256(content).hexdigest()[:8]}"
    mark = "<!-- proxmox-rebalancing-service -->"
    tag = f'<script type="text/javascript" src="/pve2/js/{script.name}?ver={version}" data-prs-backend="{case.backend}"></script>{mark}\n'
    return "".join([*lines[: place + 1], "    " + tag, *lines[place + 1 :]]).encode()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_history(machine: Machine, case: Case) -> None:
    """Each history ends with exactly the page, the package state and the words of the table."""
    output = ""
    for step in case.steps:
        output = machine.run(step)
    target = machine.root / PAGE
    found = target.read_bytes() if target.is_file() else None
    assert found == expected(case, machine.root / JS)
    assert machine.state(UI) == case.ui
    assert case.says in output
    if found is not None:
        assert target.stat().st_mode & 0o7777 == 0o644
        assert os.listdir(target.parent).count("index.html.tpl") == len([n for n in os.listdir(target.parent) if "index" in n])
    if found is not None and not case.line and case.page:
        assert machine.run("dpkg -V pve-manager") == ""
    assert f"/{JS}" not in machine.run("dpkg -L pve-manager || :")


def test_purge_leaves_nothing(machine: Machine) -> None:
    """After purge every file is as before, but for the system user, which Debian keeps."""
    machine.run("dpkg -i $PVE")
    before = machine.files()
    machine.run("dpkg -i $CORE $UI")
    machine.run("touch /var/lib/prs/journal.sqlite; proxmox-rebalancing-service --version")
    machine.run(f"apt-get purge -q -y {CORE} {UI}")
    after = machine.files()
    users = {f"etc/{name}{suffix}" for name in ("passwd", "group", "shadow", "gshadow") for suffix in ("", "-")} | {"etc/.pwd.lock", "etc"}
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed - users == set()
    assert machine.run("getent passwd prs | cut -d: -f1") == "prs\n"


def test_remove_keeps_configuration_and_journal(machine: Machine) -> None:
    """Removing without purging keeps prs.conf and the journal, and a new installation finds them."""
    machine.run("dpkg -i $CORE; echo '#kept' >> /" + CONF + "; touch /var/lib/prs/journal.sqlite")
    machine.run(f"dpkg -r {CORE}; dpkg -i $CORE")
    assert (machine.root / CONF).read_text().endswith("#kept\n")
    assert (machine.root / "var/lib/prs/journal.sqlite").exists()


def test_core_needs_no_node(machine: Machine) -> None:
    """The core package installs without Proxmox VE; configuration and state belong to the service's user and are closed to others."""
    machine.run("dpkg -i $CORE")
    assert machine.run(f"stat -c '%a %U:%G' /{CONF} /var/lib/prs").split("\n")[:2] == ["640 root:prs", "750 prs:prs-journal"]
    assert machine.run("id -nG prs").split() == ["prs", "www-data"]
    assert machine.run(f"setpriv --reuid=nobody --clear-groups cat /{CONF} 2>&1 || :").count("Permission denied") == 1
    assert "check" in machine.run("proxmox-rebalancing-service --help")
    machine.run("!proxmox-rebalancing-service plan")


def test_conffile_upgrades(machine: Machine) -> None:
    """An upgrade renews an untouched prs.conf and keeps a changed one; owner and mode stay as the administrator left them."""
    machine.run("dpkg -i $CORE; chmod 0600 /" + CONF + "; chown prs /" + CONF)
    machine.run("dpkg -i $CORE2")
    assert (machine.root / CONF).read_text().endswith("# a later default\n")
    assert machine.run(f"stat -c '%a %U:%G' /{CONF}") == "600 prs:prs\n"
    machine.run(f"dpkg -P {CORE}; dpkg -i $CORE; sed -i 's/^#schedule.*/schedule: 6/' /{CONF}; dpkg --force-confold -i $CORE2")
    assert "\nschedule: 6\n" in (machine.root / CONF).read_text()
    assert machine.run(f"stat -c '%a %U:%G' /{CONF} /{CONF}.dpkg-dist").split("\n")[:2] == ["640 root:prs", "640 root:prs"]


def test_an_upgrade_after_setup_asks_nothing(machine: Machine) -> None:
    """Without a terminal, to a version with another prs.conf: both packages are configured, and the account is kept."""
    tools = Path(pve_tools.__file__).read_text()
    machine.run("dpkg -i $PVE $CORE $UI")
    for tool in ("pveum", "pvesh"):
        (machine.root / "usr/sbin" / tool).write_text("#!/usr/bin/python3\n" + tools)
        (machine.root / "usr/sbin" / tool).chmod(0o755)
    (machine.root / "etc/pve/priv").mkdir(parents=True)
    (machine.root / "etc/pve/pve-root-ca.pem").write_text("")
    # Nobody answers at the API here, so setup says so with its exit code; the account is written all the same.
    machine.run("proxmox-rebalancing-service setup || test $? = 6")
    shown = machine.run("proxmox-rebalancing-service config show")
    assert "the account of the cluster line" in shown
    machine.run("DEBIAN_FRONTEND=noninteractive dpkg -i $CORE2 $UI2 </dev/null")
    assert (machine.state(CORE), machine.state(UI)) == ("ii", "ii")
    assert (machine.root / CONF).read_text().endswith("# a later default\n")
    assert machine.run("proxmox-rebalancing-service config show") == shown
    assert "removed API token prs@pve!cluster" in machine.run("proxmox-rebalancing-service setup --remove")


def test_a_repository_of_ones_own(machine: Machine, folder: Path) -> None:
    """`make repo`: apt trusts it by its key alone, and offers and installs the packages from it."""
    plain = folder / "plain"
    plain.mkdir(exist_ok=True)
    for file in (folder / "debs").glob(f"*_{prs.__version__}_all.deb"):
        shutil.copy(file, plain)
    subprocess.run((ROOT / "packaging/build-repo", plain, folder / "repo"), check=True, capture_output=True)
    shutil.copytree(folder / "repo", machine.root / "srv/repo", dirs_exist_ok=True)
    (machine.root / "etc/apt/sources.list.d/prs.sources").write_text(
        "Types: deb\nURIs: file:/srv/repo\nSuites: stable\nComponents: main\nSigned-By: /srv/repo/proxmox-rebalancing-service.gpg\n"
    )
    only = "-o Dir::Etc::sourcelist=/etc/apt/sources.list.d/prs.sources -o Dir::Etc::sourceparts=-"
    machine.run(f"apt-get {only} update && apt-get {only} install -q -y --no-install-recommends {CORE}")
    assert machine.state(CORE) == "ii"
    (machine.root / "srv/repo/dists/stable/InRelease").write_text("Origin: nobody\n")
    assert "is no longer signed" in machine.run(f"!apt-get {only} update")


def test_removing_is_refused_while_a_job_runs(machine: Machine) -> None:
    """A job that is not at its end would lose its service; who insists can say so."""
    machine.run("dpkg -i $CORE")
    add = (
        "from pathlib import Path; from prs.engine.journal.journal import Journal; from prs.model import Plan, Policy; "
        "journal = Journal(Path('/var/lib/prs/journal.sqlite')); "
        "journal.add_job(journal.add_plan(Plan('balance', 'memory'), Policy(), 'x'), 'x', 'cli', 0.0)"
    )
    machine.run(f'setpriv --reuid=prs --regid=prs --clear-groups python3 -c "{add}"')
    assert "A job of this host is not at its end" in machine.run(f"!dpkg -r {CORE}")
    assert machine.state(CORE)[1] == "i"  # dpkg remembers the wish, and the package is installed
    machine.run(f"PRS_REMOVE_ANYWAY=1 dpkg -P {CORE}")


def test_a_purge_says_what_is_left_in_proxmox_ve(machine: Machine) -> None:
    """The account is all nodes' own, so a purge of one leaves it, and says how to remove it."""
    machine.run("dpkg -i $CORE; mkdir -p /etc/pve; echo 'user:prs@pve:1:0:::::' > /etc/pve/user.cfg")
    output = machine.run(f"dpkg -P {CORE}")
    assert "Still in Proxmox VE: user prs@pve" in output
    assert "pveum user delete prs@pve" in output


def test_a_purge_takes_the_mark_of_the_account_unless_another_node_still_serves(machine: Machine) -> None:
    """The mark and the settings of the tab are all nodes' own; of the settings a purge says that they stay."""
    mine, signs, own = f"/etc/pve/{CORE}", "/etc/pve/proxmox-rebalancing-alive", "$(uname -n | cut -d. -f1)"
    machine.run(f"dpkg -i $CORE; mkdir -p {mine} {signs}; touch {mine}/account {mine}/policy.conf {signs}/{own} {signs}/pve9")
    output = machine.run(f"dpkg -P {CORE}")
    assert f"rm -rf {mine}" in output
    assert machine.run(f"ls {mine} {signs}").split() == [f"{signs}:", "pve9", f"{mine}:", "account", "policy.conf"]
    machine.run(f"dpkg -i $CORE; rm {mine}/policy.conf {signs}/pve9; touch {signs}/{own}")
    assert "Still in /etc/pve" not in machine.run(f"dpkg -P {CORE}")
    assert machine.run(f"ls -d {mine} {signs} 2>/dev/null || :") == ""


def test_command_helps_the_shell(machine: Machine) -> None:
    """The completion offers verbs and options; man finds both pages."""
    machine.run("dpkg -i $CORE")
    complete = "bash -c '. /usr/share/bash-completion/completions/proxmox-rebalancing-service; COMP_WORDS=(%s); COMP_CWORD=%d;"
    complete += " _proxmox_rebalancing_service; echo ${COMPREPLY[@]}'"
    assert machine.run(complete % ("proxmox-rebalancing-service dr", 1)) == "drain\n"
    assert "--dry-run" in machine.run(complete % ("proxmox-rebalancing-service drain --", 2)).split()
    assert machine.run(complete % ("proxmox-rebalancing-service plan --method m", 3)) == "memory\n"
