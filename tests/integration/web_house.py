"""A node's services for tests: the real gunicorn with TLS and the real daemon as processes, against the simulated cluster over HTTPS."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import pwd
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from fakepve.certs import make_cert

import lifeline
from integration.accepting import Accepting
from integration.releases import WEB, installed
from prs.engine.drain.shared_holds import FOLDER
from prs.helper import root
from simcluster.simserver import SimServer
from simcluster.world import World

BACKEND = Path(__file__).parents[2] / "backend"
PYTHON = sys.executable
TESTS = BACKEND.parent / "tests"
PREFIX = "/api/v1"


@dataclass
class Person:
    """A user or token with a session of their own; calls give (status, data or error, headers)."""

    url: str
    ca_file: str
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, body: object = None, **headers: str) -> requests.Response:
        """Send one request over a connection of its own."""
        given = {**self.headers, **headers}
        data = json.dumps(body).encode() if body is not None else None
        if data is not None:
            given.setdefault("Content-Type", "application/json")
        sent = {name: value for name, value in given.items() if value}
        with requests.Session() as session:
            session.trust_env = False
            place = f"{self.url}{PREFIX}{path}"
            # Read inside, so that the connection is closed as well when the service dies in the middle of its answer.
            with session.request(method, place, data=data, headers=sent, verify=self.ca_file, timeout=90, stream=True) as response:
                assert response.content is not None
                return response

    def get(self, path: str, **headers: str) -> Any:
        """The data of a GET that must succeed."""
        return _data(self.call("GET", path, **headers))

    def post(self, path: str, body: object = None, **headers: str) -> Any:
        """The data of a POST that must succeed."""
        return _data(self._in_the_end(self.call("POST", path, body, **headers)))

    def _in_the_end(self, response: requests.Response) -> requests.Response:
        """What comes of work that was not done within the half minute that a call waits: a busy machine is no failure."""
        while response.status_code == 202:
            response = self.call("GET", f"/answers/{response.json()['data']['later']}")
        return response

    def refused(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, str, str]:
        """(status, code, message and details) of a request that must be refused."""
        response = self._in_the_end(self.call(method, path, body, **headers))
        assert response.status_code >= 400, response.text
        error = response.json()["error"]
        assert set(error) == {"code", "message", "details"}
        return response.status_code, error["code"], " ".join([error["message"], *error["details"]])


def _data(response: requests.Response) -> Any:
    assert response.status_code < 300, f"{response.status_code} {response.text}"
    return response.json()["data"]


class House:
    """One node: its PVE files, configuration, journal, and the two services when they are started."""

    def __init__(self, folder: Path, server: SimServer, node: str = "pve1", port: int = 0, release: str = "Debian 13") -> None:
        """`release` is the one of Debian whose libraries the services run with."""
        self.folder, self.server, self.node = folder, server, node
        self._libraries = str(installed(release.lower().replace(" ", "-"), libraries)) if (libraries := WEB[release]) else ""
        self.origin, self.fast = time.time(), False
        self.address = server.addresses[node]
        self.port = port or free_port(self.address)
        self.state, self.run = folder / "state", folder / "run"
        self.pve, self.helper, self.inbox = folder / "pve", folder / "ha-helper.sock", folder / "inbox.sock"
        self._accepting: Accepting | None = None
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        for part in (self.state, self.run, self.pve / "local", self.pve / "nodes" / node):
            part.mkdir(parents=True)
        self.ca_file = self.renew_certificate()
        self.config = folder / "prs.conf"
        self.configure()

    def configure(self, more: str = "") -> None:
        """Write prs.conf; `more` is appended (to its [web] section)."""
        text = (
            f"[proxmox]\nca_file: {self.server.ca_file}\n[balancing]\ncontainers: 0\n"
            f"[service]\nstate_dir: {self.state}\nrun_dir: {self.run}\n"
            f"[web]\naddress: {self.address}\nport: {self.port}\napi_host: {self.address}:{self.server.port}\n{more}"
        )
        self.config.write_text(text)
        self.config.chmod(0o600)

    def suggests(self) -> None:
        """From now on the runs by schedule of this node's daemon, if it runs, only suggest; it is started again for that."""
        text = self.config.read_text().replace("automation: suggest\n", "")  # a test that is run once more asks for it again
        self.config.write_text(text.replace("[service]\n", "[service]\nautomation: suggest\n"))
        if "daemon" in self.processes:
            self.stop("daemon")
            self.start_daemon()

    def renew_certificate(self, stem: str = "pve-ssl") -> str:
        """Write a new certificate and key as PVE would; give the certificate's path, which is its own authority."""
        with tempfile.TemporaryDirectory() as folder:
            made, key, _ = make_cert(folder, hosts=(self.address, self.node))
            for source, name in ((key, f"{stem}.key"), (made, f"{stem}.pem")):
                target = self.pve / "local" / f"{name}.new"
                target.write_bytes(Path(source).read_bytes())
                target.rename(self.pve / "local" / name)
        return str(self.pve / "local" / f"{stem}.pem")

    @property
    def url(self) -> str:
        """Where the web service answers."""
        return f"https://{self.address}:{self.port}"

    def start_web(self, *arguments: str) -> None:
        """Start gunicorn, with its inbox, and wait until it answers."""
        self._start("web", self.web_command(*arguments))
        self.wait(lambda: self.anyone().call("GET", "/healthz").status_code == 200)

    def _start_inbox(self) -> None:
        if self._accepting is None:
            self._accepting = Accepting(self.inbox, [PYTHON, *self.inbox_command()], self._environment(), self.folder / "inbox.log")

    @property
    def socket(self) -> Path:
        """The unix socket for pveproxy, when the service was started with it."""
        return self.folder / "bridge.sock"

    def start_with_bridge(self, peer: str = "") -> None:
        """Start gunicorn with a listening unix socket from outside, as systemd does; processes of `peer` may speak there."""
        arguments = ("--bridge-peer", peer or pwd.getpwuid(os.getuid()).pw_name)
        self._start("web", [str(Path(__file__).with_name("socket_given.py")), str(self.socket), *self.web_command(*arguments)[1:]])
        self.wait(lambda: through(self.socket, "GET", "/healthz")["status"] == 200)

    def as_on_node(self, config: Path | None = None) -> list[str]:
        """Arguments for Python that run the command line as on this node, with its /etc/pve and its root helper."""
        places = (Path(__file__).with_name("on_node.py"), self.node, self.pve, self.helper)
        return [*map(str, places), "-c", str(config or self.config)]

    def web_command(self, *arguments: str) -> list[str]:
        """The web service's command line."""
        return ["-m", "prs.web.server.serve", "--inbox", str(self.inbox), "--node", self.node, "--pve", str(self.pve),
                "--pveproxy", str(self.folder / "pveproxy"), *arguments]  # fmt: skip

    def inbox_command(self) -> list[str]:
        """The command line that serves one request to the inbox."""
        return ["-m", "prs.web.inbox.serve", "-c", str(self.config), "--user", pwd.getpwuid(os.getuid()).pw_name, "--node", self.node,
                "--pve", str(self.pve), "--helper", str(self.helper)]  # fmt: skip

    def start_daemon(self) -> None:
        """Start the core daemon (if `fast`, living as fast as the cluster) and wait until it holds its lock."""
        pace = f"{self.server.speed if self.fast else 1.0},{self.origin}"
        self._start("daemon", [str(Path(__file__).with_name("dies.py")), pace, "never", "-c", str(self.config)])
        self.wait(lambda: self._daemon_holds_the_lock())

    def _daemon_holds_the_lock(self) -> bool:
        with (self.state / "executor.lock").open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def _start(self, name: str, command: list[str]) -> None:
        if name == "web":
            self._start_inbox()
        with (self.folder / f"{name}.log").open("ab") as log, lifeline.undisturbed():
            self.processes[name] = subprocess.Popen(
                [PYTHON, *command], stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self._environment(), start_new_session=True
            )

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": ":".join(filter(None, [self._libraries, str(BACKEND), str(TESTS)])), "PYTHONUNBUFFERED": "1"}

    def stop(self, name: str, number: int = 15) -> None:
        """Signal a service (with 9 its whole group, as a crash would) and wait for its end."""
        process = self.processes.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number) if number == 9 else process.send_signal(number)
        process.wait(30)
        if name == "web" and number == 9:
            self._wait_for_the_workers_end()

    def _wait_for_the_workers_end(self) -> None:
        """Until nobody listens: a worker that is still dying takes a connection and breaks it, and Python leaves that socket open."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex((self.address, self.port)) == errno.ECONNREFUSED:
                    return
            time.sleep(0.02)
        raise AssertionError(f"{self.address}:{self.port} is still listened to after kill -9")

    def log(self, name: str) -> str:
        """What a service has written so far; the inbox belongs to the web."""
        files = [self.folder / f"{part}.log" for part in ((name, "inbox") if name == "web" else (name,))]
        return "".join(path.read_text(errors="replace") for path in files if path.exists())

    def wait(self, ready: Callable[[], bool], seconds: float = 60.0) -> None:
        """Wait until `ready` is true; errors of a service that does not listen yet count as false."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(OSError, requests.RequestException):
                if ready():
                    return
            dead = [name for name, process in self.processes.items() if process.poll() is not None]
            assert not dead, f"{dead[0]} ended: {self.log(dead[0])}"
            time.sleep(0.05)
        raise AssertionError("not ready in time: " + " ".join(self.log(name) for name in self.processes))

    def anyone(self) -> Person:
        """A caller without a login."""
        return Person(self.url, self.ca_file)

    def log_in(self, user: str) -> Person:
        """A caller with a fresh ticket of the user, or with the token when the name is a token's."""
        secret = self.server.logins[user]
        if "!" in user:
            return Person(self.url, self.ca_file, {"Authorization": f"PVEAPIToken={user}={secret}"})
        form = {"username": user, "password": secret}
        place = f"https://{self.address}:{self.server.port}/api2/json/access/ticket"
        found = requests.post(place, data=form, verify=self.server.ca_file, timeout=120).json()["data"]
        headers = {"Authorization": f"PVEAuthCookie={found['ticket']}", "CSRFPreventionToken": found["CSRFPreventionToken"]}
        return Person(self.url, self.ca_file, headers)

    def close(self) -> None:
        """Stop what still runs."""
        for name in list(self.processes):
            self.stop(name)
        if self._accepting is not None:
            self._accepting.close()


