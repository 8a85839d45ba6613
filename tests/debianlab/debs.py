"""The packages under test and their variants: a newer version, broken maintainer scripts, and stand-ins for Proxmox VE's pve-manager."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PERL = ROOT / "tests" / "pveproxy"
CORE = "proxmox-rebalancing-service"
UI = "pve-proxmox-rebalancing-service-ui"
BRIDGE = "pve-proxmox-rebalancing-service-bridge"
# The shape of Proxmox VE's index page where it matters: a template with scripts before and after the one that the line goes behind.
PAGE = """<!DOCTYPE html>
<html>
  <head>
    <title>[% nodename %] - Proxmox Virtual Environment</title>
    <link rel="stylesheet" type="text/css" href="/pve2/css/ext6-pve.css?ver={version}" />
    <script type="text/javascript" src="/pve2/ext6/ext-all.js"></script>
{anchor}    <script type="text/javascript" src="/pve2/ext6/locale/locale-[% lang %].js?ver={version}"></script>
    <script type="text/javascript">
    Ext.onReady(function() {{ Ext.create('PVE.StdWorkspace');}});
    </script>
  </head>
  <body></body>
</html>
"""
ANCHOR = '    <script type="text/javascript" src="/pve2/js/pvemanagerlib.js?ver={version}"></script>\n'
# On a node pveproxy answers on port 8006; here it passes the connections on to the simulated cluster, outside of the machine.
PVEPROXY = """[Unit]
Description=Stand-in for pveproxy
[Service]
ExecStart=/usr/bin/python3 /usr/share/pve-manager/relay.py
ExecReload=/bin/true
[Install]
WantedBy=multi-user.target
"""


def page(version: str, anchor: bool = True) -> str:
    """The index page of a release of the stand-in."""
    return PAGE.format(version=version, anchor=ANCHOR.format(version=version) if anchor else "")


@dataclass(frozen=True)
class Packages:
    """Paths of all packages, by the name that the tests call them."""

    paths: dict[str, Path]

    @property
    def version(self) -> str:
        """The version of the packages under test."""
        return version_of(self.paths["CORE"])

    def shell(self, folder: str) -> str:
        """Assignments of every package's path, as seen in `folder`, to a variable of its name."""
        return "".join(f"{name}={folder}/{path.name} " for name, path in self.paths.items())


def build(folder: Path) -> Packages:
    """Make every variant from the two packages that `make deb` has built."""
    built = Path(os.environ["PRS_PACKAGES"])
    (core,), (ui,), (bridge,) = (built.glob(f"{name}_*.deb") for name in (CORE, UI, BRIDGE))
    folder.mkdir(parents=True, exist_ok=True)
    found = {"CORE": Path(shutil.copy(core, folder)), "UI": Path(shutil.copy(ui, folder))}
    found["BRIDGE"] = Path(shutil.copy(bridge, folder))
    found["CORE2"] = _variant(core, folder, "2")
    found["UI2"] = _variant(ui, folder, "2")
    found["BRIDGE2"] = _variant(bridge, folder, "2")
    found["UI2_BAD_PREINST"] = _variant(ui, folder, "2+preinst", {"preinst": "#!/bin/sh\nexit 1\n"}, depends="2")
    found["UI2_BAD_POSTINST"] = _variant(ui, folder, "2+postinst", {"postinst": "#!/bin/sh\nexit 1\n"}, depends="2")
    for name, version in (("PVE", "8.4.1"), ("PVE_OLD", "8.3.0"), ("PVE_NEW", "9.0.3"), ("PVE_BARE", "9.5.0")):
        found[name] = _pve_manager(folder, version, anchor=name != "PVE_BARE")
    return Packages(found)


def version_of(package: Path) -> str:
    """The version field of a package."""
    return subprocess.run(("dpkg-deb", "-f", package, "Version"), check=True, capture_output=True, text=True).stdout.strip()


