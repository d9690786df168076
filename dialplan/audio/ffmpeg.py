"""ffmpeg, kept on a short lead: what it is told, and the bounds of its process.

The only hostile thing that it ever reads is the upload, once, with the demuxer that the file's own bytes name and the
decoders of that type; it opens no other file and no network (``-protocol_whitelist``), writes no file (a limit of zero
bytes: the result leaves by a pipe), and starts no program. Everything after works on plain samples.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import BinaryIO

from asterisk_ext.domain.audio_file import Type
from asterisk_ext.domain.errors import Problem

UNREADABLE = Problem(
    "audio.unreadable",
    422,
    "The audio was not taken: it could not be decoded as {type}.",
    "Export it again as WAV or MP3 and send it once more.",
)
TOO_SLOW = Problem(
    "audio.too_slow", 422, "The audio was not taken: decoding it took too long.", "Export it again as WAV or MP3."
)

DEMUXERS = {Type.WAV: "wav", Type.MP3: "mp3", Type.OGG: "ogg", Type.FLAC: "flac", Type.M4A: "mov"}
"""ffmpeg's name of the one demuxer that reads a type; ``mov`` stands for a family of names."""
_PCM = "pcm_u8,pcm_s16le,pcm_s24le,pcm_s32le,pcm_f32le,pcm_f64le,pcm_alaw,pcm_mulaw"
DECODERS = {
    Type.WAV: _PCM,
    Type.MP3: "mp3float,mp3",
    Type.OGG: "vorbis,opus,flac",
    Type.FLAC: "flac",
    Type.M4A: "aac,alac",
}
RATE = 48000
"""Samples a second of a decoded upload: 16 bits, one channel."""
SECOND = RATE * 2
"""Bytes."""

WALL_SECONDS = 60.0
_BOUNDS = ("--cpu=40", "--as=1073741824", "--fsize=0", "--nofile=32", "--core=0")
# Calls come first; at 19 a busy node would leave it two cents of a core, and the sender waiting for minutes.
_LEAD = ("nice", "-n", "10", "prlimit", *_BOUNDS, "--", "ffmpeg", "-nostdin", "-hide_banner")

_RAW = ("-protocol_whitelist", "pipe", "-f", "s16le", "-ar", str(RATE), "-ac", "1", "-i", "pipe:0")
_FLAC = ("-map", "0:a", "-f", "flac")
_FORMATS = {
    "alaw": ("-ar", "8000", "-f", "alaw"),
    "ulaw": ("-ar", "8000", "-f", "mulaw"),
    "g722": ("-f", "g722"),
    "sln16": ("-f", "s16le"),
}
"""What Asterisk plays without transcoding: ending → ffmpeg's options, from 16 kHz linear."""

LOUDNESS = "loudnorm=I=-19:TP=-3:LRA=7"
"""EBU R128: integrated −19 LUFS, true peak −3 dBTP: what speech has on telephone lines, and the shipped audios too."""


async def decode(data: bytes, kind: Type, longest: float) -> bytes:
    """The upload's samples at ``RATE``, cut a second after ``longest``.

    Refuses ``audio.unreadable`` and ``audio.too_slow``.
    """
    name = DEMUXERS[kind]
    family = "mov,mp4,m4a,3gp,3g2,mj2" if kind is Type.M4A else name
    with _in_memory(data) as place:
        number = place.fileno()
        status, samples, _ = await _run(
            ("-v", "error", "-xerror", "-err_detect", "explode+crccheck", "-threads", "1"),
            ("-protocol_whitelist", "file,pipe", "-format_whitelist", family, "-codec_whitelist", DECODERS[kind]),
            ("-f", name, "-i", f"file:/proc/self/fd/{number}", "-map", "0:a:0", "-vn", "-sn", "-dn"),
            ("-map_metadata", "-1", "-t", f"{longest + 1:.0f}", "-ac", "1", "-ar", str(RATE), "-f", "s16le", "pipe:1"),
            fds=(number,),
        )
    if status or not samples:
        raise UNREADABLE.refuse(field="file", type=kind.value.upper())
    return samples


async def measure(samples: bytes) -> tuple[dict[str, str], bytes]:
    """What ``loudnorm`` measured: ``input_i`` (LUFS; ``-inf`` for silence) and the others of its report.

    And the decoded upload as FLAC, to be listened to; what was uploaded itself is never served to anybody.
    """
    made, said = await _made(samples, ("-af", f"{LOUDNESS}:print_format=json", "-f", "null", "-"), {"flac": _FLAC})
    report = said[said.rfind(b"{") : said.rfind(b"}") + 1]
    return {str(name): str(value) for name, value in json.loads(report).items()}, made["flac"]


async def normalise(samples: bytes, measured: dict[str, str]) -> dict[str, bytes]:
    """The same at the telephone's loudness in every format: the second pass, by one gain where that is enough."""
    report = ":".join(
        f"measured_{name}={measured[f'input_{key}']}"
        for name, key in (("I", "i"), ("TP", "tp"), ("LRA", "lra"), ("thresh", "thresh"))
    )
    louder = f"{LOUDNESS}:{report}:offset={measured['target_offset']}:linear=true"
    ends = "".join(f"[{ending}]" for ending in _FORMATS)
    graph = f"[0:a]{louder},aresample=16000,aformat=sample_fmts=s16,asplit={len(_FORMATS)}{ends}"
    outputs = {ending: ("-map", f"[{ending}]", *options) for ending, options in _FORMATS.items()}
    made, _ = await _made(samples, ("-filter_complex", graph), outputs)
    return made


async def _made(
    samples: bytes, first: Sequence[str], outputs: Mapping[str, Sequence[str]]
) -> tuple[dict[str, bytes], bytes]:
    """Several outputs of one ffmpeg, each by a pipe of its own, and its messages: it starts slower than it runs."""
    pipes = {name: os.pipe() for name in outputs}
    reading = [asyncio.create_task(_read(reader)) for reader, _ in pipes.values()]
    words = [word for name, (_, end) in pipes.items() for word in (*outputs[name], "-bitexact", f"pipe:{end}")]
    try:
        ends = [end for _, end in pipes.values()]
        status, _, said = await _run(("-v", "info", "-nostats"), _RAW, first, words, given=samples, fds=ends)
    finally:
        for _, end in pipes.values():
            os.close(end)
        made = await asyncio.gather(*reading)
    if status:
        raise RuntimeError(f"ffmpeg failed on plain samples: {said[-300:].decode(errors='replace')}")
    return dict(zip(outputs, made, strict=True)), said


async def _read(end: int) -> bytes:
    """All that comes out of a pipe, until nobody holds its other end."""
    reader = asyncio.StreamReader()
    pipe = os.fdopen(end, "rb", 0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    try:
        return await reader.read()
    finally:
        transport.close()


def _in_memory(data: bytes) -> BinaryIO:
    """An open file without a name, for containers whose index stands at their end."""
    place = os.fdopen(os.memfd_create("upload", os.MFD_CLOEXEC), "r+b")
    place.write(data)
    place.flush()
    return place


async def _run(*words: Sequence[str], given: bytes = b"", fds: Sequence[int] = ()) -> tuple[int, bytes, bytes]:
    """Status, output and messages; refuses ``audio.too_slow``. The process never outlives this call."""
    process = await asyncio.create_subprocess_exec(
        *_LEAD,
        *(word for part in words for word in part),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        pass_fds=fds,
        env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C"},
    )
    try:
        async with asyncio.timeout(WALL_SECONDS):
            output, said = await process.communicate(given)
    except TimeoutError:
        raise TOO_SLOW.refuse(field="file") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return process.returncode or 0, output, said
