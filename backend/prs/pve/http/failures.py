"""What went wrong on the way to PVE or in its answer, as the product's errors; no text here ever holds a request's headers or body."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import requests

from prs.errors import ApiError, LoginFailed, PveError, Unreachable
from prs.pve.http.tls import certificate_words, wrong_name_words


class HostFailed(Exception):
    """A host of the list gave no usable answer. `sent`: the request may have reached it; `stale`: a kept-alive connection broke."""

    def __init__(self, words: str, sent: bool, stale: bool = False) -> None:
        super().__init__(words)
        self.sent, self.stale = sent, stale


def on_the_way(error: Exception, place: str, timeout: float, ca_file: str) -> HostFailed:
    """A transport error of requests or urllib3 in words."""
    roots = list(_chain(error))
    for root in roots:
        if isinstance(root, socket.gaierror):
            return HostFailed(f"the name of {place} cannot be resolved", sent=False)
        if isinstance(root, ssl.SSLCertVerificationError):
            return HostFailed(certificate_words(root, place, ca_file), sent=False)
        if isinstance(root, ConnectionRefusedError):
            return HostFailed(f"{place} refuses the connection (is pveproxy running there?)", sent=False)
    names = {type(root).__name__ for root in roots}
    if "CertificateError" in names:  # urllib3.util.ssl_match_hostname, in no public place of all its releases
        return HostFailed(wrong_name_words(place), sent=False)
    if isinstance(error, requests.ConnectTimeout) or "NewConnectionError" in names:
        return HostFailed(f"{place} cannot be reached (host down, or a firewall in between)", sent=False)
    if isinstance(error, requests.Timeout) or "ReadTimeoutError" in names:
        return HostFailed(f"{place} did not answer within {timeout:g} seconds", sent=True)
    tls = next((root for root in roots if isinstance(root, ssl.SSLError)), None)
    if tls is not None:
        return HostFailed(f"no TLS connection to {place}: {tls.reason or 'closed'} (does an HTTPS server answer on this port?)", sent=True)
    return HostFailed(f"{place} closed the connection without an answer", sent=True, stale=True)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it wraps; urllib3 hides the cause in args, reason, cause or context depending on its release."""
    todo: list[Any] = [error]
    seen: set[int] = set()
    while todo:
        item = todo.pop(0)
        if isinstance(item, BaseException) and id(item) not in seen:
            seen.add(id(item))
            yield item
            todo += [item.__cause__, item.__context__, getattr(item, "reason", None), *item.args]


def in_the_answer(response: requests.Response, place: str, user: str) -> PveError | HostFailed | None:
    """None for a good answer of the API ({"data": ...}); else what to raise."""
    status = response.status_code
    if 200 <= status < 300:
        if "data" in _json(response):
            return None
        return HostFailed(f"{place} gave an answer that is not one of Proxmox VE's API", sent=True)
    if 300 <= status < 400 or status in (502, 503, 504):
        return HostFailed(f"{place} answered {status} {_reason(response)}: this is not Proxmox VE's API itself", sent=True)
    if status == HTTPStatus.UNAUTHORIZED:
        return LoginFailed(f"PVE refuses the login of {user}: {_message(response)}")
    if status >= 595:
        return Unreachable(f"{place} got no answer from the node: {_message(response)} ({status})")
    errors = _json(response).get("errors")
    named = {str(name): _clean(str(words)) for name, words in errors.items()} if isinstance(errors, dict) else {}
    return ApiError(status, _message(response), named)


def _json(response: requests.Response) -> dict[str, Any]:
    try:
        body = json.loads(response.content, parse_constant=_no_number)
    except (ValueError, RecursionError):  # thousands of nested lists are no answer of PVE either
        return {}
    return body if isinstance(body, dict) else {}


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")


def _clean(words: str) -> str:
    """The words without halves of surrogate pairs, which nothing could write on."""
    return words.strip().encode("utf-8", "replace").decode()


def _message(response: requests.Response) -> str:
    """PVE's words: the body's message (all lines; since http-server 5.2.0), else the reason phrase (the first line)."""
    message = _json(response).get("message")
    words = _clean(message) if isinstance(message, str) else ""
    return words or _reason(response) or f"HTTP status {response.status_code}"


def _reason(response: requests.Response) -> str:
    reason = response.reason or ""
    if isinstance(reason, bytes):
        return reason.decode("utf-8", "replace")
    try:
        return reason.encode("latin-1").decode("utf-8")  # http.client reads PVE's UTF-8 as Latin-1
    except UnicodeError:
        return reason
