"""Coverage-guided fuzzing of what reads Asterisk's copies of SIP messages, with libFuzzer's arguments.

``make soak`` runs it; ``check`` needs no fuzzer (``tests/scenarios/security/test_fuzzed_copies.py``). An input is taken
twice: as a packet from somebody who does not know the secret, and as choices of what a peer writes into a message that
Asterisk then copies.
"""

from __future__ import annotations

import socket
import struct
import sys

from firewall.log import hep
from firewall.log.unlogged import LONGEST_TOLD, TOLD, UNAUTHENTICATED, unlogged
from tests.fuzz.attacks import Choices

SECRET = b"between-asterisk-and-guard"
PEERS = ("198.18.2.1", "2001:db8::7")
PROTOCOLS = (17, 6, 22)
METHODS = (b"REGISTER", b"INVITE", b"A", b"ACK", b"CANCEL", b"SIP/2.0 200 OK\r\nx")
NAMES = (b"Call-ID", b"i", b"AUTHORIZATION", b"Proxy-Authorization", b"From", b"f", b"Via", b"Subject")
SEPARATORS = (b": ", b":", b" \t: ", b":\r\n ")
ENDS = (b"\r\n", b"\n", b"\r")
MOST_BYTES = 40_000
"""A copy that would be longer than a datagram is not sent."""
TEXTS = (
    b"\xff",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    "é".encode(),
    b"<sip:1_200@pbx>",
    b'Digest nonce="x"',
    b":",
    b" ",
    b"A" * 900,
    b"A" * 4000,
)


def check(data: bytes) -> None:
    """Assert what must hold of any packet and of any message."""
    for noise in (data, b"HEP3" + data):
        assert hep.read(noise, SECRET) is None or SECRET in noise
    _check_message(Choices(data))


def _check_message(choices: Choices) -> None:
    peer, protocol = PEERS[choices.below(len(PEERS))], PROTOCOLS[choices.below(len(PROTOCOLS))]
    message, lost = _message(choices)
    captured = hep.read(packet(message, peer, protocol), SECRET)
    assert captured is not None
    assert captured[1:] == (protocol, peer, 5060, message), "Asterisk's own fields are read"
    found = unlogged(captured)
    assert found is not None or not lost, "an attempt was hidden"
    if found is not None:
        event, evidence = found
        assert (event.address, event.proven) == (peer, protocol != 17), "another peer, or one that is not proven"
        assert event.account.isascii()
        assert len(event.account) <= 40
        assert len(evidence) < 1000


def _message(choices: Choices) -> tuple[bytes, bool]:
    """A message, and whether the log's line certainly cannot tell of it."""
    method = METHODS[choices.below(len(METHODS))]
    parts, told, spoilt = [method + b" sip:pbx SIP/2.0\r\n"], 0, False
    while choices.left and sum(map(len, parts)) < MOST_BYTES:
        name = NAMES[choices.below(len(NAMES))]
        separator, end = SEPARATORS[choices.below(len(SEPARATORS))], ENDS[choices.below(len(ENDS))]
        text = b"".join(TEXTS[choices.below(len(TEXTS))] for _ in range(choices.below(4)))
        parts.append(name + separator + text + end)
        if name.lower() in TOLD:
            told += len(text)
            spoilt = spoilt or not _is_utf8(text)
    whole = b"".join(parts) + b"\r\n"
    return whole, not whole.startswith(UNAUTHENTICATED) and (spoilt or told > LONGEST_TOLD)


def packet(message: bytes, peer: str, protocol: int) -> bytes:
    """As ``res_hep`` writes it."""
    family = socket.AF_INET6 if ":" in peer else socket.AF_INET
    told = {
        1: bytes([family]),
        2: bytes([protocol]),
        {socket.AF_INET: 3, socket.AF_INET6: 5}[family]: socket.inet_pton(family, peer),
        7: struct.pack(">H", 5060),
        9: struct.pack(">I", 1_700_000_000),
        10: struct.pack(">I", 500_000),
        11: b"\x01",
        14: SECRET,
        15: message,
    }
    body = b"".join(struct.pack(">HHH", 0, number, 6 + len(value)) + value for number, value in told.items())
    return b"HEP3" + struct.pack(">H", 6 + len(body)) + body


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


if __name__ == "__main__":
    import atheris

    with atheris.instrument_imports(include=["firewall"]):
        for name in ("firewall.log.hep", "firewall.log.unlogged"):
            del sys.modules[name]
        from tests.fuzz import unlogged as target
    atheris.Setup(sys.argv, target.check)
    atheris.Fuzz()
