"""Speaks the default announcements: ``python -m dialplan.audio.make_defaults [DIRECTORY]``.

Needs espeak-ng and ffmpeg. The results are kept with the source, so that nobody else does.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from importlib.resources import files
from pathlib import Path

FORMATS = {
    "alaw": ("-ar", "8000", "-f", "alaw"),
    "ulaw": ("-ar", "8000", "-f", "mulaw"),
    "g722": ("-ar", "16000", "-f", "g722"),
}
"""What Asterisk plays to the usual callers without transcoding: its file ending → ffmpeg's options."""

FRAME = 160
"""Bytes of 20 ms in each of them; a last frame that is not whole would be lost by some receivers."""

LOUDNESS = "adelay=250,apad=pad_dur=0.4,loudnorm=I=-19:TP=-3:LRA=7"
"""EBU R128, at the level of speech on telephone lines; a moment of silence before and after."""


def speak(text: str, voice: str, wave: Path) -> None:
    arguments = ["espeak-ng", "-v", voice, "-s", "160", "-g", "3", "-w", str(wave), "--stdin"]
    subprocess.run(arguments, input=text.encode(), check=True)


def convert(wave: Path, target: Path, options: tuple[str, ...]) -> None:
    arguments = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "wav", "-i", str(wave), "-ac", "1"]
    subprocess.run([*arguments, "-af", LOUDNESS, *options, "-bitexact", str(target)], check=True)
    spoken = target.read_bytes()
    target.write_bytes(spoken[: len(spoken) // FRAME * FRAME])


def make(target: Path) -> None:
    texts = tomllib.loads(files("dialplan.audio").joinpath("texts.toml").read_text("utf-8"))
    with tempfile.TemporaryDirectory() as scratch:
        wave = Path(scratch) / "spoken.wav"
        for language, entries in texts.items():
            (target / language).mkdir(parents=True, exist_ok=True)
            for name in entries.keys() - {"voice"}:
                speak(entries[name], entries["voice"], wave)
                for ending, options in FORMATS.items():
                    convert(wave, target / language / f"{name}.{ending}", options)


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "default")
