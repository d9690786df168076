"""Where calls leave, who carries them when a carrier does not, and what a number from outside leads to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from asterisk_ext.domain.pbx import ANNOUNCEMENT, Did, Extension, Pbx, RingGroup, Route, Status, Strategy, Trunk, digest
from asterisk_ext.domain.pbx_rules import check
from tests.integration.one_asterisk.asterisk import CARRIER, NODE, OneAsterisk
from tests.integration.one_asterisk.lines import Line, assert_hears_and_is_refused, tenant
from tests.integration.sip_phone import Heard, Phone

SILENT, SECOND = 5090, 5080
"""Ports of the carrier's machine: one that swallows everything, and another carrier."""
BASE = tenant(1, Status.ACTIVE, "trunk14", "4831210114")
TENANT = replace(
    BASE,
    extensions=(
        Extension(number="200", digest=digest("1_200", "secret"), caller_id="4831210114"),
        *BASE.extensions[1:],
    ),
    trunks=(
        replace(BASE.trunks[0], caller_id="4830300000"),
        Trunk(name="trunk15", host=CARRIER, port=SECOND, caller_id="4830309999", username="user15", secret="pa55-w0rd"),
        Trunk(name="trunk99", host=CARRIER, port=SILENT),
    ),
    routes=(
        Route(pattern="00.", trunks=("trunk15",), strip=2, prepend="0021"),
        Route(pattern="0800X!", trunks=("trunk15",), caller_id="4830309999"),
        Route(pattern="N[3-5]XXXXXX", trunks=("trunk99", "trunk15"), prepend="48"),
        Route(pattern="4NXXXXXXXX", trunks=("trunk14", "trunk15")),
    ),
    ring_groups=(
        *BASE.ring_groups,
        RingGroup(number="610", members=("201", "200"), strategy=Strategy.IN_ORDER, timeout=2),
    ),
    dids=(*BASE.dids, Did(number="4831210999", target=ANNOUNCEMENT), Did(number="4831210610", target="610")),
    emergency_trunks=("trunk99", "trunk14"),
)


@pytest.fixture(scope="module")
def asterisk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneAsterisk]:
    check(TENANT)
    one = OneAsterisk(tmp_path_factory.mktemp("asterisk"))
    try:
        one.start([TENANT])
        yield one
    finally:
        one.stop()


@pytest.fixture
async def line(asterisk: OneAsterisk) -> AsyncIterator[Line]:
    asterisk.hold([TENANT])
    opened = Line(asterisk)
    yield opened
    await opened.close()


@pytest.fixture
def silent(asterisk: OneAsterisk) -> Iterator[socket.socket]:
    """A carrier that is switched off behind a router that says nothing of it."""
    swallows = asterisk.socket(CARRIER, SILENT)
    yield swallows
    swallows.close()


@pytest.fixture
async def second(asterisk: OneAsterisk) -> AsyncIterator[Phone]:
    carrier = await Phone((NODE, 5060), CARRIER, SECOND, "second").open(asterisk.socket)
    yield carrier
    carrier.close()


def carried(phone: Phone) -> list[str]:
    """The numbers that a carrier was asked for."""
    return [call.first.split("@")[0].removeprefix("INVITE sip:") for call in phone.calls]


def shown(phone: Phone) -> str:
    """The caller ID that a carrier was shown last."""
    return phone.calls[-1].get("From").split("sip:")[1].split("@")[0]


async def test_the_first_route_that_the_number_fits_carries_the_call(line: Line, second: Phone) -> None:
    first, phone = await line.carrier(), await line.phone("1_200")
    for number in ("04831214444", "0005511999", "008001234"):
        assert (await phone.call(number, talk=0.05)).final == 200
    assert carried(first) == ["4831214444"]
    assert carried(second) == ["00215511999", "08001234"]


async def ringing(caller: Phone, number: str, called: Phone) -> asyncio.Task[Heard]:
    """A call that ``called`` never answers, once it rings there."""
    called.answer = 0
    calling = asyncio.create_task(caller.call(number, wait=30))
    async with asyncio.timeout(5):
        await called.invited.wait()
    return calling


async def test_a_number_that_fits_no_route_leaves_by_no_trunk(line: Line, second: Phone) -> None:
    first, phone = await line.carrier(), await line.phone("1_200")
    heard = await phone.call("07")
    assert (heard.final, heard.cause) == (404, 3)
    assert carried(first) + carried(second) == []


async def test_the_caller_id_is_the_routes_else_the_extensions_else_the_trunks(line: Line, second: Phone) -> None:
    first = await line.carrier()
    seen = []
    for account, number, carrier in (
        ("1_200", "008001", second),
        ("1_200", "04831214444", first),
        ("1_201", "04831214444", first),
    ):
        assert (await (await line.phone(account)).call(number, talk=0.05)).final == 200
        seen.append(shown(carrier))
    assert seen == ["4830309999", "4831210114", "4830300000"]


