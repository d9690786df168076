"""The converter's socket: uploads and refusals pass it whole, and nothing that is sent brings it down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from asterisk_ext.domain.audio import Limits
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.ports.audio import Converted
from dialplan.audio.converter import MOST_WAITING, ConverterClient, ConverterService
from tests.unit.services.fake_audios import FakeConverter

UPLOAD = b"RIFF 3 " + bytes(100_000)


class SlowConverter(FakeConverter):
    """Waits until it is let go; ``broken`` makes it fail as no converter should."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.go.set()
        self.broken = False

    async def convert(self, data: bytes, limits: Limits) -> Converted:
        await self.go.wait()
        if self.broken:
            raise ZeroDivisionError
        return await super().convert(data, limits)


@pytest.fixture
def converter() -> SlowConverter:
    return SlowConverter()


@pytest.fixture
async def client(tmp_path: Path, converter: SlowConverter) -> AsyncIterator[ConverterClient]:
    async with ConverterService(converter, tmp_path / "converter.sock"):
        yield ConverterClient(tmp_path / "converter.sock")


async def error_of(client: ConverterClient, data: bytes) -> str:
    with pytest.raises(Refusal) as refusal:
        await client.convert(data, Limits())
    return refusal.value.error_id


async def test_an_upload_comes_back_as_the_converter_made_it(client: ConverterClient) -> None:
    assert await client.convert(UPLOAD, Limits()) == await FakeConverter().convert(UPLOAD, Limits())


async def test_a_refusal_comes_back_as_it_was(client: ConverterClient) -> None:
    assert await error_of(client, b"#EXTM3U") == "audio.not_audio"


async def test_what_is_too_large_is_not_sent_at_all(tmp_path: Path) -> None:
    nobody = ConverterClient(tmp_path / "nobody.sock")
    assert await error_of(nobody, bytes(20_000_001)) == "audio.too_large"


async def test_without_a_converter_the_upload_is_refused(tmp_path: Path) -> None:
    assert await error_of(ConverterClient(tmp_path / "nobody.sock"), UPLOAD) == "audio.converter_silent"


async def test_a_file_that_breaks_the_converter_is_refused_and_the_next_one_is_taken(
    client: ConverterClient, converter: SlowConverter
) -> None:
    converter.broken = True
    assert await error_of(client, UPLOAD) == "audio.unreadable"
    converter.broken = False
    assert (await client.convert(UPLOAD, Limits())).type == "wav"


async def test_only_so_many_wait_for_their_turn(client: ConverterClient, converter: SlowConverter) -> None:
    converter.go.clear()
    async with asyncio.TaskGroup() as group:
        results = [group.create_task(outcome(client)) for _ in range(MOST_WAITING + 2)]
        await asyncio.wait(results, return_when=asyncio.FIRST_COMPLETED)
        converter.go.set()
    found = [result.result() for result in results]
    assert set(found) == {"audio.converter_busy", "wav"}
    assert found.count("wav") >= MOST_WAITING


async def outcome(client: ConverterClient) -> str:
    try:
        return (await client.convert(UPLOAD, Limits())).type
    except Refusal as refusal:
        return refusal.error_id


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\n",
        b"{}\n",
        b'{"bytes":-1}\n',
        b'{"bytes":99999999999,"megabytes":1,"announcement":1,"music":1}\n',
        b'{"bytes":10,"megabytes":1,"announcement":1,"music":1}\nshort',
        b"x" * 100_000,
    ],
)
async def test_garbage_ends_its_own_connection_only(client: ConverterClient, tmp_path: Path, sent: bytes) -> None:
    reader, writer = await asyncio.open_unix_connection(tmp_path / "converter.sock")
    writer.write(sent)
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()
    assert (await client.convert(UPLOAD, Limits())).type == "wav"
