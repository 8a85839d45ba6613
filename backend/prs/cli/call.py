"""One call of the command line: its options and streams, and what every verb needs of them."""

from __future__ import annotations

import argparse
import json
import logging
import os
import pwd
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prs import audit, logs
from prs.cli.output import Output
from prs.codec import to_json
from prs.config.load import DEFAULT_PATH, Settings, load_settings
from prs.endpoint import Endpoint
from prs.errors import HelperError
from prs.pve.api import Api
from prs.terminal import Stream, Style, style_of, write

if TYPE_CHECKING:
    from prs.cli.progress import Lines, Live, Quiet

log = logging.getLogger(__name__)


_NOBODY = 2**32 - 1  # proc(5): no login stands behind this process, such as a timer's
_STARTED_AS = os.getuid()  # before root's rights are given up for those of the journal's owner (prs.engine.journal.ownership)


def logged_in(own: Path = Path("/proc/self/loginuid")) -> str:
    """The system's name of the user whose login this is (proc(5) loginuid, which sudo does not change), else of who started it."""
    number = _STARTED_AS
    with suppress(OSError, ValueError):
        found = int(own.read_text(encoding="ascii"))
        number = number if found == _NOBODY else found
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


@dataclass(frozen=True)
class Call:
    """What was asked for; `connect` logs in to Proxmox VE and is replaced in tests."""

    options: argparse.Namespace
    out: Stream
    err: Stream
    connect: Callable[[Endpoint], Api]

    @property
    def json(self) -> bool:
        """True when a program reads the output."""
        return bool(getattr(self.options, "json", False))

    @property
    def style(self) -> Style:
        """What the output can show."""
        return style_of(self.out)

    def settings(self, daemon: bool = False, offline: bool = False, quiet: bool = False) -> Settings:
        """Load the configuration, put the command line's options over it and set logging up; ConfigError with all mistakes.

        An `offline` verb does not need a configuration file unless one was named; a `quiet` one tells the warnings itself.
        """
        named: Path | None = self.options.config
        path = named or DEFAULT_PATH
        missing = offline and named is None and not path.exists()
        settings = self._with_options(Settings(path) if missing else load_settings(path, self.account()))
        self.set_up_logs(settings, self.err, daemon)
        for warning in () if quiet else (*settings.mistakes, *settings.warnings):
            log.warning("%s", warning)
        return settings

    def account(self) -> str:
        """The cluster's account, for whoever may read it; a helper that cannot tell is named in the log."""
        from prs.helper import client

        try:
            return client.account(socket.gethostname().split(".")[0], client.PVE, client.SOCKET)
        except HelperError as error:
            log.warning("%s", error)
            return ""

    def _with_options(self, settings: Settings) -> Settings:
        names = {"counted": "memory", "max_moves": "max_moves", "max_gib": "max_bytes", "containers": "containers"}
        given = {field: getattr(self.options, name, None) for name, field in names.items()}
        policy = replace(settings.policy, **{field: value for field, value in given.items() if value is not None})
        policy = policy.levelling(method) if (method := getattr(self.options, "method", None)) else policy
        relax = ("*",) if getattr(self.options, "relax", False) else tuple(getattr(self.options, "relax_rule", None) or ())
        policy = replace(policy, relax=relax) if relax else policy
        avoid, targets = (tuple(getattr(self.options, name, None) or ()) for name in ("avoid", "targets"))
        policy = replace(policy, avoid=avoid, targets=targets)
        rides, kill_after = getattr(self.options, "shut_down", None) or (), getattr(self.options, "kill_after", None) or 0
        policy = replace(policy, rides=rides, kill_after=kill_after) if rides else policy
        return replace(settings, policy=policy, dry_run=settings.dry_run or bool(getattr(self.options, "dry_run", False)))

    def set_up_logs(self, settings: Settings, stream: Stream, daemon: bool = False) -> None:
        """Log to the stream; a person who called a verb gets warnings only, because the verb itself shows what happens."""
        person = not daemon and logs.form_of(stream, os.environ, daemon) == "person"
        level = "warning" if person and settings.log_level == "info" else settings.log_level
        endpoint = settings.endpoint
        secrets = [endpoint.password, endpoint.token_value, endpoint.ticket, endpoint.csrf] if endpoint else []
        logs.set_up(level, stream, secrets, daemon)

    def note(self, action: str, job: str = "", node: str = "", about: str = "") -> None:
        """Leave an audit line, in the system's log even when a person reads ours; it names whom this login belongs to, also behind sudo."""
        from prs.helper.client import SOCKET
        from prs.helper.cluster_log import tell_cluster

        if audit.log.propagate and not any(isinstance(handler, logs.JournalHandler) for handler in logging.getLogger().handlers):
            if (handler := logs.audit_handler()) is not None:
                audit.log.addHandler(handler)
            audit.log.propagate = False
        tell_cluster(SOCKET)
        audit.note(audit.Deed(action, logged_in(), "local", job, node, about=about))

    def display(self, settings: Settings) -> Live | Lines | Quiet:
        """Choose how to show a running job; log lines then go above a display that is redrawn in place."""
        # Only who shows a job waits for what that loads; --help does not.
        from prs.cli.progress import Live, Quiet, display

        # In the journal each step is a log record already.
        if self.json or logs.form_of(self.err, os.environ, False) == "journal":
            return Quiet()
        shown = display(self.out)
        if isinstance(shown, Live):
            self.set_up_logs(settings, shown)
        return shown

    def out_ready(self) -> bool:
        """Whether writing to the output would not have to wait for its reader."""
        return self.out.ready() if isinstance(self.out, Output) else True

    def print(self, text: str) -> None:
        """Write text to the output."""
        write(self.out, text)

    def print_json(self, value: Any) -> None:
        """Write a value (also a dataclass of ours) to the output as JSON."""
        write(self.out, json.dumps(value, indent=2, default=to_json) + "\n")
