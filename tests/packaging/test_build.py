"""What `make deb` makes: the same bits wherever it runs, to the liking of both releases' lintian, and divided as it should be."""

from __future__ import annotations

import os
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

import prs
from debianlab.debs import CORE, ROOT, UI, Packages, version_of
from debianlab.roots import RELEASES, fresh, layer, run_in


def contents(package: Path) -> list[tuple[str, str, str]]:
    """(mode, owner, path) of every file of a package."""
    listing = subprocess.run(("dpkg-deb", "-c", package), check=True, capture_output=True, text=True).stdout
    rows = (line.split(maxsplit=5) for line in listing.splitlines())
    return [(row[0], row[1], row[5].removeprefix(".")) for row in rows if not row[5].endswith("/")]


def test_version(packages: Packages) -> None:
    """The packages, the program and the panel name the same version."""
    assert packages.version == prs.__version__
    assert (ROOT / "debian/changelog").read_text().startswith(f"{CORE} ({prs.__version__}) ")


def test_reproducible(folder: Path) -> None:
    """Built from another path, in another time zone, with another umask and other file times, the packages have the same bits."""
    first, second = folder / "here", folder / "somewhere" / "else"
    subprocess.run((ROOT / "packaging/copy-source", first), check=True)
    subprocess.run((ROOT / "packaging/copy-source", second), check=True)
    subprocess.run(("find", second, "-type", "f", "-exec", "touch", "-d", "2001-02-03", "{}", "+"), check=True)
    for tree, mask, zone in ((first, "0022", "UTC"), (second, "0007", "Pacific/Chatham")):
        command = f"umask {mask} && {tree}/packaging/build-deb {tree}/out && {tree}/packaging/freebsd/build {tree}/out"
        subprocess.run(("sh", "-c", command), check=True, env={**os.environ, "TZ": zone}, stdout=subprocess.DEVNULL)
    sums = [{path.name: sha256(path.read_bytes()).hexdigest() for path in (tree / "out").iterdir()} for tree in (first, second)]
    assert len(sums[0]) == 4
    assert sums[0] == sums[1]


@pytest.mark.parametrize("release", RELEASES)
def test_lintian(release: str, folder: Path, packages: Packages) -> None:
    """Debian's own checker has no error and no warning."""
    with fresh(layer(release, "lintian", ["lintian"]), folder / "machine") as root:
        files = " ".join(f"/debs/{packages.paths[name].name}" for name in ("CORE", "UI", "BRIDGE"))
        command = f"lintian --allow-root --fail-on error,warning --info --display-info --tag-display-limit 0 {files}"
        done = run_in(root, command, binds=(f"--bind-ro={folder / 'debs'}:/debs",))
    assert done.returncode == 0, done.stdout


def test_contents(packages: Packages) -> None:
    """Every module is in exactly one package, the configuration is closed to others, and nothing is writable but by root."""
    core, ui = contents(packages.paths["CORE"]), contents(packages.paths["UI"])
    modules = {f"/usr/lib/python3/dist-packages/{path.relative_to(ROOT / 'backend')}" for path in (ROOT / "backend/prs").rglob("*.py")}
    shipped = [path for _, _, path in core + ui if path.endswith(".py")]
    assert sorted(shipped) == sorted(modules)
    outside = {path for _, _, path in ui if path.endswith(".py") and "/prs/web/" not in path}
    assert outside == set()
    assert not any("/prs/web/" in path for _, _, path in core)
    assert [mode for mode, _, path in core if path == f"/etc/{CORE}/prs.conf"] == ["-rw-r-----"]
    assert not [path for _, _, path in core if path.startswith(f"/etc/{CORE}/hooks.d/")]
    assert {owner for _, owner, _ in core + ui} == {"root/root"}
    assert not [path for mode, _, path in core + ui if "w" in mode[5:]]
    languages = [f"prs-lang-{path.stem}.json" for path in (ROOT / "pve-ui" / "po").glob("*.po")]
    panel = {f"/usr/share/pve-manager/js/{name}" for name in ("prs-rebalancing.js", "prs-panel.js", *languages)}
    assert {path for _, _, path in ui if path.startswith("/usr/share/pve-manager/")} == panel


def test_no_debconf_and_no_downloads(packages: Packages) -> None:
    """Maintainer scripts touch no service of Proxmox VE and fetch nothing."""
    for name in ("CORE", "UI", "BRIDGE"):
        for script in ("preinst", "postinst", "prerm", "postrm"):
            text = subprocess.run(("dpkg-deb", "-I", packages.paths[name], script), capture_output=True, text=True, check=False).stdout
            for word in ("pveproxy", "pvedaemon", "pvestatd", "pve-cluster", "wget", "curl", "pip"):
                assert word not in text, f"{name} {script}: {word}"


def test_depends_on_its_own_version(packages: Packages) -> None:
    """The panel's service and the core are only ever installed together in one version."""
    fields = subprocess.run(("dpkg-deb", "-f", packages.paths["UI"], "Depends"), check=True, capture_output=True, text=True).stdout
    assert f"{CORE} (= {version_of(packages.paths['UI'])})" in fields
    assert version_of(packages.paths["UI"]) == packages.version
    assert packages.paths["UI"].name.startswith(UI)
