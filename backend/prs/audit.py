"""The audit line: who did what, from where, on which job or node, and whether it was allowed; fields in the systemd journal."""

from __future__ import annotations

import logging
from dataclasses import dataclass

NAME = "prs.audit"
FIELDS = ("action", "caller", "client", "job", "node", "allowed")  # of a record, beside its text
log = logging.getLogger(NAME)
log.setLevel(logging.INFO)  # whatever log_level says: these lines are not for reading along


@dataclass(frozen=True, slots=True)
class Deed:
    """One action that changes something. `client` is the address it came from, `local` (a command), `schedule`
    or `round`; `refused` says why.
    """

    action: str
    caller: str
    client: str
    job: str = ""
    node: str = ""
    refused: str = ""
    about: str = ""  # what was changed, for those who read the line

    @property
    def words(self) -> str:
        """The deed in one line."""
        where = self.job and f"job {self.job[:12]}", self.node and f"node {self.node[:63]}"
        what = " ".join(filter(None, [self.action, *where, self.about]))
        return f"{what} by {self.caller} from {self.client}: {self.refused or 'allowed'}"


def named(action: str, verb: str) -> str:
    """The word for an action that steers: a job is paused, of a round it is said that it is one."""
    return f"{verb}-{action}" if action == "round" and verb else verb or action


def note(deed: Deed) -> None:
    """Write the line."""
    fields = {name: getattr(deed, name) for name in FIELDS[:-1]}
    log.info("%s", deed.words, extra={**fields, "allowed": "no" if deed.refused else "yes"})
