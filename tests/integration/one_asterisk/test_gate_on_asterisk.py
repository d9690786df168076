"""The gate and the static dialplan on a real Asterisk: what callers hear, and what happens when our parts fail."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from asterisk_ext.domain.pbx import Status, Trunk
from tests.integration.one_asterisk.asterisk import NODE, PHONES, OneAsterisk
from tests.integration.one_asterisk.lines import (
    PORTS,
    TENANTS,
    Line,
    assert_heard_whole,
    assert_hears_and_is_refused,
    dial,
    heard_audio,
)
from tests.integration.sip_phone import Heard, Phone

HOSTER = """
[hotel-entry]
exten => _X.,1,Set(CHANNEL(tenantid)=9)
 same => n,Goto(hotel,${EXTEN},1)
exten => _*X.,1,Set(CHANNEL(tenantid)=9)
 same => n,Goto(hotel,${EXTEN},1)

[hotel]
exten => _X.,1,Set(TIMEOUT(absolute)=600)
 same => n,Set(AGIEXITONHANGUP=hosters-own)
 same => n,Gosub(asterisk-ext-gate,s,1(outbound,${EXTEN}))
 same => n,Set(LEFT=${TIMEOUT(absolute)})
 same => n,NoOp(after the gate: ${GOSUB_RETVAL} ${AGIEXITONHANGUP} ${IF($[${LEFT} > 590 & ${LEFT} <= 600]?kept:lost)})
 same => n,Hangup(42)
exten => _*X.,1,Gosub(asterisk-ext-gate,s,1(outbound,${EXTEN:1},return))
 same => n,NoOp(after the gate: ${GOSUB_RETVAL})
 same => n,Hangup(42)
"""


@pytest.fixture(scope="module")
def asterisk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneAsterisk]:
    one = OneAsterisk(tmp_path_factory.mktemp("asterisk"), HOSTER)
    try:
        one.start(TENANTS)
        yield one
    finally:
        one.stop()


@pytest.fixture
def gate(asterisk: OneAsterisk) -> OneAsterisk:
    """The Asterisk with the gate's service running and every tenant as it was."""
    asterisk.hold(TENANTS)
    asterisk.keep_agi()
    return asterisk


@pytest.fixture
def alone(asterisk: OneAsterisk) -> OneAsterisk:
    """The Asterisk without the gate's service."""
    asterisk.stop_agi()
    asterisk.hold(TENANTS)
    return asterisk


@pytest.fixture
async def line(asterisk: OneAsterisk) -> AsyncIterator[Line]:
    opened = Line(asterisk)
    yield opened
    await opened.close()


async def test_phones_of_a_tenant_call_each_other(gate: OneAsterisk, line: Line) -> None:
    called = await line.phone("1_201")
    heard = await (await line.phone("1_200")).call("201", talk=0.1)
    assert heard.final == 200
    assert heard.realm == "asterisk-ext"
    assert len(called.calls) == 1


async def test_a_phone_that_is_not_registered_is_absent_for_the_moment(gate: OneAsterisk, line: Line) -> None:
    heard = await (await line.phone("1_200")).call("201")
    assert (heard.final, heard.cause) == (480, 20)


def test_no_queue_but_that_of_sip_itself_keeps_asterisk_from_answering_a_call(gate: OneAsterisk) -> None:
    """By default the events for the console, more than it reads, leave every call without an answer, 190 too."""
    shown = gate.cli("pjsip show settings")
    assert re.search(r"taskprocessor_overload_trigger\s*:\s*pjsip_only", shown), shown


async def test_a_ring_group_rings_all_its_phones(gate: OneAsterisk, line: Line) -> None:
    phones = [await line.phone("1_200"), await line.phone("1_201")]
    phones[0].answer = 0
    assert (await (await line.carrier()).call("4831210114", talk=0.1)).final == 200
    assert [len(phone.calls) for phone in phones] == [1, 1]


async def test_every_phone_registered_to_one_extension_rings(gate: OneAsterisk, line: Line) -> None:
    phones = [await line.phone("1_202"), await line.phone("1_202", 1)]
    phones[0].answer = 0
    assert (await (await line.phone("1_200")).call("202", talk=0.1)).final == 200
    assert [len(phone.calls) for phone in phones] == [1, 1]


