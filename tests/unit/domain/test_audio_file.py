"""What an upload is by its bytes: every type that is taken, and everything that only says it is one."""

from __future__ import annotations

import struct
import zlib
from functools import cache

import pytest

from asterisk_ext.domain.audio_file import Type, look
from asterisk_ext.domain.errors import Refusal
from tests.uploads import FORMS, sweep

TYPES = {"wav": Type.WAV, "mp3": Type.MP3, "ogg": Type.OGG, "opus": Type.OGG, "flac": Type.FLAC, "m4a": Type.M4A}
ZIP = b"PK\x03\x04\x14\0\0\0" + bytes(60) + b"PK\x05\x06" + bytes(18)
HTML = b"<!doctype html><script>alert(1)</script>"


@cache
def whole(form: str) -> bytes:
    return sweep(form, 1.0)


def refused(data: bytes) -> str:
    with pytest.raises(Refusal) as refusal:
        look(data)
    assert refusal.value.field == "file"
    return refusal.value.error_id


@pytest.mark.parametrize("form", FORMS)
def test_a_whole_file_is_known_by_its_bytes(form: str) -> None:
    assert look(whole(form)).type is TYPES[form]


def test_flac_tells_how_long_it_is() -> None:
    assert look(whole("flac")).seconds == 1.0


@pytest.mark.parametrize(
    "data",
    [
        b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/asterisk-ext/ari.secret\n",
        b"ffconcat version 1.0\nfile '/etc/passwd'\n",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>',
        HTML,
        ZIP,
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"GIF89a" + bytes(100),
        b"\x7fELF" + bytes(100),
        b"#!AMR\n" + bytes(100),
        b"<?xml version='1.0'?><MPD/>",
        b"RIFF\x10\0\0\0AVI LIST" + bytes(16),
        b"ID3",
        b"ID3\x04\0\0\0\0\0\x05hello",
        b"\xff",
        b"\0" * 4096,
        b"[playlist]\nFile1=http://127.0.0.1/\n",
    ],
    ids=lambda data: repr(data[:14]),
)
def test_what_is_no_audio_is_refused_whatever_its_name(data: bytes) -> None:
    assert refused(data) in ("audio.not_audio", "audio.truncated")


def test_nothing_at_all_is_refused() -> None:
    assert refused(b"") == "audio.empty"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("share", [0.3, 0.7, 0.99])
def test_a_file_that_ends_in_the_middle_is_refused(form: str, share: float) -> None:
    data = whole(form)
    assert refused(data[: int(len(data) * share)]) in ("audio.truncated", "audio.not_audio")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("other", [ZIP, HTML, b"\xca\xfe\xba\xbe" + bytes(range(1, 200))], ids=["zip", "html", "class"])
def test_a_file_that_is_something_else_at_the_same_time_is_refused(form: str, other: bytes) -> None:
    assert refused(whole(form) + other) in ("audio.foreign_bytes", "audio.truncated")


@pytest.mark.parametrize("form", FORMS)
def test_a_file_with_something_else_before_it_is_refused(form: str) -> None:
    assert refused(HTML + whole(form)) == "audio.not_audio"


def test_an_mp3_may_bear_the_usual_tags() -> None:
    ape = b"APETAGEX" + struct.pack("<IIII", 2000, 32, 0, 0) + bytes(8)
    tagged = whole("mp3") + ape + b"TAG" + bytes(125)
    assert look(tagged).type is Type.MP3


def test_a_wav_may_hold_other_chunks() -> None:
    note = b"LIST" + struct.pack("<I", 5) + b"INFO." + b"\0"
    data = whole("wav") + note
    assert look(data[:4] + struct.pack("<I", len(data) - 8) + data[8:]).type is Type.WAV


@pytest.mark.parametrize("form", FORMS)
def test_any_damaged_byte_is_either_taken_or_refused_and_never_an_error(form: str) -> None:
    data = whole(form)
    for number in range(300):
        where = zlib.crc32(f"{form} {number}".encode()) % min(len(data), 3000)
        try:
            look(data[:where] + bytes([number & 0xFF]) + data[where + 1 :])
        except Refusal as refusal:
            assert refusal.error_id.startswith("audio.")


@pytest.mark.parametrize(
    "data",
    [
        b"fLaC" + bytes([0x80, 0, 0, 0]) + b"\xff\xf8" * 65_000,
        b"\0\0\0\x08ftyp" + b"\0\0\0\x08free" * 100_000,
        (b"RIFF" + struct.pack("<I", 800_004) + b"WAVE" + b"junk\0\0\0\0" * 100_000),
        b"ID3\x04\0\0\0\0\0\0" * 100_000,
    ],
    ids=["frames of flac", "boxes", "chunks", "tags"],
)
def test_a_file_of_a_hundred_thousand_beginnings_is_refused(data: bytes) -> None:
    assert refused(data).startswith("audio.")
