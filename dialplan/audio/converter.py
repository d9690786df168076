"""The converter: a process of its own, as a user of its own, without a network; and the node service's way to it.

What decodes strangers' files must not be able to read tenants' secrets or speak to anybody. A request is a line of
JSON and the upload; the answer a line of JSON and the files, one after the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path

import msgspec

from asterisk_ext.domain import audio, audio_file
from asterisk_ext.domain.audio import Limits
from asterisk_ext.domain.errors import Problem, Refusal
from asterisk_ext.ports.audio import Converted, Converter
from dialplan.audio import conversion, ffmpeg

log = logging.getLogger(__name__)

GONE = Problem(
    "audio.converter_silent",
    503,
    "The audio was not taken: the converter of this node does not answer.",
    "Start it (asterisk-ext audio converter) and send the file again.",
)
BUSY = Problem(
    "audio.converter_busy",
    503,
    "The audio was not taken: the converter is busy with {waiting} others.",
    "Send it again in a minute.",
)
_KNOWN = {
    problem.error_id: problem
    for module in (audio, audio_file, conversion, ffmpeg)
    for problem in vars(module).values()
    if isinstance(problem, Problem)
} | {BUSY.error_id: BUSY}

LINE = 64 * 1024
MOST = 64 * 1024 * 1024
"""Bytes of an upload that are read at all."""
MOST_WAITING = 4
PATIENCE = 300.0
"""Seconds; a long piece of music takes a while, and others may come first."""


class _Asked(msgspec.Struct):
    bytes: int
    megabytes: int
    announcement: int
    music: int


class _Answer(msgspec.Struct, omit_defaults=True):
    error_id: str = ""
    params: dict[str, str | int] = {}
    type: str = ""
    seconds: float = 0.0
    loudness: float = 0.0
    peaks: tuple[int, ...] = ()
    parts: tuple[tuple[str, int], ...] = ()
    """Each file's format and length; the last is the original."""


class ConverterService:
    """Serves ``converter`` on a Unix socket, one upload at a time. Used as an async context."""

    def __init__(self, converter: Converter, path: Path) -> None:
        self._converter = converter
        self._path = path
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> ConverterService:
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self._path, limit=LINE)
        # Who may come so far is a matter of the directory: connecting takes the right to write to the socket.
        self._path.chmod(0o666)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, msgspec.DecodeError, ValueError):
            asked = msgspec.json.decode(await reader.readline(), type=_Asked)
            if 0 <= asked.bytes <= MOST:
                data = await reader.readexactly(asked.bytes)
                answer, files = await self._answer(data, asked)
                writer.write(msgspec.json.encode(answer) + b"\n" + b"".join(files))
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def _answer(self, data: bytes, asked: _Asked) -> tuple[_Answer, list[bytes]]:
        if self._waiting >= MOST_WAITING:
            return _Answer(error_id=BUSY.error_id, params={"waiting": self._waiting}), []
        self._waiting += 1
        try:
            async with self._turn:
                limits = Limits(megabytes=asked.megabytes, announcement=asked.announcement, music=asked.music)
                made = await self._converter.convert(data, limits)
        except Refusal as refusal:
            params = {name: value if isinstance(value, int) else str(value) for name, value in refusal.params.items()}
            return _Answer(error_id=refusal.error_id, params=params), []
        except Exception:
            # The file is hostile until proved otherwise: what it broke is logged, and the next one is served.
            log.exception("a conversion failed")
            return _Answer(error_id=ffmpeg.UNREADABLE.error_id, params={"type": "audio"}), []
        finally:
            self._waiting -= 1
        parts = (*made.files.items(), ("original", made.original))
        return _Answer(
            type=made.type,
            seconds=made.seconds,
            loudness=made.loudness,
            peaks=made.peaks,
            parts=tuple((name, len(part)) for name, part in parts),
        ), [part for _, part in parts]


class ConverterClient:
    """``ports.Converter`` at the service's socket; refuses ``audio.converter_silent`` when it does not answer."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def convert(self, data: bytes, limits: Limits) -> Converted:
        if len(data) > limits.megabytes * 1_000_000:
            raise audio.TOO_LARGE.refuse(field="file", most=limits.megabytes)
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._convert(data, limits)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, msgspec.DecodeError) as error:
            raise GONE.refuse(field="file") from error

    async def _convert(self, data: bytes, limits: Limits) -> Converted:
        reader, writer = await asyncio.open_unix_connection(self._path, limit=LINE)
        try:
            asked = _Asked(len(data), limits.megabytes, limits.announcement, limits.music)
            writer.write(msgspec.json.encode(asked) + b"\n" + data)
            await writer.drain()
            answer = msgspec.json.decode(await reader.readline(), type=_Answer)
            if answer.error_id:
                raise _KNOWN.get(answer.error_id, GONE).refuse(field="file", **answer.params)
            files = {name: await reader.readexactly(length) for name, length in answer.parts}
        finally:
            writer.close()
        original = files.pop("original")
        return Converted(
            type=answer.type,
            seconds=answer.seconds,
            loudness=answer.loudness,
            peaks=answer.peaks,
            files=files,
            original=original,
        )
