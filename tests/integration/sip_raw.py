"""REGISTERs as attackers write them: message texts, wrong guesses, forged packets."""

from __future__ import annotations

import itertools
import re
import socket
from collections.abc import Sequence

from tests.integration.sip_phone import md5

SIP_PORT = 5060
REPEATS = (0.5, 1.0, 1.5)
"""Seconds after which a request is sent again: a stranger's gets through within the second."""
_serial = itertools.count(1)


def register(
    node: str, account: str, sender: str, *, port: int = SIP_PORT, call_id: str = "", authorization: str = ""
) -> bytes:
    """A REGISTER; every text goes in as it is."""
    number = next(_serial)
    lines = [
        f"REGISTER sip:{node} SIP/2.0",
        f"Via: SIP/2.0/UDP {sender}:{port};branch=z9hG4bKx{number};rport",
        f"From: <sip:{account}@{node}>;tag=t{number}",
        f"To: <sip:{account}@{node}>",
        f"Call-ID: {call_id or f'call-{number}'}",
        f"CSeq: {number} REGISTER",
        f"Contact: <sip:x@{sender}:{port}>",
        "Max-Forwards: 70",
        *([f"Authorization: {authorization}"] if authorization else []),
        "Content-Length: 0",
        "",
        "",
    ]
    return "\r\n".join(lines).encode("latin-1")


def shortest(account: str = "", authorization: str = "") -> bytes:
    """The shortest request that Asterisk takes for a failure, or for a guess at an account's password."""
    who = f"sip:{account}@a" if account else "sip:a"
    lines = [
        "A sip:a SIP/2.0",
        "v:SIP/2.0/A a",
        f"f:{who}",
        "t:sip:a",
        f"i:{next(_serial)}",
        "CSeq:1A",
        *([f"Authorization:{authorization}"] if authorization else []),
        "l:0",
        "\r\n",
    ]
    return "\n".join(lines).encode("latin-1")


def wrong_answer(account: str, node: str, challenge: bytes, **instead: str) -> str:
    """Credentials for a challenge, by somebody who does not know the password; a new guess each time.

    ``instead`` are digest fields to be written otherwise than they should be; their text goes in as it is.
    """
    told = dict(re.findall(r'(\w+)="([^"]*)"', challenge.decode(errors="replace")))
    fields = {
        "username": account,
        **{name: told.get(name, "") for name in ("realm", "nonce", "opaque")},
        "uri": f"sip:{node}",
        "response": f"{next(_serial):032x}",
        "cnonce": str(next(_serial)),
        **instead,
    }
    written = ",".join(f'{name}="{value}"' for name, value in fields.items())
    return f"Digest {written},algorithm=MD5,qop=auth,nc=00000001"


def right_answer(account: str, password: str, node: str, challenge: bytes) -> str:
    """Credentials for a REGISTER's challenge, by somebody who knows the password (RFC 2617)."""
    told = dict(re.findall(r'(\w+)="([^"]*)"', challenge.decode(errors="replace")))
    secret, request = (md5(text) for text in (f"{account}:{told['realm']}:{password}", f"REGISTER:sip:{node}"))
    response = md5(f"{secret}:{told['nonce']}:00000001:c:auth:{request}")
    return wrong_answer(account, node, challenge, response=response, cnonce="c")


class Guesser:
    """Guesses passwords one after the other as fast as the node answers; what is not answered is sent again, as RFC
    3261 section 17.1.2.2 has it."""

    def __init__(self, sender: socket.socket, node: str, account: str) -> None:
        self._socket = sender
        self._node = node
        self._account = account
        self._own, self.port = sender.getsockname()

    def guess(self) -> bool:
        """One challenge and one wrong answer to it; false when the node is silent."""
        challenge = self._ask("")
        return bool(challenge) and bool(self._ask(wrong_answer(self._account, self._node, challenge)))

    def _ask(self, authorization: str) -> bytes:
        text = register(self._node, self._account, self._own, port=self.port, authorization=authorization)
        for seconds in REPEATS:
            self._socket.settimeout(seconds)
            self._socket.sendto(text, (self._node, SIP_PORT))
            try:
                return self._socket.recv(65535)
            except TimeoutError:
                continue
        return b""

    def challenge(self) -> bytes:
        return self._ask("")


def forge(sender: socket.socket, source: str, node: str, texts: Sequence[bytes], port: int = SIP_PORT) -> None:
    """Send messages in somebody else's name, through a raw socket."""
    # Half a second, which the workers that collect these tests and do not run them need not wait.
    from scapy.layers.inet import IP, UDP
    from scapy.packet import Raw

    for text in texts:
        packet = IP(src=source, dst=node) / UDP(sport=port, dport=SIP_PORT) / Raw(text)
        sender.sendto(bytes(packet), (node, 0))
