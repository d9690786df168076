from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from asterisk_ext.domain.access import ROOT, Act, Actor, Role
from asterisk_ext.domain.call_events import Changed as ChannelChanged
from asterisk_ext.domain.call_events import Created
from asterisk_ext.domain.call_events import Ended as ChannelEnded
from asterisk_ext.domain.call_filter import Filter
from asterisk_ext.domain.call_media import RtpStatistics
from asterisk_ext.domain.call_news import Changed, Difference, Ended, Snapshot
from asterisk_ext.domain.call_rows import epoch_of
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.pbx import Pbx
from asterisk_ext.services.live_calls import LiveCalls
from tests.unit.domain.channels import AT, channel
from tests.unit.services.live_calls_world import FakeAudit, FakeChannels, FakeTenants

TENANT = Actor("tenant 2", Role.SUPPORT, pbx=2)
VIEWER = Actor("viewer", Role.VIEWER)


class World:
    def __init__(self) -> None:
        self.channels = FakeChannels()
        self.audit = FakeAudit()
        self.tenants = FakeTenants(Pbx(id=2, name="Loja", domain="loja", home="node1", outside_prefixes=("9",)))
        self.calls = LiveCalls("node1", self.channels, self.tenants, self.audit, pause=0)
        self.calls.merge([], [], 0, 0)

    def begin(self, id: str, pbx: int = 1, exten: str = "200", formats: str = "(alaw)", state: str = "Ring") -> None:
        name = f"PJSIP/{pbx}_{id}-{id:0>8}"
        self.calls.apply(Created(channel(id, name, state, exten=exten, formats=formats), AT), 1)

    def seen(self, actor: Actor = ROOT, wanted: Filter | None = None) -> list[str]:
        return [row["linkedid"] for row in self.calls.table(actor, wanted).calls]


@pytest.fixture
def world() -> World:
    return World()


async def hear(differences: AsyncIterator[Difference]) -> Difference:
    async with asyncio.timeout(5):
        return await anext(differences)


def test_the_newest_call_comes_first(world: World) -> None:
    for linkedid in ("1.1", "1.2", "1.3"):
        world.begin(linkedid)
    assert world.seen() == ["1.3", "1.2", "1.1"]


def test_no_call_is_counted_before_asterisk_has_told_of_them(world: World) -> None:
    fresh = LiveCalls("node1", world.channels, world.tenants, world.audit)
    assert fresh.count_by_pbx() is None
    fresh.found(1)
    assert fresh.count_by_pbx() is None
    fresh.merge([], [], 1, 2)
    fresh.lost(3)
    assert fresh.count_by_pbx() == {}


def test_a_token_of_one_tenant_sees_that_tenants_calls_only_whatever_it_asks_for(world: World) -> None:
    world.begin("100", pbx=1)
    world.begin("200", pbx=2)
    assert world.seen(TENANT) == ["200"]
    assert world.seen(TENANT, Filter(pbx="1")) == ["200"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(), ["300", "200", "100"]),
        (Filter(pbx="2"), ["200"]),
        (Filter(server="node1"), ["300", "200", "100"]),
        (Filter(server="node2"), []),
        (Filter(state="Up"), ["300"]),
        (Filter(codec="opus"), ["200"]),
        (Filter(number="4899"), ["100"]),
        (Filter(number="ramal 3"), ["300"]),
        (Filter(pbx="1", state="Ring"), ["100"]),
    ],
)
def test_calls_are_found_by_what_any_of_their_legs_has(world: World, wanted: Filter, found: list[str]) -> None:
    world.begin("100", exten="4899990000")
    world.begin("200", pbx=2, formats="(opus|alaw)")
    world.begin("300", state="Up")
    assert world.seen(wanted=wanted) == found


def test_counters_say_how_many_ring_how_many_are_up_and_with_which_codec(world: World) -> None:
    world.begin("100")
    world.begin("200", state="Up", formats="(opus)")
    world.begin("300", state="Up", formats="(alaw)")
    world.begin("400", state="Up", formats="(alaw)")
    counters = world.calls.counters(ROOT)
    assert (counters.calls, counters.ringing, counters.up) == (4, 1, 3)
    assert counters.codecs == {"opus": 1, "alaw": 2}


