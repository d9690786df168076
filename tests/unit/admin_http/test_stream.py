"""The stream of live calls: a snapshot, then every difference, for as long as one may look."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from admin_http import event_stream
from admin_http.app import build
from asterisk_ext.services.records import TOKENS, USERS
from tests.unit.admin_http.conftest import Client, Visitor
from tests.unit.admin_http.world import World, call

Token = Callable[..., Awaitable[dict[str, str]]]
Visit = Callable[[str], Awaitable[Visitor]]
PATH = "/api/v1/calls/stream"


@pytest.fixture
def short_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT", 0.1)


async def event(response: ClientResponse) -> tuple[str, Any]:
    """The next event, comments left out."""
    while True:
        lines = dict(
            line.decode().rstrip("\n").split(": ", 1)
            for line in (await asyncio.wait_for(response.content.readuntil(b"\n\n"), 5)).splitlines()
            if b": " in line and not line.startswith(b":")
        )
        if "event" in lines:
            return lines["event"], json.loads(lines["data"])


async def ends(response: ClientResponse, world: World) -> None:
    await asyncio.wait_for(response.content.read(), 5)
    assert not world.calls.watchers


async def remove(world: World, key: str) -> None:
    item = world.fleet.item(key)
    assert item is not None
    await world.fleet.reached(await world.registry.delete(key, item.revision))


async def test_a_snapshot_comes_first_and_then_each_difference(client: Client, token: Token, world: World) -> None:
    async with client.get(PATH, headers=await token("support")) as response:
        assert response.content_type == "text/event-stream"
        name, data = await event(response)
        assert (name, len(data["calls"]), data["sure"]) == ("snapshot", 5, True)
        world.calls.say(call("9.9", "1", 0, "4899998888", "200", "Ring"))
        name, data = await event(response)
        assert (name, data["call"]["origin"]["caller"]) == ("call", "4899998888")
        world.calls.end("9.9")
        assert await event(response) == ("gone", {"linkedid": "9.9", "server": "FLN-CORE-01"})


async def test_the_stream_masks_numbers_for_viewers(client: Client, token: Token, world: World) -> None:
    async with client.get(PATH, headers=await token("viewer")) as response:
        _, data = await event(response)
        assert "4835063033" not in json.dumps(data)
        world.calls.say(call("9.9", "1", 0, "4899998888", "4830001111", "Ring", name="A Caller"))
        _, data = await event(response)
        assert (data["call"]["origin"]["caller"], data["call"]["origin"]["name"]) == ("••••••••88", "")


async def test_a_token_of_one_virtual_pbx_is_streamed_its_calls_alone(client: Client, token: Token) -> None:
    async with client.get(PATH, headers=await token("viewer", 31)) as response:
        _, data = await event(response)
    assert {row["pbx"] for row in data["calls"]} == {"31"}


async def test_a_reader_who_leaves_is_forgotten(client: Client, token: Token, world: World) -> None:
    async with client.get(PATH, headers=await token("support")) as response:
        await event(response)
        assert len(world.calls.watchers) == 1
    world.calls.say(call("9.9", "1", 0, "1", "2", "Ring"))
    world.calls.say(call("9.8", "1", 0, "1", "2", "Ring"))
    await asyncio.wait_for(world.calls.left.wait(), 5)
    assert not world.calls.watchers


async def test_a_user_who_was_removed_is_streamed_no_more(visit: Visit, world: World, short_heartbeat: None) -> None:
    browser = await visit("support")
    async with browser.client.get(PATH) as response:
        await event(response)
        await remove(world, USERS + "support")
        await ends(response, world)


async def test_a_removed_users_stream_ends_though_it_is_never_quiet(
    visit: Visit, world: World, short_heartbeat: None
) -> None:
    browser = await visit("support")
    async with browser.client.get(PATH) as response:
        await event(response)
        await remove(world, USERS + "support")
        async with asyncio.timeout(10):
            while not response.content.at_eof():
                world.calls.say(call("9.9", "1", 0, "1", "2", "Ring"))
                await response.content.readany()
        assert not world.calls.watchers


async def test_a_withdrawn_token_is_streamed_no_more(
    client: Client, token: Token, world: World, short_heartbeat: None
) -> None:
    async with client.get(PATH, headers=await token("support")) as response:
        await event(response)
        for item in list(world.fleet.items(TOKENS)):
            await remove(world, item.key)
        await ends(response, world)


async def test_a_session_that_was_ended_is_streamed_no_more(visit: Visit, world: World, short_heartbeat: None) -> None:
    browser = await visit("support")
    async with browser.client.get(PATH) as response:
        await event(response)
        await browser.act("/logout")
        await ends(response, world)


async def test_shutting_down_ends_every_stream(world: World, token: Token) -> None:
    headers = await token("support")
    async with TestClient(TestServer(build(world.services))) as client:
        response = await client.get(PATH, headers=headers)
        await event(response)
        await client.server.close()  # ends within the test's own time, or never
        assert not world.calls.watchers
        response.close()
