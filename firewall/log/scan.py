"""Reads a whole security log offline, fast: only lines that a search for bytes finds are looked at."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from asterisk_ext.domain.security_event import SUCCEEDED, AttemptCounter, SecurityEvent
from firewall.log.security import (
    BEFORE_A_LINE_BREAK,
    CUT,
    LONGEST_HEAD,
    LONGEST_LINE,
    ORDINARY,
    START,
    is_in_account,
    is_settled,
    read_ordinary,
    read_record,
)

if TYPE_CHECKING:
    from asterisk_ext.domain.ban import Policy

CHUNK = 1 << 20
ROWS_A_WRITE = 1000
FAILURES = (b'Severity="Error",Service="', b'<unknown>",SessionID="')
"""The record's head decides; these only say where to look. The second begins with a byte that is rare in a log."""
SUCCESSES = (b'"SuccessfulAuth"',)


Events = Callable[[Path, tuple[bytes, ...]], Iterator[SecurityEvent]]


def notices_in(path: Path, _: tuple[bytes, ...]) -> Iterator[SecurityEvent]:
    """The failures that the NOTICE lines of a log tell of, in order."""
    from firewall.log.notices import NoticeLogReader

    reader = NoticeLogReader()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield from (event for event, _ in reader.feed(chunk))
        yield from (event for event, _ in reader.feed(b"\n"))


def scan_failures(path: Path, out: TextIO, as_json: bool, read: Events | None = None) -> None:
    """Write each failed attempt, in the file's order; raises ``OSError``."""
    quote = json.encoder.encode_basestring_ascii
    count = AttemptCounter().count
    rows: list[str] = []
    for event in (read or events_in)(path, FAILURES):
        if not count(event):
            continue
        name, _, stamp, service, transport, address, _, account, *_ = event
        if as_json:
            rows.append(
                f'{{"time":{quote(stamp)},"address":"{address}","service":"{service}",'
                f'"transport":"{transport}","account":{quote(account)},"event":"{name}"}}\n'
            )
        else:
            rows.append(f"{stamp} {address} {service}/{transport} {quote(account)} {name}\n")
        if len(rows) >= ROWS_A_WRITE:
            out.write("".join(rows))
            rows.clear()
    out.write("".join(rows))


def scan_bans(
    path: Path, out: TextIO, policy: Policy, never_ban: Iterable[str], as_json: bool, read: Events | None = None
) -> None:
    """Write the bans that the policy leads to by the events' own times; raises ``OSError``."""
    from asterisk_ext.domain.address_list import source_of
    from asterisk_ext.domain.ban import BanPolicy, Decision

    judge = BanPolicy(policy, b"offline", never_ban)
    attempts = AttemptCounter()
    banned_until: dict[str, float] = {}
    for event in (read or events_in)(path, FAILURES + SUCCESSES):
        if event.name == SUCCEEDED:
            judge.succeed(event, event.time)
            continue
        if not attempts.count(event):
            continue
        source = source_of(event.address)
        if banned_until.get(source, 0.0) > event.time:
            continue
        verdict = judge.fail(event, event.time)
        if verdict is None or verdict.decision is not Decision.BAN:
            continue
        banned_until[source] = verdict.until
        row = {"address": source, "time": event.stamp, "failures": verdict.failures}
        out.write(json.dumps(row) + "\n" if as_json else f"{event.stamp} {source} {verdict.failures} failures\n")


def events_in(path: Path, needles: tuple[bytes, ...]) -> Iterator[SecurityEvent]:
    """The events whose head holds one of the needles, in order. Of a last line without an end only what could not be
    otherwise is read: it may be half a record."""
    # One buffer for all pieces: fresh ones of this size would each be paged in anew, which costs more than reading.
    buffer = bytearray(CHUNK)
    window = memoryview(buffer)
    with path.open("rb", buffering=0) as file:
        kept, beginning = 0, True
        while True:
            size = file.readinto(window[kept:])
            filled = kept + (size or 0)
            if beginning:
                beginning = False
                _check(path, buffer, filled)
            end = _last_record(buffer, filled) if size else filled
            before = b""
            if end == 0 and filled > CHUNK - LONGEST_LINE:
                end, before = filled - LONGEST_LINE, CUT
            yield from _events_in_chunk(buffer, end, needles)
            if not size:
                return
            rest = before + bytes(window[end:filled])
            kept = len(rest)
            window[:kept] = rest


