"""A request to the inbox and its answer: one line of JSON each way. What is read here came from a process that may no longer be itself."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from prs.codec import from_json, to_json
from prs.errors import ModelError
from prs.web.api.parse import parse
from prs.web.api.refusal import Refusal

REQUEST = 128 * 1024  # bytes of a request: a body of 64 KiB and a ticket
ANSWER = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Message:
    """What is asked: the caller's own headers, `client` the address it came from, `arguments` as the action describes them."""

    action: str
    authorization: str = field(default="", repr=False)
    csrf: str = field(default="", repr=False)
    client: str = ""
    arguments: str = "{}"  # JSON


def packed(message: Message) -> bytes:
    """The request as it is sent."""
    return json.dumps(to_json(message)).encode() + b"\n"


def unpacked(line: bytes) -> tuple[Message, Any]:
    """The request and its arguments; Refusal for anything else."""
    try:
        if not line.endswith(b"\n") or len(line) > REQUEST:
            raise ValueError("is no line")
        message = from_json(Message, parse(line))
        return message, parse(message.arguments.encode())
    except (ValueError, ModelError):
        raise Refusal(400, "invalid", "The request to the inbox is not as described.") from None


def answered(value: Any) -> bytes:
    """A good answer."""
    return json.dumps({"value": value}).encode() + b"\n"


class Told(Refusal):
    """A refusal of which the inbox has written an audit line."""


def refused(why: Refusal, told: bool) -> bytes:
    """An answer that says why there is none."""
    return json.dumps({"refused": [why.status, why.code, why.message, why.details, why.retry], "told": told}).encode() + b"\n"


def value_of(line: bytes) -> Any:
    """What the answer holds; Refusal with what it says, or 500 when there is none: the inbox's log then says more."""
    try:
        found = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        found = None
    if isinstance(found, dict) and "refused" in found:
        status, code, message, details, retry = found["refused"]
        raise (Told if found.get("told") else Refusal)(status, code, message, details, retry)
    if not isinstance(found, dict) or "value" not in found:
        raise Refusal(500, "fault", "The service made a mistake; its log says more.")
    return found["value"]
