"""The web service as a program: gunicorn with one worker of greenlets over the application, all settings from the inbox."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication

from prs.codec import from_json
from prs.config.load import Settings, Web
from prs.engine.daemon.systemd import Notifier
from prs.errors import ModelError
from prs.logs import set_up
from prs.model import Policy
from prs.web import certificate
from prs.web.access.allow_from import AccessRules, read_rules
from prs.web.api.refusal import Refusal
from prs.web.inbox.client import SOCKET, Inbox
from prs.web.pveproxy import own_api
from prs.web.server import bridge
from prs.web.server.log import Bounded, Log
from prs.web.site import PAGES, SHARED, Site

log = logging.getLogger(__name__)

_LOOK = 2.0  # seconds between two looks for what is waited for


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn is untyped
    """Asks for the settings at start and again at SIGHUP; a mistake in prs.conf ends the start, but not a running service."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._settings: Settings | None = None
        self._rules = AccessRules()
        self._inbox = Inbox(arguments.inbox)
        self._copied = certificate.Copied(arguments.pve / "local") if "CREDENTIALS_DIRECTORY" in os.environ else None
        super().__init__()

    def load_config(self) -> None:
        """Tell gunicorn what prs.conf says."""
        try:
            told = self._inbox.look("settings")
            web, policy = _trusting(from_json(Web, told["web"]), self._arguments.pve), from_json(Policy, told["policy"])
            self._settings = Settings(Path(), policy, log_level=told["log_level"], state_dir=Path(told["state_dir"]), web=web)
            self._rules = read_rules(self._arguments.pveproxy)
        except (Refusal, ModelError, ValueError) as error:
            if self._settings is None:
                raise
            log.error("%s; the old settings stay in force", error)
        settings = self._settings
        set_up(settings.log_level, sys.stderr, daemon=True)
        for handler in logging.getLogger().handlers:
            handler.addFilter(Bounded())
        for name, value in {
            "bind": _bind(settings.web) if settings.web.port else [], "worker_class": "prs.web.server.worker.Worker", "workers": 1,
            "limit_request_fields": 50, "timeout": 60, "graceful_timeout": 15, "backlog": 512,
            "worker_tmp_dir": "/dev/shm" if Path("/dev/shm").is_dir() else None, "logger_class": Log, "loglevel": settings.log_level,
            "forwarded_allow_ips": "", "proc_name": "prs-web", "sendfile": False,
            "pre_fork": _settle, "post_worker_init": _quiet, "worker_exit": _end,
        }.items():  # fmt: skip
            self.cfg.set(name, value)

    def reload(self) -> None:
        """SIGHUP. With another certificate the whole service has to start again, and before a new worker is on its way."""
        if self._copied is not None and self._copied.outdated():
            log.info("the node has another certificate: starting again with it")
            raise StopIteration  # gunicorn's master takes it for SIGTERM
        super().reload()

    def load(self) -> Any:
        """The application, in the worker: the master stays small."""
        from prs.pve.http.client import connect
        from prs.web.access.guard import Guard
        from prs.web.app import create_app
        from prs.web.context import Context
        from prs.web.server.worker import Worker

        settings, given = self._settings, self._arguments
        assert settings is not None
        local, authority = _files(given.pve)
        pair = certificate.choose(local)
        Worker.rules, Worker.contexts, Worker.copied = self._rules, certificate.Contexts(local), self._copied
        Worker.bridge, Worker.bridge_peers = given.bridge, bridge.peers(given.bridge_peer) if given.bridge is not None else frozenset()
        if not settings.web.port and given.bridge is None:
            log.warning("nobody can reach this service: [web] port is 0, and there is no way through Proxmox VE's own port")
        own = {"localhost", given.node.lower(), socket.gethostname().lower(), socket.getfqdn().lower()}
        names = frozenset(own | certificate.names(pair.certificate))
        shared = {name: Path(path) for name, path in SHARED.items()} | given.shared
        site = Site(given.node, authority, given.pages, shared)
        guard = Guard(names, settings.web.port, settings.web.origins)
        api = own_api(settings.web, local, authority, given.node)
        return create_app(Context(settings, api, connect, guard, site, self._inbox))


