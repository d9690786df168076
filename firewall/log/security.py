"""Asterisk's ``security`` log, bytes to events (pure).

``res_security_log.c`` writes ``,Name="value"`` without escaping anything, ``main/security_events.c`` fixes the order:
``SecurityEvent EventTV Severity Service EventVersion AccountID SessionID LocalAddress RemoteAddress``, then what the
event adds. So a value may hold quotes, commas and whole fake fields. What makes the true peer certain nevertheless is
*where* an attacker's text can stand, which differs by service and event (read in the sources, tried on 22.10):

* Up to ``AccountID`` nothing is an attacker's. A record begins where that head stands at a line's start; the only
  line break a peer can write is ``%0a`` in a PJSIP user name, of which Asterisk keeps 36 bytes, less than a head.
  But a head may begin there and go on in the Call-ID, once an ESC has deleted what stands between: so the line that
  follows on such a break is never a record's beginning (``is_in_account``). Nor is such a break a record's end, since
  what stands before it may be the text of a cut record.
* PJSIP refusals, challenges and successes have nothing of the attacker's *after* ``RemoteAddress``: the field that
  stands at the record's end is the true one, whatever account and Call-ID say.
* PJSIP's ``ChallengeResponseFailed`` has nonce and response after it. pjproject takes a quote into these only as
  ``\\"`` (an odd number of backslashes before it), so ``="IPV4/…",`` cannot occur there: the
  *last* one is the true one.
* AMI's ``ChallengeResponseFailed`` has a key of any form after it and nothing foreign before: the *first* is true.
  The key may hold a whole false record of PJSIP, but ends in a ``SessionTV``, which PJSIP's never do.
  All other AMI events: as PJSIP's refusals, before a ``SessionTV``.
* ``term_strip`` deletes from an ESC to the next ``m``. An ESC in account or Call-ID can so delete ``LocalAddress`` and
  ``Rem``; what is left is ``oteAddress="…"`` at the same place, which is why the name is matched from there.
* A service that is not known here counts only if its record holds one address that could be the peer's.

Asterisk cuts a line at 8,191 bytes, peer and line break with it. Such a record names nobody, and the next one follows
on the same line: it is read from there, by its end only, because a cut record may hold whole fake ones. A line whose
text is no UTF-8 is not written at all (``json_string`` refuses it): a Call-ID of such bytes hides an attempt from the
``security`` log altogether, which no reader of it can mend. ``unlogged`` finds both elsewhere.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache

from asterisk_ext.domain.security_event import SecurityEvent

WATCHED = frozenset(
    {
        b"FailedACL",
        b"InvalidAccountID",
        b"ChallengeResponseFailed",
        b"InvalidPassword",
        b"ChallengeSent",
        b"SuccessfulAuth",
    }
)
LONGEST_LINE = 8191
"""``LOGMSG_SIZE`` in ``main/logger.c``, less its final zero."""

_PREFIX = rb'\[[^\]"\n]{1,64}\] SECURITY\[\d+\](?:\[C-[0-9a-f]+\])?:? res_security_log\.c[^"\n]{0,64}: SecurityEvent="'
START = re.compile(
    _PREFIX + rb'(\w+)",EventTV="([0-9T:.+\-]{10,40})",Severity="(?:Informational|Error)",'
    rb'Service="(\w{1,32})",EventVersion="\d+",'
)
_PEER = rb'oteAddress="IPV[46]/(?:(UDP|TCP|TLS|WSS?)/)?([0-9A-Fa-f:.]{2,45})(?:%[\w.-]{1,16})?/(\d{1,5})"'
_SESSION_TV = rb'(?:,SessionTV="[0-9T:.+\-]*")?'
_AMI_END = re.compile(rb'",SessionTV="[0-9T:.+\-]*"\Z')
_TAILS = {
    b"InvalidAccountID": re.compile(_PEER + _SESSION_TV + rb"\Z"),
    b"InvalidPassword": re.compile(_PEER + _SESSION_TV + rb"\Z"),
    b"FailedACL": re.compile(_PEER + rb'(?:,ACLName="[^"\n]{0,128}")?' + _SESSION_TV + rb"\Z"),
    b"ChallengeSent": re.compile(_PEER + rb',Challenge="(?:\d+/[0-9a-f]+)?"' + _SESSION_TV + rb"\Z"),
    b"SuccessfulAuth": re.compile(_PEER + rb',UsingPassword="\d"' + _SESSION_TV + rb"\Z"),
}
_ANSWER = re.compile(_PEER + rb',Challenge="')
_ANSWER_END = re.compile(rb'",ExpectedResponse="[0-9a-f]*"' + _SESSION_TV + rb"\Z")
_AMI_ANSWER = re.compile(
    rb'AccountID="[^"\n]*",SessionID="0x[0-9a-f]+",LocalAddress="[^"\n]*",Rem' + _PEER + rb',Challenge="'
)
LONGEST_HEAD = 512
"""A head and the account after it."""
CUT = b"\0"
"""Before a text whose beginning is lost, so that it is not taken for a line's."""
_ACCOUNT = b'AccountID="'
BEFORE_A_LINE_BREAK = 35
"""Asterisk keeps 36 bytes of a PJSIP account."""
_BEFORE_A_FALSE_HEAD = 34
"""Of which line break and ESC are the least that makes a false head. A true peer that an ESC has moved this far up
would need one-digit octets."""
_ANY_PEER = re.compile(_PEER)
_UNSCATHED = re.compile(rb'",SessionID="[^\n]*",LocalAddress="IPV[46]/[^"\n]{3,70}",Rem\Z')
_PLAIN = r'([^"\\\n\x1b]*)'
ORDINARY = re.compile(
    _PREFIX.decode() + r'(\w+)",EventTV="([0-9T:.+\-]{10,40})",Severity="(?:Informational|Error)",'
    r'Service="(PJSIP|AMI)",EventVersion="\d+",AccountID="' + _PLAIN + r'",SessionID="' + _PLAIN + r'",'
    r'LocalAddress="IPV[46]/[^"\n]{3,70}",Rem' + _PEER.decode() + r'(?:,Challenge="' + _PLAIN + r'")?'
    r'(?:,Response="' + _PLAIN + r'",ExpectedResponse="[0-9a-f]*")?'
    r'(?:,UsingPassword="\d")?(?:,ACLName="\w*")?' + _SESSION_TV.decode(),
    re.ASCII,
)
"""A line of a known service whose values hold neither quote, backslash nor ESC: nothing in it can be read otherwise."""


