"""The audio library: uploading, choosing what is heard where, listening, removing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.audio import (
    IN_USE,
    NAME_TAKEN,
    UNKNOWN,
    Kind,
    Library,
    Limits,
    Place,
    Recording,
    check_length,
    checked_name,
    name_of_file,
    place,
)
from asterisk_ext.ports import Clock, Fleet, Registry
from asterisk_ext.ports.audio import Converter
from asterisk_ext.services.audio_library import library, revision
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.records import audio_key, audio_use_key, decode, encode
from asterisk_ext.services.times import iso


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Which servers play by the choice that is in force, of those that ever reported."""

    there: tuple[str, ...]
    waiting: tuple[str, ...] = ()
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Server → chosen audios that could not be brought there; the next best is heard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """An act on a place, and what leads back."""

    place: Place
    before: str
    after: str


class Audios:
    def __init__(
        self, registry: Registry, fleet: Fleet, audit: Audit, converter: Converter, limits: Limits, clock: Clock
    ) -> None:
        self._registry = registry
        self._fleet = fleet
        self._audit = audit
        self._converter = converter
        self._clock = clock
        self.limits = limits

    def library(self, actor: Actor) -> Library:
        require(actor, Act.SEE_AUDIOS)
        return library(self._fleet)

    def one(self, actor: Actor, name: str) -> Recording:
        """Refuses ``audio.unknown``."""
        found = self.library(actor).recordings.get(name)
        if found is None:
            raise UNKNOWN.refuse(field="name", name=name[:80])
        return found

    def arrival(self, actor: Actor) -> Arrival:
        """Where the present choice has arrived, by the nodes' own reports."""
        require(actor, Act.SEE_AUDIOS)
        wanted = revision(self._fleet)
        hosts = {server.name for server in self._fleet.servers() if server.technology.hosts}
        reports = {name: report for name, report in sorted(self._fleet.reports().items()) if name in hosts}
        there = [
            name for name, report in reports.items() if report.audio_revision >= wanted and not report.audios_missing
        ]
        return Arrival(
            there=tuple(there),
            waiting=tuple(name for name in reports if name not in there),
            missing={name: report.audios_missing for name, report in reports.items() if report.audios_missing},
        )

    async def add(self, actor: Actor, file: str, data: bytes, name: str = "") -> Recording:
        """Take an upload into the library; nothing is kept of one that is refused.

        ``file`` is the uploader's name for it, which only proposes a ``name``.
        """
        require(actor, Act.CHANGE_AUDIOS)
        proposed = name_of_file(file) if file else ""
        chosen = checked_name(name or proposed)
        if chosen in library(self._fleet).recordings:
            raise NAME_TAKEN.refuse(field="name", name=chosen)
        made = await self._converter.convert(data, self.limits)
        recording = Recording(
            name=chosen,
            seconds=made.seconds,
            files={ending: await self._registry.put_blob(part) for ending, part in made.files.items()},
            original=await self._registry.put_blob(made.original),
            source=made.type,
            loudness=made.loudness,
            peaks=made.peaks,
            at=iso(self._clock()),
            by=actor.name,
        )
        if await self._registry.get(audio_key(chosen)) is not None:
            raise NAME_TAKEN.refuse(field="name", name=chosen)
        await self._registry.create(audio_key(chosen), encode(recording))
        await self._note(actor, chosen, seconds=f"{recording.seconds:.1f}")
        return recording

    async def use(self, actor: Actor, kind: Kind, name: str, *, pbx: int | None = None, language: str = "") -> Chosen:
        """Play ``name`` at a place from the next call on; without a name, what is next best there."""
        require(actor, Act.CHANGE_AUDIOS)
        where = place(kind, pbx, language)
        if pbx is not None:
            self._fleet.tenant(pbx)
        if name:
            check_length(kind, self.one(actor, name), self.limits)
        key = audio_use_key(pbx)
        item = await self._registry.get(key)
        names = decode(item.value, dict[str, str]) if item else {}
        before = names.get(where.key, "")
        chosen = Chosen(place=where, before=before, after=name)
        if before == name:
            return chosen
        names = {**names, where.key: name} if name else {at: used for at, used in names.items() if at != where.key}
        if item is None:
            await self._registry.create(key, encode(names))
        else:
            await self._registry.compare_and_set(key, encode(names), item.revision)
        await self._note(actor, str(where), before=before, after=name)
        return chosen

    async def remove(self, actor: Actor, name: str) -> None:
        """Take a recording out of the library; refuses ``audio.in_use``. A call that plays it goes on with it."""
        require(actor, Act.CHANGE_AUDIOS)
        found = self.one(actor, name)
        known = library(self._fleet)
        if places := known.places(name):
            raise IN_USE.refuse(name=name, places=", ".join(map(str, places)))
        item = await self._registry.get(audio_key(name))
        if item is None:
            raise UNKNOWN.refuse(field="name", name=name)
        await self._registry.delete(audio_key(name), item.revision)
        others = {sha256 for other in known.recordings.values() if other.name != name for sha256 in other.blobs}
        for sha256 in set(found.blobs) - others:
            await self._registry.drop_blob(sha256)
        await self._note(actor, name, removed=name)

    async def original(self, actor: Actor, name: str) -> bytes:
        """FLAC, as it was uploaded."""
        found = self.one(actor, name)
        return await self._blob(found, found.original)

    async def telephone(self, actor: Actor, name: str) -> bytes:
        """A-law, as a caller hears it."""
        found = self.one(actor, name)
        return await self._blob(found, found.files["alaw"])

    async def _blob(self, recording: Recording, sha256: str) -> bytes:
        data = await self._registry.get_blob(sha256)
        if data is None:
            raise UNKNOWN.refuse(name=recording.name)
        return data

    async def _note(self, actor: Actor, thing: str, **facts: str) -> None:
        await self._fleet.reached(await self._audit.note(actor, Act.CHANGE_AUDIOS, thing, "", **facts))


def used_by(known: Library, kind: Kind, language: str, tenants: Mapping[int, str]) -> list[int]:
    """The virtual PBXs (id → language) that hear the platform's default of a kind."""
    return [
        pbx
        for pbx, spoken in sorted(tenants.items())
        if (not language or spoken == language) and not known.used(Place(kind=kind, pbx=pbx))
    ]
