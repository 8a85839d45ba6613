"""One host of the list: does its name resolve, does it answer on the port, does its certificate hold."""

from __future__ import annotations

import socket
import ssl
import time

from prs.endpoint import Endpoint
from prs.errors import Unreachable
from prs.pve.check.findings import Finding
from prs.pve.http.hosts import host_and_port
from prs.pve.http.tls import certificate_words, context
from prs.pve.http.transport import CONNECT

SOON = 14 * 86400.0  # seconds before its end from which a certificate is worth a word


def check_host(text: str, endpoint: Endpoint) -> list[Finding]:
    """Name resolution, TCP and TLS of one host, up to the first that fails."""
    try:
        host, port = host_and_port(text)
    except ValueError as error:
        return [Finding(f"host {text}", False, str(error), "correct api_host")]
    try:
        addresses = sorted({str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)})
    except (OSError, UnicodeError) as error:
        words = f"the name {host} cannot be resolved ({getattr(error, 'strerror', '') or error})"
        return [Finding(f"name {host}", False, words, "correct api_host, DNS or /etc/hosts")]
    findings = [Finding(f"name {host}", True, f"{host} is {', '.join(addresses)}")]
    limit = min(endpoint.timeout, CONNECT)
    try:
        connection = socket.create_connection((host, port), timeout=limit)
    except OSError as error:
        return [*findings, _no_connection(host, port, error)]
    with connection:
        findings.append(Finding(f"port {host}", True, f"{host} accepts connections on port {port}"))
        return [*findings, _tls(connection, host, port, endpoint)]


def _no_connection(host: str, port: int, error: OSError) -> Finding:
    name = f"port {host}"
    if isinstance(error, ConnectionRefusedError):
        return Finding(name, False, f"{host} refuses connections on port {port}", "start pveproxy there, or correct the port")
    if isinstance(error, TimeoutError):
        return Finding(name, False, f"{host} does not answer on port {port}", "is the host up, and does a firewall let this port through?")
    return Finding(name, False, f"no connection to {host} port {port}: {error.strerror or error}", "check the network between the machines")


def _tls(connection: socket.socket, host: str, port: int, endpoint: Endpoint) -> Finding:
    name, place = f"TLS {host}", f"{host}:{port}"
    try:
        made = context(endpoint.verify, endpoint.ca_file)
        with made.wrap_socket(connection, server_hostname=host) as wrapped:
            ends = (wrapped.getpeercert() or {}).get("notAfter")
    except Unreachable as error:
        return Finding(name, False, str(error), "correct the CA file's path; it must be readable for the service")
    except ssl.SSLError as error:
        return Finding(name, False, certificate_words(error, place, endpoint.ca_file), "see there; verify_ssl: 0 would accept anybody")
    except OSError as error:
        return Finding(name, False, f"{place} does not speak TLS: {error.strerror or error}", "is this pveproxy's port?")
    if not endpoint.verify:
        words = f"the certificate of {place} is not verified: anybody in between could take the password"
        return Finding(name, None, words, "set verify_ssl: 1 and give the cluster's CA file")
    until = ssl.cert_time_to_seconds(str(ends))
    day = time.strftime("%Y-%m-%d", time.gmtime(until))
    if until - time.time() < SOON:
        return Finding(name, None, f"the certificate of {place} ends on {day}", "renew it: pvecm updatecerts, or ACME")
    return Finding(name, True, f"{place} shows a certificate that holds until {day}")
