"""The audio library and its delivery to a node: what is chosen is heard, and nothing else changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from asterisk_ext.domain.access import ROOT, Actor, Role
from asterisk_ext.domain.audio import Kind, Limits
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.pbx import Mode, Pbx
from asterisk_ext.ports import UNREACHABLE
from asterisk_ext.services.audio_delivery import AudioDelivery
from asterisk_ext.services.audios import Audios
from asterisk_ext.tasks import Tasks
from tests.unit.services.conftest import World
from tests.unit.services.fake_audios import FakeConverter, FolderInMemory

OPERATOR = Actor("ana", Role.OPERATOR)
SHORT, LONG = b"RIFF 8 first", b"RIFF 200 second"


def tenant(number: int, home: str) -> Pbx:
    return Pbx(id=number, name=f"P{number}", domain=f"p{number}.example.net", home=home, mode=Mode.GATE_ONLY)


@pytest.fixture
async def audios(world: World) -> Audios:
    await world.tenants.save(ROOT, tenant(1, "node1"))
    await world.tenants.save(ROOT, tenant(2, "node2"))
    return Audios(world.registry, world.fleet, world.audit, FakeConverter(), Limits(), world.clock)


@pytest.fixture
def folder() -> FolderInMemory:
    return FolderInMemory()


@pytest.fixture
async def delivery(world: World, audios: Audios, folder: FolderInMemory) -> AudioDelivery:
    return AudioDelivery("node1", world.fleet, world.registry, folder, world.clock)


@pytest.fixture
async def running(delivery: AudioDelivery) -> AsyncIterator[AudioDelivery]:
    async with Tasks() as tasks:
        tasks.start("audios", delivery.run())
        yield delivery


def heard(world: World, delivery: AudioDelivery, kind: Kind = Kind.PARTIAL, pbx: int = 1) -> list[str]:
    return [found.name for found in delivery.choices(kind, world.fleet.tenant(pbx))]


async def refused(act: object) -> str:
    with pytest.raises(Refusal) as refusal:
        await act  # type: ignore[misc]
    return refusal.value.error_id


async def test_an_upload_is_in_the_library_under_its_files_name(audios: Audios) -> None:
    made = await audios.add(OPERATOR, "Aviso Agosto.wav", SHORT)
    assert (made.name, made.seconds, made.by, made.at) == ("aviso-agosto", 8.0, "ana", "2027-01-15T08:00:00Z")
    assert audios.one(OPERATOR, "aviso-agosto") == made
    assert await audios.original(OPERATOR, "aviso-agosto") == b"fLaC of " + SHORT
    assert await audios.telephone(OPERATOR, "aviso-agosto") == b"alaw of " + SHORT


@pytest.mark.parametrize(
    ("file", "data", "name", "error_id"),
    [
        ("x.mp3", b"#EXTM3U", "", "audio.not_audio"),
        ("../x.mp3", SHORT, "", "audio.bad_name"),
        ("../x.mp3", SHORT, "good", "audio.bad_name"),
        ("x.mp3", SHORT, "No Good", "audio.bad_name"),
        ("", SHORT, "", "audio.bad_name"),
        ("taken.wav", LONG, "", "audio.name_taken"),
    ],
)
async def test_a_refused_upload_leaves_nothing_behind(
    world: World, audios: Audios, file: str, data: bytes, name: str, error_id: str
) -> None:
    await audios.add(OPERATOR, "taken.wav", SHORT)
    before = await world.registry.snapshot("")
    assert await refused(audios.add(OPERATOR, file, data, name)) == error_id
    assert await world.registry.snapshot("") == before


async def test_only_an_operator_changes_what_is_heard(world: World, audios: Audios) -> None:
    support = Actor("rui", Role.SUPPORT)
    before = await world.registry.snapshot("")
    for act in (
        audios.add(support, "x.wav", SHORT),
        audios.use(support, Kind.MUSIC, ""),
        audios.remove(support, "x"),
    ):
        assert await refused(act) == "access.forbidden"
    assert await world.registry.snapshot("") == before


async def test_a_choice_is_delivered_to_the_nodes_that_play_it(
    world: World, audios: Audios, running: AudioDelivery, folder: FolderInMemory
) -> None:
    await audios.add(OPERATOR, "own.wav", SHORT)
    await audios.add(OPERATOR, "platform.wav", b"RIFF 9 platform")
    await audios.add(OPERATOR, "elsewhere.wav", b"RIFF 9 elsewhere")
    await audios.use(OPERATOR, Kind.PARTIAL, "platform", language="pt_BR")
    await audios.use(OPERATOR, Kind.PARTIAL, "own", pbx=1)
    await audios.use(OPERATOR, Kind.PARTIAL, "elsewhere", pbx=2)
    async with asyncio.timeout(5):
        while heard(world, running) != ["own", "platform"]:
            await running.after(running.delivered)
    stems = {audios.one(OPERATOR, name).stem for name in ("own", "platform")}
    assert set(folder.stems) == stems, "what only another node plays is not brought here"
    assert running.missing == ()


async def test_a_replaced_audio_keeps_its_files_until_they_are_swept(
    world: World, audios: Audios, delivery: AudioDelivery, folder: FolderInMemory
) -> None:
    first = await audios.add(OPERATOR, "first.wav", SHORT)
    await audios.add(OPERATOR, "second.wav", b"RIFF 9 second")
    await audios.use(OPERATOR, Kind.PARTIAL, "first", language="pt_BR")
    await delivery.deliver()
    chosen = await audios.use(OPERATOR, Kind.PARTIAL, "second", language="pt_BR")
    await delivery.deliver()
    assert (chosen.before, chosen.after) == ("first", "second")
    assert heard(world, delivery) == ["second"]
    assert folder.holds(first)
    assert folder.swept == [first.stem], "offered to the sweep, which leaves it for a day"


async def test_what_cannot_be_brought_is_said_and_the_next_best_is_heard(
    world: World, audios: Audios, delivery: AudioDelivery, folder: FolderInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    await audios.add(OPERATOR, "platform.wav", b"RIFF 9 platform")
    await audios.use(OPERATOR, Kind.PARTIAL, "platform", language="pt_BR")
    await delivery.deliver()
    await audios.add(OPERATOR, "own.wav", SHORT)
    await audios.use(OPERATOR, Kind.PARTIAL, "own", pbx=1)
    brought = world.registry.get_blob

    async def unreachable(sha256: str) -> bytes | None:
        raise UNREACHABLE.refuse()

    async def damaged(sha256: str) -> bytes | None:
        return b"something else"

    async def lost(sha256: str) -> bytes | None:
        return None

    for fault in (unreachable, damaged, lost):
        monkeypatch.setattr(world.registry, "get_blob", fault)
        await delivery.deliver()
        assert (heard(world, delivery), delivery.missing) == (["platform"], ("own",))
    monkeypatch.setattr(world.registry, "get_blob", brought)
    folder.full = True
    await delivery.deliver()
    assert (heard(world, delivery), delivery.missing) == (["platform"], ("own",))
    folder.full = False
    await delivery.deliver()
    assert (heard(world, delivery), delivery.missing) == (["own", "platform"], ())


async def test_a_lost_file_is_brought_again(
    world: World, audios: Audios, delivery: AudioDelivery, folder: FolderInMemory
) -> None:
    made = await audios.add(OPERATOR, "own.wav", SHORT)
    await audios.use(OPERATOR, Kind.MUSIC, "own", pbx=1)
    await delivery.deliver()
    folder.stems.clear()
    await delivery.deliver()
    assert folder.holds(made)


async def test_an_announcement_that_is_too_long_is_music_only(audios: Audios) -> None:
    await audios.add(OPERATOR, "song.wav", LONG)
    assert await refused(audios.use(OPERATOR, Kind.TOTAL, "song", pbx=1)) == "audio.too_long"
    await audios.use(OPERATOR, Kind.MUSIC, "song", pbx=1)


async def test_what_is_heard_somewhere_cannot_be_removed(world: World, audios: Audios) -> None:
    made = await audios.add(OPERATOR, "own.wav", SHORT)
    await audios.use(OPERATOR, Kind.PARTIAL, "own", pbx=1)
    assert await refused(audios.remove(OPERATOR, "own")) == "audio.in_use"
    await audios.use(OPERATOR, Kind.PARTIAL, "", pbx=1)
    await audios.remove(OPERATOR, "own")
    assert await refused(audios.original(OPERATOR, "own")) == "audio.unknown"
    assert [await world.registry.get_blob(sha256) for sha256 in made.blobs] == [None] * 5


async def test_files_that_another_audio_shares_stay(world: World, audios: Audios) -> None:
    await audios.add(OPERATOR, "one.wav", SHORT)
    await audios.add(OPERATOR, "two.wav", SHORT)
    await audios.remove(OPERATOR, "one")
    assert await audios.telephone(OPERATOR, "two") == b"alaw of " + SHORT


async def test_an_unknown_audio_or_tenant_is_refused_and_nothing_changes(world: World, audios: Audios) -> None:
    before = await world.registry.snapshot("")
    assert await refused(audios.use(OPERATOR, Kind.MUSIC, "nothing")) == "audio.unknown"
    assert await refused(audios.use(OPERATOR, Kind.MUSIC, "", pbx=77)) == "pbx.unknown"
    assert await refused(audios.use(OPERATOR, Kind.PARTIAL, "")) == "audio.no_language"
    assert await refused(audios.remove(OPERATOR, "nothing")) == "audio.unknown"
    assert await world.registry.snapshot("") == before


async def test_where_a_choice_is_in_force_is_told_by_the_nodes_reports(world: World, audios: Audios) -> None:
    await audios.add(OPERATOR, "own.wav", SHORT)
    await audios.use(OPERATOR, Kind.MUSIC, "own")
    await world.report("node1")
    assert audios.arrival(OPERATOR).waiting == ("node1", "node2")
    await world.report("node1", audio_revision=world.fleet.revision)
    assert (audios.arrival(OPERATOR).there, audios.arrival(OPERATOR).waiting) == (("node1",), ("node2",))
    await world.report("node2", audio_revision=world.fleet.revision, audios_missing=("own",))
    assert audios.arrival(OPERATOR).waiting == ("node2",)
    assert audios.arrival(OPERATOR).missing == {"node2": ("own",)}


async def test_a_new_choice_is_projected_for_every_tenant_it_concerns(
    world: World, audios: Audios, delivery: AudioDelivery
) -> None:
    await audios.add(OPERATOR, "first.wav", SHORT)
    await audios.add(OPERATOR, "second.wav", b"RIFF 9 second")
    await audios.use(OPERATOR, Kind.PARTIAL, "first", language="pt_BR")
    await delivery.deliver()
    before = [delivery.stems(world.fleet.tenant(pbx)) for pbx in (1, 2)]
    await audios.use(OPERATOR, Kind.PARTIAL, "second", pbx=1)
    await delivery.deliver()
    after = [delivery.stems(world.fleet.tenant(pbx)) for pbx in (1, 2)]
    first, second = (audios.one(OPERATOR, name).stem for name in ("first", "second"))
    assert [stems[Kind.PARTIAL] for stems in before] == [(first,), (first,)]
    assert [stems[Kind.PARTIAL] for stems in after] == [(second, first), (first,)]