async def test_a_watcher_gets_a_snapshot_and_then_what_differs(world: World) -> None:
    world.begin("100")
    differences = world.calls.watch(ROOT)
    first = await hear(differences)
    assert isinstance(first, Snapshot)
    assert [row["linkedid"] for row in first.calls] == ["100"]
    world.begin("200")
    second = await hear(differences)
    assert isinstance(second, Changed)
    assert second.call["linkedid"] == "200"
    world.calls.apply(ChannelEnded("100", 16, AT), 2)
    assert await hear(differences) == Ended("100", "node1")


async def test_a_watcher_who_waits_is_woken(world: World) -> None:
    differences = world.calls.watch(ROOT)
    await hear(differences)
    waiting = asyncio.ensure_future(hear(differences))
    await asyncio.sleep(0)
    world.begin("100")
    assert isinstance(await waiting, Changed)


async def test_a_slow_watcher_gets_each_call_once_as_it_is_now(world: World) -> None:
    differences = world.calls.watch(ROOT)
    await hear(differences)
    world.begin("100")
    for state in ("Ring", "Up"):
        world.calls.apply(ChannelChanged(channel("100", state=state), AT), 2)
    world.begin("200")
    world.calls.apply(ChannelEnded("200", 16, AT), 2)
    world.begin("300")
    heard = [await hear(differences), await hear(differences)]
    assert [(d.call["linkedid"], d.call["origin"]["state"]) for d in heard if isinstance(d, Changed)] == [
        ("300", "Ring"),
        ("100", "Up"),
    ]


async def test_a_watcher_too_slow_for_differences_gets_a_snapshot(world: World) -> None:
    differences = world.calls.watch(ROOT)
    await hear(differences)
    for step in range(10_001):
        world.begin(f"1.{step}")
        world.calls.apply(ChannelEnded(f"1.{step}", 16, AT), 2)
    world.begin("100")
    again = await hear(differences)
    assert isinstance(again, Snapshot)
    assert [row["linkedid"] for row in again.calls] == ["100"]


async def test_watchers_are_told_when_the_table_is_not_sure_and_when_it_is_again(world: World) -> None:
    world.begin("100")
    differences = world.calls.watch(ROOT)
    await hear(differences)
    world.calls.lost(5)
    stale = await hear(differences)
    assert isinstance(stale, Snapshot)
    assert (stale.sure, len(stale.calls)) == (False, 1)
    assert (world.calls.freshness.state, world.calls.freshness.since) == ("stale", 5)
    world.calls.found(6)
    assert world.calls.freshness.state == "resyncing"
    world.calls.merge([], [], asked=6, now=7)
    sure = await hear(differences)
    assert isinstance(sure, Snapshot)
    assert (sure.sure, len(sure.calls)) == (True, 0)


async def test_watchers_are_told_when_asterisk_tells_late_of_its_calls_and_when_in_time_again(world: World) -> None:
    happened = epoch_of(AT)
    differences = world.calls.watch(ROOT)
    await hear(differences)
    for number, (behind, late) in enumerate(((1.5, []), (2.5, ["node1"]), (1.5, ["node1"]), (0.5, []))):
        event = Created(channel(str(number), f"PJSIP/1_{number}-00000001"), AT)
        world.calls.apply(event, happened + behind)
        assert list(world.calls.table(ROOT).late) == late, behind
        assert world.calls.table(ROOT).sure
    world.calls.apply(ChannelChanged(channel("0", "PJSIP/1_0-00000001", state="Up"), AT), happened + 9)
    told = await hear(differences)
    assert isinstance(told, Snapshot) and told.late == ["node1"]
    world.calls.merge([], [], happened + 9, happened + 10)
    assert world.calls.table(ROOT).late
    world.calls.expire(happened + 12)
    assert not world.calls.table(ROOT).late


