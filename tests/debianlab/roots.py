"""Root file systems of Debian releases: made once, cached outside the tree, and handed out as fresh copies in no time (overlayfs)."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

RELEASES = ("bookworm", "trixie")
MIRROR = os.environ.get("PRS_DEBIAN_MIRROR", "http://deb.debian.org/debian")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "prs-test" / "roots"
# What a booted machine needs, and what every Proxmox VE node has anyway.
BASE = ("dbus", "iproute2", "procps", "systemd-sysv")
NSPAWN = ("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--timezone=off")
TOOLS = "/opt/tools"  # where `tools` puts its Python environment
_failed: dict[Path, Exception] = {}
CLEAN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", "HOME": "/root"}


def base(release: str) -> Path:
    """The minimal system of a release."""
    return _cached(f"{release}-base", (release, *BASE), lambda target: _bootstrap(release, target))


def layer(release: str, name: str, packages: Sequence[str]) -> tuple[Path, ...]:
    """The lower directories, uppermost first, of the minimal system with these packages installed."""
    below = base(release)

    def install(target: Path) -> None:
        with _overlay((below,), target, target.with_name(target.name + ".work")) as root:
            command = "apt-get -q update && apt-get -q install -y --no-install-recommends " + " ".join(packages) + " && apt-get clean"
            done = run_in(root, command, network=True)
            if done.returncode:
                raise RuntimeError(f"{release}: cannot install {' '.join(packages)}:\n{done.stdout}")

    return _cached(f"{release}-{name}", (release, *BASE, *sorted(packages)), install), below


def tools(release: str, requirements: str) -> tuple[Path, ...]:
    """The lower directories, uppermost first, of a system with that release's own Python and, at TOOLS, these packages of PyPI for it."""
    below = layer(release, "python", ("ca-certificates", "curl", "git", "python3-venv"))

    def install(target: Path) -> None:
        with _overlay(below, target, target.with_name(target.name + ".work")) as root:
            (root / "requirements.txt").write_text(requirements)
            command = f"python3 -m venv {TOOLS} && {TOOLS}/bin/pip install -q --disable-pip-version-check -r /requirements.txt"
            done = run_in(root, command, network=True, binds=pip_trust())
            if done.returncode:
                raise RuntimeError(f"{release}: cannot install the tools:\n{done.stdout}")

    return _cached(f"{release}-tools", (release, requirements), install), *below


def pip_trust() -> tuple[str, ...]:
    """systemd-nspawn's options with which pip trusts inside what it trusts here, where packages may come past an authority of its own."""
    certificate = os.environ.get("PIP_CERT", "")
    return (f"--bind-ro={certificate}:/run/authority.pem", "--setenv=PIP_CERT=/run/authority.pem") if certificate else ()


def _bootstrap(release: str, target: Path) -> None:
    command = ("mmdebstrap", "--quiet", "--variant=apt", f"--include={','.join(BASE)}", release, str(target), MIRROR)
    subprocess.run(command, check=True, env=CLEAN)
    # Nothing here outlives the test, so nothing needs to be safe against a power cut.
    (target / "etc/dpkg/dpkg.cfg.d/speed").write_text("force-unsafe-io\n")


def _cached(name: str, recipe: Sequence[str], make: object) -> Path:
    """Give the directory of that recipe; make it in a temporary place first, so that an interrupted run leaves nothing half done."""
    assert callable(make)
    target = CACHE / f"{name}-{hashlib.sha256(repr((MIRROR, recipe)).encode()).hexdigest()[:10]}"
    if target in _failed:
        raise _failed[target]
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f".{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process may be making it
        if target.is_dir():
            return target
        temporary = target.with_name(target.name + f".{os.getpid()}")
        try:
            make(temporary)
            temporary.rename(target)
        except Exception as error:
            _failed[target] = error  # the next test would not fare better, only later
            raise
        finally:
            for left in (temporary, temporary.with_name(temporary.name + ".work")):
                shutil.rmtree(left, ignore_errors=True)
    return target


@contextmanager
def _in_memory(work: Path) -> Iterator[None]:
    """A folder whose content is gone at the end."""
    work.mkdir(parents=True, exist_ok=True)
    subprocess.run(("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(work)), check=True)
    try:
        yield
    finally:
        subprocess.run(("umount", "--lazy", str(work)), check=True)


@contextmanager
def fresh(lower: Sequence[Path], work: Path) -> Iterator[Path]:
    """A writable copy of the layers; what is changed in it lies in memory and is gone at the end."""
    with _in_memory(work), _overlay(lower, work / "upper", work / "work") as root:
        yield root


@contextmanager
def prepared(lower: Sequence[Path], work: Path, command: str, binds: Sequence[str] = ()) -> Iterator[tuple[Path, ...]]:
    """The layers with a shell command carried out on top of them, itself a layer for several fresh copies; gone at the end."""
    with _in_memory(work):
        with _overlay(lower, work / "upper", work / "work") as root:
            done = run_in(root, command, binds=binds)
            assert done.returncode == 0, done.stdout
        yield work / "upper", *lower


@contextmanager
def _overlay(lower: Sequence[Path], upper: Path, work: Path) -> Iterator[Path]:
    root = work.with_name(work.name + ".root")
    for path in (upper, work, root):
        path.mkdir(parents=True, exist_ok=True)
    options = f"lowerdir={':'.join(map(str, lower))},upperdir={upper},workdir={work}"
    subprocess.run(("mount", "-t", "overlay", "overlay", "-o", options, str(root)), check=True)
    try:
        yield root
    finally:
        subprocess.run(("umount", "--lazy", str(root)), check=True)
        root.rmdir()


def run_in(root: Path, command: str, network: bool = False, binds: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run a shell command in the root file system, not booted; both outputs together in stdout."""
    isolation = ("--resolv-conf=bind-host",) if network else ("--private-network", "--resolv-conf=off")
    environment = [f"--setenv={name}={value}" for name, value in CLEAN.items()]
    arguments = (*NSPAWN, "--pipe", "-D", str(root), *isolation, *environment, *binds, "/bin/sh", "-c", f"exec 2>&1; {command}")
    done = subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    # What systemd-nspawn itself has to say is of interest only where it could not even start the command.
    return done if done.stdout or not done.returncode else subprocess.CompletedProcess(arguments, done.returncode, done.stderr)
