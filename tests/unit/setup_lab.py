"""A stand-in for a node that `setup` is run on: its tools, its API and its prs.conf."""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import Any

from debianlab.pve_tools import Node
from prs.cli.call import Call
from prs.cli.verbs import setup
from prs.endpoint import Endpoint
from prs.errors import LoginFailed, Unreachable
from prs.setup.tools import Tools

SHIPPED = Path(__file__).resolve().parents[2] / "backend/prs.conf"
CHANGING = ("add", "modify", "delete", "remove", "create")


class Api:
    """Lets in whoever holds a token of the node, at the first address only."""

    def __init__(self, node: Node, endpoint: Endpoint, down: bool = False) -> None:
        self.node, self.endpoint, self.down, self.user, self.calls = node, endpoint, down, endpoint.user, 0

    def get(self, path: str, params: object = None) -> Any:
        if self.down:
            raise Unreachable("refuses the connection")
        if self.node.tokens.get(f"{self.endpoint.user}!{self.endpoint.token_name}") != self.endpoint.token_value:
            raise LoginFailed("authentication failure")
        if path.startswith("/cluster/firewall"):
            if self.firewall is None:
                raise Unreachable("no answer")
            return self.firewall(self.node, path)
        return {"version": "9.0.3"}

    firewall: Any = staticmethod(lambda node, path: node.pvesh("get", path, {}))


def changes(node: Node) -> list[tuple[str, ...]]:
    """The calls that changed something."""
    return [call for call in node.calls if any(word in CHANGING for word in call[1:4])]


class Lab:
    """A node, its prs.conf, and what the command prints."""

    def __init__(self, folder: Path) -> None:
        self.node, self.conf, self.down = Node(), folder / "prs.conf", False
        self.conf.write_text(SHIPPED.read_text())
        self.conf.chmod(0o640)

    def setup(self, *arguments: str) -> tuple[int, str]:
        """Run the verb; give its exit code and output."""
        given = {name: f"--{name}" in arguments for name in ("remove", "firewall", "reboot", "json")}
        options = argparse.Namespace(verb="setup", config=self.conf, **given)
        out = io.StringIO()
        call = Call(options, out, io.StringIO(), lambda endpoint: Api(self.node, endpoint, self.down))  # type: ignore[arg-type,return-value]
        return setup.act(call, Tools(self.node.run)), out.getvalue()
