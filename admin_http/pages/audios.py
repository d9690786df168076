"""Audios and music: what is heard where, uploading, choosing, listening, removing."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web
from aiohttp.web_request import FileField

from admin_http.i18n import LANGUAGES, N_, epoch
from admin_http.keys import SERVICES
from admin_http.pages.acts import SOUNDS
from admin_http.pages.frame import done, form, page, typed, visitor
from admin_http.sessions import Strip
from admin_http.wave import alaw_as_wave, wave_path
from asterisk_ext.domain import audio
from asterisk_ext.domain.access import Act, Actor, allows, require
from asterisk_ext.domain.audio import Kind, Library, Place, Recording
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.services.audios import Chosen, used_by

TABS = {
    "defaults": N_("Platform's defaults"),
    "pbx": N_("By virtual PBX ({count})"),
    "music": N_("Music on hold ({count})"),
    "files": N_("All files ({count})"),
}
WHAT = {
    Kind.PARTIAL: N_("Whoever calls out from inside the PBX hears it."),
    Kind.TOTAL: N_("The customer himself hears it, on any call that is no emergency."),
    Kind.NEUTRAL: N_("Third parties who call in hear it. Neutral: it does not say why."),
    Kind.MUSIC: N_("Plays to who is on hold, where the PBX has no music of its own."),
}
ICONS = {Kind.PARTIAL: "half", Kind.TOTAL: "octagon", Kind.NEUTRAL: "octagon", Kind.MUSIC: "sound"}
MOST_LISTED = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One place as the page shows it."""

    place: Place
    name: str
    """Empty: what ships with the product; for music, whatever Asterisk's own class plays."""
    seconds: float
    wave: str
    """Path data of the waveform."""
    listen: str
    """Address of the telephone's quality; empty where there is nothing to hear."""
    hearers: int
    changed: Changed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    who: str
    at: float
    before: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    kind: Kind
    name: str = ""
    pbx: str = ""
    language: str = ""

    @property
    def tenant(self) -> int | None:
        return int(self.pbx) if self.pbx.isascii() and self.pbx.isdecimal() and len(self.pbx) < 10 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    name: str = ""
    use: str = ""
    """``Place.key`` of a platform's default; empty to keep it only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    name: str


async def show(request: web.Request) -> web.Response:
    actor, _ = visitor(request)
    return _page(request, actor)


def _page(
    request: web.Request, actor: Actor, refusal: Refusal | None = None, values: dict[str, str] | None = None
) -> web.Response:
    services = request.app[SERVICES]
    known = services.audios.library(actor)
    tab = request.query.get("tab", "")
    text = request.query.get("text", "").casefold()
    rows = {row.pbx.id: row for row in services.virtual_pbxs.table(actor)}
    own = [
        (rows[pbx], Kind(kind), known.recordings.get(name), name)
        for pbx, names in sorted(known.own.items())
        for kind, name in names.items()
        if pbx in rows and text in rows[pbx].pbx.name.casefold()
    ]
    music = [name for name in known.recordings if any(place.kind is Kind.MUSIC for place in known.places(name))]
    listed = music if tab == "music" else known.recordings
    return page(
        request,
        "audios.html",
        refusal=refusal,
        values=values or {},
        tab=tab if tab in TABS else "defaults",
        tabs=TABS,
        counts={"pbx": len(known.own), "music": len(music), "files": len(known.recordings), "defaults": 0},
        cards={kind: [_heard(request, actor, known, place) for place in defaults_of(kind)] for kind in Kind},
        own=own[:MOST_LISTED],
        text=request.query.get("text", ""),
        files=[known.recordings[name] for name in sorted(listed)][:MOST_LISTED],
        places_of=known.places,
        kinds=SOUNDS,
        what=WHAT,
        icons=ICONS,
        arrival=services.audios.arrival(actor),
        limits=services.audios.limits,
        tenants=[row.pbx for row in rows.values()][:MOST_LISTED],
        names={pbx: row.pbx.name for pbx, row in rows.items()},
        wave_path=wave_path,
        spoken=LANGUAGES,
        length=length,
        uploads=[place for kind in Kind for place in defaults_of(kind)],
    )


def defaults_of(kind: Kind) -> list[Place]:
    """The platform's places of a kind, one for each language that it speaks."""
    return [Place(kind=kind, language=language) for language in (audio.LANGUAGES if kind.is_spoken else ("",))]


def _heard(request: web.Request, actor: Actor, known: Library, place: Place) -> Heard:
    services = request.app[SERVICES]
    tenants = {pbx.id: pbx.language for pbx in services.fleet.tenants()}
    hearers = len(used_by(known, place.kind, place.language, tenants))
    found = known.recordings.get(known.used(place))
    changed = _changed(request, actor, place, known.used(place))
    if found is not None:
        return Heard(
            place=place,
            name=found.name,
            seconds=found.seconds,
            wave=wave_path(found.peaks),
            listen=listen(found),
            hearers=hearers,
            changed=changed,
        )
    shipped = services.shipped.get(place.key)
    return Heard(
        place=place,
        name="",
        seconds=shipped.seconds if shipped else 0.0,
        wave=wave_path(shipped.peaks) if shipped else "",
        listen=f"/audios/shipped/{place.key}" if shipped else "",
        hearers=hearers,
        changed=changed,
    )


