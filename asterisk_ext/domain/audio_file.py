"""What an uploaded file really is, by its bytes, and whether it is whole and nothing else besides.

A name says nothing: a playlist named ``.mp3`` would have a decoder open other files. Every container is walked from
its first byte to its last (RIFF; ISO 14496-12; RFC 3533; ISO 11172-3; RFC 9639), so that neither a cut file nor one
that is something else at the same time passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

from asterisk_ext.domain import audio_flac
from asterisk_ext.domain.errors import Problem

EMPTY = Problem("audio.empty", 422, "The file was not taken: it is empty.", "Choose another file.")
NOT_AUDIO = Problem(
    "audio.not_audio",
    422,
    "The file was not taken: whatever its name says, it is no WAV, MP3, Ogg, FLAC or M4A file.",
    "Export it as WAV or MP3 and send it again.",
)
TRUNCATED = Problem(
    "audio.truncated",
    422,
    "The audio was not taken: the file ends in the middle.",
    "Export it again as WAV or MP3 and send it once more.",
)
FOREIGN = Problem(
    "audio.foreign_bytes",
    422,
    "The file was not taken: it holds something else besides its audio.",
    "Export it again as WAV or MP3 and send it once more.",
)


class Type(StrEnum):
    WAV = "wav"
    MP3 = "mp3"
    OGG = "ogg"
    FLAC = "flac"
    M4A = "m4a"


@dataclass(frozen=True, slots=True)
class Looked:
    type: Type
    seconds: float | None = None
    """As the file says of itself; None where it says nothing."""


def look(data: bytes) -> Looked:
    """Refuses ``audio.empty``, ``audio.not_audio``, ``audio.truncated`` and ``audio.foreign_bytes``."""
    if not data:
        raise EMPTY.refuse(field="file")
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        _walk_riff(data)
        return Looked(Type.WAV)
    if data[:4] == b"OggS":
        _walk_ogg(data)
        return Looked(Type.OGG)
    if data[:4] == b"fLaC":
        return Looked(Type.FLAC, _walk_flac(data))
    if data[4:8] == b"ftyp":
        _walk_boxes(data)
        return Looked(Type.M4A)
    if data[:3] == b"ID3" or _frame_length(data, 0):
        _walk_mp3(data)
        return Looked(Type.MP3)
    raise NOT_AUDIO.refuse(field="file")


def _cut() -> NoReturn:
    raise TRUNCATED.refuse(field="file")


def _foreign() -> NoReturn:
    raise FOREIGN.refuse(field="file")


def _walk_riff(data: bytes) -> None:
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        _cut()
    if len(data) - end > end % 2:
        _foreign()
    place, found = 12, False
    while place + 8 <= end:
        found = found or data[place : place + 4] == b"data"
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        place += 8 + length + length % 2
    if not found or place > end + 1:
        _cut()


def _walk_boxes(data: bytes) -> None:
    place, kinds = 0, set()
    while place < len(data):
        if place + 8 > len(data):
            _cut()
        size, kind, header = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8], 8
        if size == 1:
            size, header = int.from_bytes(data[place + 8 : place + 16], "big"), 16
        elif size == 0:
            size = len(data) - place
        if size < header or not kind.isalnum():
            _foreign()
        kinds.add(kind)
        place += size
    if place > len(data) or not {b"moov", b"mdat"} <= kinds:
        _cut()


def _walk_ogg(data: bytes) -> None:
    place, last = 0, False
    while place < len(data):
        if data[place : place + 5] != b"OggS\0":
            (_cut if len(data) - place < 5 else _foreign)()
        if place + 27 > len(data):
            _cut()
        segments = data[place + 27 : place + 27 + data[place + 26]]
        last = bool(data[place + 5] & 0x04)
        place += 27 + data[place + 26] + sum(segments)
    if place > len(data) or not last:
        _cut()


def _walk_flac(data: bytes) -> float | None:
    found = audio_flac.look(data)
    if found is None or not found.ends_with_a_frame:
        _cut()
    return found.seconds


_BITRATES = {
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def _frame_length(data: bytes, place: int) -> int:
    """Bytes of the MPEG layer III frame that begins here; 0 where none does."""
    if place + 4 > len(data) or data[place] != 0xFF or data[place + 1] & 0xE6 != 0xE2:
        return 0
    version, bitrate, rate = data[place + 1] >> 3 & 3, data[place + 2] >> 4, data[place + 2] >> 2 & 3
    if version == 1 or bitrate in (0, 15) or rate == 3:
        return 0
    first = version == 3
    kilobits = _BITRATES[1 if first else 2][bitrate]
    return (144 if first else 72) * kilobits * 1000 // _RATES[version][rate] + (data[place + 2] >> 1 & 1)


def _tag_length(data: bytes, place: int) -> int:
    """Bytes of the ID3 or APE tag that begins here; 0 where none does."""
    if data[place : place + 3] == b"ID3" and place + 10 <= len(data):
        size = 0
        for byte in data[place + 6 : place + 10]:
            size = size << 7 | byte & 0x7F
        return 10 + size + (10 if data[place + 5] & 0x10 else 0)
    if data[place : place + 3] == b"TAG" and len(data) - place == 128:
        return 128
    if data[place : place + 8] == b"APETAGEX":
        return 32 + int.from_bytes(data[place + 12 : place + 16], "little")
    return 0


def _walk_mp3(data: bytes) -> None:
    place, frames, promised = 0, 0, 0
    while place < len(data):
        length = _frame_length(data, place)
        if length and not frames:
            promised = _promised(data[place : place + length])
        frames += bool(length)
        length = length or _tag_length(data, place)
        if not length:
            if not any(data[place:]):
                break
            (_foreign if frames else _not_mp3)()
        place += length
    if not frames:
        _not_mp3()
    if place > len(data) or frames < promised:
        _cut()


def _not_mp3() -> NoReturn:
    raise NOT_AUDIO.refuse(field="file")


def _promised(frame: bytes) -> int:
    """Frames that an encoder's note in the first frame speaks of, itself not counted; 0 without one."""
    for mark in (b"Xing", b"Info"):
        place = frame.find(mark, 4, 64)
        if place > 0 and frame[place + 7] & 1:
            return int.from_bytes(frame[place + 8 : place + 12], "big")
    return 0
