"""What an etcd cluster needs to know the fleet's nodes by their certificates, and to be known by them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from asterisk_ext.trust.authority import CLUSTER, KEY_FORMAT, Authority
from asterisk_ext.trust.files import private

FILES = ("etcd.key", "etcd.crt", "authority.crt")


def furnish(authority: Authority, addresses: Iterable[str], place: Path, now: float) -> None:
    """Write ``FILES`` at ``place`` for the server of the cluster that listens at ``addresses``."""
    key = ec.generate_private_key(ec.SECP256R1())
    signed = authority.sign_for_cluster(key.public_key(), addresses, now)
    contents = (key.private_bytes(*KEY_FORMAT), signed.pem.encode(), authority.pem.encode())
    for name, content in zip(FILES, contents, strict=True):
        private(place / name, content)


def options(place: Path) -> list[str]:
    """Of etcd, so that it takes the fleet's nodes only, and only its own servers as members."""
    key, certificate, authority = (place / name for name in FILES)
    return [
        *(f"--cert-file={certificate}", f"--key-file={key}"),
        *("--client-cert-auth=true", f"--trusted-ca-file={authority}"),
        *(f"--peer-cert-file={certificate}", f"--peer-key-file={key}"),
        *("--peer-client-cert-auth=true", f"--peer-trusted-ca-file={authority}", f"--peer-cert-allowed-cn={CLUSTER}"),
    ]
