"""Certificates as a cluster has them: its own authority (without keyUsage, as before pve-cluster 9.1.2) and what it signs."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


class Authority:
    """A cluster's CA; `file` holds its certificate."""

    def __init__(self, folder: Path, name: str = "Proxmox Virtual Environment") -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(self._name, self._name, self._key, 30 * DAY).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), True
        )
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def node(self, *names: str, lasts: datetime.timedelta = 30 * DAY) -> Path:
        """A file with key and certificate for the names and addresses; negative `lasts`: it has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        builder = _builder(subject, self._name, key, lasts).add_extension(
            x509.SubjectAlternativeName([_name(name) for name in names]), False
        )
        certificate = builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        plain = serialization.NoEncryption()
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, plain)
        stem = f"{names[0]}-{key.public_key().public_numbers().x % 2**32:08x}".replace(":", "_")
        (self._folder / f"{stem}.crt").write_bytes(certificate)
        found = self._folder / f"{stem}.pem"
        found.write_bytes(private + certificate)
        return found


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, lasts: datetime.timedelta) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    return made.serial_number(x509.random_serial_number()).not_valid_before(now - 60 * DAY).not_valid_after(now + lasts)


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
