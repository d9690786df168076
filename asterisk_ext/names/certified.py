"""For what names a server's SIP over TLS, or WebSocket, shows a certificate."""

from __future__ import annotations

import asyncio
import ssl

from cryptography import x509

from asterisk_ext.domain.server import Server

PORTS = (5061, 8089)
"""SIP over TLS, and Asterisk's HTTPS that WebRTC comes by."""
PATIENCE = 1.0
"""Seconds; a page waits for it."""


async def certified_names(server: Server, ports: tuple[int, ...] = PORTS) -> tuple[str, ...] | None:
    """All names of its certificates; none where it speaks no TLS, None where it did not answer in time."""
    found = await asyncio.gather(*(_names(server.ip, port) for port in ports))
    if any(names is None for names in found):
        return None
    return tuple(sorted({name for names in found for name in names or ()}))


async def _names(host: str, port: int) -> tuple[str, ...] | None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Whoever signed it is the phones' affair: here only what it says is read.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(PATIENCE):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except ConnectionRefusedError:
        return ()
    except (OSError, TimeoutError):
        return None
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    # A farewell would wait half a minute for the other side's.
    writer.transport.abort()
    return _read(shown)


def _read(certificate: bytes) -> tuple[str, ...]:
    try:
        extensions = x509.load_der_x509_certificate(certificate).extensions
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return ()
    return tuple(names.get_values_for_type(x509.DNSName))
