"""The classical NOTICE lines of ``messages``, for a hoster without a ``security`` log; off by default (pure).

They cannot be made safe. ``pjsip_distributor.c`` writes ``Request 'REGISTER' from 'FROM' failed for 'ADDRESS' (callid:
ID) - REASON``: method and From stand before the address, the Call-ID after it, all as the peer sent them (tried on
22.10). ``chan_sip.c`` (until Asterisk 20) writes ``Registration from 'TO' failed for 'ADDRESS' - REASON``.

What is done: of several ``failed for '…'`` in a ``chan_sip`` line the last counts, since nothing of the peer's follows
it. In a PJSIP line a second one may stand on either side, so a line with several that differ names nobody: a peer can
hide himself so, but nobody else is named.

What remains forgeable: an ESC in the From deletes, as in every log file, all up to the next ``m``, which may stand in
the Call-ID (or in ``matching``). The true address is then gone without a trace and the Call-ID puts another in its
place: *one UDP packet can have any address counted*. Besides, these lines tell of no success, so no address becomes
protected by a phone that registers, and neither nonce nor response, so a retransmission counts as a failure; with
``auth_username`` in PJSIP's ``endpoint_identifier_order`` unknown accounts are told of from the fifth request on only.
The date has to be ISO (``dateformat = %F %T`` in ``logger.conf``, UTC); a line dated otherwise counts as of now.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from asterisk_ext.domain.security_event import UNKNOWN, SecurityEvent
from firewall.log.security import LONGEST_LINE

_LINE = re.compile(
    rb"\[([^\]\n]{1,64})\] NOTICE\[\d+\](?:\[C-[0-9a-f]+\])?:? "
    rb"(?:res_pjsip/)?(pjsip_distributor|chan_sip)\.c[^'\n]{0,64}: "
    rb"(?:Request '[^\n]*' from '|Registration from ')"
)
_ADDRESS = rb"' failed for '(?:(?:UDP|TCP|TLS|WSS?)/)?\[?([0-9A-Fa-f:.]{2,45}?)\]?(?::(\d{1,5}))?'"
_PLACE = re.compile(rb"(?=" + _ADDRESS + rb" (?:\(callid: |- ))")
_PJSIP_END = re.compile(
    rb"\) - (No matching endpoint found|Not match Endpoint ACL|Not match Endpoint Contact ACL|"
    rb"Failed to authenticate|Error to authenticate)(?: after \d+ tries in [\d.]+ ms)?\Z"
)
_CHAN_SIP_END = re.compile(
    _ADDRESS + rb" - (Wrong password|Username/auth name mismatch|No matching peer found|Not a local domain|"
    rb"Device does not match ACL|Peer is not supposed to register|ACL error \(permit/deny\))\Z"
)
_USER = re.compile(rb"sips?:([^@>;\n]{1,128})@")
_EVENTS = {
    b"No matching endpoint found": "InvalidAccountID",
    b"Not match Endpoint ACL": "FailedACL",
    b"Not match Endpoint Contact ACL": "FailedACL",
    b"No matching peer found": "InvalidAccountID",
    b"Device does not match ACL": "FailedACL",
    b"ACL error (permit/deny)": "FailedACL",
}


def read_notice(line: bytes) -> SecurityEvent | None:
    """The failure that a NOTICE line tells of; ``None`` if it tells of none, or names several addresses."""
    found = _LINE.match(line)
    if found is None or len(line) >= LONGEST_LINE:
        return None
    return _pjsip(line, found) if found[2] == b"pjsip_distributor" else _chan_sip(line, found)


def _pjsip(line: bytes, found: re.Match[bytes]) -> SecurityEvent | None:
    end = _PJSIP_END.search(line)
    places = list(_PLACE.finditer(line))
    if end is None or len({place[1] for place in places}) != 1:
        return None
    place = places[0]
    session = line[place.start() : end.start()].partition(b"(callid: ")[2]
    name = _EVENTS.get(end[1], "ChallengeResponseFailed")
    # Whether an answer belongs to an unknown account, whose refusal has counted, is not told: as for ``<unknown>``.
    account = UNKNOWN if name == "ChallengeResponseFailed" else _user(line[: place.start()])
    return _event(name, found, "PJSIP", place, account, _text(session))


def _chan_sip(line: bytes, found: re.Match[bytes]) -> SecurityEvent | None:
    end = _CHAN_SIP_END.search(line)
    if end is None:
        return None
    name = _EVENTS.get(end[3], "InvalidPassword")
    return _event(name, found, "SIP", end, _user(line[: end.start()]), "")


def _event(
    name: str, found: re.Match[bytes], service: str, place: re.Match[bytes], account: str, session: str
) -> SecurityEvent:
    stamp = _text(found[1])
    port = int(place[2] or b"0")
    return SecurityEvent(name, _epoch(stamp), stamp, service, "UDP", place[1].decode(), port, account, session)


def _user(text: bytes) -> str:
    users = _USER.findall(text)
    return _text(users[-1]) if users else ""


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")


def _epoch(stamp: str) -> float:
    """Seconds since 1970 of ``2026-11-23 07:48:45.611``; 0, which is taken for now, of a date without a year."""
    try:
        return datetime.fromisoformat(stamp).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


class NoticeLogReader:
    """As ``SecurityLogReader``, of NOTICE lines; no line waits for the next."""

    waiting = False

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False
        self.taken = 0

    def feed(self, data: bytes) -> list[tuple[SecurityEvent, bytes]]:
        found: list[tuple[SecurityEvent, bytes]] = []
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self.taken += len(line) + 1
            event = None if self._skipping else read_notice(line)
            self._skipping = False
            if event is not None:
                found.append((event, line))
        if len(self._rest) > LONGEST_LINE:
            self.taken += len(self._rest)
            self._rest, self._skipping = b"", True
        return found

    def settle(self) -> list[tuple[SecurityEvent, bytes]]:
        return []
