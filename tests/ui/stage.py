"""What the browser tests click on: a simulated cluster, a node's real services, and a page like PVE's with the panel in it."""

from __future__ import annotations

import json
import mimetypes
import shutil
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import requests

from integration.web_house import FakeHelper, House, house
from pveproxy import Answer, PveProxy
from simcluster.scenario import from_json
from simcluster.scenes import SMALL, add_accounts, large
from simcluster.world import World

HERE = Path(__file__).resolve().parent
BUILT = HERE.parents[1] / "build" / "ui"
FILES = BUILT / "js"
BELOW = "/api2/json/prs/"
APART = "plb_anti_affinity_web"
HOSTILE = "<img src=x onerror=hacked()>\"'&amp;</td>"


def make_world(scene: str) -> World:
    """Give the scene's cluster with the wall's time, so that times on the page are right."""
    if scene == "large":
        return large(32, 2000, start=time.time())
    data = json.loads(json.dumps(SMALL))
    if scene == "hostile":
        data["guests"]["101"]["name"] = HOSTILE
        data["guests"]["104"]["name"] = "\u202egnp.exe\u202d" + "x" * 200
        data["guests"]["104"]["tags"] = [HOSTILE]
    if scene == "rules":
        for vmid, tag in (("102", APART), ("108", APART), ("103", "plb_affinity_mail"), ("104", "plb_affinity_mail")):
            data["guests"][vmid]["tags"] = [*data["guests"][vmid].get("tags", ()), tag]
    if scene in ("ha", "rules"):
        rules = {"apart": {"resources": ["vm:101", "vm:107"], "affinity": "negative"}}
        data["ha"] = {"resources": ["vm:101", "vm:102", "vm:107"], "rules": rules}
    if scene == "apart":
        for vmid in ("102", "108", "111"):
            data["guests"][vmid]["tags"] = [APART]
    if scene == "stuck":
        data["guests"]["105"]["config"] = {"hostpci0": "0000:01:00.0"}
    return add_accounts(from_json(data, time.time()))


class Server(ThreadingHTTPServer):
    """Shakes hands in the thread of each connection: one that is slow to begin, as browsers open them in advance, holds up no other."""

    request_queue_size = 64
    daemon_threads = True


