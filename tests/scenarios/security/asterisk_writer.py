"""A model of what Asterisk writes for an event: ``res_security_log.c``, ``security_events.c``, ``logger.c``."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST = 8191


@dataclass(frozen=True)
class Happening:
    """An authentication event and everything its peer could choose of it."""

    name: str
    peer: str
    service: str = "PJSIP"
    transport: str = "UDP"
    account: bytes = b"1_200"
    session: bytes = b"1@x"
    challenge: bytes = b""
    response: bytes = b""


def record(happening: Happening) -> bytes:
    """The bytes in the log, with the line break unless Asterisk cut the line."""
    h = happening
    severity = "Informational" if h.name in ("ChallengeSent", "SuccessfulAuth") else "Error"
    ip = "IPV6" if ":" in h.peer else "IPV4"
    head = (
        f'[2026-11-23 06:01:47.864] SECURITY[53] res_security_log.c: SecurityEvent="{h.name}",'
        f'EventTV="2026-11-23T06:01:47.864+0000",Severity="{severity}",Service="{h.service}",EventVersion="1"'
    ).encode()
    peer = (
        f'LocalAddress="{ip}/{h.transport}/198.18.0.10/5060",RemoteAddress="{ip}/{h.transport}/{h.peer}/5070"'.encode()
    )
    account = h.account[:36] if h.service == "PJSIP" else h.account
    line = b'%s,AccountID="%s",SessionID="%s",%s%s\n' % (head, account, h.session, peer, _more(h))
    return _strip_escapes(line[:LONGEST])


def _more(h: Happening) -> bytes:
    more = {
        "ChallengeResponseFailed": b',Challenge="%s",Response="%s",ExpectedResponse=""'
        % (h.challenge[:63], h.response[:255] if h.service == "PJSIP" else h.response),
        "ChallengeSent": b',Challenge=""',
        "SuccessfulAuth": b',UsingPassword="1"',
        "FailedACL": b',ACLName="not_match_endpoint_acl"',
    }.get(h.name, b"")
    return more + (b',SessionTV="1970-01-01T00:00:00.000+0000"' if h.service == "AMI" else b"")


def _strip_escapes(line: bytes) -> bytes:
    """``term_strip`` in place: from each ESC to the next ``m``; without one everything stays as it was."""
    kept, place = bytearray(), 0
    while place < len(line):
        if line[place] != 0x1B:
            kept.append(line[place])
            place += 1
            continue
        end = line.find(b"m", place)
        if end < 0:
            return bytes(kept) + line[len(kept) :]
        place = end + 1
    return bytes(kept)
