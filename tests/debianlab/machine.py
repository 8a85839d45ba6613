"""A booted Debian with real systemd, without a virtual machine (systemd-nspawn), that sees the simulated cluster as its own pveproxy."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from debianlab.roots import CLEAN, NSPAWN

SHARED = "/run/shared-with-test"  # where the machine finds the folder shared with the test
WWW_DATA = 33  # the group's fixed number in Debian (base-passwd)
BOOT = 60.0  # seconds until a machine must be up


class Machine:
    """One booted machine; `shared` is a folder that the test and the machine both see."""

    def __init__(self, root: Path, shared: Path, leader: int) -> None:
        self.root, self.shared, self._leader = root, shared, leader

    def try_run(self, command: str, seconds: float = 120.0) -> tuple[int, str]:
        """Run a shell command in the machine and give its exit code and output."""
        inside = ("nsenter", f"--target={self._leader}", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wdns=/")
        arguments = (*inside, "/bin/sh", "-c", f"exec 2>&1; {command}")
        done = subprocess.run(arguments, env=CLEAN, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False)
        return done.returncode, done.stdout + done.stderr

    def run(self, command: str, seconds: float = 120.0) -> str:
        """Run a command that must succeed and give its output."""
        code, output = self.try_run(command, seconds)
        assert code == 0, f"{command}: exit {code}\n{output}"
        return output

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run(f"systemctl show --value -p {name} {unit}").strip()

    def wait(self, what: str, seen: Callable[[], bool], seconds: float = 60.0) -> None:
        """Wait until something is seen; on failure show the machine's log."""
        deadline = time.monotonic() + seconds
        while not seen():
            if time.monotonic() > deadline:
                raise AssertionError(f"not seen within {seconds:.0f} s: {what}\n{self.log()}")
            time.sleep(0.2)

    def wait_active(self, unit: str) -> None:
        """Wait until a unit is up."""
        self.wait(f"{unit} up", lambda: self.show(unit, "ActiveState") == "active", 30)

    def log(self) -> str:
        """The last lines of the machine's journal."""
        return self.try_run("journalctl --no-pager -n 60 -o cat")[1]


@contextmanager
def booted(root: Path, shared: Path, options: tuple[str, ...] = ("--private-network",), name: str = "pve1") -> Iterator[Machine]:
    """Boot the root file system and switch it off at the end; `options` are systemd-nspawn's."""
    own = ("--boot", "-D", str(root), "--console=read-only", "--resolv-conf=off", f"--hostname={name}")
    arguments = (*NSPAWN, *own, f"--bind={shared}:{SHARED}", *options)
    log = shared / "boot.log"
    with log.open("wb") as out:
        process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
    try:
        machine = Machine(root, shared, _leader(process, log))
        machine.wait("a booted machine", lambda: machine.try_run("systemctl is-system-running")[1].strip() in ("running", "degraded"), BOOT)
        yield machine
    finally:
        process.send_signal(signal.SIGTERM)  # an orderly power-off
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _leader(process: subprocess.Popen[bytes], log: Path) -> int:
    """The machine's first process: systemd-nspawn's child, once it is systemd."""
    deadline = time.monotonic() + BOOT
    while time.monotonic() < deadline and process.poll() is None:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for child in children:
            with contextlib.suppress(OSError):
                if Path(f"/proc/{child}/comm").read_text() == "systemd\n":
                    return int(child)
        time.sleep(0.05)
    raise AssertionError(f"the machine did not boot:\n{log.read_text(errors='replace')}")


@contextmanager
def network() -> Iterator[str]:
    """A network that consists of loopback alone, for several machines: the option with which they boot into it."""
    command = ("unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep infinity")
    with subprocess.Popen(command, env=CLEAN, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout
        try:
            assert process.stdout.readline() == b"up\n"
            yield f"--network-namespace-path=/proc/{process.pid}/ns/net"
        finally:
            process.kill()


@contextmanager
def passed_on(path: Path, host: str, port: int) -> Iterator[None]:
    """Listen on a socket at `path` and pass each connection on to host:port."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o666)
    listener.listen(64)
    threading.Thread(target=_accept, args=(listener, host, port), daemon=True).start()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        os.unlink(path)


def _accept(listener: socket.socket, host: str, port: int) -> None:
    while True:
        try:
            near, _ = listener.accept()
        except OSError:
            return  # closed at the end of the test
        threading.Thread(target=_connect, args=(near, host, port), daemon=True).start()


def _connect(near: socket.socket, host: str, port: int) -> None:
    with near, contextlib.suppress(OSError), socket.create_connection((host, port), 10) as far:
        far.settimeout(None)
        back = threading.Thread(target=_copy, args=(far, near), daemon=True)
        back.start()
        _copy(near, far)
        back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def node_files(root: Path, authority: Path, certificate: Path, key: Path) -> None:
    """Give the root file system what pmxcfs shows on a node: certificate, CA and the nodes, for root and group www-data."""
    node = root / "etc/pve/nodes/pve1"
    node.mkdir(parents=True)
    # pmxcfs shows every file as root:www-data, also those that come later.
    os.chown(root / "etc/pve", 0, WWW_DATA)
    (root / "etc/pve").chmod(0o2755)
    for name in ("pve2", "pve3"):
        (root / "etc/pve/nodes" / name).mkdir()
    (root / "etc/pve/local").symlink_to("nodes/pve1")
    places = {certificate: node / "pve-ssl.pem", key: node / "pve-ssl.key", authority: root / "etc/pve/pve-root-ca.pem"}
    for source, target in places.items():
        shutil.copyfile(source, target)
        os.chown(target, 0, WWW_DATA)
        target.chmod(0o640)
