"""The fleet's own authority: it signs what the nodes present to each other. Its key never leaves its server."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from asterisk_ext.domain.errors import Problem
from asterisk_ext.trust.files import private

BAD_REQUEST = Problem(
    "join.bad_request", 422, "This is no request for a certificate; nothing was signed.", "Run `node join` again."
)
YEARS = 20
LIFE = datetime.timedelta(days=30)
"""Of a node's certificate; it is renewed when a third is left."""
CLUSTER = "etcd@fleet"
CLUSTER_LIFE = datetime.timedelta(days=5 * 365)
"""Of the certificate of an etcd server, which nobody renews by itself."""
TOLERANCE = datetime.timedelta(days=1)
"""By so much may clocks differ."""


@dataclass(frozen=True, slots=True)
class Signed:
    pem: str
    serial: str
    """In hexadecimal, without leading zeros, as ``ssl`` tells a peer's."""


class Authority:
    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._key = key
        self._certificate = certificate

    @property
    def pem(self) -> str:
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def sign(self, request: str, name: str, address: str, now: float) -> Signed:
        """A certificate for the key of ``request``; the name and the address are ours to say, not the request's."""
        try:
            asked = x509.load_pem_x509_csr(request.encode())
        except ValueError:
            raise BAD_REQUEST.refuse() from None
        key = asked.public_key()
        if not asked.is_signature_valid or not isinstance(key, ec.EllipticCurvePublicKey):
            raise BAD_REQUEST.refuse()
        addresses = [x509.IPAddress(ipaddress.ip_address(address))] if address else []
        return self._signed(key, name, [x509.DNSName(name), *addresses], LIFE, now)

    def sign_for_cluster(self, key: ec.EllipticCurvePublicKey, addresses: Iterable[str], now: float) -> Signed:
        """A certificate for a server of an etcd cluster; its name can be no node's."""
        names = [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        return self._signed(key, CLUSTER, names, CLUSTER_LIFE, now)

    def _signed(
        self,
        key: ec.EllipticCurvePublicKey,
        name: str,
        names: Iterable[x509.GeneralName],
        life: datetime.timedelta,
        now: float,
    ) -> Signed:
        at, serial = datetime.datetime.fromtimestamp(now, datetime.UTC), x509.random_serial_number()
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_named(name))
            .issuer_name(self._certificate.subject)
            .public_key(key)
            .serial_number(serial)
            .not_valid_before(at - TOLERANCE)
            .not_valid_after(at + life)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return Signed(certificate.public_bytes(serialization.Encoding.PEM).decode(), f"{serial:x}")


def authority_at(place: Path, now: float) -> Authority:
    """The authority kept at ``place``, made there where there is none."""
    key_file, certificate_file = place / "authority.key", place / "authority.crt"
    if not certificate_file.exists():
        made = _make(now)
        private(key_file, made._key.private_bytes(*KEY_FORMAT))
        private(certificate_file, made.pem.encode())
    key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BAD_REQUEST.refuse()
    return Authority(key, x509.load_pem_x509_certificate(certificate_file.read_bytes()))


KEY_FORMAT = (
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
)


def _make(now: float) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    at, name = datetime.datetime.fromtimestamp(now, datetime.UTC), _named("asterisk-ext fleet authority")
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - TOLERANCE)
        .not_valid_after(at + datetime.timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(key, certificate)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