def _check(path: Path, beginning: bytearray, filled: int) -> None:
    """Asterisk writes text in lines; a power failure may leave zeros among true records, though."""
    binary = beginning.find(b"\0", 0, filled) >= 0 and START.search(beginning, 0, filled) is None
    if binary or (filled == CHUNK and beginning.find(b"\n") < 0):
        from firewall.log.tail import NOT_A_LOG

        raise NOT_A_LOG.refuse(path=path)


def _last_record(chunk: bytearray, filled: int) -> int:
    """Where the last record begins: its end may not have been read yet. Nought when there is no other before it."""
    end = filled
    while (end := chunk.rfind(b"\n[", 0, end)) >= 0:
        if START.match(chunk, end + 1, filled) is not None and not is_in_account(_before(chunk, end)):
            return end + 1
    return 0


def _before(chunk: bytearray, end: int, start: int = 0) -> bytes:
    return bytes(chunk[max(start, end - LONGEST_HEAD) : end])


def _events_in_chunk(chunk: bytearray, end: int, needles: tuple[bytes, ...]) -> Iterator[SecurityEvent]:
    done = 0
    ordinary, find, rfind = ORDINARY.fullmatch, chunk.find, chunk.rfind
    for place in _places(chunk, end, needles):
        if place < done:
            continue
        start = rfind(b"\n", done, place) + 1 or done
        line_end = find(b"\n", place, end)
        has_end = line_end >= 0
        if not has_end:
            line_end = end
        try:
            found = ordinary(chunk[start:line_end].decode())
        except UnicodeDecodeError:
            found = None
        if found is not None:
            done = line_end
            yield read_ordinary(found)
            continue
        done, event = _hostile(chunk, start, end, line_end) if has_end else (end, None)
        if event is not None:
            yield event


def _hostile(chunk: bytearray, start: int, end: int, line_end: int) -> tuple[int, SecurityEvent | None]:
    """The event of a record that is more than an ordinary line, and where the record ends: as the running guard's
    reader puts it together."""
    record, begins = bytes(chunk[start:line_end]), False
    while line_end < end and not is_settled(record):
        following = chunk.find(b"\n", line_end + 1, end)
        if following < 0:
            # Nothing more, or the beginning of a line without an end.
            break
        begins, too_long = START.match(chunk, line_end + 1, end) is not None, following - start >= 2 * LONGEST_LINE
        if is_in_account(record):
            record = CUT + record[-LONGEST_HEAD:] if too_long else record
        elif begins or too_long:
            break
        record, begins = record + bytes(chunk[line_end:following]), False
        line_end = following
    if not begins and is_in_account(record, BEFORE_A_LINE_BREAK):
        return line_end, None
    return line_end, read_record(record.removesuffix(b"\n"))


def _places(chunk: bytearray, end: int, needles: tuple[bytes, ...]) -> list[int]:
    """Where the needles are, in order."""
    places: list[int] = []
    for needle in needles:
        places += _places_of_rare(chunk, end, needle) if needle[:1] == b"<" else _places_of(chunk, end, needle)
    places.sort()
    return places


def _places_of(chunk: bytearray, end: int, needle: bytes) -> list[int]:
    find, places = chunk.find, []
    place = find(needle, 0, end)
    while place >= 0:
        places.append(place)
        place = find(needle, place + 1, end)
    return places


def _places_of_rare(chunk: bytearray, end: int, needle: bytes) -> list[int]:
    """The same for a needle whose first byte is rare: one byte is sought ten times as fast as several."""
    find, first, size, places = chunk.find, needle[:1], len(needle), []
    place = find(first, 0, end)
    while place >= 0:
        if chunk[place : place + size] == needle:
            places.append(place)
        place = find(first, place + 1, end)
    return places
