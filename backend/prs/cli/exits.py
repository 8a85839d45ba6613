"""The exit codes of the command line, as documented in its help."""

from __future__ import annotations

DONE, ERROR, USAGE, PARTIAL, INFEASIBLE, CANCELLED, FOUND = range(7)

MEANINGS = {
    DONE: "done as asked, or nothing to do",
    ERROR: "an error: Proxmox VE unreachable, login refused, journal not usable",
    USAGE: "wrong arguments, or mistakes in the configuration",
    PARTIAL: "some migrations failed, were skipped, or have an unknown outcome, or guests were left that could not leave",
    INFEASIBLE: "the node cannot be emptied, or a guest has no place; nothing was moved",
    CANCELLED: "cancelled, or left for `resume`, before everything was moved",
    FOUND: "check found problems",
}
