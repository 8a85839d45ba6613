"""Stands in for Proxmox VE's pveum and pvesh as far as `setup` uses them: in a test's own process, or as commands of a machine.

As a program it is called pveum or pvesh and keeps its state in the file beside it.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

STATE = ("roles", "users", "tokens", "grants", "firewall", "rules", "sets", "made", "addresses")


class Node:
    """A node's users, roles, tokens, grants and firewall, behind pveum and pvesh."""

    def __init__(self) -> None:
        self.roles: dict[str, str] = {"PVEAuditor": "VM.Audit"}
        self.users: dict[str, int] = {"root@pam": 1}
        self.tokens: dict[str, str] = {}
        self.grants: list[tuple[str, str, str]] = []
        self.firewall, self.rules, self.sets = 0, list[dict[str, Any]](), dict[str, str]()
        self.local = "pve1"
        self.addresses = {"pve3": "10.0.0.3", "pve1": "10.0.0.1", "pve2": "10.0.0.2"}
        self.certificates = [{"filename": "pve-root-ca.pem"}, {"filename": "pve-ssl.pem", "san": ["127.0.0.1", "pve1"]}]
        self.calls: list[tuple[str, ...]] = []
        self.made = 0
        self.broken, self.tasks = "-", list[dict[str, Any]]()  # a path at which pvesh dies; the rows of /cluster/tasks

    def run(self, command: Sequence[str]) -> tuple[int, str, str]:
        """Answer as the tools do; an unknown command fails the test."""
        self.calls.append(tuple(command))
        words = [word for word in command if word not in ("--output-format", "json")]
        place = 3 if words[1] in ("user",) and words[2] == "token" else 2
        options = {words[at][2:]: words[at + 1] for at in range(len(words) - 1) if words[at].startswith("--")}
        plain = [word for at, word in enumerate(words) if not word.startswith("--") and not words[at - 1].startswith("--")]
        if words[0] == "pvesh" and plain[2].startswith(self.broken):
            return 255, "", "proxmox_perl: undefined symbol"
        if words[0] == "pvesh":
            return 0, json.dumps(self.pvesh(words[1], plain[2], options)), ""
        answer = getattr(self, "_".join(words[1 : place + 1]))(*plain[place + 1 :], **options)
        return 0, json.dumps(answer), ""

    def pvesh(self, verb: str, path: str, options: dict[str, str]) -> Any:
        """The paths of the API that setup uses."""
        if (verb, path) == ("create", "/cluster/firewall/rules"):
            assert options["source"].lstrip("+") in self.sets, "no such ipset"
            return self.rules.insert(0, options)
        if (verb, path) == ("create", "/cluster/firewall/ipset"):
            return self.sets.__setitem__(options["name"], options["comment"])
        if verb == "delete" and "/rules/" in path:
            return self.rules.pop(int(path.rsplit("/", 1)[1])) and None
        if (verb, path) == ("delete", "/cluster/firewall/ipset/management"):
            return self.sets.pop("management") and None
        assert verb == "get", (verb, path)
        nodes = [{"type": "node", "name": name, "ip": ip, "local": int(name == self.local)} for name, ip in self.addresses.items()]
        return {
            "/cluster/status": [{"type": "cluster", "name": "lab"}, *nodes],
            **{f"/nodes/{name}/certificates/info": self.certificates[: None if name == "pve1" else 2] for name in self.addresses},
            "/cluster/tasks": self.tasks,
            "/cluster/firewall/options": {"enable": self.firewall},
            "/cluster/firewall/rules": [{**rule, "pos": at} for at, rule in enumerate(self.rules)],
            "/cluster/firewall/ipset": [{"name": name, "comment": comment} for name, comment in self.sets.items()],
            "/cluster/firewall/ipset/management": [],
        }[path]

    # Below: one method for each command of pveum, named after it.

    def role_list(self) -> Any:
        return [{"roleid": name, "privs": privileges} for name, privileges in self.roles.items()]

    def role_add(self, name: str, privs: str) -> None:
        assert name not in self.roles
        self.roles[name] = privs

    def role_modify(self, name: str, privs: str) -> None:
        self.roles[name] = privs

    def role_delete(self, name: str) -> None:
        assert not any(role == name for *_, role in self.grants)
        del self.roles[name]

    def user_list(self) -> Any:
        return [{"userid": name, "enable": enabled} for name, enabled in self.users.items()]

    def user_add(self, name: str, comment: str) -> None:
        assert name not in self.users
        self.users[name] = 1

    def user_delete(self, name: str) -> None:
        del self.users[name]

    def user_token_list(self, user: str) -> Any:
        assert user in self.users, "no such user"
        return [{"tokenid": name.split("!")[1]} for name in self.tokens if name.startswith(user + "!")]

    def user_token_add(self, user: str, name: str, privsep: str, comment: str) -> Any:
        assert f"{user}!{name}" not in self.tokens
        self.made += 1
        self.tokens[f"{user}!{name}"] = f"00000000-0000-0000-0000-{self.made:012}"
        return {"full-tokenid": f"{user}!{name}", "value": self.tokens[f"{user}!{name}"]}

    def user_token_remove(self, user: str, name: str) -> None:
        del self.tokens[f"{user}!{name}"]

    def acl_list(self) -> Any:
        return [{"path": "/", "type": kind, "ugid": holder, "roleid": role} for kind, holder, role in self.grants]

    def acl_modify(self, path: str, roles: str, users: str = "", tokens: str = "") -> None:
        self.grants.append(("user" if users else "token", users or tokens, roles))

    def acl_delete(self, path: str, roles: str, users: str = "", tokens: str = "") -> None:
        self.grants.remove(("user" if users else "token", users or tokens, roles))


def main() -> int:
    """Carry out one command on the state in the file."""
    file = Path(__file__).with_name("pve_tools.json")
    node = Node()
    node.local = socket.gethostname()
    node.addresses = {node.local: "127.0.0.1"}
    if file.exists():
        vars(node).update(json.loads(file.read_text()))
        node.grants = [(kind, holder, role) for kind, holder, role in node.grants]
    code, output, complaint = node.run([Path(sys.argv[0]).name, *sys.argv[1:]])
    file.write_text(json.dumps({name: getattr(node, name) for name in STATE}))
    sys.stdout.write(output)
    sys.stderr.write(complaint)
    return code


if __name__ == "__main__":
    sys.exit(main())