def _changed(request: web.Request, actor: Actor, place: Place, now: str) -> Changed | None:
    """The last change of a place, where the actor may see the journal and it is still in force."""
    if not allows(actor, Act.SEE_AUDIT):
        return None
    for entry in request.app[SERVICES].audit.latest(actor, 200):
        if entry.act is Act.CHANGE_AUDIOS and entry.thing == str(place) and "after" in entry.facts:
            there = entry.facts["after"] == now
            return Changed(who=entry.who, at=epoch(entry.at), before=entry.facts["before"]) if there else None
    return None


def listen(found: Recording) -> str:
    return f"/api/v1/audios/{found.name}/telephone"


def length(seconds: float) -> str:
    """``3:04``"""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02}"


async def shipped(request: web.Request) -> web.Response:
    """An announcement that ships with the product, as a caller hears it."""
    actor, _ = visitor(request)
    require(actor, Act.SEE_AUDIOS)
    name = f"{request.match_info['kind']}/{request.match_info['language']}"
    found = request.app[SERVICES].shipped.get(name)
    if found is None:
        raise audio.UNKNOWN.refuse(name=name)
    return web.Response(body=alaw_as_wave(found.alaw), content_type="audio/wav")


async def add(request: web.Request) -> web.StreamResponse:
    actor, session = visitor(request)
    require(actor, Act.CHANGE_AUDIOS)
    services = request.app[SERVICES]
    sent = await form(request, Upload)
    field = (await request.post()).get("file")
    try:
        file, data = (field.filename, field.file.read()) if isinstance(field, FileField) else ("", b"")
        made = await services.audios.add(actor, file, data, sent.name)
        chosen = await _use_at_once(request, actor, made.name, sent.use)
    except Refusal as refusal:
        return _page(request, actor, refusal, await typed(request))
    strip = _strip(request, chosen) if chosen else _kept(request, made.name)
    raise done(session, strip, "/audios" if chosen else "/audios?tab=files")


async def _use_at_once(request: web.Request, actor: Actor, name: str, use: str) -> Chosen | None:
    place = next((place for kind in Kind for place in defaults_of(kind) if place.key == use), None)
    if place is None:
        return None
    return await request.app[SERVICES].audios.use(actor, place.kind, name, language=place.language)


async def choose(request: web.Request) -> web.Response:
    actor, _ = visitor(request)
    require(actor, Act.CHANGE_AUDIOS)
    return _choose(request, actor, {name: request.query.get(name, "") for name in ("kind", "pbx", "language", "name")})


def _choose(request: web.Request, actor: Actor, values: dict[str, str], refusal: Refusal | None = None) -> web.Response:
    services = request.app[SERVICES]
    known = services.audios.library(actor)
    pbx = services.virtual_pbxs.one(actor, int(values["pbx"])).pbx if values.get("pbx", "").isdecimal() else None
    kind = Kind(values["kind"]) if values.get("kind") in list(Kind) else None
    used = known.used(Place(kind=kind, pbx=pbx.id if pbx else None, language=values["language"])) if kind else ""
    return page(
        request,
        "audio_choose.html",
        refusal=refusal,
        values={**values, "name": values.get("name") or used},
        pbx=pbx,
        kind=kind,
        kinds=SOUNDS,
        files=[known.recordings[name] for name in sorted(known.recordings)],
        spoken=LANGUAGES,
        length=length,
    )


async def use(request: web.Request) -> web.StreamResponse:
    actor, session = visitor(request)
    require(actor, Act.CHANGE_AUDIOS)
    sent = await form(request, Use)
    try:
        chosen = await request.app[SERVICES].audios.use(
            actor, sent.kind, sent.name, pbx=sent.tenant, language=sent.language
        )
    except Refusal as refusal:
        return _choose(request, actor, {"language": "", **await typed(request)}, refusal)
    raise done(session, _strip(request, chosen), "/audios" if chosen.place.pbx is None else "/audios?tab=pbx")


async def remove(request: web.Request) -> web.StreamResponse:
    actor, session = visitor(request)
    sent = await form(request, Named)
    try:
        await request.app[SERVICES].audios.remove(actor, sent.name)
    except Refusal as refusal:
        return _page(request, actor, refusal)
    at = request.app[SERVICES].clock()
    said = N_("**{name} removed** at {time}")
    raise done(session, Strip(said=said, params={"name": sent.name}, at=at), "/audios?tab=files")


def _kept(request: web.Request, name: str) -> Strip:
    said = N_("**{name} kept** at {time}. Nobody hears it yet.")
    return Strip(said=said, params={"name": name}, at=request.app[SERVICES].clock())


def _strip(request: web.Request, chosen: Chosen) -> Strip:
    back = {"kind": chosen.place.kind.value, "language": chosen.place.language, "name": chosen.before}
    if chosen.place.pbx is not None:
        back["pbx"] = str(chosen.place.pbx)
    return Strip(
        said=N_("**{name} is heard** from the next call on, since {time}")
        if chosen.after
        else N_("**The default is heard** from the next call on, since {time}"),
        params={"name": chosen.after},
        at=request.app[SERVICES].clock(),
        undo=N_("Back to the one before") if chosen.before != chosen.after else "",
        action="/audios/use",
        fields=back,
    )
