"""Attackers that a handshake proves: REGISTERs over TCP, TLS, WebSocket and secure WebSocket, in IPv4 and IPv6."""

from __future__ import annotations

import base64
import os
import socket
import ssl
import struct
from dataclasses import dataclass

from tests.integration.guard_ground import Ground
from tests.integration.sip_raw import register, wrong_answer

PORTS = {"TCP": 5060, "TLS": 5061, "WS": 8088, "WSS": 8089}
PATIENCE = 10.0
"""Seconds that TCP needs at most to get a request through a stranger's limit, one segment a second."""
SILENCE = 5.0
"""Seconds without an answer after which a node is held to be silent; of a stranger who has failed, TCP repeats what is
lost for three."""
_TEXT, _MASKED = 0x81, 0x80


@dataclass(frozen=True)
class Way:
    """A transport and a family of addresses."""

    transport: str
    ipv6: bool

    def __str__(self) -> str:
        return f"{self.transport} over {'IPv6' if self.ipv6 else 'IPv4'}"


class StreamGuesser:
    """Guesses passwords over one connection; connects anew when the node hangs up."""

    def __init__(self, ground: Ground, way: Way, machine: str, own: str, node: str, account: str) -> None:
        self._ground, self._way, self._machine = ground, way, machine
        self._own, self._node, self._account = own, node, account
        self._socket: socket.socket | None = None
        self._patience = PATIENCE

    def guess(self, patience: float = PATIENCE) -> bool:
        """One challenge and one wrong answer to it; false when the node is silent for ``patience`` seconds."""
        self._patience = patience
        try:
            if self._socket is None:
                self._connect()
            challenge = self._ask("")
            return bool(challenge) and bool(self._ask(wrong_answer(self._account, self._host, challenge)))
        except (TimeoutError, ConnectionError):
            self.close()
            return False

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    @property
    def _host(self) -> str:
        return f"[{self._node}]" if self._way.ipv6 else self._node

    def _connect(self) -> None:
        family = socket.AF_INET6 if self._way.ipv6 else socket.AF_INET
        opened = self._socket = self._ground.inside(self._machine, lambda: socket.socket(family))
        opened.settimeout(self._patience)
        opened.bind((self._own, 0))
        opened.connect((self._node, PORTS[self._way.transport]))
        if self._way.transport in ("TLS", "WSS"):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            opened = self._socket = context.wrap_socket(opened)
        if self._way.transport in ("WS", "WSS"):
            _upgrade(opened, self._host)

    def _ask(self, authorization: str) -> bytes:
        assert self._socket is not None
        self._socket.settimeout(self._patience)
        sender = f"[{self._own}]" if self._way.ipv6 else self._own
        text = register(self._host, self._account, sender, authorization=authorization)
        text = text.replace(b"SIP/2.0/UDP", b"SIP/2.0/" + self._way.transport.encode(), 1)
        self._socket.sendall(_frame(text) if self._way.transport in ("WS", "WSS") else text)
        return self._socket.recv(65535)


def _upgrade(stream: socket.socket, host: str) -> None:
    """RFC 6455 section 4, with SIP's subprotocol of RFC 7118."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        "GET /ws HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Protocol: sip",
        "Sec-WebSocket-Version: 13",
        "",
        "",
    ]
    stream.sendall("\r\n".join(lines).encode())
    answer = stream.recv(65535)
    assert answer.startswith(b"HTTP/1.1 101"), answer


def _frame(text: bytes) -> bytes:
    """One masked text frame (RFC 6455 section 5.2); a mask of zeros leaves the text as it is."""
    return struct.pack("!BBH", _TEXT, _MASKED | 126, len(text)) + bytes(4) + text
