"""A recorded event stream, gzip-compressed or not, line by line."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ari_apps.events import decode_recorded
from asterisk_ext.domain.call_events import Event
from asterisk_ext.domain.errors import Problem

UNREADABLE = Problem(
    "call.recording_unreadable",
    422,
    "The recording {path} cannot be read: {reason}.",
    "Give a file of one JSON object a line, as text or gzip.",
)
BAD_LINE = Problem(
    "call.recording_bad_line",
    422,
    "Line {line} of the recording {path} is not a recorded event: {reason}.",
    'Each line reads {{"t": epoch seconds of receipt, "e": the ARI event}}.',
)

_GZIP = b"\x1f\x8b"


def read(path: Path) -> Iterator[tuple[float, Event | None]]:
    """Each event with its time of receipt in epoch seconds, None for one that concerns no call.

    Refuses ``call.recording_unreadable`` and ``call.recording_bad_line``; empty lines are passed over.
    """
    for number, line in enumerate(_lines(path), start=1):
        if line.isspace():
            continue
        try:
            yield decode_recorded(line)
        except (msgspec.DecodeError, RecursionError) as error:
            raise BAD_LINE.refuse(field="file", line=number, path=path, reason=error) from error


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as raw:
            compressed = raw.read(2) == _GZIP
            raw.seek(0)
            if compressed:
                with gzip.open(raw) as text:
                    yield from text
            else:
                yield from raw
    except (OSError, EOFError, zlib.error) as error:
        raise UNREADABLE.refuse(field="file", path=path, reason=error) from error