async def test_a_carrier_that_refuses_is_followed_by_the_next(line: Line, second: Phone) -> None:
    first, phone = await line.carrier(), await line.phone("1_200")
    for status in (503, 403, 500):
        first.answer = status
        assert (await phone.call("04831214444", talk=0.05)).final == 200
    assert len(carried(second)) == 3


@pytest.mark.parametrize(("status", "final"), [(404, 404), (484, 484), (486, 486)])
async def test_what_the_carrier_says_of_the_number_itself_is_the_answer(
    line: Line, second: Phone, status: int, final: int
) -> None:
    first, phone = await line.carrier(), await line.phone("1_200")
    first.answer = status
    assert (await phone.call("04831214444")).final == final
    assert carried(second) == []


async def test_a_silent_carrier_is_passed_over_within_seconds_by_an_emergency_first(
    line: Line, second: Phone, silent: socket.socket
) -> None:
    first, phone = await line.carrier(), await line.phone("1_200")
    assert (await phone.call("190", talk=0.05, wait=8)).final == 200
    assert (await phone.call("033334444", talk=0.05, wait=12)).final == 200
    assert (carried(first), carried(second)) == (["190"], ["4833334444"])


async def test_a_carrier_that_rings_is_left_its_time_though_another_follows(line: Line, second: Phone) -> None:
    phone = await line.phone("1_201")
    calling = await ringing(phone, "190", await line.carrier())
    await asyncio.sleep(6)
    assert (calling.done(), carried(second)) == (False, [])
    phone.hang_up()
    assert (await calling).final == 487


async def test_the_last_carrier_may_take_its_time(line: Line, asterisk: OneAsterisk) -> None:
    alone = replace(
        TENANT, routes=(), trunks=(TENANT.trunks[0],), emergency_trunks=("trunk14",), extensions=BASE.extensions
    )
    asterisk.hold([alone])
    phone = await line.phone("1_201")
    calling = await ringing(phone, "04831214444", await line.carrier())
    await asyncio.sleep(10)
    assert not calling.done()
    phone.hang_up()
    assert (await calling).final == 487


async def test_an_emergency_passes_whatever_the_limit_and_by_no_route(line: Line, asterisk: OneAsterisk) -> None:
    asterisk.hold([replace(TENANT, max_calls=1, routes=(), emergency_trunks=("trunk14",))])
    first, caller = await line.carrier(), await line.phone("1_200")
    calling = await ringing(caller, "201", await line.phone("1_201"))
    other = await line.phone("1_202")
    assert (await other.call("04831214444")).final == 503
    assert (await other.call("0190", talk=0.05)).final == 200
    caller.hang_up()
    await calling
    assert carried(first) == ["190"]


async def test_a_ring_group_in_order_rings_one_phone_after_the_other(line: Line) -> None:
    first, then = await line.phone("1_201"), await line.phone("1_200")
    first.answer = 0
    assert (await (await line.phone("1_202")).call("610", talk=0.05, wait=10)).final == 200
    assert (len(first.calls), len(then.calls)) == (1, 1)
    first.answer = 486
    assert (await (await line.carrier()).call("4831210610", talk=0.05, wait=10)).final == 200
    assert (len(first.calls), len(then.calls)) == (2, 2)


async def test_a_number_that_leads_to_an_announcement_is_never_answered(line: Line) -> None:
    phones = [await line.phone(account) for account in ("1_200", "1_201")]
    heard = await (await line.carrier()).call("4831210999")
    assert_hears_and_is_refused(heard, "neutral")
    assert [phone.calls for phone in phones] == [[], []]


async def test_a_carrier_that_asks_for_the_password_gets_its_digest_and_the_logs_get_nothing(
    line: Line, second: Phone, asterisk: OneAsterisk
) -> None:
    second.challenge = "carrier.example"
    assert (await (await line.phone("1_200")).call("008001", talk=0.05)).final == 200
    assert 'username="user15"' in second.calls[-1].get("Authorization")
    assert "pa55-w0rd" not in asterisk.log()


HOSTILE = [
    "0008%26Local%2F190%40asterisk-ext-call",
    "00${SHELL(touch%20/tmp/owned)}",
    "00)&PJSIP/2_200",
    "00\u0663\u0664",
]


@pytest.mark.parametrize("number", HOSTILE)
async def test_hostile_numbers_take_no_route(line: Line, second: Phone, asterisk: OneAsterisk, number: str) -> None:
    first, phone = await line.carrier(), await line.phone("1_200")
    try:
        heard = await phone.call(number, wait=2)
    except TimeoutError:
        pass
    else:
        assert heard.final in (404, 484, 480, 416, 400)
    assert carried(first) + carried(second) == []
    assert not (asterisk.root / "tmp/owned").exists()


def test_the_sample_is_a_record_that_can_be_saved() -> None:
    pbx: Pbx = TENANT
    check(pbx)