class Page(BaseHTTPRequestHandler):
    """Serves the page, the built panel and the libraries on PVE's port, and the one call of PVE's API that the panel makes there."""

    protocol_version = "HTTP/1.1"

    def __init__(self, stage: Stage, *arguments: Any) -> None:
        self._stage = stage
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """Send a file."""
        path = self.path.partition("?")[0]
        if path.startswith(BELOW):
            self._bridge()
            return
        if path == "/api2/json/nodes/localhost/certificates/info":
            body = json.dumps({"data": [{"filename": "pve-root-ca.pem", "pem": "-----BEGIN CERTIFICATE-----\n"}]}).encode()
            self._send(200, "application/json", body)
            return
        for prefix, folder in self._stage.folders.items():
            if path.startswith(prefix):
                file = (folder / path.removeprefix(prefix)).resolve()
                if file.is_file() and file.is_relative_to(folder):
                    self._send(200, mimetypes.guess_type(file.name)[0] or "application/octet-stream", file.read_bytes())
                    return
        self._send(404, "text/plain", b"no such file\n")

    def do_POST(self) -> None:
        """Only the bridge is posted to."""
        self._bridge()

    def _bridge(self) -> None:
        """Answer what is below /prs as pveproxy does: 501 without the plugin, else what the plugin gives, a stream without a length."""
        address = urlsplit(self.path)
        form = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        params = dict(parse_qsl(address.query)) | dict(parse_qsl(form))
        ticket = unquote(SimpleCookie(self.headers.get("Cookie", ""))["PVEAuthCookie"].value)
        found = self._stage.through_pveproxy(self.command, address.path, ticket, self.headers.get("CSRFPreventionToken", ""), params)
        if found is None or "stream" not in found.told:
            told = {"data": None, **(found.told if found else {"message": "not implemented"})}
            self._send(found.status if found else 501, "application/json", json.dumps(told).encode())
            return
        self.send_response(200)
        self.send_header("Content-Type", found.told["stream"])
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(found.stream)

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Stage:
    """The whole scene: where it answers, and what may happen in it."""

    def __init__(self, found: House, cache: Path, bridge: bool = False) -> None:
        self._house, self._world = found, found.server.world
        self.proxy = PveProxy(found.folder / "perl5", found.socket).install() if bridge else None
        self.speed = found.server.speed or 1.0  # of the cluster's time at the beginning
        self.passed: list[str] = []  # calls that came through pveproxy
        self.folders = {
            "/pve2/js/": FILES, "/pve2/ext6/": cache / "ext", "/pve2/fa/": cache / "fa",
            "/css/": HERE.parents[1] / "pve-ui" / "standalone",
            "/": HERE / "page",
        }  # fmt: skip
        self._shared = ["--pages", str(BUILT / "www"), "--shared", f"pve2/ext6={cache / 'ext'}", "--shared", f"pve2/fa={cache / 'fa'}",
                        "--shared", f"pwt={HERE / 'page'}"]  # fmt: skip
        self._helper = FakeHelper(found.helper, self._world, found.pve)
        self._server = Server((found.address, 8006), partial(Page, self))
        self.page, self.backend, self.port = f"https://{found.address}:8006/index.html", found.url, found.port

    def open(self) -> None:
        """Start everything."""
        local = self._house.pve / "local"
        for node in self._world.nodes:  # pmxcfs shows each node's folder, with its certificate, on all of them
            folder = self._house.pve / "nodes" / node
            folder.mkdir(exist_ok=True)
            shutil.copy(local / "pve-ssl.pem", folder)
        self._helper.start()
        self.start("daemon")
        self.start("web")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(local / "pve-ssl.pem", local / "pve-ssl.key")
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Serve the page no longer; the services end with their house."""
        self._server.shutdown()
        self._server.server_close()
        self._helper.close()

    def through_pveproxy(self, method: str, path: str, ticket: str, csrf: str, params: dict[str, str]) -> Answer | None:
        """What the plugin makes of a call of our path; None without it. PVE lets nobody in whose ticket or CSRF token is not good."""
        if self.proxy is None:
            return None
        headers = {"Cookie": f"PVEAuthCookie={quote(ticket, safe='')}", "CSRFPreventionToken": csrf}
        place = f"{self._house.server.url}/api2/json/version"
        if requests.request(method, place, headers=headers, verify=self._house.server.ca_file, timeout=120).status_code == 401:
            return Answer(401, {}, b"", "")
        self.passed.append(f"{method} {path}")
        return self.proxy.ask(method, path.removeprefix("/api2/json"), {"ticket": ticket, "token": csrf}, **params)

    def ticket(self, user: str) -> dict[str, str]:
        """Log the user in at PVE."""
        place = f"{self._house.server.url}/api2/json/access/ticket"
        form = {"username": user, "password": self._house.server.logins[user]}
        data = requests.post(place, data=form, verify=self._house.server.ca_file, timeout=120).json()["data"]
        return {"user": user, "ticket": data["ticket"], "csrf": data["CSRFPreventionToken"]}

    def pace(self, speed: float) -> None:
        """Let the cluster's time run so many times faster."""
        self._world.clock.pace(speed)

    def fault(self, **what: Any) -> None:
        """Break something, see simcluster/faults.py."""
        with self._world.clock.lock:
            self._world.faults.add(what)

    def homes(self) -> dict[str, str]:
        """Give the node of each guest by its number."""
        with self._world.clock.lock:
            return {str(vmid): guest.node for vmid, guest in self._world.guests.items()}

    def move(self, guest: int, target: str) -> None:
        """Somebody else has moved a guest."""
        with self._world.clock.lock:
            self._world.life.move(guest, target)

    def maintenance(self, node: str, on: bool = True) -> None:
        """Somebody has switched HA maintenance mode on or off."""
        with self._world.clock.lock:
            self._world.ha_maintenance(node, on)

    def stop(self, name: str) -> None:
        """End a service: web or daemon."""
        self._house.stop(name)

    def start(self, name: str) -> None:
        """Start a service again."""
        if name == "web" and self.proxy is not None:
            self._house.start_with_bridge()
        elif name == "web":
            self._house.start_web(*self._shared)
        else:
            self._house._start("daemon", self._house.as_on_node())
            self._house.wait(self._house._daemon_holds_the_lock)


@contextmanager
def open_stage(scene: str, speed: float, cache: Path, bridge: bool = False) -> Iterator[Stage]:
    """Open a scene (see make_world) that lives `speed` times as fast as the wall; `cache` is where ExtJS and Font Awesome are.

    With `bridge` the service has no port, and all calls go through pveproxy's plugin.
    """
    with tempfile.TemporaryDirectory(prefix="prs-ui-") as folder, house(Path(folder), make_world(scene), speed) as found:
        if bridge:
            found.port = 0
            found.configure()
        stage = Stage(found, cache, bridge)
        stage.open()
        try:
            yield stage
        finally:
            stage.close()
