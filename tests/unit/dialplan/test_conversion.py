"""Uploads through the real ffmpeg: what Asterisk gets of them, and what is refused."""

from __future__ import annotations

import math
import struct
from array import array

import pytest

from asterisk_ext.domain.audio import BARS, FORMATS, Limits
from asterisk_ext.domain.audio_file import Type
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.lab import g711
from dialplan.audio import ffmpeg
from dialplan.audio.conversion import FRAME, FfmpegConverter
from tests.uploads import FORMS, sweep

BYTES_A_SECOND = {"alaw": 8000, "ulaw": 8000, "g722": 8000, "sln16": 32000}
LIMITS = Limits(megabytes=2, announcement=4, music=6)


def wave(samples: array[int], rate: int = 8000) -> bytes:
    data = samples.tobytes()
    form = struct.pack("<HHIIHH", 1, 1, rate, rate * 2, 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def tone(seconds: float, level: int) -> bytes:
    count = int(8000 * seconds)
    return wave(array("h", (round(level * math.sin(2 * math.pi * 440 * n / 8000)) for n in range(count))))


async def refused(data: bytes) -> str:
    with pytest.raises(Refusal) as refusal:
        await FfmpegConverter().convert(data, LIMITS)
    return refusal.value.error_id


@pytest.mark.parametrize("form", FORMS)
async def test_every_type_becomes_every_format_in_whole_frames(form: str) -> None:
    made = await FfmpegConverter().convert(sweep(form, 2.0), LIMITS)
    assert set(made.files) == set(FORMATS)
    for ending, data in made.files.items():
        assert len(data) % FRAME[ending] == 0
        assert len(data) / BYTES_A_SECOND[ending] == pytest.approx(2.0, abs=0.1)
    assert made.seconds == pytest.approx(2.0, abs=0.1)
    assert len(made.peaks) == BARS
    assert made.original.startswith(b"fLaC")


async def test_loud_and_quiet_uploads_are_heard_equally_loud() -> None:
    """Compared by mean power; EBU R128 weighs the same tone alike."""
    powers = []
    for level in (600, 8000, 32000):
        made = await FfmpegConverter().convert(tone(3, level), LIMITS)
        samples = g711.decode(g711.ALAW, made.files["alaw"])[4000:-4000]
        powers.append(10 * math.log10(sum(sample * sample for sample in samples) / len(samples)))
    assert max(powers) - min(powers) < 1.0


async def test_silence_is_no_announcement() -> None:
    assert await refused(wave(array("h", bytes(32000)))) == "audio.silent"


async def test_a_click_is_no_announcement() -> None:
    assert await refused(tone(0.2, 8000)) == "audio.too_short"


async def test_what_is_too_large_is_not_even_looked_at() -> None:
    assert await refused(b"x" * 2_000_001) == "audio.too_large"


@pytest.mark.parametrize("form", ["mp3", "flac", "opus"])
async def test_what_lasts_longer_than_the_limit_is_refused(form: str) -> None:
    assert await refused(sweep(form, 7.5)) == "audio.too_long"


async def test_an_hour_in_a_small_file_is_decoded_no_further_than_the_limit() -> None:
    hour = sweep("mp3", 1.0).split(b"\xff\xfb")
    frames = b"".join(b"\xff\xfb" + frame for frame in hour[2:])
    small = frames * 50
    samples = await ffmpeg.decode(small, Type.MP3, longest=2)
    assert len(samples) <= 3 * ffmpeg.SECOND


async def test_a_length_of_years_that_a_file_claims_is_refused() -> None:
    data = bytearray(sweep("flac", 1.0))
    data[18 + 3] |= 0x0F
    data[18 + 4 : 18 + 8] = b"\xff\xff\xff\xff"
    assert await refused(bytes(data)) == "audio.too_long"


async def test_a_stream_of_another_kind_in_the_container_is_refused() -> None:
    """A decoder that its type does not list is not run."""
    data = sweep("wav", 1.0)
    adpcm = data[:20] + struct.pack("<H", 0x11) + data[22:]
    assert await refused(adpcm) == "audio.unreadable"


async def test_a_reference_to_another_file_is_not_followed() -> None:
    """Given past the look at its bytes, a playlist is still no MP3 to the one demuxer that is allowed."""
    playlist = b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n"
    for kind in Type:
        with pytest.raises(Refusal) as refusal:
            await ffmpeg.decode(playlist, kind, 5)
        assert refusal.value.error_id == "audio.unreadable"


@pytest.mark.parametrize("form", FORMS)
async def test_damaged_files_are_refused_or_taken_and_never_an_error(form: str) -> None:
    data = bytearray(sweep(form, 1.0))
    for place in range(len(data) // 3, len(data), max(1, len(data) // 40)):
        data[place] ^= 0xFF
    try:
        made = await FfmpegConverter().convert(bytes(data), LIMITS)
    except Refusal as refusal:
        assert refusal.error_id.startswith("audio.")
    else:
        assert set(made.files) == set(FORMATS)


async def test_what_takes_too_long_to_decode_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg, "WALL_SECONDS", 0.0)
    assert await refused(tone(1, 8000)) == "audio.too_slow"
