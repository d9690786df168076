"""The follower of ARI, against an ARI of our own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from ari_apps.client import Ari
from ari_apps.events import WANTED
from ari_apps.live_calls import Follower
from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.services.live_calls import LiveCalls
from asterisk_ext.tasks import Tasks
from tests.unit.ari_apps.fake_ari import FakeAri, channel
from tests.unit.services.live_calls_world import FakeAudit, FakeTenants


class World:
    def __init__(self, ari: FakeAri, calls: LiveCalls) -> None:
        self.ari = ari
        self.calls = calls

    def table(self) -> dict[str, str]:
        """Linkedid and state of the origin of each call."""
        return {row["linkedid"]: row["origin"]["state"] for row in self.calls.table(ROOT).calls}

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for the table to become so."""
        async with asyncio.timeout(5):
            async for _ in self.calls.watch(ROOT):
                if true():
                    return

    async def until_live(self) -> None:
        await self.until(lambda: self.calls.freshness.state == "live")


@pytest.fixture
async def ari() -> AsyncIterator[FakeAri]:
    fake = FakeAri()
    async with fake.server:
        yield fake


@pytest.fixture
async def world(ari: FakeAri) -> AsyncIterator[World]:
    ticks = iter(range(1_000_000))

    def clock() -> float:
        return next(ticks) / 1000

    ari.channels["100"] = channel("100", "Up")
    async with (
        Ari.open(ari.url, "tracking", "tracking-password") as reading,
        Ari.open(ari.url, "acting", "acting-password") as acting,
        Tasks() as tasks,
    ):
        calls = LiveCalls("node1", acting, FakeTenants(), FakeAudit(), pause=0)
        tasks.start("ari", Follower(reading, acting, calls, "asterisk-ext-1", clock).run())
        made = World(ari, calls)
        await made.until_live()
        yield made


async def test_the_table_begins_with_what_asterisk_has(world: World) -> None:
    assert world.table() == {"100": "Up"}
    assert world.calls.table(ROOT).sure


async def test_the_socket_comes_first_then_filter_and_subscription_then_the_list(world: World) -> None:
    assert world.ari.done[:6] == [
        "GET /ari/events?app=asterisk-ext-1",
        "PUT /ari/applications/asterisk-ext-1/eventFilter",
        "POST /ari/applications/asterisk-ext-1/subscription?eventSource=channel:,bridge:",
        "GET /ari/asterisk/info?only=status",
        "GET /ari/channels",
        "GET /ari/bridges",
    ]
    assert world.ari.allowed == list(WANTED)


async def test_no_password_is_ever_in_a_url(world: World) -> None:
    assert not [asked for asked in world.ari.done if "password" in asked or "api_key" in asked]


async def test_events_change_the_table(world: World) -> None:
    await world.ari.tell("ChannelCreated", channel=channel("200"))
    await world.until(lambda: "200" in world.table())
    await world.ari.tell("ChannelDestroyed", channel=channel("100"), cause=16)
    await world.until(lambda: world.table() == {"200": "Ring"})


async def test_an_event_that_cannot_be_read_is_passed_over(world: World) -> None:
    await world.ari.send('{"type":"ChannelCreated","channel":{}}')
    await world.ari.tell("ChannelCreated", channel=channel("200"))
    await world.until(lambda: "200" in world.table())


async def test_while_the_socket_is_gone_the_table_stays_and_says_that_it_is_stale(world: World) -> None:
    world.ari.refusing = True
    await world.ari.drop()
    await world.until(lambda: world.calls.freshness.state == "stale")
    assert world.table() == {"100": "Up"}
    assert not world.calls.table(ROOT).sure


async def test_what_happened_while_the_socket_was_gone_is_right_again_after_it(world: World) -> None:
    del world.ari.channels["100"]
    world.ari.channels["300"] = channel("300", "Up")
    await world.ari.drop()
    await world.until(lambda: world.table() == {"300": "Up"} and world.calls.table(ROOT).sure)


async def test_events_are_taken_in_while_the_list_is_on_its_way(world: World) -> None:
    world.ari.list_may_go.clear()
    world.ari.list_asked.clear()
    await world.ari.drop()
    await world.ari.list_asked.wait()
    assert world.calls.freshness.state == "resyncing"
    await world.ari.tell("ChannelDestroyed", channel=channel("100"), cause=16)
    await world.until(lambda: world.table() == {})
    world.ari.list_may_go.set()
    await world.until_live()
    assert world.table() == {}


async def test_another_asterisk_begins_with_an_empty_table(world: World) -> None:
    world.ari.startup_time = "2026-11-22T20:00:00.000+0000"
    world.ari.list_may_go.clear()
    await world.ari.drop()
    await world.until(lambda: world.table() == {})
    assert world.calls.freshness.state == "resyncing"
    world.ari.list_may_go.set()
    await world.until_live()
    assert world.table() == {"100": "Up"}


async def test_the_codec_that_an_application_settled_on_is_asked_for(world: World) -> None:
    world.ari.channels["200"] = channel("200", "Up", formats="(ulaw)")
    await world.ari.tell("ChannelStateChange", channel=channel("200", "Up", formats="(alaw|ulaw)"))

    def settled() -> bool:
        rows = {row["linkedid"]: row["origin"]["codecs"] for row in world.calls.table(ROOT).calls}
        return rows.get("200") == ["ulaw"]

    await world.until(settled)


async def test_an_order_to_hang_up_that_asterisk_did_not_take_is_refused(world: World) -> None:
    world.ari.refusing = True
    with pytest.raises(Refusal) as refusal:
        await world.calls.hang_up(ROOT, "100")
    assert refusal.value.error_id == "call.asterisk_unreachable"


async def test_hanging_up_ends_every_leg_and_one_that_has_ended_is_no_error(world: World) -> None:
    await world.ari.tell("ChannelCreated", channel=channel("200", of="100"))
    await world.until(lambda: len(world.calls.table(ROOT).calls[0]["destinations"]) == 1)
    await world.calls.hang_up(ROOT, "100")
    assert world.ari.done[-2:] == [
        "DELETE /ari/channels/100?reason=normal",
        "DELETE /ari/channels/200?reason=normal",
    ]


async def test_a_channel_that_asterisk_marked_as_an_emergency_is_not_hung_up(world: World) -> None:
    world.ari.channels["100"]["variables"] = {"AST_EXT_IN_EMERGENCY": "1"}
    with pytest.raises(Refusal) as refusal:
        await world.calls.hang_up(ROOT, "100")
    assert refusal.value.error_id == "call.emergency"


async def test_the_detail_of_a_call_asks_asterisk_for_its_rtp_statistics(world: World) -> None:
    [leg] = (await world.calls.detail(ROOT, "100"))["media"]
    assert (leg["received"], leg["lost"], leg["jitter_ms"], leg["round_trip_ms"]) == (99, 1, 2.0, None)
    del world.ari.channels["100"]
    [leg] = (await world.calls.detail(ROOT, "100"))["media"]
    assert leg["received"] is None


async def test_statistics_that_asterisk_does_not_tell_are_refused(world: World) -> None:
    world.ari.refusing = True
    with pytest.raises(Refusal) as refusal:
        await world.calls.detail(ROOT, "100")
    assert refusal.value.error_id == "call.no_statistics"
