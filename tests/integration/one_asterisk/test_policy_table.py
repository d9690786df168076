"""The table of SPEC section 5 on a real Asterisk, row by row, with our service and without it.

What the caller hears is told from the RTP that arrived, what he pays from Asterisk's call detail records.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace

import pytest

from asterisk_ext.domain.emergency import DEFAULT_NUMBERS
from asterisk_ext.domain.gate import Policy
from asterisk_ext.domain.pbx import Status
from tests.integration.one_asterisk.asterisk import NODE, OneAsterisk
from tests.integration.one_asterisk.lines import HEARD_ENOUGH, TENANTS, Line, dial, heard_audio
from tests.integration.sip_phone import Heard

ACTIVE, PARTIAL, TOTAL = 1, 2, 3
"""The tenants by their status."""
DIDS = {1: "4831210114", 2: "4833741428", 3: "5132210300"}
OUTSIDE, SUPPORT = "04833334444", "08007770000"
EMERGENCIES = ("190", "0192", "+55193", "112")
OPTIONS = Policy(internal_passes_in_total_block=True, answer=True, support_lines=(SUPPORT,))


@dataclass(frozen=True)
class Row:
    """``audio``: what the caller hears; none where the call passes to ``reaches``, an endpoint of the tenant."""

    tenant: int
    caller: str
    number: str
    audio: str = ""
    reaches: str = ""
    answered: bool = False
    """A blocked call that is answered, and so billed, before its audio."""

    def __str__(self) -> str:
        status = TENANTS[self.tenant - 1].status.value
        return f"{status}: {self.caller} calls {self.number} and {'hears ' + self.audio if self.audio else 'passes'}"


def passes(tenant: int, caller: str, number: str, reaches: str) -> Row:
    return Row(tenant, caller, number, reaches=reaches)


def hears(tenant: int, caller: str, number: str, audio: str) -> Row:
    return Row(tenant, caller, number, audio)


TABLE = [
    *(passes(tenant, "200", number, "trunk") for tenant in (ACTIVE, PARTIAL, TOTAL) for number in EMERGENCIES),
    passes(ACTIVE, "200", OUTSIDE, "trunk"),
    passes(ACTIVE, "200", "201", "201"),
    passes(ACTIVE, "carrier", DIDS[ACTIVE], "201"),
    hears(PARTIAL, "200", OUTSIDE, "partial_block"),
    hears(PARTIAL, "200", "201 who forwards to the outside", "partial_block"),
    passes(PARTIAL, "200", "201", "201"),
    passes(PARTIAL, "carrier", DIDS[PARTIAL], "201"),
    hears(TOTAL, "200", OUTSIDE, "total_block"),
    hears(TOTAL, "200", "201", "total_block"),
    hears(TOTAL, "carrier", DIDS[TOTAL], "neutral"),
]
WITH_OPTIONS = [
    *(passes(tenant, "200", SUPPORT, "trunk") for tenant in (PARTIAL, TOTAL)),
    passes(TOTAL, "200", "190", "trunk"),
    passes(TOTAL, "200", "201", "201"),
    replace(hears(PARTIAL, "200", OUTSIDE, "partial_block"), answered=True),
    replace(hears(TOTAL, "200", OUTSIDE, "total_block"), answered=True),
    replace(hears(TOTAL, "carrier", DIDS[TOTAL], "neutral"), answered=True),
]
SERVICE = ["with our service", "without it"]


def one(place: pytest.TempPathFactory, service: str, policy: Policy) -> Iterator[OneAsterisk]:
    made = OneAsterisk(place.mktemp("asterisk"), policy=policy)
    try:
        made.start(TENANTS)
        if service == SERVICE[0]:
            made.start_agi()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module", params=SERVICE)
def asterisk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneAsterisk]:
    yield from one(tmp_path_factory, request.param, Policy())


@pytest.fixture(scope="module", params=SERVICE)
def optional(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneAsterisk]:
    yield from one(tmp_path_factory, request.param, OPTIONS)


@pytest.mark.parametrize("row", TABLE, ids=str)
async def test_a_call_is_heard_and_billed_as_the_policy_table_says(asterisk: OneAsterisk, row: Row) -> None:
    await holds(asterisk, row)


@pytest.mark.parametrize("row", WITH_OPTIONS, ids=str)
async def test_the_options_change_what_they_say_and_nothing_else(optional: OneAsterisk, row: Row) -> None:
    await holds(optional, row)


async def test_a_transfer_that_leaves_is_an_outbound_call(asterisk: OneAsterisk, line: Line) -> None:
    carrier, handed_on = await line.carrier(), await line.phone("2_201")
    assert await (await line.phone("2_200")).hand_on("201", OUTSIDE, talk=0.1) == 202
    async with asyncio.timeout(10):
        while len(handed_on.heard()) < HEARD_ENOUGH:  # noqa: ASYNC110 - each packet would be an event
            await asyncio.sleep(0.05)
    assert heard_audio(Heard(rtp=handed_on.heard())) == "partial_block"
    assert carrier.calls == []


async def test_a_transfer_that_leaves_after_a_total_block_hears_the_total_audio(
    asterisk: OneAsterisk, line: Line
) -> None:
    carrier, handed_on, caller = await line.carrier(), await line.phone("1_201"), await line.phone("1_200")
    answer = await caller.reach("201")
    asterisk.hold([replace(TENANTS[0], status=Status.TOTAL_BLOCK), *TENANTS[1:]])
    try:
        assert await caller.refer(answer, OUTSIDE) == 202
        async with asyncio.timeout(20):
            while len(handed_on.heard()) < HEARD_ENOUGH:  # noqa: ASYNC110 - each packet would be an event
                await asyncio.sleep(0.05)
        assert heard_audio(Heard(rtp=handed_on.heard())) == "total_block"
        assert carrier.calls == []
    finally:
        asterisk.hold(TENANTS)
        asterisk.cli("channel request hangup all")


async def test_every_emergency_number_passes_in_a_total_block(asterisk: OneAsterisk, line: Line) -> None:
    carrier, caller = await line.carrier(), await line.phone("3_200")
    for number in DEFAULT_NUMBERS:
        assert (await caller.call(number)).final == 200, number
    assert [call.first.split("@")[0] for call in carrier.calls] == [f"INVITE sip:{each}" for each in DEFAULT_NUMBERS]


async def test_phones_of_a_blocked_tenant_stay_registered(asterisk: OneAsterisk, line: Line) -> None:
    for account in ("2_200", "3_200"):
        phone = await line.phone(account)
        assert (await phone.register()).final == 200
        assert f"sip:{account}@" in asterisk.cli(f"pjsip show aor {account}")


async def test_a_call_in_progress_goes_on_when_its_tenant_is_blocked(asterisk: OneAsterisk, line: Line) -> None:
    called, caller = await line.phone("1_201"), await line.phone("1_200")
    await caller.reach("201")
    asterisk.hold([replace(TENANTS[0], status=Status.TOTAL_BLOCK), *TENANTS[1:]])
    try:
        later = await dial(line, "1_200", OUTSIDE)
        assert heard_audio(later) == "total_block"
        assert (await called.hold()).final == 200, "the call is still there"
    finally:
        asterisk.hold(TENANTS)
        asterisk.cli("channel request hangup all")


@pytest.fixture
async def line(asterisk: OneAsterisk) -> AsyncIterator[Line]:
    opened = Line(asterisk)
    yield opened
    await opened.close()


async def holds(asterisk: OneAsterisk, row: Row) -> None:
    line, before = Line(asterisk), len(asterisk.bills())
    try:
        heard = await placed(line, row)
        bills = await billed(asterisk, before)
    finally:
        await line.close()
    answered = [bill for bill in bills if bill["disposition"] == "ANSWERED"]
    if row.audio:
        assert heard_audio(heard) == row.audio
        assert (200 in heard.statuses) == bool(answered) == row.answered
        assert all("trunk" not in bill["dstchannel"] for bill in bills)
    else:
        assert heard.final == 200
        assert heard_audio(heard) == ""
        assert [bill["dstchannel"].rpartition("-")[0] for bill in answered if reached(bill, row)] != []


async def placed(line: Line, row: Row) -> Heard:
    number, _, forwards = row.number.partition(" ")
    caller = row.caller if row.caller == "carrier" else f"{row.tenant}_{row.caller}"
    if forwards:
        called = await line.phone(f"{row.tenant}_201")
        called.answer, called.contact = 302, f"sip:{OUTSIDE}@{NODE}"
    return await dial(line, caller, number, talk=1.2 if row.answered else 0.05)


async def billed(asterisk: OneAsterisk, before: int) -> list[dict[str, str]]:
    """The records of the call that has just ended; every call leaves one."""
    async with asyncio.timeout(10):
        while "\n0 active channels" not in "\n" + asterisk.cli("core show channels count"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        while len(asterisk.bills()) == before:  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.05)
    return asterisk.bills()[before:]


def reached(bill: dict[str, str], row: Row) -> bool:
    return bill["dstchannel"].startswith(f"PJSIP/{row.tenant}_{row.reaches}")
