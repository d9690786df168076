"""Trunks that register with their carrier, on a real Asterisk."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.pbx import Pbx, Status, Trunk
from asterisk_ext.domain.pbx_rules import check
from asterisk_ext.services.carrier_names import with_addresses
from dialplan.registrations import INCLUDE, Registrations
from tests.integration.one_asterisk.asterisk import CARRIER, NODE, PHONES, OneAsterisk
from tests.integration.one_asterisk.lines import PORTS, Line, tenant
from tests.integration.sip_phone import Phone

BASE = tenant(1, Status.ACTIVE, "trunk14", "4831210114")
REGISTERING = Trunk(
    name="trunk14", host=CARRIER, username="user14", secret="pa55-w0rd", register=True, caller_id="48312101149"
)


@pytest.fixture(scope="module")
def asterisk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneAsterisk]:
    one = OneAsterisk(tmp_path_factory.mktemp("asterisk"))
    try:
        one.start([BASE])
        yield one
    finally:
        one.stop()


@pytest.fixture
def registrar(asterisk: OneAsterisk) -> Iterator[Registrations]:
    made = Registrations(asterisk.etc / INCLUDE, command(asterisk))
    yield made
    made.apply([])


@pytest.fixture
async def line(asterisk: OneAsterisk) -> AsyncIterator[Line]:
    opened = Line(asterisk)
    yield opened
    await opened.close()


class Words:
    """Asterisk's console, with every file handed to Asterisk's user first."""

    def __init__(self, asterisk: OneAsterisk) -> None:
        self._asterisk = asterisk

    def __call__(self, words: str) -> str:
        self._asterisk.owned_by_asterisk()
        return self._asterisk.cli(words)


def command(asterisk: OneAsterisk) -> Words:
    return Words(asterisk)


def held(asterisk: OneAsterisk, trunk: Trunk) -> Pbx:
    pbx = replace(BASE, trunks=(trunk,))
    check(pbx)
    asterisk.hold([pbx])
    return pbx


async def test_a_trunk_registers_with_its_password_and_is_called_where_it_registered(
    asterisk: OneAsterisk, registrar: Registrations, line: Line
) -> None:
    carrier = await line.carrier()
    carrier.challenge = "carrier.example"
    called = await line.phone("1_201")
    assert await asyncio.to_thread(registrar.apply, [held(asterisk, REGISTERING)])
    async with asyncio.timeout(10):
        await carrier.registered.wait()
    register = carrier.registers[0]
    assert 'username="user14"' in register.get("Authorization")
    contact = re.search(r"sip:([^@]+)@[^;>]+(;line=[a-z0-9]+)", register.get("Contact"))
    assert contact
    assert contact[1] == "48312101149"
    # From a server of the carrier's whose address nobody told us.
    elsewhere = await Phone((NODE, 5060), PHONES, next(PORTS), "4899990000").open(asterisk.socket)
    heard = await elsewhere.call(contact[1], talk=0.05, uri_end=contact[2])
    elsewhere.close()
    assert heard.final == 200
    assert len(called.calls) == 1
    assert "pa55-w0rd" not in asterisk.log() + (asterisk.etc / INCLUDE).read_text()
    assert (asterisk.etc / INCLUDE).stat().st_mode & 0o077 == 0


async def test_a_trunk_that_is_taken_away_is_registered_no_more(
    asterisk: OneAsterisk, registrar: Registrations, line: Line
) -> None:
    await line.carrier()
    await asyncio.to_thread(registrar.apply, [held(asterisk, REGISTERING)])
    assert registrar.present() == {"1_trunk14"}
    assert await asyncio.to_thread(registrar.apply, [held(asterisk, replace(REGISTERING, register=False))])
    assert "1_trunk14" not in asterisk.cli("pjsip show registrations")
    assert not await asyncio.to_thread(registrar.apply, [BASE])


async def test_a_trunk_registers_once_more_when_it_is_told_to(
    asterisk: OneAsterisk, registrar: Registrations, line: Line
) -> None:
    carrier = await line.carrier()
    await asyncio.to_thread(registrar.apply, [held(asterisk, REGISTERING)])
    async with asyncio.timeout(20):
        await carrier.registered.wait()
        carrier.registered.clear()
        await asyncio.to_thread(registrar.renew)
        await carrier.registered.wait()


async def test_what_asterisk_does_not_take_is_rolled_back(
    asterisk: OneAsterisk, registrar: Registrations, line: Line
) -> None:
    await line.carrier()
    await asyncio.to_thread(registrar.apply, [held(asterisk, REGISTERING)])
    before = (asterisk.etc / INCLUDE).read_text()
    # A name that two trunks bear is one registration of the file's two.
    bad = replace(REGISTERING, name="trunk15", port=70000)
    with pytest.raises(Refusal) as refusal:
        await asyncio.to_thread(registrar.apply, [replace(BASE, trunks=(REGISTERING, bad))])
    assert refusal.value.error_id == "registrations.rolled_back"
    assert (asterisk.etc / INCLUDE).read_text() == before
    assert "1_trunk14" in asterisk.cli("pjsip show registrations")


async def test_a_carrier_with_a_name_is_known_by_the_addresses_it_leads_to(asterisk: OneAsterisk, line: Line) -> None:
    named = replace(BASE, trunks=(Trunk(name="trunk14", host="sip.carrier.example"),))
    asterisk.hold([with_addresses(named, {"sip.carrier.example": (CARRIER,)})])
    called = await line.phone("1_201")
    assert (await (await line.carrier()).call("48312101149", talk=0.05)).final == 200
    assert len(called.calls) == 1
