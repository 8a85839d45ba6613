"""TLS towards the API: one context for every connection, and certificate errors in words that say what to do."""

from __future__ import annotations

import ssl
from typing import Any

from requests.adapters import HTTPAdapter

from prs.errors import Unreachable
from prs.pve.http.deadline import Connections

# OpenSSL's X509_V_ERR_* numbers (openssl/x509_vfy.h).
_UNKNOWN_CA = {18, 19, 20, 21}
_NOT_YET_VALID, _EXPIRED = 9, 10
_WRONG_NAME = {62, 64}


def context(verify: bool, ca_file: str) -> ssl.SSLContext:
    """The context for all connections; `ca_file` replaces the system's authorities. Unreachable if the file cannot be used."""
    try:
        made = ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise Unreachable(f"the CA file {ca_file} cannot be used: {getattr(error, 'strerror', '') or error}") from None
    # Cluster CAs made before pve-cluster 9.1.2 lack keyUsage, which Python 3.13's default context would reject.
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    # Lets the CA file hold a node's own certificate instead of the authority that signed it.
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


class TlsAdapter(HTTPAdapter):  # type: ignore[misc]  # requests carries no types
    """Makes requests use the given context and nothing else (requests would add its own list of authorities to it)."""

    def __init__(self, made: ssl.SSLContext) -> None:
        # urllib3 1.26 (Debian 12) cannot give OpenSSL an address to compare with; without this, every urllib3 compares names itself.
        made.check_hostname = False
        self._context, self.connections = made, Connections()
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Hand the context to urllib3's pools."""
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"https": self.connections.pool_class()}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave verification to the context."""
        conn.cert_reqs = "CERT_NONE" if self._context.verify_mode == ssl.CERT_NONE else "CERT_REQUIRED"
        conn.ca_certs = conn.ca_cert_dir = None

    def forget(self) -> None:
        """Close idle connections, so that the next request goes over a fresh one."""
        self.poolmanager.clear()


def wrong_name_words(place: str) -> str:
    """What to say of a certificate that is for other names."""
    return f"the certificate of {place} is for another name; use the host name or address that it was made for"


def certificate_words(error: ssl.SSLError, place: str, ca_file: str) -> str:
    """What is wrong with the certificate that `place` (host:port) showed, and what to do about it."""
    code = getattr(error, "verify_code", 0)
    if code in _UNKNOWN_CA:
        if ca_file:
            return (
                f"the certificate of {place} is not signed by the authority in {ca_file}; if the node has a certificate of its own "
                "(ACME or uploaded), leave the CA file out or give the one that signed it"
            )
        return f"the certificate of {place} is signed by an unknown authority; give /etc/pve/pve-root-ca.pem of the cluster as CA file"
    if code in _WRONG_NAME:
        return wrong_name_words(place)
    if code == _EXPIRED:
        return f"the certificate of {place} has expired; renew it (pvecm updatecerts, or ACME), or set this machine's clock"
    if code == _NOT_YET_VALID:
        return f"the certificate of {place} is not valid yet; set this machine's clock"
    return f"no TLS connection to {place}: {getattr(error, 'verify_message', '') or error.reason or error}"