def _variant(package: Path, folder: Path, suffix: str, scripts: dict[str, str] | None = None, depends: str | None = None) -> Path:
    """The package with a later version, other maintainer scripts, and a changed default in its configuration."""
    tree, version = folder / "tree", version_of(package)
    subprocess.run(("dpkg-deb", "-R", package, tree), check=True)
    control = tree / "DEBIAN/control"
    text = control.read_text().replace(f"\nVersion: {version}\n", f"\nVersion: {version}+{suffix}\n")
    control.write_text(text.replace(f"(= {version})", f"(= {version}+{depends or suffix})"))
    for name, script in (scripts or {}).items():
        (tree / "DEBIAN" / name).write_text(script)
        (tree / "DEBIAN" / name).chmod(0o755)
    conf = tree / "etc" / CORE / "prs.conf"
    if conf.exists():
        conf.write_text(conf.read_text() + "# a later default\n")
        sums = tree / "DEBIAN/md5sums"
        sums.write_text(re.sub(r"\w{32}(?=  etc/)", hashlib.md5(conf.read_bytes()).hexdigest(), sums.read_text()))
    return _pack(tree, folder)


def _pve_manager(folder: Path, version: str, anchor: bool) -> Path:
    """A stand-in for pve-manager with what the packages touch or name: the page, its folder for scripts, and pveproxy.

    Its Perl answers one call (tests/pveproxy), and what changes below it is written down, where PVE's own would reload its daemons.
    """
    tree = folder / "tree"
    share, units, control = tree / "usr/share/pve-manager", tree / "usr/lib/systemd/system", tree / "DEBIAN"
    for path in (share / "js", units, control):
        path.mkdir(parents=True)
    (share / "index.html.tpl").write_text(page(version, anchor))
    (share / "js/pvemanagerlib.js").write_text(f"// {version}\n")
    shutil.copy(Path(__file__).with_name("relay.py"), share)
    shutil.copy(PERL / "pveproxy", share)
    shutil.copytree(PERL / "perl5" / "PVE", tree / "usr/share/perl5/PVE")
    (control / "triggers").write_text("interest-noawait /usr/share/perl5/PVE\n")
    (control / "postinst").write_text('#!/bin/sh\n[ "$1" != triggered ] || echo reloaded >> /var/log/pve-reloads\n')
    (units / "pveproxy.service").write_text(PVEPROXY)
    fields = {"Package": "pve-manager", "Version": version, "Architecture": "all", "Maintainer": "Nobody <nobody@example.org>"}
    fields |= {"Depends": "python3", "Description": "stand-in for tests"}
    (control / "control").write_text("".join(f"{name}: {value}\n" for name, value in fields.items()))
    files = sorted(path for path in tree.rglob("*") if path.is_file() and control not in path.parents)
    sums = (f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(tree)}\n" for path in files)
    (control / "md5sums").write_text("".join(sums))
    for path in (*(path for path in tree.rglob("*") if path.is_dir()), *files):
        path.chmod(0o755 if path.is_dir() else 0o644)
    (control / "postinst").chmod(0o755)
    return _pack(tree, folder)


def _pack(tree: Path, folder: Path) -> Path:
    before = set(folder.glob("*.deb"))
    subprocess.run(("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", tree, folder), check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
    (made,) = set(folder.glob("*.deb")) - before
    return made


def dependencies() -> list[str]:
    """The Debian packages that ours depend on or recommend, first alternative each, without those that Proxmox VE brings."""
    text = re.sub(r"\n[ \t]+", " ", (ROOT / "debian/control").read_text())
    names = []
    for field in re.findall(r"^(?:Depends|Recommends): *(.*)$", text, re.MULTILINE):
        names += [re.split(r"[ (|]", entry.strip())[0] for entry in field.split(",") if "$" not in entry.split("(")[0]]
    return sorted({name for name in names if name not in (CORE, UI, "pve-manager", "systemd")} | {"perl"})