def read_ordinary(found: re.Match[str]) -> SecurityEvent:
    """The event of an ``ORDINARY`` line."""
    name, stamp, service, account, session, transport, address, port, challenge, response = found.groups("")
    # As SecurityEvent(…), in half the time: every line of a log that is read passes here.
    return tuple.__new__(
        SecurityEvent,
        (name, _epoch(stamp), stamp, service, transport, address, int(port), account, session, challenge, response),
    )


def read_record(record: bytes) -> SecurityEvent | None:
    """The event of a record that begins at a line's start, and whose account no other line goes on with; ``None`` if
    it is not of the kinds watched here, or names nobody. Lines after the record's own, when another program writes to
    the same file, do not matter: but a line that is taken for its last must hold what 36 bytes of account cannot, or a
    record that was cut further on could end in an account's line break, after an address of the attacker's choice.
    """
    start = START.match(record)
    if start is None or start[1] not in WATCHED or len(record) > LONGEST_LINE:
        return read_glued(record)
    end = len(record)
    while end > 0:
        if end == len(record) or is_settled(record[:end]):
            event = _read(record[:end], start, from_start=True)
            if event is not None:
                return event
        end = record.rfind(b"\n", 0, end)
    return read_glued(record)


def read_glued(line: bytes) -> SecurityEvent | None:
    """The event at the end of a line that begins with records Asterisk has cut, or whose beginning is unknown."""
    for start in reversed(list(START.finditer(line, 1))):
        if start[1] in WATCHED and (event := _read(line, start, from_start=False)) is not None:
            return event
    return None


