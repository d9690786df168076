"""Makes country lists of the registries' files, in a process of its own: what comes from outside is read neither by the
guard nor by the node service, and two seconds of parsing hold up nobody.

    python -m firewall.countries.build OUT < SOURCES

Sources come one a line, because an address may hold a password: ``http(s)`` addresses or files, plain or compressed
with gzip; together the five registries' files or the common one. Where ``SOURCE.md5`` is there, it must fit. On
standard output: progress, one JSON object a line, then one that says how it ended.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import re
import sys
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec

from asterisk_ext.domain.errors import Problem, Refusal
from firewall.countries.delegated import BAD_FILE, COMBINED, REGISTRIES, Delegated, Reader, joined
from firewall.countries.pack import pack

UNREACHABLE = Problem(
    "country.source_unreachable",
    503,
    "The registry's file {name} could not be had: {reason}; the lists in use stay.",
    "Look at countries.sources in the settings, and whether this server reaches that address.",
)
CHUNK = 1 << 16
LONGEST = 256 << 20
"""Bytes of one registry's file, unpacked; the longest has some 20 MB."""
TIMEOUT = aiohttp.ClientTimeout(total=900, sock_connect=20, sock_read=60)
SOURCE = "AFRINIC, APNIC, ARIN, LACNIC, RIPE NCC (nro.net), delegated-extended"
LICENCE = "CC-BY-4.0 by nro.net"
_MD5 = re.compile(r"\b[0-9a-fA-F]{32}\b", re.ASCII)

Say = Callable[[str, int, int], None]
"""Told of each piece: the source, its bytes so far, and in all (0: not known)."""


async def build(out: Path, sources: Sequence[str], say: Say) -> str:
    """Write the packed lists of all sources to ``out``, whole or not at all; returns their day.

    Refuses ``country.file_invalid`` and ``country.source_unreachable``.
    """
    async with aiohttp.ClientSession(timeout=TIMEOUT, auto_decompress=False) as session:
        files = [await _read(session, source, say) for source in sources]
    names = sorted(file.registry for file in files)
    if names not in (sorted(REGISTRIES), [COMBINED]):
        missing = ", ".join(sorted(set(REGISTRIES) - set(names))) or "none"
        raise BAD_FILE.refuse(field="file", name="of all registries", reason=f"each is wanted once, missing: {missing}")
    since = min(file.since for file in files)
    fresh = out.with_name(f".{out.name}.new")
    fresh.write_bytes(pack(joined(files), since=since, source=SOURCE, licence=LICENCE))
    fresh.replace(out)
    return since


async def _read(session: aiohttp.ClientSession, source: str, say: Say) -> Delegated:
    name = source.rpartition("/")[2]
    lines, digest, done = _Lines(name), hashlib.md5(usedforsecurity=False), 0
    reader = Reader(name)
    async with _opened(session, source, name) as (chunks, total):
        async for chunk in chunks:
            done += len(chunk)
            digest.update(chunk)
            for line in lines.of(chunk):
                reader.line(line)
            say(name, done, total)
    for line in lines.rest():
        reader.line(line)
    wanted = await _checksum(session, source)
    if wanted and wanted != digest.hexdigest():
        raise BAD_FILE.refuse(field="file", name=name, reason="its checksum does not match")
    return reader.end()


@asynccontextmanager
async def _opened(
    session: aiohttp.ClientSession, source: str, name: str
) -> AsyncIterator[tuple[AsyncIterator[bytes], int]]:
    """The pieces of a source, and how many bytes it says it has."""
    try:
        if not _is_remote(source):
            yield _pieces(source), _size(source)
            return
        async with session.get(source) as response:
            if response.status != 200:
                raise UNREACHABLE.refuse(field="sources", name=name, reason=f"HTTP {response.status}")
            yield response.content.iter_chunked(CHUNK), response.content_length or 0
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise UNREACHABLE.refuse(field="sources", name=name, reason=str(error) or type(error).__name__) from error


def _size(source: str) -> int:
    return Path(source).stat().st_size


async def _pieces(source: str) -> AsyncIterator[bytes]:
    with Path(source).open("rb") as file:  # noqa: ASYNC230 - this process does nothing else
        while chunk := file.read(CHUNK):
            yield chunk


async def _checksum(session: aiohttp.ClientSession, source: str) -> str:
    """The MD5 sum beside a source; empty where there is none."""
    if not _is_remote(source):
        return _sum_in(_text_of(Path(f"{source}.md5")))
    try:
        async with session.get(f"{source}.md5") as response:
            return _sum_in((await response.content.read(1000)).decode("latin-1")) if response.status == 200 else ""
    except (aiohttp.ClientError, TimeoutError) as error:
        raise UNREACHABLE.refuse(field="sources", name=f"{source}.md5", reason=str(error)) from error


def _text_of(path: Path) -> str:
    return path.read_text("latin-1") if path.exists() else ""


def _sum_in(text: str) -> str:
    found = _MD5.search(text)
    return found[0].lower() if found else ""


def _is_remote(source: str) -> bool:
    return source.startswith(("http://", "https://"))


class _Lines:
    """Bytes to lines, unpacked where they are compressed; refuses more of them than any registry has."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._rest = b""
        self._size = 0
        self._gzip: zlib._Decompress | None = None
        self._begun = False

    def of(self, chunk: bytes) -> Iterator[str]:
        if not self._begun:
            self._begun = True
            self._gzip = zlib.decompressobj(31) if chunk[:2] == b"\x1f\x8b" else None
        while chunk:
            piece, chunk = self._plain(chunk)
            self._size += len(piece)
            if self._size > LONGEST or len(self._rest) > CHUNK:
                raise BAD_FILE.refuse(field="file", name=self._name, reason="it is too long")
            *whole, self._rest = (self._rest + piece).split(b"\n")
            for line in whole:
                yield line.decode("latin-1")

    def rest(self) -> Iterator[str]:
        if self._gzip is not None and not self._gzip.eof:
            raise BAD_FILE.refuse(field="file", name=self._name, reason="it is cut off")
        if self._rest:
            yield self._rest.decode("latin-1")

    def _plain(self, chunk: bytes) -> tuple[bytes, bytes]:
        if self._gzip is None:
            return chunk, b""
        try:
            piece = self._gzip.decompress(chunk, CHUNK)
        except zlib.error as error:
            raise BAD_FILE.refuse(field="file", name=self._name, reason=error) from error
        return piece, self._gzip.unconsumed_tail


def main() -> None:
    parser = argparse.ArgumentParser(description="Make country lists of the registries' files.")
    parser.add_argument("out", type=Path)
    wanted = parser.parse_args()
    try:
        since = asyncio.run(build(wanted.out, sys.stdin.read().split(), _tell))
        _line({"ok": True, "result": since})
    except Refusal as refusal:
        params = {name: str(value) for name, value in refusal.params.items()}
        _line({"ok": False, "error_id": refusal.error_id, "params": params, "field": refusal.field})
        sys.exit(1)


def _tell(name: str, done: int, total: int) -> None:
    _line({"name": name, "done": done, "total": total})


def _line(said: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
