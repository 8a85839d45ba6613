"""The packages for Fedora and Enterprise Linux and for FreeBSD: built here, looked into, and their program run from where they put it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from hashlib import sha256
from pathlib import Path

import pytest

import prs
from debianlab.debs import CORE, ROOT

BUILT = Path(os.environ.get("PRS_PACKAGES", "."))
RPM = BUILT / f"{CORE}-{prs.__version__}-1.noarch.rpm"
PKG = BUILT / f"{CORE}-{prs.__version__}.pkg"


def modules() -> set[str]:
    """Paths below backend/ of what belongs to the core."""
    found = {str(path.relative_to(ROOT / "backend")) for path in (ROOT / "backend/prs").rglob("*.py")}
    return {name for name in found if not name.startswith("prs/web/") and not name.startswith("prs/helper/root")}


def rpm(*arguments: str) -> str:
    """What rpm says about the package."""
    return subprocess.run(("rpm", "-qp", *arguments, RPM), check=True, capture_output=True, text=True).stdout


def runs(library: Path) -> None:
    """The program works from a folder that is on nobody's path."""
    code = f"import sys; sys.path.insert(0, '{library}'); from prs.cli.main import main; main(['--version'])"
    done = subprocess.run((sys.executable, "-I", "-c", code), capture_output=True, text=True, check=False)
    assert done.stdout == f"{CORE} {prs.__version__}\n", done.stderr


def test_rpm_contents(tmp_path: Path) -> None:
    """All of the core and nothing of the web interface, with a configuration that upgrades keep and others cannot read."""
    rows = [line.split() for line in rpm("--dump").splitlines()]
    library = f"/usr/share/{CORE}/"
    assert {row[0].removeprefix(library) for row in rows if row[0].endswith(".py")} == modules()
    (conf,) = [row for row in rows if row[0] == f"/etc/{CORE}/prs.conf"]
    assert conf[4:8] == ["0100640", "root", "prs", "1"]
    assert f"/etc/{CORE}/prs.conf cn\n" in rpm("--qf", "[%{FILENAMES} %{FILEFLAGS:fflags}\\n]")  # a configuration, not replaced
    assert rpm("--qf", "%{ARCH}") == "noarch"
    assert {"python3 >= 3.11", "python3-proxmoxer", "python3-requests"} <= set(rpm("--requires").splitlines())
    subprocess.run(("bsdtar", "-xf", RPM, "-C", tmp_path), check=True)
    runs(tmp_path / library[1:])
    assert (tmp_path / "usr/bin" / CORE).read_text().startswith("#!/usr/bin/python3\n")


def test_rpm_for_enterprise_linux_9() -> None:
    """Its Python 3.11 has a name of its own; no package of it brings proxmoxer, which is said after the installation."""
    older = BUILT / RPM.name.replace("-1.noarch", "-1.el9.noarch")
    ask = ("rpm", "-qp", "--requires", "--scripts", older)
    told = subprocess.run(ask, check=True, capture_output=True, text=True).stdout
    assert {"python3.11", "python3.11-requests", "/usr/bin/python3.11"} <= set(told.splitlines())
    assert "python3.11 -m pip install 'proxmoxer>=1.2'" in told


@pytest.mark.parametrize("name", [RPM.name, RPM.name.replace("-1.noarch", "-1.el9.noarch")])
def test_rpm_knows_no_group_of_a_node(name: str, tmp_path: Path) -> None:
    """www-data is Debian's: a unit that names it would not start."""
    subprocess.run(("bsdtar", "-xf", BUILT / name, "-C", tmp_path), check=True)
    assert not [path for path in tmp_path.rglob("*.service") if "www-data" in path.read_text()]
    scripts = subprocess.run(("rpm", "-qp", "--scripts", BUILT / name), check=True, capture_output=True, text=True).stdout
    assert "www-data" not in scripts
    assert "prs.conf, try it with" in scripts


def test_rpm_scripts_never_fail(tmp_path: Path) -> None:
    """Each scriptlet ends with 0 on a system without any of the tools it calls."""
    for name in ("PREIN", "POSTIN", "PREUN", "POSTUN"):
        script = rpm("--qf", f"%{{{name}}}")
        assert script.strip(), name
        for count in "0", "1":
            command = ("/bin/sh", "-c", script, "sh", count)
            done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{name} {count}: {done.stderr}"


def test_freebsd_contents(tmp_path: Path) -> None:
    """A package as pkg-create(8) describes it: manifests first, sums that are true, FreeBSD's paths in the program."""
    with tarfile.open(PKG) as archive:
        members = archive.getmembers()
        content = {member.name: archive.extractfile(member).read() for member in members}  # type: ignore[union-attr]
    assert [member.name for member in members[:2]] == ["+COMPACT_MANIFEST", "+MANIFEST"]
    assert {(member.uname, member.gname) for member in members} == {("root", "wheel")}
    manifest, compact = json.loads(content["+MANIFEST"]), json.loads(content["+COMPACT_MANIFEST"])
    assert manifest["files"] == {name: "1$" + sha256(data).hexdigest() for name, data in content.items() if name.startswith("/")}
    assert (manifest["name"], manifest["version"], manifest["abi"]) == (CORE, prs.__version__, "FreeBSD:*:*")
    assert {name: manifest[name] for name in compact} == compact
    library = f"/usr/local/share/{CORE}/"
    assert {name.removeprefix(library) for name in content if name.endswith(".py")} == modules()
    for name, data in content.items():
        assert b"/etc/proxmox-rebalancing-service" not in data.replace(b"/usr/local/etc/proxmox-rebalancing-service", b""), name
    for name, data in content.items():
        target = tmp_path / name.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    runs(tmp_path / library[1:])


def test_freebsd_service_script() -> None:
    """The rc.d script is executable and valid shell; its scripts for pkg are too."""
    with tarfile.open(PKG) as archive:
        member = archive.getmember("/usr/local/etc/rc.d/proxmox_rebalancing_service")
        script = archive.extractfile(member).read().decode()  # type: ignore[union-attr]
        scripts = json.loads(archive.extractfile("+MANIFEST").read())["scripts"]  # type: ignore[union-attr]
    assert member.mode == 0o755
    assert "# PROVIDE: proxmox_rebalancing_service" in script
    assert "@PREFIX@" not in script
    for text in (script, *scripts.values()):
        subprocess.run(("sh", "-n"), input=text, text=True, check=True)
