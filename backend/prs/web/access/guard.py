"""What every request passes before anybody looks at it: host name, origin and size; and the headers every answer carries."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass

from prs.web.api.refusal import Refusal

BODY_LIMIT = 64 * 1024
PVE_PORT = 8006
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]{1,253})(?::([0-9]{1,5}))?")
_PAGE = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_DATA = "default-src 'none'; frame-ancestors 'none'"
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-site",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PUT",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, CSRFPreventionToken, If-None-Match",
    "Access-Control-Max-Age": "600",
}


@dataclass(frozen=True, slots=True)
class Guard:
    """`names` are this host's names in small letters, `*.` at the front stands for one label; `origins` other pages that may call."""

    names: frozenset[str]
    port: int
    origins: tuple[str, ...] = ()

    def host(self, header: str) -> str:
        """The host of the Host header if it is one of ours or a bare address (which cannot be rebound by DNS); else Refusal."""
        found = _HOST.fullmatch(header)
        if not found:
            raise Refusal(400, "host", "The Host header is missing or malformed.")
        name = found[1].lower().rstrip(".")
        known = name in self.names or f"*.{name.partition('.')[2]}" in self.names
        if not (known or _is_address(name) or self._configured(name)):
            raise Refusal(403, "host", "This service does not answer to the host name of the request.")
        return name

    def _configured(self, name: str) -> bool:
        return any(_HOST.fullmatch(origin.removeprefix("https://"))[1] == name for origin in self.origins)  # type: ignore[index]

    def origin(self, header: str | None, host: str) -> str:
        """The Origin header if pages from there may call: this host on PVE's port or ours, or a configured one; "" without one."""
        if header is None:
            return ""
        own = {f"https://{host}:{PVE_PORT}", f"https://{host}:{self.port}", *self.origins}
        if header not in own:
            raise Refusal(403, "origin", "Pages from this origin may not use the service; see [web] origins in prs.conf.")
        return header

    @staticmethod
    def body(length: int | None, encoding: str) -> None:
        """Refuse a body that is too large or of unknown length, before any of it is read."""
        if encoding:
            raise Refusal(413, "too_large", "A body in chunks is not accepted: send Content-Length.")
        if length is not None and length > BODY_LIMIT:
            raise Refusal(413, "too_large", f"The body is larger than {BODY_LIMIT // 1024} KiB.")


def preflight(origin: str) -> Mapping[str, str]:
    """The headers that answer a browser's question whether it may send a request."""
    return {**allow(origin), **_PREFLIGHT}


def allow(origin: str) -> Mapping[str, str]:
    """The headers that let a page read the answer; refusals carry them too, or the page could not tell why."""
    found = {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": "ETag, Retry-After"} if origin else {}
    return {**found, "Vary": "Origin, Authorization, Accept-Encoding"}


def security(page: bool) -> Mapping[str, str]:
    """The headers of every answer; `page` for what belongs to the stand-alone panel, which runs scripts of its own."""
    if page:
        return {**_ALWAYS, "Content-Security-Policy": _PAGE, "Cache-Control": "no-cache"}
    return {**_ALWAYS, "Content-Security-Policy": _DATA, "Cache-Control": "no-store"}


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
