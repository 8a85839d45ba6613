"""The audit line: who did what, from where, on which job or node, and whether it was allowed; fields in the systemd journal."""

from __future__ import annotations

import logging
from dataclasses import dataclass

NAME = "prs.audit"
log = logging.getLogger(NAME)


@dataclass(frozen=True, slots=True)
class Deed:
    """One action that changes something. `client` is the address it came from, `local` on the machine itself; `refused` says why."""

    action: str
    caller: str
    client: str
    job: str = ""
    node: str = ""
    refused: str = ""

    @property
    def words(self) -> str:
        """The deed in one line."""
        what = " ".join(filter(None, [self.action, self.job and f"job {self.job[:12]}", self.node and f"node {self.node[:63]}"]))
        return f"{what} by {self.caller} from {self.client}: {self.refused or 'allowed'}"


def note(deed: Deed) -> None:
    """Write the line."""
    fields = {name: getattr(deed, name) for name in ("caller", "client", "action", "job", "node")}
    log.info("%s", deed.words, extra={**fields, "allowed": "no" if deed.refused else "yes"})
