"""Requests that Asterisk's ``security`` log cannot tell of, found in copies of its SIP messages (pure).

A text that is no UTF-8 is refused by ``json_string``, and with it the whole line (``main/security_events.c``); a line
is cut at 8,191 bytes, before the peer. Call-ID, nonce and response stand in the line as the peer wrote them, so a
guess with a byte 0xFF in its Call-ID leaves no trace there, however often it is made. RFC 3261 allows no such byte in
these headers and no phone writes them that long: such a request is a failed attempt, whatever became of it. In other
headers both are harmless (older phones write names in Latin-1) and count for nothing.

pjproject's and our understanding of a hostile message must not differ to the attacker's advantage. So nothing here
looks for the end of the headers, any CR or LF ends a line, and an indented line is taken for what it may be in both
ways: the continuation of a header and a header itself.
"""

from __future__ import annotations

import re

from asterisk_ext.domain.security_event import UNKNOWN, SecurityEvent
from firewall.log.hep import Captured

TOLD = frozenset({b"call-id", b"i", b"authorization", b"proxy-authorization"})
"""Headers that the log's line repeats. (An account that is no UTF-8 hides one line of two; ``AttemptCounter``.)"""
ACCOUNT = frozenset({b"from", b"f"})
LONGEST_TOLD = 5000
"""Bytes of all these headers; more may not fit into the log's line beside what Asterisk adds. Phones need some 500."""
UNAUTHENTICATED = (b"ACK ", b"CANCEL ", b"SIP/")
"""Never challenged (RFC 3261 sections 22.1 and 9.1), and responses."""
EVIDENCE_BYTES = 512
UDP = 17
_LINE_END = re.compile(rb"[\r\n]+")
_USER = re.compile(rb"(?:\A|[\r\n])[ \t]*(?:from|f)[ \t]*:[^\r\n]{0,200}?sips?:([\w.+-]{1,40})@", re.IGNORECASE)


def unlogged(captured: Captured) -> tuple[SecurityEvent, bytes] | None:
    """The failed attempt that this message is, with what shows it; ``None`` if the log tells of it."""
    message = captured.message
    if message.isascii() and len(message) <= LONGEST_TOLD:
        return None
    if message.lstrip().startswith(UNAUTHENTICATED) or not _is_lost(message):
        return None
    user = _USER.search(message)
    account = user[1].decode("ascii") if user else UNKNOWN
    transport = "UDP" if captured.protocol == UDP else "TCP"
    # No session and no credentials: nothing tells a repeat from a new guess, so each counts.
    event = SecurityEvent(
        "ChallengeResponseFailed", captured.time, "", "PJSIP", transport, captured.address, captured.port, account, ""
    )
    return event, b"not in the security log: " + message[:EVIDENCE_BYTES]


def _is_lost(message: bytes) -> bool:
    name, told = b"", 0
    for line in _LINE_END.split(message):
        own = line.partition(b":")[0].strip().lower()
        if own in TOLD or not line.startswith((b" ", b"\t")):
            name = own
        if name in TOLD and not _is_utf8(line):
            return True
        if name in TOLD or name in ACCOUNT:
            told += len(line)
    return told > LONGEST_TOLD


def _is_utf8(text: bytes) -> bool:
    """As jansson's ``utf8_check_string`` has it: neither surrogates nor longer forms than needed."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
