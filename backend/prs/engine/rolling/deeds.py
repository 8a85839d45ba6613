"""The audit lines of rolling maintenance, beside that of whoever began it: each reboot, hook of the site, job and flag of Ceph's is one."""

from __future__ import annotations

from dataclasses import dataclass

from prs import audit
from prs.engine.rolling.hooks import Hook

REFUSED = "refused by Proxmox VE"


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asked for the run `run`; `client` is `round` where services carry it out, `local` where a command does."""

    user: str
    client: str
    run: str

    def note(self, action: str, node: str, refused: str = "", job: str = "") -> None:
        """Something was done to a node for the run, or refused; `job` is that of the journal, where it is one."""
        about = f"for {self.run}" if job else ""
        audit.note(audit.Deed(action, self.user, self.client, job or self.run, node, refused, about))

    def hook(self, node: str, found: Hook) -> None:
        """One of the site's hooks has run, however it ended, or could not be run."""
        unable = found.state == "failed" and found.code is None
        self.note(f"hook-{found.stage}", node, "could not be run" if unable else "")