async def test_a_contact_with_hostile_words_rings_by_its_account_alone(gate: OneAsterisk, line: Line) -> None:
    victim = await line.phone("2_200")
    evil = await line.phone("1_202")
    evil.contact_user = "x&PJSIP/2_200,30,G(x)"
    assert (await evil.register()).final == 200
    assert (await (await line.phone("1_200")).call("202", talk=0.1, wait=5)).final == 200
    assert victim.calls == []


async def test_a_call_from_outside_reaches_the_numbers_owner_by_a_channel_of_its_trunk(
    gate: OneAsterisk, line: Line
) -> None:
    called = await line.phone("1_201")
    other = await line.phone("2_201")
    called.answer = 0
    carrier = await line.carrier()
    calling = asyncio.create_task(carrier.call("+5548312101149", wait=5))
    async with asyncio.timeout(5):
        await called.invited.wait()
    channels = await asyncio.to_thread(gate.cli, "core show channels concise")
    carrier.hang_up()
    assert (await calling).final == 487
    assert "PJSIP/1_trunk14-" in channels
    assert other.calls == []


@pytest.mark.parametrize("number", ["4833741429", "190", "200", "1_200"])
async def test_a_call_from_outside_to_a_number_that_nobody_has_is_told_so(
    gate: OneAsterisk, line: Line, number: str
) -> None:
    heard = await (await line.carrier()).call(number)
    assert heard.final in (404, 484)


async def test_a_stranger_cannot_call_a_tenants_number_as_its_carrier_does(gate: OneAsterisk, line: Line) -> None:
    called = await line.phone("1_201")
    stranger = await Phone((NODE, 5060), PHONES, next(PORTS), "4899990000").open(gate.socket)
    heard = await stranger.call("48312101149")
    stranger.close()
    assert heard.final in (401, 403)
    assert called.calls == []


async def test_a_call_leaves_by_the_tenants_trunk_without_the_outside_prefix(gate: OneAsterisk, line: Line) -> None:
    carrier = await line.carrier()
    assert (await (await line.phone("1_200")).call("04833334444", talk=0.1)).final == 200
    assert [call.first.split("@")[0] for call in carrier.calls] == ["INVITE sip:4833334444"]


async def test_a_partly_blocked_tenants_caller_hears_the_whole_audio_as_early_media(
    gate: OneAsterisk, line: Line
) -> None:
    carrier = await line.carrier()
    heard = await (await line.phone("2_200")).call("04833334444")
    assert (heard.final, heard.cause) == (403, 21)
    assert 200 not in heard.statuses
    assert_heard_whole(heard, "pt_BR/partial_block")
    assert carrier.calls == []
    (listed,) = gate.blocked_calls()
    assert (listed["pbx"], listed["number"], listed["audio"]) == (2, "04833334444", "partial_block")


async def test_when_an_emergency_trunk_cannot_be_reached_the_next_one_carries_the_call(
    gate: OneAsterisk, line: Line
) -> None:
    lost = Trunk(name="trunk99", host="nowhere.invalid")
    tenant = replace(
        TENANTS[2], trunks=(lost, *TENANTS[2].trunks), emergency_trunks=("trunk99", *TENANTS[2].emergency_trunks)
    )
    gate.hold([*TENANTS[:2], tenant, TENANTS[3]])
    carrier = await line.carrier()
    assert (await (await line.phone("3_200")).call("190", talk=0.05)).final == 200
    assert [call.first.split("@")[0] for call in carrier.calls] == ["INVITE sip:190"]


async def test_a_stopped_service_delays_a_blocked_call_by_two_seconds_and_no_other(
    gate: OneAsterisk, line: Line
) -> None:
    gate.signal_agi(signal.SIGSTOP)
    loop = asyncio.get_running_loop()
    try:
        before = loop.time()
        assert (await dial(line, "1_200", "04833334444")).final == 200
        assert (await dial(line, "3_200", "190")).final == 200
        assert loop.time() - before < 2
        assert_hears_and_is_refused(await dial(line, "2_200", "04833334444"), "partial_block")
    finally:
        gate.signal_agi(signal.SIGCONT)


