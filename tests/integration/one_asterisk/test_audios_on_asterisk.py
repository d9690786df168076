"""Uploaded audios on a real Asterisk: what callers and held parties hear, told from the recorded RTP."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from asterisk_ext.domain.audio import Library
from asterisk_ext.domain.pbx import Pbx
from dialplan.audio.sound_folder import UNUSED, SoundsOnDisk
from tests.integration.one_asterisk.asterisk import OneAsterisk
from tests.integration.one_asterisk.lines import TENANTS, UNHEARD, Line, assert_heard_whole, dial
from tests.integration.sip_phone import Heard
from tests.uploads import Made, converted, sweep


@pytest.fixture(scope="module")
def made() -> dict[str, Made]:
    """Uploads of several types, converted as the product does."""

    async def convert() -> dict[str, Made]:
        return {
            "own": await converted("own", sweep("mp3", start=300)),
            "platform": await converted("platform", sweep("m4a", start=900)),
            "fresh": await converted("fresh", sweep("opus", start=1500)),
            "music": await converted("music", sweep("flac", start=500, rise=60, seconds=4)),
        }

    return asyncio.run(convert())


@pytest.fixture(scope="module")
def asterisk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneAsterisk]:
    one = OneAsterisk(tmp_path_factory.mktemp("asterisk"))
    try:
        one.start(TENANTS)
        yield one
    finally:
        one.stop()


@pytest.fixture
def folder(asterisk: OneAsterisk, made: dict[str, Made]) -> SoundsOnDisk:
    """The node's folder of sounds with every recording in it."""
    sounds = SoundsOnDisk(asterisk.state / "sounds")
    for each in made.values():
        if not sounds.holds(each.recording):
            sounds.put(each.recording, each.converted.files)
    asterisk.owned_by_asterisk()
    return sounds


@pytest.fixture(params=["with the gate's service", "without it"])
def gate(request: pytest.FixtureRequest, asterisk: OneAsterisk, folder: SoundsOnDisk) -> Iterator[OneAsterisk]:
    """Every test here holds whether our service decides and plays, or the dialplan alone does."""
    if request.param == "with the gate's service":
        asterisk.start_agi()
    yield asterisk
    asterisk.stop_agi()
    asterisk.hold(TENANTS)


@pytest.fixture
async def line(asterisk: OneAsterisk) -> AsyncIterator[Line]:
    opened = Line(asterisk)
    yield opened
    await opened.close()


def library(made: dict[str, Made], defaults: dict[str, str], own: dict[int, dict[str, str]]) -> Library:
    return Library(recordings={name: each.recording for name, each in made.items()}, defaults=defaults, own=own)


def assert_heard(heard: Heard, recording: Made) -> None:
    """All of it to the last sample, but for frames that may pass before the caller's media is set up."""
    assert (heard.final, heard.cause) == (403, 21)
    assert 200 not in heard.statuses
    assert len(recording.alaw) - len(heard.rtp) <= UNHEARD, (len(recording.alaw), len(heard.rtp))
    assert recording.alaw.endswith(heard.rtp)


async def test_an_uploaded_mp3_is_what_a_blocked_tenants_caller_hears(
    gate: OneAsterisk, line: Line, made: dict[str, Made]
) -> None:
    gate.hold(TENANTS, library(made, {}, {2: {"partial_block": "own"}}))
    assert_heard(await (await line.phone("2_200")).call("04833334444"), made["own"])


async def test_a_tenants_own_audio_comes_before_the_platforms_which_comes_before_the_shipped_one(
    gate: OneAsterisk, line: Line, made: dict[str, Made]
) -> None:
    defaults = {"partial_block/pt_BR": "platform", "total_block/en": "platform"}
    gate.hold(TENANTS, library(made, defaults, {2: {"partial_block": "own"}}))
    assert_heard(await (await line.phone("2_200")).call("04833334444"), made["own"])
    gate.hold(TENANTS, library(made, defaults, {}))
    assert_heard(await (await line.phone("2_200")).call("04833334444"), made["platform"])
    assert_heard_whole(await (await line.phone("3_200")).call("201"), "pt_BR/total_block")


async def test_a_tenant_hears_the_platforms_audio_of_its_own_language(
    gate: OneAsterisk, line: Line, made: dict[str, Made]
) -> None:
    english = [*TENANTS[:2], replace(TENANTS[2], language="en"), TENANTS[3]]
    gate.hold(english, library(made, {"total_block/pt_BR": "own", "total_block/en": "platform"}, {}))
    assert_heard(await (await line.phone("3_200")).call("201"), made["platform"])


