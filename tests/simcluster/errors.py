"""What the simulated cluster raises."""

from __future__ import annotations


class Refused(Exception):
    """PVE's answer to a request that it did not carry out: HTTP status, its words, and its words by parameter for a 400."""

    def __init__(self, status: int, message: str, errors: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.errors = status, message, dict(errors or {})


class NoAnswer(Refused):
    """The connection is closed without any answer, and nothing was done."""

    def __init__(self) -> None:
        super().__init__(599, "Connection closed without an answer")


class SceneError(Exception):
    """A scene, scenario or fault is written wrongly; the text names the entry."""


def bad_parameter(**errors: str) -> Refused:
    """Give PVE's 400 for one or more parameters (pve-common PVE/Exception.pm raise_param_exc); `_` in a name stands for `-`."""
    return Refused(400, "Parameter verification failed.", {name.replace("_", "-"): text for name, text in errors.items()})


def denied(path: str, privilege: str) -> Refused:
    """Give PVE's 403 for a missing privilege."""
    return Refused(403, f"Permission check failed ({path}, {privilege})")


def no_config(node: str, kind: str, vmid: int) -> Refused:
    """Give PVE's 500 for a guest that is not on the node named in the path."""
    folder = "qemu-server" if kind == "qemu" else "lxc"
    return Refused(500, f"Configuration file 'nodes/{node}/{folder}/{vmid}.conf' does not exist")