async def test_a_service_killed_while_it_plays_harms_no_caller(gate: OneAsterisk, line: Line) -> None:
    carrier = await line.carrier()
    phone = await line.phone("2_200")
    calling = asyncio.create_task(phone.call("04833334444"))
    async with asyncio.timeout(5):
        await phone.hears.wait()
    gate.signal_agi(signal.SIGKILL)
    heard = await calling
    assert (heard.final, heard.cause) == (403, 21)
    assert_heard_whole(heard, "pt_BR/partial_block")
    assert carrier.calls == []
    gate.stop_agi()


async def test_a_service_that_answers_garbage_changes_nothing(alone: OneAsterisk, line: Line) -> None:
    alone.start_agi("tests.integration.one_asterisk.garbage_process")
    try:
        assert_hears_and_is_refused(await dial(line, "2_200", "04833334444"), "partial_block")
        assert (await dial(line, "2_200", "190")).final == 200
        assert (await dial(line, "1_200", "04833334444")).final == 200
    finally:
        alone.stop_agi()


async def test_a_status_is_obeyed_by_the_next_call(gate: OneAsterisk, line: Line) -> None:
    gate.hold([replace(TENANTS[0], status=Status.TOTAL_BLOCK), *TENANTS[1:]])
    assert_hears_and_is_refused(await dial(line, "1_200", "201"), "total_block")
    gate.hold(TENANTS)
    assert (await dial(line, "1_200", "201")).final == 200


async def test_a_tenant_hears_its_own_language(gate: OneAsterisk, line: Line) -> None:
    gate.hold([TENANTS[0], replace(TENANTS[1], language="en"), *TENANTS[2:]])
    heard = await dial(line, "2_200", "04833334444")
    assert heard_audio(heard, "en") == "partial_block"


HOSTILE = [
    "201%26Local%2F190%40asterisk-ext-call",
    "&PJSIP%2F2_200",
    "201,30,G(x)",
    "${SHELL(touch%20%2Ftmp%2Fowned)}",
    "%24%7BSHELL(touch%20%2Ftmp%2Fowned)%7D",
    "201)",
    "%c3%a9%d9%a2",
    "201" * 400,
    "201" * 1400,
    "+201+",
    "../../etc/passwd",
]


@pytest.mark.parametrize("number", HOSTILE)
async def test_hostile_numbers_reach_nothing(gate: OneAsterisk, line: Line, number: str) -> None:
    victims = [await line.phone("2_200"), await line.phone("1_201"), await line.carrier()]
    phone = await line.phone("1_200")
    try:
        heard = await phone.call(number, wait=2)
    except TimeoutError:
        heard = Heard([0])
    assert heard.final in (0, 404, 484, 480, 416, 400), heard.statuses
    assert [victim.calls for victim in victims if victim.calls] == []
    assert not (gate.root / "tmp/owned").exists()
    assert (await phone.call("201", talk=0.05)).final == 200


HOSTILE_WORDS = (
    "190&Local/190@asterisk-ext-call",
    '"),Set(FILE(/tmp/owned)=x),${',
    "${SHELL(touch /tmp/owned)}",
    "é" * 1500,
)
HOSTILE_HEADERS = [
    *(f"{name}: <sip:{{words}}@{NODE}>" for name in ("P-Asserted-Identity", "P-Preferred-Identity", "Diversion")),
    f'Remote-Party-ID: "{{words}}" <sip:2_200@{NODE}>;party=calling;id-type=subscriber',
    f"History-Info: <sip:{{words}}@{NODE}>;index=1",
    "Referred-By: {words}",
    "User-Agent: {words}",
    "X-Asterisk-Ext-Pbx: {words}",
]


async def test_hostile_headers_reach_nothing(gate: OneAsterisk, line: Line) -> None:
    victims = [await line.phone("2_200"), await line.carrier()]
    called, phone = await line.phone("1_201"), await line.phone("1_200")
    for header in (header.format(words=words) for header in HOSTILE_HEADERS for words in HOSTILE_WORDS):
        before = len(called.calls)
        try:
            heard = await phone.call("201", talk=0.02, wait=2, extra=f"{header}\r\n")
        except TimeoutError:
            heard = Heard([0])
        assert heard.final in (0, 200, 400, 413), header
        assert len(called.calls) - before <= 1, header
    assert [victim.calls for victim in victims if victim.calls] == []
    assert not (gate.root / "tmp/owned").exists()
    assert (await phone.call("201", talk=0.05)).final == 200