def _settle(server: Any, worker: Any) -> None:
    """What the master holds stays shared with the worker: its garbage collector would touch every page."""
    gc.collect()
    gc.freeze()


def _quiet(worker: Any) -> None:
    """Nothing a child process could inherit is left open, and new files are for this user only."""
    os.umask(0o077)
    logging.getLogger("urllib3").setLevel(logging.ERROR)


def _end(server: Any, worker: Any) -> None:
    """The worker's end without Python's own tidying up, in which gevent's locks are gone before logging has let go of them."""
    if worker.booted:
        logging.shutdown()
        os._exit(0)


def _bind(web: Web) -> str:
    address = web.address or ("[::]" if socket.has_dualstack_ipv6() else "0.0.0.0")
    return f"[{address}]:{web.port}" if ":" in address and not address.startswith("[") else f"{address}:{web.port}"


def _trusting(web: Web, pve: Path) -> Web:
    """The settings with an authority that this process can read: `setup` names the cluster's own, of which it has a copy."""
    if not web.api.ca_file or os.access(web.api.ca_file, os.R_OK):
        return web
    return replace(web, api=replace(web.api, ca_file=str(_files(pve)[1])))


def _files(pve: Path) -> tuple[Path, Path]:
    """Where certificate and key of this node are, and the cluster's authority: systemd's copies, as this process may not read the files."""
    copies = os.environ.get("CREDENTIALS_DIRECTORY")
    return (Path(copies), Path(copies) / "pve-root-ca.pem") if copies else (pve / "local", pve / "pve-root-ca.pem")


def _wait_for(pve: Path) -> None:
    """Return once this node's certificate is there; until then say in words what is waited for.

    SystemExit when there is one at last, but systemd has given no copy of it: it does so at a start only.
    """
    said, copied = "", certificate.Copied(pve / "local")
    while words := _missing(pve):
        if words != said:
            said = words
            set_up("info", sys.stderr, daemon=True)
            log.warning("waiting: %s", words)
            # Ready, because systemd would else end a start that takes long; the status tells the truth.
            Notifier().ready(f"waiting: {words}")
        time.sleep(_LOOK)
        if "CREDENTIALS_DIRECTORY" in os.environ and copied.outdated():
            raise SystemExit("starting again with the node's certificate")


def _missing(pve: Path) -> str:
    if not (pve / "local").is_dir():
        return f"{pve} is not mounted (systemctl status pve-cluster)"
    pair = certificate.choose(_files(pve)[0])
    unread = [str(path) for path in (pair.certificate, pair.key) if not (os.access(path, os.R_OK) and certificate.there(path))]
    return f"the node's certificate cannot be read: {', '.join(unread)}" if unread else ""


def _folder(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not equals or not name or not path:
        raise argparse.ArgumentTypeError("NAME=DIRECTORY is expected")
    return name.strip("/"), Path(path)


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop; gunicorn ends the program with status 1 when the configuration cannot be used."""
    parser = argparse.ArgumentParser(prog="prs-web", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--inbox", type=Path, default=SOCKET, help="socket of the inbox (default %(default)s)")
    parser.add_argument("--node", default=socket.gethostname().partition(".")[0], help="name of this node (default %(default)s)")
    parser.add_argument("--pve", type=Path, default=certificate.PVE, help="PVE's configuration file system (default %(default)s)")
    parser.add_argument("--pveproxy", type=Path, default=Path("/etc/default/pveproxy"), help="access rules (default %(default)s)")
    parser.add_argument("--pages", type=Path, default=PAGES, help="files of the stand-alone panel (default %(default)s)")
    words = "another home for a folder of PVE's web files, such as pve2/ext6"
    parser.add_argument("--shared", type=_folder, action="append", default=[], metavar="NAME=DIRECTORY", help=words)
    words = "user that may speak on the socket from systemd (default %(default)s)"
    parser.add_argument("--bridge-peer", default=bridge.PEER, metavar="USER", help=words)
    given = parser.parse_args(arguments)
    given.bridge = bridge.inherited(os.environ)  # type: ignore[arg-type]
    given.shared = dict(given.shared)
    _wait_for(given.pve)
    Server(given).run()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
