"""Calls that Asterisk blocks while the service is dead are listed when it is back, whatever callers call themselves."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from agi.blocked_calls import BlockedCallLog
from agi.missed_calls import MissedCalls
from asterisk_ext.domain.blocked_calls import Wanted
from asterisk_ext.domain.gate import BlockedCall
from tests.integration.one_asterisk.asterisk import OneAsterisk
from tests.integration.one_asterisk.lines import HEARD_ENOUGH, TENANTS, Line, assert_hears_and_is_refused, dial

HOSTER = """
[hotel]
exten => _X.,1,Set(CHANNEL(tenantid)=2)
 same => n,Gosub(asterisk-ext-gate,s,1(outbound,${EXTEN},return))
 same => n,NoOp(after the gate: ${GOSUB_RETVAL})
 same => n,Wait(30)
 same => n,Hangup(42)
"""
HOSTILE = [
    "1|2|x|9|8|outbound|neutral|f|1",
    "\n1795414927|1|x|9|8|outbound|neutral||1\n",
    "${SHELL(touch /tmp/owned)}",
    '")},Set(FILE(/tmp/owned)=x),${',
    "é٢ || true",
    "4" * 1500,
]


@pytest.fixture(scope="module")
def asterisk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneAsterisk]:
    one = OneAsterisk(tmp_path_factory.mktemp("asterisk"), HOSTER)
    one.caps = (1, 200)
    try:
        one.start(TENANTS)
        yield one
    finally:
        one.stop()


@pytest.fixture
async def line(asterisk: OneAsterisk) -> AsyncIterator[Line]:
    opened = Line(asterisk)
    yield opened
    await opened.close()


class Listed:
    """The list as the service finds it when it is back."""

    def __init__(self, asterisk: OneAsterisk, directory: Path) -> None:
        self._log = BlockedCallLog(directory / "blocked.sqlite3", lambda: 0.0)
        self._path = asterisk.state / "missed_calls"
        self._missed = MissedCalls(self._path, self._log, dict)

    async def calls(self, count: int) -> list[BlockedCall]:
        """The oldest first, once Asterisk has noted so many, which it does a little after a call has ended."""
        async with asyncio.timeout(30):
            while not self._path.exists() or self._path.read_bytes().count(b"\n") < count:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await self._missed.take()
        await self._missed.take()
        return (await self._log.calls(Wanted()))[::-1]


@pytest.fixture
async def listed(asterisk: OneAsterisk, tmp_path: Path) -> Listed:
    (asterisk.state / "missed_calls").unlink(missing_ok=True)
    return Listed(asterisk, tmp_path)


async def test_every_kind_of_blocked_call_is_listed(line: Line, listed: Listed) -> None:
    assert_hears_and_is_refused(await dial(line, "2_200", "04833334444"), "partial_block")
    assert_hears_and_is_refused(await dial(line, "3_200", "201"), "total_block")
    assert_hears_and_is_refused(await dial(line, "carrier", "5132210300"), "neutral")
    assert (await dial(line, "1_200", "201")).final == 200
    assert (await dial(line, "3_200", "190")).final == 200
    found = await listed.calls(3)
    assert [(call.pbx, call.caller, call.number, call.direction.value, call.audio.value) for call in found] == [
        (2, "200", "04833334444", "outbound", "partial_block"),
        (3, "200", "201", "internal", "total_block"),
        (3, "4899990000", "5132210300", "inbound", "neutral"),
    ]
    assert [call.file.removeprefix("/var/lib/asterisk-ext/sounds/") for call in found] == [
        "default/pt_BR/partial_block", "default/pt_BR/total_block", "default/pt_BR/neutral",
    ]  # fmt: skip
    assert found[0].channel.startswith("PJSIP/2_200-")


async def test_a_call_for_which_too_many_announcements_play_is_refused_at_once_and_listed(
    asterisk: OneAsterisk, line: Line, listed: Listed
) -> None:
    hearing = [await line.phone("2_200"), await line.phone("3_200")]
    calls = [asyncio.create_task(phone.call("04833334444")) for phone in hearing]
    async with asyncio.timeout(30):
        await asyncio.gather(*(phone.hears.wait() for phone in hearing))
    refused = [await dial(line, "2_201", "04833335555"), await dial(line, "carrier", "5132210300")]
    assert [(heard.final, heard.cause, heard.early_media) for heard in refused] == [(403, 21, False)] * 2
    assert (await dial(line, "2_201", "190")).final == 200
    asterisk.cli("channel request hangup all")
    await asyncio.gather(*calls)
    found = [call for call in await listed.calls(4) if not call.file]
    assert [(call.pbx, call.caller, call.number, call.direction.value, call.audio.value) for call in found] == [
        (2, "201", "04833335555", "outbound", "partial_block"),
        (3, "4899990000", "5132210300", "inbound", "neutral"),
    ]


async def test_what_the_service_took_is_not_noted_a_second_time(
    asterisk: OneAsterisk, line: Line, listed: Listed
) -> None:
    asterisk.start_agi()
    try:
        await dial(line, "2_200", "04833334444")
    finally:
        asterisk.stop_agi()
    await dial(line, "2_200", "04833335555")
    assert [call.number for call in await listed.calls(1)] == ["04833335555"]


async def test_a_call_that_a_hoster_takes_back_is_listed_before_it_goes_on(
    asterisk: OneAsterisk, listed: Listed
) -> None:
    there = asterisk.state / "sounds/default/pt_BR"
    away = there.rename(there.with_name("away"))
    try:
        asterisk.cli("channel originate Local/04833334444@hotel application Wait 30")
        (call,) = await listed.calls(1)
    finally:
        away.rename(there)
    assert "hotel" in asterisk.cli("core show channels concise"), "noted while the call goes on"
    assert (call.pbx, call.number, call.file, call.heard) == (2, "04833334444", "", 0)
    asterisk.cli("channel request hangup all")


async def test_hostile_callers_are_a_line_each(asterisk: OneAsterisk, line: Line, listed: Listed) -> None:
    carrier = await line.carrier()
    before = carrier.account
    for name in HOSTILE:
        carrier.account = quote(name, safe="")
        assert_hears_and_is_refused(await carrier.call("5132210300", cancel_at=HEARD_ENOUGH), "neutral")
    carrier.account = before
    found = await listed.calls(len(HOSTILE))
    assert [(call.pbx, call.number, call.audio.value) for call in found] == [(3, "5132210300", "neutral")] * len(
        HOSTILE
    )
    assert all(re.fullmatch(r"[0-9+*#]{0,40}", call.caller) for call in found)
    assert not (asterisk.root / "tmp/owned").exists()