async def test_hostile_transfers_and_numbers_from_outside_reach_nothing(gate: OneAsterisk, line: Line) -> None:
    victims = [await line.phone("2_200"), await line.phone("2_201")]
    carrier = await line.carrier()
    await line.phone("1_201")
    for number in (HOSTILE[0], HOSTILE[2], "201" * 400):
        assert await (await line.phone("1_200")).hand_on("201", number, talk=0.05) == 202
        await quiet(gate)
    assert carrier.calls == []
    for number in ("4831210114%26PJSIP%2F2_200", "4831210114,30,G(x)", "%24%7BSHELL(touch%20%2Ftmp%2Fowned)%7D"):
        assert (await carrier.call(number)).final in (404, 484), number
    assert [victim.calls for victim in victims if victim.calls] == []
    assert not (gate.root / "tmp/owned").exists()


async def quiet(asterisk: OneAsterisk) -> None:
    """Wait until every call has ended."""
    async with asyncio.timeout(30):
        while "\n0 active channels" not in "\n" + await asyncio.to_thread(asterisk.cli, "core show channels count"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_more_calls_than_the_tenant_may_have_are_refused_but_never_an_emergency(
    gate: OneAsterisk, line: Line
) -> None:
    gate.hold([replace(TENANTS[0], max_calls=1), *TENANTS[1:]])
    ringing = await line.phone("1_201")
    ringing.answer = 0
    caller = await line.phone("1_200")
    await line.carrier()
    first = asyncio.create_task(caller.call("201"))
    async with asyncio.timeout(5):
        await ringing.invited.wait()
    assert (await (await line.phone("1_202")).call("200")).final == 503
    assert (await (await line.phone("1_202")).call("190", talk=0.05)).final == 200
    caller.hang_up()
    assert (await first).final == 487


async def test_asterisk_s_own_maintenance_mode_would_refuse_190_before_it_asks_who_calls(
    gate: OneAsterisk, line: Line
) -> None:
    await line.carrier()
    phone = await line.phone("1_200")
    gate.cli("pjsip set maintenance on 1_200")
    try:
        refused = await phone.call("190")
        assert (refused.statuses, refused.last and refused.last.get("Retry-After")) == ([503], "300")
        assert (await phone.register()).statuses == [503], "it could not even come back"
    finally:
        gate.cli("pjsip set maintenance off 1_200")
    assert (await phone.call("190", talk=0.05)).final == 200


@pytest.mark.parametrize(
    ("status", "number", "result"), [(Status.ACTIVE, "4833", "pass"), (Status.PARTIAL_BLOCK, "190", "pass")]
)
async def test_a_hosters_own_dialplan_asks_the_gate_and_gets_everything_back(
    gate: OneAsterisk, status: Status, number: str, result: str
) -> None:
    gate.hold([*TENANTS[:3], replace(TENANTS[3], status=status)])
    await originate(gate, number)
    assert f"after the gate: {result} hosters-own kept" in gate.log()


async def test_a_missing_audio_ends_the_call_and_a_hoster_may_take_a_blocked_call_back(alone: OneAsterisk) -> None:
    alone.hold([*TENANTS[:3], replace(TENANTS[3], status=Status.PARTIAL_BLOCK, language="en")])
    there = alone.state / "sounds/default/en"
    away = there.rename(there.with_name("away"))
    try:
        await originate(alone, "*4833")
    finally:
        away.rename(there)
    assert "after the gate: blocked" in alone.log()


async def originate(asterisk: OneAsterisk, number: str) -> None:
    """A call in the hoster's dialplan from a channel that carries the tenant; returns when it has ended."""
    before = asterisk.log().count("after the gate")
    asterisk.cli(f"channel originate Local/{number}@hotel-entry application Wait 30")
    async with asyncio.timeout(25):
        while asterisk.log().count("after the gate") == before:  # noqa: ASYNC110 - a log has no event
            await asyncio.sleep(0.05)
