"""The certificate: the one pveproxy shows, followed through renewals and changes without a restart."""

from __future__ import annotations

import re
import ssl
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PVE = Path("/etc/pve")


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate with its chain, and its key."""

    certificate: Path
    key: Path


def choose(local: Path) -> Pair:
    """pveproxy-ssl when certificate and key are there, else pve-ssl (pve-manager PVE/Service/pveproxy.pm)."""
    custom = Pair(local / "pveproxy-ssl.pem", local / "pveproxy-ssl.key")
    if there(custom.certificate) and there(custom.key):
        return custom
    return Pair(local / "pve-ssl.pem", local / "pve-ssl.key")


def there(path: Path) -> bool:
    """Whether the file is there; a copy by systemd says `none` where there was no file to load."""
    try:
        return path.stat().st_size > len("none\n")
    except FileNotFoundError:
        return False


class Copied:
    """Tells whether the files at `source` have changed since this process got copies of them (systemd's LoadCredential)."""

    def __init__(self, source: Path) -> None:
        self._source = source
        self._seen = self._now()

    def outdated(self) -> bool:
        """True when the copies are of other files than those that are there now; half a pair does not count."""
        now = self._now()
        return now != self._seen and bool(now)

    def _now(self) -> tuple[object, ...]:
        """What the chosen pair looks like from outside: this process may not read it. Empty while there is none."""
        try:
            pair = choose(self._source)
            return pair, _stamp(pair.certificate), _stamp(pair.key)
        except OSError:
            return ()


class Contexts:
    """Gives the TLS context for new connections; it is made anew when the files, or the choice between them, have changed."""

    def __init__(self, local: Path) -> None:
        self._local, self._lock = local, threading.Lock()
        self._seen: tuple[object, ...] = ()
        self._context: ssl.SSLContext | None = None

    def get(self) -> ssl.SSLContext:
        """The context for a new connection; the old one while new files are incomplete. OSError (SSLError) if there never was one."""
        with self._lock:
            try:
                pair = choose(self._local)
                seen = (pair, _stamp(pair.certificate), _stamp(pair.key))
                if seen != self._seen:
                    self._context, self._seen = _load(pair), seen
            except OSError:
                # Certificate and key are replaced one after the other; in between they do not fit together.
                if self._context is None:
                    raise
            assert self._context is not None
            return self._context


def _load(pair: Pair) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(pair.certificate, pair.key)
    return context


def _stamp(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_ino, found.st_size


def names(certificate: Path) -> frozenset[str]:
    """The DNS names in the first certificate of a file, in small letters; empty when it cannot be read."""
    try:
        decoded: dict[str, Any] = ssl._ssl._test_decode_cert(str(certificate))  # type: ignore[attr-defined]  # what getpeercert uses
    except (OSError, ValueError):
        return frozenset()
    return frozenset(value.lower() for kind, value in decoded.get("subjectAltName", ()) if kind == "DNS")


def leaf(text: str) -> bytes:
    """The first certificate of a PEM text as DER; ValueError if there is none."""
    found = re.search(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", text, re.DOTALL)
    if not found:
        raise ValueError("there is no certificate")
    return ssl.PEM_cert_to_DER_cert(found[0])
