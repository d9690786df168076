"""The tenants, phones and carrier that the tests on one Asterisk use, and telling what a caller has heard."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

from asterisk_ext.domain.pbx import Did, Extension, Mode, Pbx, RingGroup, Status, Trunk, digest
from asterisk_ext.domain.pbx_rules import check
from tests.integration.one_asterisk.asterisk import CARRIER, NODE, PHONES, OneAsterisk
from tests.integration.sip_phone import Heard, Phone

SOUNDS = Path(__file__).resolve().parents[3] / "dialplan/audio/default"
PORTS = itertools.count(6000, 2)
HEARD_ENOUGH = 8000
"""Bytes of alaw: one second."""
OUTSIDE = "04833334444"
UNHEARD = 3200
"""Bytes that may pass before the caller's media is set up: two frames; on a busy machine more of them."""


def tenant(number: int, status: Status, trunk: str, did: str) -> Pbx:
    accounts = [(extension, f"{number}_{extension}") for extension in ("200", "201", "202")]
    pbx = Pbx(
        id=number,
        name=f"PBX {number}",
        domain=f"pbx{number}.example",
        home="node1",
        status=status,
        extensions=tuple(
            Extension(number=extension, digest=digest(account, "secret"), contacts=2 if extension == "202" else 1)
            for extension, account in accounts
        ),
        trunks=(Trunk(name=trunk, host=CARRIER),),
        emergency_trunks=(trunk,),
        ring_groups=(RingGroup(number="600", members=("200", "201")),),
        dids=(Did(number=did, target="600"), Did(number=did + "9", target="201")),
    )
    check(pbx)
    return pbx


TENANTS = [
    tenant(1, Status.ACTIVE, "trunk14", "4831210114"),
    tenant(2, Status.PARTIAL_BLOCK, "trunk15", "4833741428"),
    tenant(3, Status.TOTAL_BLOCK, "trunk16", "5132210300"),
    Pbx(id=9, name="Hotel", domain="hotel.example", home="node1", mode=Mode.GATE_ONLY),
]


class Line:
    """Registered phones and the carrier, opened when first asked for."""

    def __init__(self, asterisk: OneAsterisk) -> None:
        self._asterisk = asterisk
        self._open: dict[str, Phone] = {}

    async def phone(self, account: str, place: int = 0) -> Phone:
        key = f"{account}/{place}"
        if key not in self._open:
            port = next(PORTS)
            phone = Phone((NODE, 5060), PHONES, port, account, "secret")
            self._open[key] = await phone.open(self._asterisk.socket)
            assert (await phone.register()).final == 200
        return self._open[key]

    async def carrier(self) -> Phone:
        if "carrier" not in self._open:
            carrier = Phone((NODE, 5060), CARRIER, 5060, "4899990000")
            self._open["carrier"] = await carrier.open(self._asterisk.socket)
        return self._open["carrier"]

    async def close(self) -> None:
        for phone in self._open.values():
            if phone.account != "4899990000":
                phone.contact_user = phone.account
                await phone.register(expires=0)
            phone.close()
        await asyncio.sleep(0)


def heard_audio(heard: Heard, language: str = "pt_BR") -> str:
    """Which announcement the recorded RTP is part of; the silence it begins with says nothing."""
    part = heard.rtp[4000:7600]
    return " ".join(path.stem for path in (SOUNDS / language).glob("*.alaw") if part and part in path.read_bytes())


def assert_heard_whole(heard: Heard, audio: str) -> None:
    """All of it, but for frames of the leading silence that may pass before the caller's media is set up."""
    whole = (SOUNDS / f"{audio}.alaw").read_bytes()
    assert len(whole) - len(heard.rtp) <= UNHEARD
    assert whole.endswith(heard.rtp)


def assert_hears_and_is_refused(heard: Heard, audio: str) -> None:
    assert heard.early_media, heard.statuses
    assert 200 not in heard.statuses, "a blocked call must never be answered"
    assert heard_audio(heard) == audio


async def dial(line: Line, caller: str, number: str, talk: float = 0.05) -> Heard:
    """Call with all the tenants' phones and the carrier there to answer."""
    carrier = await line.carrier()
    if caller == "carrier":
        await line.phone({"4831210114": "1_201", "4833741428": "2_201", "5132210300": "3_201"}[number])
        return await carrier.call(number, talk=talk, cancel_at=HEARD_ENOUGH)
    await line.phone(caller.replace("_200", "_201"))
    return await (await line.phone(caller)).call(number, talk=talk, cancel_at=HEARD_ENOUGH)


async def serves_all(line: Line) -> None:
    """Emergencies whatever the status, an active tenant's calls, and a blocked one's announcement."""
    assert (await dial(line, "3_200", "190")).final == 200
    assert (await dial(line, "1_200", "201")).final == 200
    assert_hears_and_is_refused(await dial(line, "2_200", OUTSIDE), "partial_block")
