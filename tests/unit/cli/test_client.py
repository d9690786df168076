"""The command line asks the node service, and says what is known when there is no answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from asterisk_ext.cli.client import ask
from asterisk_ext.domain.errors import Refusal


@asynccontextmanager
async def answering(socket: Path, handle: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/api/v1/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(socket)).start()
    try:
        yield str(socket)
    finally:
        await runner.cleanup()


async def asked(socket: str, *request: Any) -> Any:
    return await asyncio.to_thread(ask, socket, *request)


async def test_what_is_sent_and_answered_is_json(tmp_path: Path) -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.json_response({"heard": await request.json(), "at": request.path_qs})

    async with answering(tmp_path / "socket", handle) as socket:
        answer = await asked(socket, "POST", "pbx/3?dry=1", {"name": "Padaria"})
    assert answer == {"heard": {"name": "Padaria"}, "at": "/api/v1/pbx/3?dry=1"}


async def test_an_audio_goes_and_comes_as_its_bytes(tmp_path: Path) -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.Response(body=await request.read(), content_type="audio/wav")

    async with answering(tmp_path / "socket", handle) as socket:
        assert await asked(socket, "POST", "audios", None, b"RIFF\0\xff") == b"RIFF\0\xff"


async def test_an_answer_without_content_is_nothing(tmp_path: Path) -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.Response(status=204)

    async with answering(tmp_path / "socket", handle) as socket:
        assert await asked(socket, "DELETE", "pbx/3") is None


async def test_the_apis_refusal_is_the_command_lines(tmp_path: Path) -> None:
    async def handle(request: web.Request) -> web.Response:
        told = {"error_id": "pbx.unknown", "detail": "No {3}.", "remedy": "Look.", "field": "pbx"}
        return web.json_response(told, status=404, content_type="application/problem+json")

    async with answering(tmp_path / "socket", handle) as socket:
        with pytest.raises(Refusal) as refusal:
            await asked(socket, "GET", "pbx/3")
    assert (refusal.value.error_id, refusal.value.field, refusal.value.what) == ("pbx.unknown", "pbx", "No {3}.")


async def test_without_a_node_service_nothing_was_changed(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refusal:
        await asked(str(tmp_path / "nobody"), "GET", "pbx")
    assert refusal.value.error_id == "node.not_running"


async def test_a_node_service_that_ends_in_between_leaves_open_whether_it_was_done(tmp_path: Path) -> None:
    async def handle(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with answering(tmp_path / "socket", handle) as socket:
        with pytest.raises(Refusal) as refusal:
            await asked(socket, "POST", "pbx", {})
    assert refusal.value.error_id == "node.unanswered"