async def test_a_call_that_is_not_looked_for_any_more_ends_for_its_watcher(world: World) -> None:
    world.begin("100")
    differences = world.calls.watch(ROOT, Filter(state="Ring"))
    await hear(differences)
    world.calls.apply(ChannelChanged(channel("100", "PJSIP/1_100-00000100", state="Up"), AT), 2)
    world.begin("200", state="Up")
    assert await hear(differences) == Ended("100", "node1")


async def test_a_tenants_watcher_hears_nothing_of_others(world: World) -> None:
    differences = world.calls.watch(TENANT)
    await hear(differences)
    world.begin("100", pbx=1)
    world.begin("200", pbx=2)
    heard = await hear(differences)
    assert isinstance(heard, Changed)
    assert heard.call["pbx"] == "2"


async def test_hanging_up_ends_all_legs_and_is_noted_without_any_number(world: World) -> None:
    world.begin("100", exten="4899990000")
    world.calls.apply(Created(channel("200", of="100"), AT), 1)
    await world.calls.hang_up(ROOT, "100")
    assert world.channels.hung_up == ["100", "200"]
    assert world.audit.noted == [("root", Act.HANG_UP, "100", {"server": "node1", "pbx": "1"})]


async def test_the_detail_of_a_call_tells_how_each_living_legs_audio_fares(world: World) -> None:
    world.begin("100")
    world.calls.apply(Created(channel("200", "PJSIP/1_201-00000200", of="100"), AT), 1)
    world.channels.statistics["100"] = RtpStatistics(rxcount=99, rxploss=1, txjitter=0.002)
    detail = await world.calls.detail(VIEWER, "100")
    assert detail["call"]["linkedid"] == "100"
    assert [(leg["channel"], leg["loss_percent"], leg["jitter_ms"]) for leg in detail["media"]] == [
        ("PJSIP/1_100-00000100", 1.0, 2.0),
        ("PJSIP/1_201-00000200", None, None),
    ]


@pytest.mark.parametrize(("actor", "linkedid"), [(TENANT, "100"), (ROOT, "900")])
async def test_a_call_that_is_another_tenants_or_over_is_unknown(world: World, actor: Actor, linkedid: str) -> None:
    world.begin("100")
    with pytest.raises(Refusal) as refusal:
        await world.calls.detail(actor, linkedid)
    assert refusal.value.error_id == "call.unknown"


@pytest.mark.parametrize(
    ("actor", "linkedid", "error_id"),
    [
        (VIEWER, "100", "access.forbidden"),
        (TENANT, "100", "access.out_of_scope"),
        (ROOT, "900", "call.unknown"),
        (ROOT, "190", "call.emergency"),
        (ROOT, "192", "call.emergency"),
    ],
)
async def test_what_may_not_be_hung_up_is_refused(world: World, actor: Actor, linkedid: str, error_id: str) -> None:
    world.begin("100")
    world.begin("190", exten="0190")
    world.begin("192", pbx=2, exten="9192")
    with pytest.raises(Refusal) as refusal:
        await world.calls.hang_up(actor, linkedid)
    assert refusal.value.error_id == error_id
    assert world.channels.hung_up == []
    assert world.audit.noted == []


async def test_a_call_that_was_transferred_to_an_emergency_is_not_hung_up(world: World) -> None:
    world.begin("100", exten="4899990000")
    world.calls.apply(Created(channel("200", of="100"), AT), 1)
    world.channels.marked = {"200"}
    with pytest.raises(Refusal) as refusal:
        await world.calls.hang_up(ROOT, "100")
    assert refusal.value.error_id == "call.emergency"
    assert world.channels.hung_up == []


async def test_cutting_ends_a_tenants_calls_but_emergencies_and_those_to_the_support_line(world: World) -> None:
    world.begin("1.1", pbx=2, exten="4899990000")
    world.begin("1.2", pbx=2, exten="9192")
    world.begin("1.3", pbx=2, exten="4830300000")
    world.begin("1.4", pbx=2, exten="201")
    world.begin("1.5", pbx=1, exten="201")
    world.channels.marked = {"1.4"}
    assert await world.calls.cut(2, ("4830300000",)) == 1
    assert world.channels.hung_up == ["1.1"]
