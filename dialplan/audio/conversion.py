"""One upload → everything that Asterisk and the console need of it."""

from __future__ import annotations

import asyncio
import math

from asterisk_ext.domain import audio_file
from asterisk_ext.domain.audio import FORMATS, SHORTEST, TOO_LARGE, TOO_LONG, Limits, peaks
from asterisk_ext.domain.errors import Problem
from asterisk_ext.ports.audio import Converted
from dialplan.audio import ffmpeg

TOO_SHORT = Problem(
    "audio.too_short", 422, "The audio was not taken: it lasts less than half a second.", "Choose another file."
)
SILENT = Problem(
    "audio.silent", 422, "The audio was not taken: there is nothing to hear in it.", "Choose another file."
)

FRAME = {"alaw": 160, "ulaw": 160, "g722": 160, "sln16": 640}
"""Bytes of 20 ms; a last frame that is not whole would be lost by some receivers."""


class FfmpegConverter:
    """``ports.Converter``, by ffmpeg; ``ConverterService`` runs it apart from everything else."""

    async def convert(self, data: bytes, limits: Limits) -> Converted:
        if len(data) > limits.megabytes * 1_000_000:
            raise TOO_LARGE.refuse(field="file", most=limits.megabytes)
        looked = await asyncio.to_thread(audio_file.look, data)
        longest = max(limits.announcement, limits.music)
        if looked.seconds is not None and looked.seconds > longest:
            raise TOO_LONG.refuse(field="file", most=longest)
        samples = await ffmpeg.decode(data, looked.type, longest)
        seconds = len(samples) / ffmpeg.SECOND
        if seconds > longest:
            raise TOO_LONG.refuse(field="file", most=longest)
        if looked.seconds is not None and seconds < looked.seconds - 0.5:
            raise audio_file.TRUNCATED.refuse(field="file")
        if seconds < SHORTEST:
            raise TOO_SHORT.refuse(field="file")
        measured, original = await ffmpeg.measure(samples)
        loudness = float(measured["input_i"])
        if not math.isfinite(loudness) or not any(samples):
            raise SILENT.refuse(field="file")
        made = await ffmpeg.normalise(samples, measured)
        files = {ending: _whole(ending, made[ending]) for ending in FORMATS}
        return Converted(
            type=looked.type.value,
            seconds=len(files["alaw"]) / 8000,
            loudness=loudness,
            peaks=await asyncio.to_thread(peaks, files["alaw"]),
            files=files,
            original=original,
        )


def _whole(ending: str, made: bytes) -> bytes:
    """Filled up to a whole frame, with silence."""
    silence = {"alaw": b"\xd5", "ulaw": b"\xff", "g722": b"\xfa", "sln16": b"\0"}[ending]
    return made + silence * (-len(made) % FRAME[ending])
