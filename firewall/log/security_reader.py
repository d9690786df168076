"""Puts the records of a growing ``security`` log together (pure)."""

from __future__ import annotations

from asterisk_ext.domain.security_event import SecurityEvent
from firewall.log.security import (
    BEFORE_A_LINE_BREAK,
    CUT,
    LONGEST_HEAD,
    LONGEST_LINE,
    ORDINARY,
    START,
    WATCHED,
    is_in_account,
    is_settled,
    read_ordinary,
    read_record,
    text_of,
)


class SecurityLogReader:
    """Puts records together from whatever pieces a growing log arrives in, and reads their events.

    ``feed`` returns the events that are certain, each with the record that shows it. A record whose next line could
    still matter waits for that line, or for ``settle`` (nothing more has come for a while). ``taken`` counts the bytes
    that are done with: where to resume. Memory: 24 KiB, however long a line is.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._rest_is_cut = False
        self._record = b""
        self._record_size = 0
        self.taken = 0

    @property
    def waiting(self) -> bool:
        """A record waits for the next line or for ``settle``."""
        return bool(self._record)

    def feed(self, data: bytes) -> list[tuple[SecurityEvent, bytes]]:
        found: list[tuple[SecurityEvent, bytes]] = []
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self._take(line, found)
        if len(self._rest) > 2 * LONGEST_LINE:
            self._shorten(found)
        return found

    def settle(self) -> list[tuple[SecurityEvent, bytes]]:
        """The events of what waits for a next line that does not come. What may be half a record goes on waiting."""
        found: list[tuple[SecurityEvent, bytes]] = []
        if not is_in_account(self._record, BEFORE_A_LINE_BREAK):
            self._close(found)
        return found

    def _take(self, line: bytes, found: list[tuple[SecurityEvent, bytes]]) -> None:
        size = len(line) + 1
        if self._rest_is_cut:
            self._rest_is_cut = False
            self._close(found)
            line = CUT + line
        goes_on = is_in_account(self._record)
        ordinary = None if goes_on else ORDINARY.fullmatch(text_of(line))
        if ordinary is not None:
            self._close(found, begins=True)
            self.taken += size
            if ordinary[1].encode() in WATCHED:
                found.append((read_ordinary(ordinary), line))
            return
        begins = START.match(line) is not None
        if goes_on and self._record_size + size > 2 * LONGEST_LINE:
            self._record = CUT + self._record[-LONGEST_HEAD:]
        elif not goes_on and (begins or self._record_size + size > 2 * LONGEST_LINE):
            self._close(found, begins=begins)
        self._record = self._record + b"\n" + line if self._record else line
        self._record_size += size
        if is_settled(self._record):
            self._close(found)

    def _close(self, found: list[tuple[SecurityEvent, bytes]], *, begins: bool = False) -> None:
        """Read what is together, and be done with it; ``begins``: because the next record begins."""
        record, self._record = self._record, b""
        self.taken += self._record_size
        self._record_size = 0
        if not record or (not begins and is_in_account(record, BEFORE_A_LINE_BREAK)):
            return
        event = read_record(record)
        if event is not None:
            found.append((event, record.removeprefix(CUT)))

    def _shorten(self, found: list[tuple[SecurityEvent, bytes]]) -> None:
        """Of an endless line the last record at most is whole: keep what can hold one."""
        self._close(found)
        self.taken += len(self._rest) - LONGEST_LINE
        self._rest = self._rest[-LONGEST_LINE:]
        self._rest_is_cut = True
