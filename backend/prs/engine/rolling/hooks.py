"""The site's hooks around a node's maintenance as values: which stages there are, how one ended, and what that means for the run. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Stage = Literal["before-drain", "after-drain", "before-reboot", "after-boot"]
HookState = Literal["running", "done", "failed", "hung", "stopped", "unknown"]


@dataclass(frozen=True, slots=True)
class Hook:
    """One hook's run: `code` its exit status (null: none), `output` the last of what it said, `started` Unix time, `seconds` it took.

    `host` is the node that it ran on, where that is not always the same; "unknown": nobody has seen how it ended.
    """

    stage: Stage
    state: HookState = "running"
    code: int | None = None
    output: str = ""
    started: float = 0.0
    seconds: float = 0.0
    host: str = ""

    @property
    def trouble(self) -> str:
        """Why the run may not go on, in words; "" where it may."""
        if self.state == "done":
            return ""
        how = {"hung": f"did not end within {self.seconds / 60:.0f} minutes and was ended", "stopped": "was ended, as the user wanted",
               "unknown": f"was begun on {self.host}, and nobody has seen how it ended"}  # fmt: skip
        words = how.get(self.state) or ("could not be run" if self.code is None else f"ended with exit status {self.code}")
        lines = self.output.splitlines()
        return f"the site's hook {self.stage} {words}" + (f": {lines[-1][:300]}" if lines else "")


# Runs the stage's hook for a node, and ends it when the function says that the user wants an end; None where there is none. HelperError.
RunHook = Callable[[Stage, str, Callable[[], bool]], Hook | None]


def no_hooks(stage: Stage, node: str, stopped: Callable[[], bool]) -> Hook | None:
    """What runs hooks where there can be none."""
    return None
