"""What the table shows of calls that are held, transferred, queued and joined, on a real Asterisk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.call_rows import Row
from tests.integration.one_asterisk.asterisk import OneAsterisk
from tests.integration.one_asterisk.lines import TENANTS, Line
from tests.integration.one_asterisk.watched_calls import WatchedCalls
from tests.integration.rtp_party import RtpParty

DESK = """
[desk]
exten => queue,1,Queue(desk)
exten => conference,1,ConfBridge(7)
exten => reception,1,Dial(PJSIP/1_201)
exten => partner,1,Dial(PJSIP/1_202)
exten => echo,1,Echo()
"""
QUEUE = "[general]\n[desk]\nstrategy = ringall\nmember => PJSIP/1_201\nmember => PJSIP/1_202\n"

RTP = "[general]\nrtpstart = 20000\nrtpend = 29999\nrtcpinterval = 500\n"
LATE, ANSWER = 0.02, 0.06


@pytest.fixture(scope="module")
def asterisk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneAsterisk]:
    one = OneAsterisk(tmp_path_factory.mktemp("asterisk"), hoster_dialplan=DESK)
    one.more_files |= {"queues.conf": QUEUE, "confbridge.conf": "[general]\n", "rtp.conf": RTP}
    try:
        one.start(TENANTS)
        yield one
    finally:
        one.stop()


@pytest.fixture
async def line(asterisk: OneAsterisk) -> AsyncIterator[Line]:
    opened = Line(asterisk)
    for account in ("1_200", "1_201", "1_202"):
        await opened.phone(account)
    yield opened
    await opened.close()


@pytest.fixture
async def calls(asterisk: OneAsterisk) -> AsyncIterator[WatchedCalls]:
    async with WatchedCalls(asterisk).open() as watched:
        await watched.until_sure(10)
        yield watched
        asterisk.cli("channel request hangup all")
        await watched.rows_until(lambda rows: rows == [])


def legs(row: Row) -> list[tuple[str, str]]:
    """Endpoint and state of each leg, the origin's first."""
    return [(leg["channel"].rpartition("-")[0], leg["state"]) for leg in (row["origin"], *row["destinations"])]


def up(*accounts: str) -> list[tuple[str, str]]:
    return [(f"PJSIP/{account}", "Up") for account in accounts]


def answerers(row: Row) -> list[str | None]:
    return [leg["answerer"] for leg in row["destinations"]]


async def settled(calls: WatchedCalls, *wanted: list[tuple[str, str]]) -> list[Row]:
    """The rows once their legs are these; Asterisk's own list has no other telephones."""
    rows = await calls.rows_until(lambda rows: [legs(row) for row in rows] == list(wanted))
    assert {name for name in await calls.listed() if name.startswith("PJSIP/")} == calls.names()
    return rows


async def test_who_waits_on_hold_is_marked_until_he_is_taken_back(calls: WatchedCalls, line: Line) -> None:
    caller, callee = await line.phone("1_200"), await line.phone("1_201")
    await caller.reach("201")
    await settled(calls, up("1_200", "1_201"))
    await callee.hold()
    await calls.rows_until(lambda rows: "held" in rows[0]["origin"])
    await callee.hold(2, "sendrecv")
    [row] = await calls.rows_until(lambda rows: "held" not in rows[0]["origin"])
    assert "held" not in row["destinations"][0]


async def test_after_a_blind_transfer_the_one_handed_on_has_called_the_other(calls: WatchedCalls, line: Line) -> None:
    assert await (await line.phone("1_200")).hand_on("201", "202", talk=0.2) == 202
    [row] = await settled(calls, up("1_201", "1_202"))
    assert (row["origin"]["dialled"], answerers(row)) == ("202", ["202"])


async def test_after_an_attended_transfer_the_two_others_are_one_call(calls: WatchedCalls, line: Line) -> None:
    desk = await line.phone("1_200")
    first = await desk.reach("201")
    second = await desk.reach("202")
    await settled(calls, up("1_200", "1_201"), up("1_200", "1_202"))
    assert await desk.refer(first, "202", replacing=second) == 202
    [row] = await settled(calls, up("1_201", "1_202"))
    assert answerers(row) == ["202"]


async def test_a_queue_shows_its_members_ringing_and_then_who_answered(
    asterisk: OneAsterisk, calls: WatchedCalls, line: Line
) -> None:
    first, second = await line.phone("1_201"), await line.phone("1_202")
    first.answer = second.answer = 0
    await asyncio.to_thread(asterisk.cli, "channel originate PJSIP/1_200 extension queue@desk")
    ringing = [("PJSIP/1_201", "Ringing"), ("PJSIP/1_202", "Ringing")]
    await calls.rows_until(lambda rows: len(rows) == 1 and sorted(legs(rows[0])[1:]) == ringing)
    second.pick_up()
    [row] = await settled(calls, up("1_200", "1_202"))
    assert answerers(row) == ["202"]


async def test_a_call_through_local_channels_shows_the_telephones_only(
    asterisk: OneAsterisk, calls: WatchedCalls, line: Line
) -> None:
    await asyncio.to_thread(asterisk.cli, "channel originate Local/reception@desk extension partner@desk")
    rows = await calls.rows_until(lambda rows: [sorted(legs(row)) for row in rows] == [up("1_201", "1_202")])
    assert answerers(rows[0]) == ["202"]
    assert all(name.startswith("PJSIP/") for name in calls.names())


async def test_three_in_a_conference_are_three_calls_that_are_up(
    asterisk: OneAsterisk, calls: WatchedCalls, line: Line
) -> None:
    for account in ("1_200", "1_201", "1_202"):
        await asyncio.to_thread(asterisk.cli, f"channel originate PJSIP/{account} extension conference@desk")
    await settled(calls, up("1_200"), up("1_201"), up("1_202"))


async def test_the_figures_of_a_call_s_audio_are_those_of_what_the_party_sends(
    asterisk: OneAsterisk, calls: WatchedCalls, line: Line
) -> None:
    phone = await line.phone("1_200")
    await asyncio.to_thread(asterisk.cli, "channel originate PJSIP/1_200 extension echo@desk")
    [row] = await settled(calls, up("1_200"))
    party = RtpParty(phone.port + 10000, phone.media_of_call(), LATE, lose=10, answer=ANSWER)
    talking = asyncio.create_task(party.talk(asterisk.socket, phone.ip, phone.send_media))
    async with asyncio.timeout(20):
        while True:
            [media] = (await calls.calls.detail(ROOT, row["linkedid"]))["media"]
            if media["round_trip_ms"] and (media["received"] or 0) > 100:
                break
            await asyncio.sleep(0.1)
    talking.cancel()
    jitter, trip, loss = media["jitter_ms"], media["round_trip_ms"], media["loss_percent"]
    # Seconds taken for milliseconds would be a thousandth, samples eight times as much; a busy machine adds some.
    assert jitter and LATE * 500 <= jitter <= LATE * 4000
    assert trip and ANSWER * 900 <= trip <= ANSWER * 5000
    assert loss and 5 <= loss <= 15
    assert media["sent"]
