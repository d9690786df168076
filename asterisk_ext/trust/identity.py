"""What a node presents to the others, and whom it believes: its key, its certificate and the authority's."""

from __future__ import annotations

import hashlib
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from asterisk_ext.trust.authority import KEY_FORMAT, LIFE
from asterisk_ext.trust.files import private


class Home(msgspec.Struct, frozen=True):
    """Whom a node asks: the server that keeps the authority, and the embedded registry."""

    url: str
    keeper: str


@dataclass(frozen=True, slots=True)
class Request:
    """A new key, and the request to have it signed."""

    key: bytes
    text: str


def request_for(name: str) -> Request:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    asked = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return Request(key.private_bytes(*KEY_FORMAT), asked.public_bytes(serialization.Encoding.PEM).decode())


def fingerprint(pem: str) -> str:
    """SHA-256 of a certificate."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


class Identity:
    """The files below ``place``; both contexts take a renewed certificate up without a restart."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self.serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        for context in (self.serving, self.asking):
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            context.load_verify_locations(place / "authority.crt")
        # Who joins has no certificate yet; everything else asks for one.
        self.serving.verify_mode = ssl.CERT_OPTIONAL
        self._load()

    @property
    def authority(self) -> str:
        return (self._place / "authority.crt").read_text()

    @property
    def home(self) -> Home | None:
        """None on the server that keeps the authority itself."""
        file = self._place / "home.json"
        return msgspec.json.decode(file.read_bytes(), type=Home) if file.exists() else None

    def move_home(self, home: Home) -> None:
        """Ask another server from now on."""
        private(self._place / "home.json", msgspec.json.encode(home))

    def leave_home(self) -> None:
        """Be the server that is asked from now on."""
        (self._place / "home.json").unlink(missing_ok=True)

    @property
    def pem(self) -> tuple[bytes, bytes, bytes]:
        """The authority's certificate, ours, and its key."""
        own = (self._place / "node.pem").read_bytes()
        return self.authority.encode(), own, own

    def is_due(self, now: float) -> bool:
        """Whether a third of the certificate's life or less is left."""
        certificate = x509.load_pem_x509_certificate((self._place / "node.pem").read_bytes())
        return certificate.not_valid_after_utc.timestamp() - now < LIFE.total_seconds() / 3

    def is_for(self, address: str) -> bool:
        """Whether the certificate names this address: a call from another server's Asterisk goes to nobody else."""
        if not address:
            return True
        certificate = x509.load_pem_x509_certificate((self._place / "node.pem").read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return ipaddress.ip_address(address) in names.get_values_for_type(x509.IPAddress)

    def take_up(self) -> None:
        """Present what another process has written: the machine has joined anew."""
        if _written_at(self._place) != self._taken_up:
            self._load()

    def renew(self, key: bytes, certificate: str) -> None:
        _write(self._place, key, certificate)
        self._load()

    def _load(self) -> None:
        self._taken_up = _written_at(self._place)
        for context in (self.serving, self.asking):
            context.load_cert_chain(self._place / "node.pem")


def keep(place: Path, key: bytes, certificate: str, authority: str, home: Home | None) -> None:
    """Write a node's identity; the certificate comes last, since its presence says that the node has joined."""
    private(place / "authority.crt", authority.encode())
    if home is not None:
        private(place / "home.json", msgspec.json.encode(home))
    _write(place, key, certificate)


def has_joined(place: Path) -> bool:
    return (place / "node.pem").exists()


def _written_at(place: Path) -> int:
    return (place / "node.pem").stat().st_mtime_ns


def _write(place: Path, key: bytes, certificate: str) -> None:
    """Key and certificate in one file: never one of each."""
    private(place / "node.pem", certificate.encode() + key)
