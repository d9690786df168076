"""Audios over the API: the library, where each is used, uploading, listening."""

from __future__ import annotations

from typing import Annotated

import msgspec
from aiohttp import web

from admin_http.api.route import Route
from admin_http.api.servers import WRITES
from admin_http.services import Services
from admin_http.wave import alaw_as_wave
from asterisk_ext.domain import audio, audio_file
from asterisk_ext.domain.access import Act, Actor
from asterisk_ext.domain.audio import Kind, Place, Recording
from asterisk_ext.services.audios import Arrival
from asterisk_ext.services.virtual_pbx import UNKNOWN as UNKNOWN_PBX


class AudioView(msgspec.Struct, kw_only=True):
    name: str
    seconds: float
    source: str
    """Type of what was uploaded."""
    loudness: float
    """LUFS of what was uploaded; what is played has −19."""
    at: str
    by: str
    peaks: tuple[int, ...]
    """The waveform, 0 to 100."""
    uses: list[UseView]


class UseView(msgspec.Struct, kw_only=True):
    kind: Kind
    pbx: int | None = None
    """None: the platform's default."""
    language: str = ""
    """Of a default announcement."""
    name: str = ""
    """Empty: what ships with the product, or the platform's default."""


class Upload(msgspec.Struct, kw_only=True):
    file: str = ""
    """The uploader's name for it; it proposes the audio's name and tells nothing of its type."""
    name: str = ""


class Uses(msgspec.Struct, kw_only=True):
    uses: list[UseView]
    arrival: Arrival
    """Where this choice is in force."""


class NewUse(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    kind: Kind
    name: Annotated[str, msgspec.Meta(max_length=80)]
    """Empty: what is next best."""
    pbx: int | None = None
    language: str = ""


async def table(services: Services, actor: Actor) -> list[AudioView]:
    known = services.audios.library(actor)
    return [_view(found, known.places(name)) for name, found in sorted(known.recordings.items())]


async def one(services: Services, actor: Actor, name: str) -> AudioView:
    return _view(services.audios.one(actor, name), services.audios.library(actor).places(name))


async def add(services: Services, actor: Actor, query: Upload, request: web.Request) -> AudioView:
    return _view(await services.audios.add(actor, query.file, await request.read(), query.name), [])


async def remove(services: Services, actor: Actor, name: str) -> None:
    await services.audios.remove(actor, name)


async def uses(services: Services, actor: Actor) -> Uses:
    known = services.audios.library(actor)
    places = [place for name in sorted(known.recordings) for place in known.places(name)]
    return Uses(uses=[_use(place, known.used(place)) for place in places], arrival=services.audios.arrival(actor))


async def use(services: Services, actor: Actor, body: NewUse) -> UseView:
    chosen = await services.audios.use(actor, body.kind, body.name, pbx=body.pbx, language=body.language)
    return _use(chosen.place, chosen.after)


async def original(services: Services, actor: Actor, name: str) -> bytes:
    return await services.audios.original(actor, name)


async def telephone(services: Services, actor: Actor, name: str) -> bytes:
    return alaw_as_wave(await services.audios.telephone(actor, name))


def _view(found: Recording, places: list[Place]) -> AudioView:
    return AudioView(
        name=found.name,
        seconds=round(found.seconds, 2),
        source=found.source,
        loudness=found.loudness,
        at=found.at,
        by=found.by,
        peaks=found.peaks,
        uses=[_use(place, found.name) for place in places],
    )


def _use(place: Place, name: str) -> UseView:
    return UseView(kind=place.kind, pbx=place.pbx, language=place.language, name=name)


UPLOADS = (
    audio.BAD_NAME,
    audio.NAME_TAKEN,
    audio.TOO_LARGE,
    audio.TOO_LONG,
    audio_file.EMPTY,
    audio_file.NOT_AUDIO,
    audio_file.TRUNCATED,
    audio_file.FOREIGN,
)

ROUTES = (
    Route(method="GET", path="/audios", handle=table, summary="The library, by name", act=Act.SEE_AUDIOS),
    Route(
        method="POST",
        path="/audios",
        handle=add,
        summary="Upload an audio (WAV, MP3, Ogg, FLAC or M4A) into the library",
        act=Act.CHANGE_AUDIOS,
        status=201,
        problems=(*UPLOADS, *WRITES),
        takes=bytes,
    ),
    Route(
        method="GET",
        path="/audios/uses",
        handle=uses,
        summary="Which audio is heard where, and on which servers that is in force",
        act=Act.SEE_AUDIOS,
    ),
    Route(
        method="POST",
        path="/audios/uses",
        handle=use,
        summary="Choose an audio for the platform or one virtual PBX; in force at the next call",
        act=Act.CHANGE_AUDIOS,
        problems=(audio.UNKNOWN, audio.TOO_LONG, audio.NO_LANGUAGE, UNKNOWN_PBX, *WRITES),
    ),
    Route(
        method="GET",
        path="/audios/{name}",
        handle=one,
        summary="One audio",
        act=Act.SEE_AUDIOS,
        problems=(audio.UNKNOWN,),
    ),
    Route(
        method="DELETE",
        path="/audios/{name}",
        handle=remove,
        summary="Remove an audio that is used nowhere",
        act=Act.CHANGE_AUDIOS,
        problems=(audio.UNKNOWN, audio.IN_USE, *WRITES),
    ),
    Route(
        method="GET",
        path="/audios/{name}/original",
        handle=original,
        media="audio/flac",
        summary="Listen to it as it was uploaded (FLAC)",
        act=Act.SEE_AUDIOS,
        problems=(audio.UNKNOWN,),
    ),
    Route(
        method="GET",
        path="/audios/{name}/telephone",
        handle=telephone,
        media="audio/wav",
        summary="Listen to it as a caller does (A-law in WAV)",
        act=Act.SEE_AUDIOS,
        problems=(audio.UNKNOWN,),
    ),
)