def through(place: Path, method: str, path: str, body: object = None, **headers: str) -> Any:
    """What comes out of the unix socket for a request as the plugin in pveproxy writes it, {status, headers, answer}, late or soon."""
    found = at_once(place, method, path, body, **headers)
    while found["status"] == 202:
        found = at_once(place, "GET", f"/answers/{found['answer']['data']['later']}", **headers)
    return found


def at_once(place: Path, method: str, path: str, body: object = None, **headers: str) -> Any:
    """The same, but what is said first."""
    return json.loads(spoken(place, plugin_request(method, path, body, **headers)))["data"]


def plugin_request(method: str, path: str, body: object = None, **headers: str) -> bytes:
    """The bytes of a request as the plugin in pveproxy writes it."""
    data = b"" if body is None else json.dumps(body).encode()
    given = {**headers, **({"Content-Type": "application/json", "Content-Length": str(len(data))} if body is not None else {})}
    lines = [f"{method} {PREFIX}{path} HTTP/1.0", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join([*lines, "", ""]).encode() + data


def spoken(place: Path, data: bytes, seconds: float = 20.0) -> bytes:
    """Everything that the unix socket says to these bytes until it closes."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(place))  # waits while the queue of new connections is full
        sock.settimeout(seconds)
        with suppress(OSError):  # it may close before all is written
            sock.sendall(data)
        answer = b""
        with suppress(ConnectionResetError):
            while part := sock.recv(65536):
                answer += part
        return answer


@contextmanager
def house(folder: Path, world: World, speed: float = 1.0, auth_delay: float = 0.0, release: str = "Debian 13") -> Iterator[House]:
    """A served world with one house on its first node, no service started yet."""
    with SimServer(world, speed=speed, auth_delay=auth_delay) as server:
        found = House(folder, server, next(iter(world.nodes)), release=release)
        try:
            yield found
        finally:
            found.close()


def free_port(address: str) -> int:
    """A port nobody listens on at the address just now."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


class FakeHelper(threading.Thread):
    """Stands in for the root helper: HA's requests are carried out on the simulated cluster, holds by the helper's own code."""

    def __init__(self, path: Path, world: World, pve: Path) -> None:
        super().__init__(daemon=True)
        self._world, self.asked, self.logged = world, list[str](), list[str]()  # `logged`: for the cluster log
        self._places = root.Places(pve / "nodes", "false", pve / FOLDER, pve / "priv" / FOLDER)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()

    def run(self) -> None:
        """Serve until closed."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                line = connection.recv(500, socket.MSG_PEEK).decode()
                if line.startswith("log "):
                    self.logged.append(line)
                    continue
                self.asked.append(line)
                verb, *rest = line.split()
                if verb in ("enable", "disable"):
                    connection.recv(500)
                    self._world.ha_maintenance(rest[0], verb == "enable")
                    connection.sendall(b"ok\n")
                else:
                    connection.sendall(root.serve(connection, os.getuid(), self._places).encode())

    def close(self) -> None:
        """Stop serving."""
        self._listener.close()