async def test_a_third_party_hears_the_neutral_audio_of_the_tenant(
    gate: OneAsterisk, line: Line, made: dict[str, Made]
) -> None:
    gate.hold(TENANTS, library(made, {}, {3: {"total_block": "own", "neutral": "platform"}}))
    assert_heard(await (await line.carrier()).call("5132210300"), made["platform"])


async def test_an_audio_replaced_while_it_plays_is_heard_to_its_end_and_the_next_caller_hears_the_new_one(
    gate: OneAsterisk, line: Line, made: dict[str, Made], folder: SoundsOnDisk
) -> None:
    gate.hold(TENANTS, library(made, {"partial_block/pt_BR": "own"}, {}))
    phone = await line.phone("2_200")
    calling = asyncio.create_task(phone.call("04833334444"))
    async with asyncio.timeout(5):
        await phone.hears.wait()
    gate.hold(TENANTS, library(made, {"partial_block/pt_BR": "fresh"}, {}))
    keep = [each.recording.stem for name, each in made.items() if name != "own"]
    folder.sweep(keep, time.time() + 2 * UNUSED)
    assert not folder.holds(made["own"].recording), "even its files are gone"
    assert_heard(await calling, made["own"])
    assert_heard(await (await line.phone("2_200")).call("04833334444"), made["fresh"])


@pytest.mark.parametrize(("lost", "heard"), [(("own",), "platform"), (("own", "platform"), "")])
async def test_where_an_audio_is_missing_the_next_best_of_its_status_is_heard(
    gate: OneAsterisk, line: Line, made: dict[str, Made], lost: tuple[str, ...], heard: str
) -> None:
    gate.hold(TENANTS, library(made, {"partial_block/pt_BR": "platform"}, {2: {"partial_block": "own"}}))
    for name in lost:
        shutil.rmtree(gate.state / "sounds/library" / made[name].recording.stem)
    told = await (await line.phone("2_200")).call("04833334444")
    if heard:
        assert_heard(told, made[heard])
    else:
        assert_heard_whole(told, "pt_BR/partial_block")


async def test_an_emergency_call_passes_whatever_audio_was_chosen(
    gate: OneAsterisk, line: Line, made: dict[str, Made]
) -> None:
    gate.hold(TENANTS, library(made, {"total_block/pt_BR": "platform"}, {3: {"total_block": "own"}}))
    assert (await dial(line, "3_200", "190")).final == 200


async def test_who_is_put_on_hold_hears_the_tenants_music(
    asterisk: OneAsterisk, folder: SoundsOnDisk, line: Line, made: dict[str, Made]
) -> None:
    asterisk.hold(TENANTS, library(made, {"music": "own"}, {1: {"music": "music"}}))
    holder = await line.phone("1_201")
    caller = await line.phone("1_200")
    calling = asyncio.create_task(caller.call("201", talk=3.0))
    async with asyncio.timeout(5):
        await holder.invited.wait()
        while "Up" not in await asyncio.to_thread(asterisk.cli, "core show channels concise"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        assert (await holder.hold()).final == 200
    heard = await calling
    assert len(heard.rtp) >= 8000, "a second of it at least"
    assert heard.rtp[320:8000] in made["music"].alaw * 2


async def test_a_caller_with_nothing_but_g729_hears_nothing_and_is_ended_at_once(
    gate: OneAsterisk, line: Line, made: dict[str, Made]
) -> None:
    gate.hold(speaking(("g729",)), library(made, {"partial_block/pt_BR": "platform"}, {}))
    phone = await line.phone("2_200")
    phone.payload = "18"
    began = time.monotonic()
    heard = await phone.call("04833334444")
    assert (heard.final, heard.cause, heard.rtp) == (403, 21, b"")
    assert time.monotonic() - began < made["platform"].recording.seconds


async def test_a_caller_that_may_use_alaw_before_g729_hears_the_audio_whatever_it_prefers(
    gate: OneAsterisk, line: Line, made: dict[str, Made]
) -> None:
    gate.hold(speaking(("alaw", "g729")), library(made, {"partial_block/pt_BR": "platform"}, {}))
    phone = await line.phone("2_200")
    phone.payload = "18 8"
    assert_heard(await phone.call("04833334444"), made["platform"])


def speaking(codecs: tuple[str, ...]) -> list[Pbx]:
    """The tenants, with these codecs on the second one's phones."""
    phones = tuple(replace(phone, codecs=codecs) for phone in TENANTS[1].extensions)
    return [TENANTS[0], replace(TENANTS[1], extensions=phones), *TENANTS[2:]]
