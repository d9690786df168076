"""Audios to upload, made by ffmpeg: sweeps of a tone, so that every moment of each differs from every other."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from asterisk_ext.domain.audio import Limits, Recording
from asterisk_ext.ports.audio import Converted
from dialplan.audio.conversion import FfmpegConverter

FORMS = {
    "wav": ("-f", "wav"),
    "mp3": ("-f", "mp3"),
    "ogg": ("-c:a", "libvorbis", "-f", "ogg"),
    "opus": ("-c:a", "libopus", "-f", "ogg"),
    "flac": ("-f", "flac"),
    "m4a": ("-c:a", "aac", "-f", "mp4"),
}


def sweep(form: str, seconds: float = 3.0, start: int = 300, rise: int = 150) -> bytes:
    """A tone that begins at ``start`` hertz and rises by twice ``rise`` a second."""
    source = f"aevalsrc=0.4*sin(2*PI*({start}*t+{rise}*t*t)):d={seconds}:s=44100"
    with tempfile.NamedTemporaryFile() as file:
        words = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", source, *FORMS[form], file.name]
        subprocess.run(words, check=True)
        return Path(file.name).read_bytes()


@dataclass(frozen=True, slots=True)
class Made:
    recording: Recording
    converted: Converted

    @property
    def alaw(self) -> bytes:
        return self.converted.files["alaw"]


async def converted(name: str, upload: bytes) -> Made:
    """An upload as the library keeps it."""
    made = await FfmpegConverter().convert(upload, Limits())
    files = {ending: sha256(data).hexdigest() for ending, data in made.files.items()}
    return Made(Recording(name=name, seconds=made.seconds, files=files, source=made.type), made)
