"""The firewall rule that lets the management network reach the web interface's port, where Proxmox VE's firewall is on.

A rule may name an IP set only if it is defined, and the firewall adds the cluster's own network to the set `management`
by itself (pve-firewall src/PVE/Firewall.pm), so the set may stay empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from prs.setup.account import COMMENT
from prs.setup.tools import Tools

Ask = Callable[[str], Any]
RULES = "/cluster/firewall/rules"
SETS = "/cluster/firewall/ipset"
SET = "management"


def needed(ask: Ask, port: int) -> bool:
    """True when the firewall is on and no rule of ours opens the port; `ask` reads a path of the API."""
    options = ask("/cluster/firewall/options")
    return bool(int(options.get("enable", 0))) and not any(rule.get("dport") == str(port) for rule in _ours(ask))


def commands(ask: Ask, port: int) -> list[tuple[str, ...]]:
    """The commands that open the port to the management network."""
    found: list[tuple[str, ...]] = []
    if not any(entry["name"] == SET for entry in ask(SETS)):
        found.append(("pvesh", "create", SETS, "--name", SET, "--comment", COMMENT))
    rule = {"type": "in", "action": "ACCEPT", "proto": "tcp", "dport": str(port), "source": f"+{SET}", "enable": "1", "comment": COMMENT}
    found.append(("pvesh", "create", RULES, *(word for name, value in rule.items() for word in (f"--{name}", value))))
    return found


def remove(tools: Tools) -> Iterator[str]:
    """Delete our rules, and the IP set if we made it and it is still empty; say what was done."""
    while ours := _ours(tools.get):
        # One at a time: positions shift with each.
        tools.do("pvesh", "delete", f"{RULES}/{ours[0]['pos']}")
        yield f"removed the firewall rule for port {ours[0].get('dport')}"
    if any(entry["name"] == SET and entry.get("comment") == COMMENT for entry in tools.get(SETS)):
        used = any(SET in str(rule.get("source", "")) for rule in tools.get(RULES))
        if not used and not tools.get(f"{SETS}/{SET}"):
            tools.do("pvesh", "delete", f"{SETS}/{SET}")
            yield f"removed the empty IP set {SET}"


def _ours(ask: Ask) -> list[dict[str, Any]]:
    return [rule for rule in ask(RULES) if rule.get("comment") == COMMENT]
