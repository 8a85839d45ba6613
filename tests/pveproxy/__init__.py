"""The plugin that goes into pveproxy, run by Debian's Perl among small stand-ins of the PVE classes it meets (perl5/)."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PLUGIN = HERE.parents[1] / "bridge" / "perl5"
PERL = "/usr/bin/perl"


@dataclass(frozen=True)
class Answer:
    """What pveproxy sends: its own status, and the stream behind it where there is one; `warnings` are the daemon's own."""

    status: int
    told: dict[str, Any]
    stream: bytes
    warnings: str

    @property
    def inner(self) -> Any:
        """{status, headers, answer} of the service."""
        assert self.told.get("stream") == "application/json", self
        return json.loads(self.stream)["data"]


@dataclass(frozen=True)
class PveProxy:
    """One pveproxy whose directory for plugins is below `perl5`; `name` is that of the daemon, `release` PVE's main version."""

    perl5: Path
    socket: Path | str = ""
    release: int = 9
    name: str = "pveproxy"

    @property
    def plugins(self) -> Path:
        """Where storage plugins of others lie."""
        return self.perl5 / "PVE" / "Storage" / "Custom"

    def install(self) -> PveProxy:
        """Put the plugin there."""
        shutil.copytree(PLUGIN, self.plugins, dirs_exist_ok=True)
        return self

    def ask(self, method: str, path: str, auth: dict[str, str] | None = None, client: str = "198.51.100.7", **params: Any) -> Answer:
        """What is answered to a request whose caller has been let in with `auth` ({ticket, token} or {api_token})."""
        program = HERE / "pveproxy"
        if self.name != "pveproxy":
            program = Path(shutil.copy(program, self.perl5 / self.name))
        asked = {"method": method, "path": path, "params": params, "auth": auth or {}, "client": client, "socket": str(self.socket)}
        done = subprocess.run(
            [PERL, "-T", "-I", str(self.perl5), "-I", str(HERE / "perl5"), str(program)], input=json.dumps(asked).encode(),
            capture_output=True, env={"PVE_RELEASE": str(self.release)}, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        head, _, stream = done.stdout.partition(b"\n")
        told = json.loads(head)
        return Answer(told["status"], told, stream, done.stderr.decode())


def login(headers: dict[str, str]) -> dict[str, str]:
    """What pveproxy has found in the headers of a caller: the ticket or token, and the CSRF token."""
    scheme, _, secret = headers["Authorization"].partition("=")
    if scheme == "PVEAPIToken":
        return {"api_token": secret}
    return {"ticket": secret, "token": headers["CSRFPreventionToken"]}
