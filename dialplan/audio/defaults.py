"""The announcements that ship with the product: where they lie, how long they are, putting them in place."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

from asterisk_ext.domain.audio import LANGUAGES, peaks
from asterisk_ext.domain.gate import Announcement, Audio
from asterisk_ext.ports.audio import Shipped

ENDINGS = ("alaw", "ulaw", "g722")
SAMPLES_A_SECOND = 8000
"""One byte a sample in alaw (ITU-T G.711)."""


def install_default_audios(target: Path) -> list[Path]:
    """Put every default announcement under ``target``/default/LANGUAGE; returns the files that were not yet so.

    Each is replaced as a whole, so that one which is being played goes on to its end. Raises OSError.
    """
    written = []
    for name, data in _shipped():
        path = target / "default" / name
        if path.exists() and path.read_bytes() == data:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.new")
        fresh.write_bytes(data)
        fresh.chmod(0o644)
        fresh.replace(path)
        written.append(path)
    return written


def default_announcements(sounds: str, language: str) -> Mapping[Audio, Announcement]:
    """The default of each kind in ``language`` (pt_BR where there is none in it), below Asterisk's path ``sounds``."""
    spoken = language if language in LANGUAGES else LANGUAGES[0]
    return {
        audio: Announcement(f"{sounds}/default/{spoken}/{audio.value}", len(data) / SAMPLES_A_SECOND)
        for audio in Audio
        for data in [_read(f"{spoken}/{audio.value}.alaw")]
    }


@cache
def shipped_recordings() -> Mapping[str, Shipped]:
    """The defaults as the console shows them, by ``domain.audio.Place.key``."""
    found = {}
    for language in LANGUAGES:
        for audio in Audio:
            alaw = _read(f"{language}/{audio.value}.alaw")
            found[f"{audio.value}/{language}"] = Shipped(
                seconds=len(alaw) / SAMPLES_A_SECOND, peaks=peaks(alaw), alaw=alaw
            )
    return found


def _shipped() -> list[tuple[str, bytes]]:
    names = [f"{language}/{audio.value}.{ending}" for language in LANGUAGES for audio in Audio for ending in ENDINGS]
    return [(name, _read(name)) for name in names]


def _read(name: str) -> bytes:
    return files("dialplan.audio").joinpath("default", name).read_bytes()
