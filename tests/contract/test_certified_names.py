"""The names in a server's certificate, as a TLS handshake shows them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from asterisk_ext.domain.server import Server, Technology
from asterisk_ext.names.certified import certified_names

HERE = Server(id=1, name="node1", technology=Technology.NODE, ip="127.0.0.1")


def _certificate(place: Path, names: list[str]) -> Path:
    from datetime import UTC, datetime, timedelta

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, raw = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file = place / "node.pem"
    file.write_bytes(made.public_bytes(pem) + key.private_bytes(pem, raw, serialization.NoEncryption()))
    return file


@asynccontextmanager
async def listening(context: ssl.SSLContext | None) -> AsyncIterator[int]:
    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_the_names_of_a_certificate_are_read_whoever_signed_it(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(tmp_path, ["*.example.net", "b.example.org"]))
    async with listening(context) as port:
        assert await certified_names(HERE, (port,)) == ("*.example.net", "b.example.org")


async def test_a_server_without_tls_has_no_names_and_one_that_says_nothing_sensible_is_unknown() -> None:
    async with listening(None) as port:
        pass
    assert await certified_names(HERE, (port,)) == ()
    unreachable = Server(id=1, name="gone", technology=Technology.NODE, ip="0.0.0.1")
    assert await certified_names(unreachable, (port,)) is None


async def test_a_server_that_keeps_its_connections_open_is_not_waited_for(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(tmp_path, ["*.example.net"]))
    deaf = asyncio.Event()

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await deaf.wait()
        writer.transport.abort()

    server = await asyncio.start_server(hear, "127.0.0.1", 0, ssl=context)
    async with asyncio.timeout(20):
        assert await certified_names(HERE, (server.sockets[0].getsockname()[1],)) == ("*.example.net",)
    deaf.set()
    server.close()