def is_in_account(text: bytes, room: int = _BEFORE_A_FALSE_HEAD) -> bool:
    """A line that ends here may have ended within its last record's account, so that the next line goes on with it,
    whatever it looks like. The last record, because cut ones may stand before it."""
    text = text[-LONGEST_HEAD:]
    heads = list(START.finditer(text))
    if not heads:
        return False
    last = heads[-1]
    return (
        last[3] == b"PJSIP" and text.startswith(_ACCOUNT, last.end()) and len(text) <= last.end() + len(_ACCOUNT) + room
    )


def is_settled(record: bytes) -> bool:
    """Nothing that may still follow on the next line can change what ``read_record`` makes of this record.

    An account with a line break may imitate a record's end, but 36 bytes hold no ``SessionID`` and ``LocalAddress``:
    these may stand in a record before it that was cut.
    """
    if is_in_account(record, BEFORE_A_LINE_BREAK):
        return False
    start = START.match(record)
    if start is None or start[1] not in WATCHED:
        return True
    found = _find_peer(record, start, from_start=True)
    if found is None:
        return False
    return start[3] != b"PJSIP" or _UNSCATHED.search(record, start.end(), found[0].start()) is not None


def _read(record: bytes, start: re.Match[bytes], *, from_start: bool) -> SecurityEvent | None:
    found = _find_peer(record, start, from_start=from_start)
    if found is None:
        return None
    peer, challenge, response = found
    if not from_start and start[3] == b"PJSIP" and _UNSCATHED.search(record, start.end(), peer.start()) is None:
        # After a cut record too, what ends here may be an account's line break and not the record.
        return None
    account, session = _names(record, start.end(), peer.start())
    return SecurityEvent(
        start[1].decode(),
        _epoch(start[2].decode()),
        start[2].decode(),
        start[3].decode(),
        (peer[1] or b"").decode(),
        peer[2].decode(),
        int(peer[3]),
        account,
        session,
        challenge,
        response,
    )


def _find_peer(record: bytes, start: re.Match[bytes], *, from_start: bool) -> tuple[re.Match[bytes], str, str] | None:
    """The true ``RemoteAddress`` and, where the event has them, nonce and response."""
    service, name, place = start[3], start[1], start.end()
    if service not in (b"PJSIP", b"AMI"):
        peers = list(_ANY_PEER.finditer(record, place))
        known = from_start and len({peer[2] for peer in peers}) == 1
        return (peers[0], "", "") if known else None
    if name != b"ChallengeResponseFailed":
        tail = _TAILS[name].search(record, place)
        return (tail, "", "") if tail is not None else None
    if service == b"PJSIP" and _AMI_END.search(record, place) is not None:
        return None
    end = _ANSWER_END.search(record, place)
    if end is None or (service == b"AMI" and not from_start):
        return None
    answer = _AMI_ANSWER.match(record, place) if service == b"AMI" else _last_answer(record, place, end.start())
    if answer is None:
        return None
    challenge, _, response = record[answer.end() : end.start()].partition(b'",Response="')
    return answer, text_of(challenge), text_of(response)


def _last_answer(record: bytes, start: int, end: int) -> re.Match[bytes] | None:
    place = end
    while (place := record.rfind(b'oteAddress="', start, place)) >= 0:
        if (match := _ANSWER.match(record, place)) is not None:
            return match
    return None


def _names(record: bytes, start: int, end: int) -> tuple[str, str]:
    account, _, rest = record[start:end].removeprefix(b'AccountID="').partition(b'",SessionID="')
    session, _, _ = rest.rpartition(b'",LocalAddress="')
    return text_of(account), text_of(session or rest)


def text_of(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")


def _epoch(stamp: str) -> float:
    """Seconds since 1970 of ``2026-11-22T19:16:48.166+0000``; 0 when it is no time."""
    try:
        return _whole_second(stamp[:19] + stamp[23:]) + float(stamp[19:23])
    except ValueError:
        return 0.0


@lru_cache(maxsize=64)
def _whole_second(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
